/**
 * Every setting of Flow: one schema for the file, the API and the pages. Names are those on the wire and in
 * `settings.json`.
 */
import { type Static, Type } from '@sinclair/typebox';
import { LaunchSettings } from '#src/models/model.ts';

const launch = LaunchSettings.properties;

/** Description and default of each field are what the settings page shows; bounds are enforced at every door. */
export const Settings = Type.Object(
  {
    models_dir: Type.String({ minLength: 1, maxLength: 4096, description: 'Folder that holds the models' }),
    host: Type.String({
      minLength: 1,
      maxLength: 253,
      default: '127.0.0.1',
      description: 'Address to listen on, from the next start; anything but loopback needs an API key',
    }),
    port: Type.Integer({
      minimum: 1,
      maximum: 65_535,
      default: 3377,
      description: 'Port to listen on, from the next start',
    }),
    default_ctx_size: Type.Integer({
      ...launch.ctx_size,
      default: 100_000,
      description: 'Context of one conversation, in tokens',
    }),
    default_n_parallel: Type.Integer({
      ...launch.n_parallel,
      default: 2,
      description: 'Conversations a model answers at the same time',
    }),
    default_flash_attn: Type.Union(launch.flash_attn.anyOf, { default: 'on', description: 'Flash attention' }),
    default_cache_type_k: Type.Union(launch.cache_type_k.anyOf, {
      default: 'q4_0',
      description: 'Number format of cached keys',
    }),
    default_cache_type_v: Type.Union(launch.cache_type_v.anyOf, {
      default: 'q4_0',
      description: 'Number format of cached values',
    }),
    default_gpu_layers: Type.Integer({
      ...launch.gpu_layers,
      default: -1,
      description: 'Layers on the GPU; -1 = the engine decides',
    }),
    default_cache_ram_mib: Type.Integer({
      ...launch.cache_ram_mib,
      default: 2048,
      description: "The engine's prompt cache, in MiB",
    }),
    auto_update_backends: Type.Boolean({
      default: false,
      description: 'Look for newer engines at start (never installs by itself)',
    }),
    engine_auto_install: Type.Boolean({
      default: true,
      description: 'Fetch an engine on the first load when none is found',
    }),
    adopt_running: Type.Boolean({
      default: false,
      description: 'Connect to engines that others have started on this machine without asking',
    }),
    engine_auto_update: Type.Union(
      ['off', 'check', 'update'].map((mode) => Type.Literal(mode)),
      {
        default: 'off',
        description: 'Newer engines, daily: off, check = look and tell, update = try them and switch, when idle',
      },
    ),
    engine_choice: Type.String({
      maxLength: 4096,
      default: '',
      description: 'Id of the llama.cpp engine to use; empty = the first found',
    }),
    mlx_lm_choice: Type.String({
      maxLength: 4096,
      default: '',
      description: 'Id of the mlx-lm server to use; empty = the first found',
    }),
    mlx_openai_server_choice: Type.String({
      maxLength: 4096,
      default: '',
      description: 'Id of the mlx-openai-server to use; empty = the first found',
    }),
    mlx_vlm_choice: Type.String({
      maxLength: 4096,
      default: '',
      description: 'Id of the mlx-vlm server to use; empty = the first found',
    }),
    jit_enabled: Type.Boolean({ default: true, description: 'Load a model when a request asks for it' }),
    jit_cooldown_enabled: Type.Boolean({ default: true, description: 'Unload idle models' }),
    jit_cooldown_seconds: Type.Integer({
      minimum: 0,
      maximum: 31_536_000,
      default: 300,
      description: 'Seconds of idleness before a model unloads; 0 = never',
    }),
    default_model: Type.String({
      maxLength: 200,
      default: '',
      description: 'Model for requests that name none; empty = the only one',
    }),
    helper_models_enabled: Type.Boolean({
      default: true,
      description: 'Serve the names agents send on their own (claude-*, gpt-*) by the helper model',
    }),
    helper_model: Type.String({
      maxLength: 200,
      default: '',
      description: 'Model for those names; empty = the default model',
    }),
    memory_limit_gb: Type.Number({
      minimum: 0,
      maximum: 65_536,
      default: 0,
      description: 'Memory that models may take, in GB (10⁹ bytes); 0 = what this machine can spare',
    }),
    memory_headroom_gb: Type.Number({
      minimum: 0,
      maximum: 1024,
      default: 2,
      description: 'Memory kept free for everything else, in GB',
    }),
    mlx_processes_max: Type.Integer({
      minimum: 0,
      maximum: 1000,
      default: 1,
      description: 'MLX models loaded at the same time; 0 = as many as fit',
    }),
    keep_awake: Type.Boolean({
      default: true,
      description: 'Keep this computer from falling asleep while requests run; the display may go dark',
    }),
    restart_grown: Type.Union([Type.Literal('off'), Type.Literal('mlx'), Type.Literal('all')], {
      default: 'mlx',
      description: 'Engines that are started anew, while idle, when they have taken much more memory since their load',
    }),
    restart_growth_percent: Type.Integer({
      minimum: 10,
      maximum: 1000,
      default: 50,
      description: 'Growth that is borne, as a share of what the model needs; never less than 1 GiB',
    }),
    queue_limit: Type.Integer({
      minimum: 1,
      maximum: 100_000,
      default: 1000,
      description: 'Waiting requests per model; more are answered 429',
    }),
    queue_limit_per_key: Type.Integer({
      minimum: 1,
      maximum: 100_000,
      default: 500,
      description: 'Waiting requests of one key, for all models; without keys, of one program; more are answered 429',
    }),
    queue_wait_seconds: Type.Integer({
      minimum: 1,
      maximum: 86_400,
      default: 600,
      description: 'Longest wait in the queue',
    }),
    min_residency_seconds: Type.Integer({
      minimum: 0,
      maximum: 86_400,
      default: 10,
      description: 'A model just loaded is not swapped out before this, unless someone starves',
    }),
    starvation_seconds: Type.Integer({
      minimum: 1,
      maximum: 86_400,
      default: 60,
      description: 'Longest time that requests for a loaded model may overtake one for another',
    }),
    load_stall_seconds: Type.Integer({
      minimum: 5,
      maximum: 86_400,
      default: 120,
      description: 'A load without any sign of life is given up after this',
    }),
    strip_attribution: Type.Boolean({
      default: true,
      description: "Remove Claude Code's billing line, which would spoil the prompt cache",
    }),
    retention_days: Type.Integer({
      minimum: 1,
      maximum: 3650,
      default: 90,
      description: 'Days that records of requests are kept',
    }),
    records_limit_mb: Type.Integer({
      minimum: 10,
      maximum: 1_000_000,
      default: 1_000,
      description: 'Room that records may take on the disk, in MB (10⁶ bytes); the oldest go first',
    }),
    record_repair_texts: Type.Boolean({
      default: false,
      description: 'Keep what repairs changed in answers on disk, before and after; else only in memory',
    }),
    download_parallel: Type.Integer({
      minimum: 1,
      maximum: 4,
      default: 1,
      description: 'Models downloaded at the same time',
    }),
    model_roots: Type.Array(Type.String({ minLength: 1, maxLength: 4096, pattern: '^/' }), {
      maxItems: 50,
      default: [],
      description: 'More folders, as absolute paths, that models may be registered from over the API',
    }),
    hub_url: Type.String({
      maxLength: 300,
      pattern: '^https?://[A-Za-z0-9.:\\[\\]_-]+(?:/[A-Za-z0-9._~/-]*)?$',
      default: 'https://huggingface.co',
      description: 'Where models are searched and fetched from: an http or https address',
    }),
    require_key: Type.Boolean({
      default: false,
      description: 'Ask for a key on this computer too; counts once there is a key that may manage',
    }),
    allowed_hosts: Type.Array(Type.String({ minLength: 1, maxLength: 253 }), {
      maxItems: 50,
      default: [],
      description: 'More Host names to answer to, without port',
    }),
    cors_origins: Type.Array(Type.String({ minLength: 1, maxLength: 300 }), {
      maxItems: 50,
      default: [],
      description: 'Exact origins of web pages that may call the API',
    }),
  },
  { additionalProperties: false },
);
export type Settings = Static<typeof Settings>;
export type SettingName = keyof Settings;

/**
 * Where a setting's present value comes from; a value from the command line or the environment cannot be changed here.
 */
export type SettingOrigin = 'default' | 'file' | 'environment' | 'flag';

/** Holds the settings, validated, and keeps `settings.json`. */
export interface SettingsStore {
  /** The present values; a new frozen object after each change. */
  readonly current: Settings;
  origin(name: SettingName): SettingOrigin;
  /**
   * Checks all of a patch, writes the file (temporary, sync, rename), then applies it and publishes `settings-changed`.
   * Throws Fault('invalid-request') naming each bad field, or Fault('conflict') for a locked one; then nothing changed.
   */
  update(patch: unknown): Promise<Settings>;
}
