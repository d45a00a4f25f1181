/** What each layer keeps of a conversation, as the MLX servers' own caches keep it (mlx-lm 0.32). Pure. */
import type { LayerFacts } from '#src/models/facts.ts';
import { LAYERS_MAX, type LanguageConfig, plausible } from './config.ts';

/** The layers' caches, and what all recurrent ones hold together for one conversation. */
export type Layers = {
  readonly layers: readonly LayerFacts[];
  readonly slidingWindow: number | null;
  readonly recurrentBytes: number;
};

type LayerKind = 'full' | 'sliding' | 'recurrent' | 'both' | 'none';

/**
 * Families whose layers with a window hold no more than it, and each how many such layers follow one another when
 * nothing else is said (0 = only by list). The others have a window in their configuration that is only a mask.
 */
const SLIDING_PERIODS: ReadonlyMap<string, number> = new Map([
  ['gpt_oss', 2],
  ['gemma3', 6],
  ['gemma3_text', 6],
  ['gemma3n', 5],
  ['gemma3n_text', 5],
  ['gemma4', 5],
  ['gemma4_text', 5],
  ['cohere2', 4],
  ['llama4', 4],
  ['llama4_text', 4],
  ['llama', 0],
  ['mistral', 0],
  ['ministral3', 0],
  ['exaone4', 0],
  ['exaone_moe', 0],
  ['olmo3', 4],
  ['afmoe', 4],
  ['mimo_v2_flash', 0],
  ['step3p5', 0],
  ['recurrent_gemma', 0],
]);
/** Latent attention whose cache holds the latents; older servers of the same idea keep whole keys and values. */
const LATENT_TYPES = new RegExp(
  '^(?:deepseek_v[34]\\d*|kimi_k2\\d*|kimi_linear|longcat_flash\\w*|' +
    'glm4_moe_lite|glm_moe_dsa|mistral4|bailing_hybrid)$',
);
const KIND_WORDS: ReadonlyMap<unknown, LayerKind> = new Map<unknown, LayerKind>([
  ['sliding_attention', 'sliding'],
  ['chunked_attention', 'sliding'],
  ['local', 'sliding'],
  ['full_attention', 'full'],
  ['attention', 'full'],
  ['global', 'full'],
  ['*', 'full'],
  ['linear_attention', 'recurrent'],
  ['recurrent', 'recurrent'],
  ['mamba', 'recurrent'],
  ['conv', 'recurrent'],
  ['M', 'recurrent'],
  ['moe', 'none'],
  ['mlp', 'none'],
  ['E', 'none'],
  ['-', 'none'],
]);
const KIND_LISTS = ['layer_types', 'layers_block_type', 'hybrid_override_pattern', 'block_types'];
/** Scan states are kept in f32, whatever the model computes in. */
const STATE_BYTES_EACH = 4;

/** All layers of a model. `elementBytes` = bytes of one number of the model's own computing. */
export function layersOf(config: LanguageConfig, elementBytes: number): Layers {
  const kinds = kindsOf(config);
  const window = config.length(
    'sliding_window',
    'sliding_window_size',
    'attention_chunk_size',
    'attention_window_size',
  );
  const layers = kinds.map((kind, layer) => layerOf(config, kind, layer));
  const recurrent = kinds.filter((kind) => kind === 'recurrent' || kind === 'both').length;
  return {
    layers,
    slidingWindow: kinds.includes('sliding') ? window : null,
    recurrentBytes: recurrent * stateBytes(config, elementBytes),
  };
}

function kindsOf(config: LanguageConfig): readonly LayerKind[] {
  const listed = KIND_LISTS.map((name) => config.list(name)).find((list) => list !== null) ?? null;
  const pattern = config.list('hybrid_override_pattern');
  const count = pattern === null ? config.layerCount : pattern.length;
  // The last ones of some families read what an earlier layer has kept.
  const own = count - (config.length('num_kv_shared_layers') ?? 0);
  return Array.from({ length: count }, (_, layer): LayerKind => {
    if (layer >= own && own > 0) return 'none';
    const kind = listedKind(config, listed, layer) ?? computedKind(config, layer);
    return kind === 'sliding' && !canSlide(config) ? 'full' : kind;
  });
}

function listedKind(config: LanguageConfig, listed: readonly unknown[] | null, layer: number): LayerKind | null {
  const windowed = config.list('hybrid_layer_pattern')?.[layer];
  if (windowed === 0 || windowed === 1) return windowed === 1 ? 'sliding' : 'full';
  if (listed === null || listed.length === 0) return null;
  return KIND_WORDS.get(listed[layer % listed.length]) ?? null;
}

/** Where no list says it: by intervals, by lists of numbers, by the family. */
function computedKind(config: LanguageConfig, layer: number): LayerKind {
  const linear = config.object('linear_attn_config').full_attn_layers;
  // Counted from one. No longer than there can be layers: it is gone through for each of them.
  if (Array.isArray(linear)) return linear.slice(0, LAYERS_MAX).includes(layer + 1) ? 'full' : 'recurrent';
  const attending = config.list('full_attn_idxs') ?? config.list('attn_layer_indices');
  if (attending !== null) return attending.includes(layer) ? 'full' : 'recurrent';
  if (config.length('linear_num_value_heads') !== null) {
    const interval = config.length('full_attention_interval') ?? 4;
    return interval > 0 && (layer + 1) % interval !== 0 ? 'recurrent' : 'full';
  }
  const attentionPeriod = config.length('attn_layer_period');
  if (attentionPeriod) {
    return layer % attentionPeriod === (config.length('attn_layer_offset') ?? 0) ? 'full' : 'recurrent';
  }
  if (config.textType === 'falcon_h1') return 'both';
  if (/^(?:falcon_)?mamba2?$/.test(config.textType)) return 'recurrent';
  const period = config.length('sliding_window_pattern') ?? SLIDING_PERIODS.get(config.textType) ?? 0;
  return period > 0 && layer % period < period - 1 ? 'sliding' : 'full';
}

function canSlide(config: LanguageConfig): boolean {
  const window = config.length(
    'sliding_window',
    'sliding_window_size',
    'attention_chunk_size',
    'attention_window_size',
  );
  return window !== null && window > 0 && SLIDING_PERIODS.has(config.textType);
}

function layerOf(config: LanguageConfig, kind: LayerKind, layer: number): LayerFacts {
  const isSliding = kind === 'sliding';
  if (kind === 'recurrent' || kind === 'none') return { kvHeads: 0, keyLength: 0, valueLength: 0, isSliding };
  const heads = config.lengthAt(layer, 'num_attention_heads', 'n_head', 'n_heads', 'num_heads') ?? 0;
  const latent = config.length('kv_lora_rank');
  if (latent !== null && latent > 0) return latentLayer(config, latent, heads);
  const hidden = config.length('hidden_size', 'n_embd', 'd_model', 'dim') ?? 0;
  const ownLength = heads > 0 ? Math.floor(hidden / heads) : 0;
  const usual = config.length('head_dim', 'attention_head_dim') ?? ownLength;
  const named = isSliding ? config.length('swa_head_dim') : config.length('global_head_dim');
  const keyLength = named ?? usual;
  const values = isSliding ? config.length('swa_v_head_dim') : null;
  const kvNames = isSliding ? ['swa_num_key_value_heads', ...KV_HEADS] : [...GLOBAL_KV_HEADS, ...KV_HEADS];
  return {
    kvHeads: config.lengthAt(layer, ...kvNames) ?? heads,
    keyLength,
    valueLength: values ?? (named === null ? config.length('v_head_dim') : null) ?? keyLength,
    isSliding,
  };
}

const KV_HEADS = ['num_key_value_heads', 'n_kv_heads', 'num_kv_heads', 'n_head_kv'];
const GLOBAL_KV_HEADS = ['num_global_key_value_heads'];

function latentLayer(config: LanguageConfig, latent: number, heads: number): LayerFacts {
  const turned = config.length('qk_rope_head_dim') ?? 0;
  if (!LATENT_TYPES.test(config.textType)) {
    const straight = config.length('qk_nope_head_dim') ?? 0;
    const valueLength = config.length('v_head_dim') ?? straight;
    return { kvHeads: heads, keyLength: straight + turned, valueLength, isSliding: false };
  }
  // The index that chooses what is attended to keeps its keys on both sides of a cache of its own.
  const index = config.length('index_head_dim') ?? 0;
  const caches = config.textType.startsWith('longcat_flash') ? 2 : 1;
  return { kvHeads: caches, keyLength: latent + index, valueLength: turned + index, isSliding: false };
}

/** What one recurrent layer holds of a conversation: the last inputs of its convolution, and its scan's state. */
function stateBytes(config: LanguageConfig, elementBytes: number): number {
  const hidden = config.length('hidden_size', 'd_model') ?? 0;
  const short = config.length('conv_L_cache');
  if (short !== null) return Math.max(0, short - 1) * hidden * elementBytes;
  const linear = config.object('linear_attn_config');
  const linearHeads = plausible(linear.num_heads) ?? 0;
  if (linearHeads > 0) {
    const length = plausible(linear.head_dim) ?? 0;
    const kernel = plausible(linear.short_conv_kernel_size) ?? 0;
    const width = linearHeads * length;
    return 3 * Math.max(0, kernel - 1) * width * elementBytes + width * length * STATE_BYTES_EACH;
  }
  const valueHeads = config.length('linear_num_value_heads');
  if (valueHeads !== null) return gatedDeltaBytes(config, valueHeads, elementBytes);
  return scanBytes(config, hidden, elementBytes);
}

function gatedDeltaBytes(config: LanguageConfig, valueHeads: number, elementBytes: number): number {
  const keyLength = config.length('linear_key_head_dim') ?? 0;
  const valueLength = config.length('linear_value_head_dim') ?? 0;
  const keys = (config.length('linear_num_key_heads') ?? 0) * keyLength;
  const kernel = config.length('linear_conv_kernel_dim') ?? 0;
  const convolution = Math.max(0, kernel - 1) * (2 * keys + valueHeads * valueLength) * elementBytes;
  return convolution + valueHeads * valueLength * keyLength * STATE_BYTES_EACH;
}

/** Mamba and its kin, under the names that each of them uses. */
function scanBytes(config: LanguageConfig, hidden: number, elementBytes: number): number {
  const heads = config.length('mamba_num_heads', 'mamba_n_heads');
  const headLength = config.length('mamba_head_dim', 'mamba_d_head') ?? 0;
  const expand = config.length('mamba_expand', 'expand') ?? 2;
  const inner = heads === null ? (config.length('mamba_d_ssm') ?? expand * hidden) : heads * headLength;
  const state = config.length('ssm_state_size', 'mamba_d_state', 'state_size') ?? 0;
  const groups = config.length('n_groups', 'mamba_n_groups') ?? (heads === null ? 0 : 1);
  const kernel = config.length('conv_kernel', 'mamba_d_conv') ?? 0;
  const convolution = Math.max(0, kernel - 1) * (inner + 2 * groups * state) * elementBytes;
  return convolution + inner * state * STATE_BYTES_EACH;
}
