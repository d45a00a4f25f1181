/** What a model *is*. What it is *doing* lives in its supervisor (`src/supervision`), never in the database. */
import { type Static, Type } from '@sinclair/typebox';
import { Behaviour } from './behaviour.ts';

/** A model's name in Flow and on the wire: 1 to 200 characters, unique without regard to case; it may contain `/`. */
export type ModelId = string;

export type ModelFormat = 'gguf' | 'mlx';

/** A program that serves models; `openai` is any other one that speaks OpenAI chat. Rows keep these names. */
export type EngineKind = 'llama.cpp' | 'mlx-lm' | 'mlx-openai-server' | 'mlx-vlm' | 'openai';

/** An engine that Flow did not start and that serves one model. Its key, if it has one, is kept elsewhere. */
export type Endpoint = {
  /** `http://host:port` or `https://…`, without a slash at its end and without `/v1`. */
  readonly baseUrl: string;
  readonly engine: EngineKind;
  /** What it calls the model. */
  readonly modelName: string;
};

/** What a model can do, as read from its header and chat template. */
export type Capabilities = {
  readonly tools: boolean;
  readonly thinking: boolean;
  readonly vision: boolean;
  readonly embedding: boolean;
};

const KvCacheType = Type.Union(
  ['f32', 'f16', 'bf16', 'q8_0', 'q4_0', 'q4_1', 'iq4_nl', 'q5_0', 'q5_1'].map((name) => Type.Literal(name)),
  { description: 'Number format of one side of the key-value cache' },
);

const PARSER_NAME = '^[a-z0-9_]{0,64}$';

/**
 * How to start an engine for a model. The names are those of the load request on the wire and in `settings.json`;
 * each field says its unit. A complete set comes from `launchFor` (defaults ← model ← caller).
 */
export const LaunchSettings = Type.Object(
  {
    ctx_size: Type.Integer({
      minimum: 0,
      maximum: 16_777_216,
      description: 'Context of one conversation, in tokens; 0 = as trained',
    }),
    n_parallel: Type.Integer({
      minimum: 1,
      maximum: 1024,
      description: 'Conversations answered at the same time (slots)',
    }),
    flash_attn: Type.Union([Type.Literal('on'), Type.Literal('off'), Type.Literal('auto')]),
    cache_type_k: KvCacheType,
    cache_type_v: KvCacheType,
    gpu_layers: Type.Integer({
      minimum: -1,
      maximum: 10_000,
      description: 'Layers on the GPU; -1 = the engine decides',
    }),
    threads: Type.Integer({ minimum: -1, maximum: 1024, description: 'CPU threads; -1 = the engine decides' }),
    batch_size: Type.Integer({ minimum: 1, maximum: 1_048_576, description: 'Logical batch, in tokens' }),
    ubatch_size: Type.Integer({ minimum: 1, maximum: 1_048_576, description: 'Physical batch, in tokens' }),
    rope_scaling: Type.Union([Type.Literal('none'), Type.Literal('linear'), Type.Literal('yarn'), Type.Literal('')]),
    rope_scale: Type.Number({
      minimum: 0,
      maximum: 1024,
      description: 'RoPE context scaling factor; 0 = from the model',
    }),
    mlock: Type.Boolean({ description: 'Keep the weights in memory, never swapped out' }),
    mmap: Type.Boolean({ description: 'Map the weights from the file instead of reading them' }),
    cache_ram_mib: Type.Integer({
      minimum: -1,
      maximum: 1_048_576,
      description: "The engine's prompt cache, in MiB; -1 = no limit, 0 = off",
    }),
    mmproj_path: Type.String({ maxLength: 4096, description: 'Vision projector; empty = none' }),
    chat_template_file: Type.String({
      maxLength: 4096,
      description: 'Chat template to use instead of the built-in one; empty = none',
    }),
    draft_model_path: Type.String({
      maxLength: 4096,
      description: 'Draft model for speculative decoding; empty = none',
    }),
    num_draft_tokens: Type.Integer({ minimum: 1, maximum: 64, description: 'Tokens drafted per step' }),
    draft_mtp: Type.Boolean({ description: "Draft by the model's own multi-token prediction layers" }),
    mlx_engine: Type.Union(
      ['', 'mlx-lm', 'mlx-openai-server', 'mlx-vlm'].map((name) => Type.Literal(name)),
      { description: 'Server for an MLX model; empty = chosen by what the model can do' },
    ),
    mlx_prompt_cache_size: Type.Integer({
      minimum: 0,
      maximum: 1_000,
      description: 'Conversations whose prompts an MLX server remembers',
    }),
    mlx_kv_bits: Type.Integer({ minimum: 0, maximum: 8, description: 'Bits of the MLX cache; 0 = as computed' }),
    mlx_reasoning_parser: Type.String({
      pattern: PARSER_NAME,
      description: 'Parser of thoughts; empty = chosen by the model, none = no parser',
    }),
    mlx_tool_call_parser: Type.String({
      pattern: PARSER_NAME,
      description: 'Parser of tool calls; empty = chosen by the model, none = no parser',
    }),
    mlx_trust_remote_code: Type.Boolean({ description: "Run Python code of the model's own repository" }),
    extra_args: Type.Array(Type.String({ maxLength: 4096 }), {
      maxItems: 200,
      description: 'More engine arguments, one list item each',
    }),
  },
  { additionalProperties: false },
);
export type LaunchSettings = Static<typeof LaunchSettings>;

/** Some of the launch settings: what a model or a caller wants to differ from the defaults. */
export const LaunchOverrides = Type.Partial(LaunchSettings);
export type LaunchOverrides = Static<typeof LaunchOverrides>;

/** Another name for a loaded model, under which it behaves otherwise. */
export const Variant = Type.Object(
  { name: Type.String({ minLength: 1, maxLength: 200 }), behaviour: Behaviour },
  { additionalProperties: false },
);
export type Variant = Static<typeof Variant>;

/** What a person has chosen for one model; persisted, effective at the next start (or at once for cooldown and pin). */
export const ModelConfig = Type.Object(
  {
    launch: LaunchOverrides,
    /** Seconds of idleness before it unloads; null = the global setting, 0 = never. */
    cooldown_s: Type.Union([Type.Null(), Type.Integer({ minimum: 0, maximum: 31_536_000 })]),
    /** A pinned model is never unloaded by idleness or to make room. */
    is_pinned: Type.Boolean(),
    behaviour: Behaviour,
    /** The preset it was set up by; null = none. It says where the values come from and changes nothing. */
    preset: Type.Union([Type.Null(), Type.String({ maxLength: 100 })]),
    /** Further names of the model with a behaviour of their own, laid over the model's. */
    variants: Type.Array(Variant, { maxItems: 50 }),
  },
  { additionalProperties: false },
);
export type ModelConfig = Static<typeof ModelConfig>;

/** Nothing chosen. */
export const EMPTY_CONFIG: ModelConfig = {
  launch: {},
  cooldown_s: null,
  is_pinned: false,
  behaviour: {},
  preset: null,
  variants: [],
};

/** A registered model. Paths are absolute. `null` means known to be absent or not known yet. */
export type Model = {
  readonly id: ModelId;
  readonly name: string;
  readonly format: ModelFormat;
  /** The GGUF file (first shard), or the MLX folder; empty for an engine that Flow did not start. */
  readonly path: string;
  /** Where it is served already; null = Flow starts an engine for it. */
  readonly endpoint: Endpoint | null;
  readonly hfId: string | null;
  readonly quantization: string | null;
  /** All shards together. */
  readonly sizeBytes: number;
  /** The context the model was trained for, in tokens. */
  readonly trainedContextTokens: number | null;
  readonly capabilities: Capabilities;
  readonly aliases: readonly string[];
  /** The demo that Flow makes itself. */
  readonly isDemo: boolean;
  /** Flow put the file there (download or demo), so Flow may delete it. */
  readonly isManaged: boolean;
  readonly config: ModelConfig;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
};

/** What a load will take, in bytes, and whence the number: measured before > the engine's word > the formula. */
export type Footprint = {
  readonly totalBytes: number;
  readonly source: 'measured' | 'engine' | 'formula';
  readonly parts: {
    readonly weightsBytes: number;
    readonly kvCacheBytes: number;
    readonly computeBytes: number;
    readonly engineCacheBytes: number;
  };
};
