/** Which setting stands where on the page, and what people call it. Every setting is listed exactly once. */
import type { SettingName } from '#src/settings/settings.ts';

/** When a new value counts. */
export type TakesEffect = 'at-once' | 'next-load' | 'next-start';

export type Listed = {
  readonly name: SettingName;
  readonly label: string;
  /** What a number counts. */
  readonly unit?: string;
  /** `at-once` unless said otherwise. */
  readonly takesEffect?: TakesEffect;
};

export type SectionName =
  | 'general'
  | 'engines'
  | 'memory'
  | 'folders'
  | 'network'
  | 'keys'
  | 'hub'
  | 'agents'
  | 'privacy'
  | 'appearance'
  | 'about';

export type Section = {
  /** The anchor. */
  readonly name: SectionName;
  readonly title: string;
  readonly settings: readonly Listed[];
};

/** In the order of the page. */
export const SECTIONS: readonly Section[] = [
  {
    name: 'general',
    title: 'General',
    settings: [
      { name: 'default_model', label: 'Default model' },
      { name: 'jit_enabled', label: 'Load on request' },
      { name: 'jit_cooldown_enabled', label: 'Unload when idle' },
      { name: 'jit_cooldown_seconds', label: 'Idle time before unloading', unit: 'seconds' },
      { name: 'keep_awake', label: 'Stay awake for requests' },
      { name: 'queue_limit', label: 'Waiting requests', unit: 'per model' },
      { name: 'queue_limit_per_key', label: 'Waiting requests of one caller', unit: 'in all' },
      { name: 'queue_wait_seconds', label: 'Longest wait', unit: 'seconds' },
    ],
  },
  {
    name: 'engines',
    title: 'Engines',
    settings: [
      { name: 'engine_auto_install', label: 'Fetch missing engines' },
      { name: 'engine_auto_update', label: 'Newer engines' },
      { name: 'auto_update_backends', label: 'Look at start', takesEffect: 'next-start' },
      { name: 'adopt_running', label: 'Connect to running engines' },
      { name: 'engine_choice', label: 'llama.cpp to use', takesEffect: 'next-load' },
      { name: 'mlx_lm_choice', label: 'mlx-lm to use', takesEffect: 'next-load' },
      { name: 'mlx_vlm_choice', label: 'mlx-vlm to use', takesEffect: 'next-load' },
      { name: 'mlx_openai_server_choice', label: 'mlx-openai-server to use', takesEffect: 'next-load' },
    ],
  },
  {
    name: 'memory',
    title: 'Memory & loading',
    settings: [
      { name: 'memory_limit_gb', label: 'Memory for models', unit: 'GB' },
      { name: 'memory_headroom_gb', label: 'Kept free', unit: 'GB' },
      { name: 'default_ctx_size', label: 'Context', unit: 'tokens', takesEffect: 'next-load' },
      { name: 'default_n_parallel', label: 'Slots', unit: 'conversations', takesEffect: 'next-load' },
      { name: 'default_cache_type_k', label: 'Cached keys', takesEffect: 'next-load' },
      { name: 'default_cache_type_v', label: 'Cached values', takesEffect: 'next-load' },
      { name: 'default_flash_attn', label: 'Flash attention', takesEffect: 'next-load' },
      { name: 'default_gpu_layers', label: 'GPU layers', unit: 'layers', takesEffect: 'next-load' },
      { name: 'default_cache_ram_mib', label: 'Prompt cache', unit: 'MiB', takesEffect: 'next-load' },
      { name: 'mlx_processes_max', label: 'MLX models at once', unit: 'models' },
      { name: 'restart_grown', label: 'Restart what has grown' },
      { name: 'restart_growth_percent', label: 'Growth that is borne', unit: '%' },
      { name: 'min_residency_seconds', label: 'Shortest stay', unit: 'seconds' },
      { name: 'starvation_seconds', label: 'Longest overtaking', unit: 'seconds' },
      { name: 'load_stall_seconds', label: 'Silent loads end', unit: 'seconds' },
    ],
  },
  {
    name: 'folders',
    title: 'Models folders',
    settings: [
      { name: 'models_dir', label: 'Models folder' },
      { name: 'model_roots', label: 'More folders' },
      { name: 'download_parallel', label: 'Parallel downloads', unit: 'models' },
    ],
  },
  {
    name: 'network',
    title: 'Network',
    settings: [
      { name: 'host', label: 'Address', takesEffect: 'next-start' },
      { name: 'port', label: 'Port', takesEffect: 'next-start' },
      { name: 'allowed_hosts', label: 'More host names' },
      { name: 'cors_origins', label: 'Web pages that may call' },
    ],
  },
  { name: 'keys', title: 'API keys', settings: [{ name: 'require_key', label: 'Ask on this computer too' }] },
  { name: 'hub', title: 'Hugging Face', settings: [{ name: 'hub_url', label: 'Hub' }] },
  {
    name: 'agents',
    title: 'Agents',
    settings: [
      { name: 'helper_models_enabled', label: 'Helper requests' },
      { name: 'helper_model', label: 'Helper model' },
      { name: 'strip_attribution', label: 'Drop the billing line' },
    ],
  },
  {
    name: 'privacy',
    title: 'Privacy & retention',
    settings: [
      { name: 'retention_days', label: 'Keep records', unit: 'days' },
      { name: 'records_limit_mb', label: 'Room for records', unit: 'MB' },
      { name: 'record_repair_texts', label: 'Keep repaired texts' },
    ],
  },
  { name: 'appearance', title: 'Appearance', settings: [] },
  { name: 'about', title: 'About', settings: [] },
];

/** Where a setting is listed. */
export const LISTED: ReadonlyMap<SettingName, Listed> = new Map(
  SECTIONS.flatMap(({ settings }) => settings.map((listed) => [listed.name, listed] as const)),
);

/** Which kind of engine a setting chooses among. */
export const ENGINE_CHOICES = {
  engine_choice: 'llama.cpp',
  mlx_lm_choice: 'mlx-lm',
  mlx_vlm_choice: 'mlx-vlm',
  mlx_openai_server_choice: 'mlx-openai-server',
} as const;

/** Settings whose value is the name of a model. */
export const MODEL_CHOICES: ReadonlySet<SettingName> = new Set(['default_model', 'helper_model']);
