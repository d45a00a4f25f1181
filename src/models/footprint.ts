/**
 * What a load takes, from the header alone: weights + cache of keys and values + compute buffers + the engine's cache.
 * Pure. Checked against the sizes that llama.cpp reports (b10434). What an MLX server takes is in `mlx-footprint.ts`.
 */
import type { LayerFacts, ModelFacts } from './facts.ts';
import { mlxFootprint } from './mlx-footprint.ts';
import type { Footprint, LaunchSettings } from './model.ts';

/** What is loaded beside the model's own file. */
export type Companions = {
  /** All shards of the model. */
  readonly weightsBytes: number;
  /** Vision projector file; 0 = none. */
  readonly projectorBytes: number;
  readonly draft: ModelFacts | null;
};

/** Code, tokenizer, HTTP server: what a llama-server of a tiny model is resident with, beyond its buffers. */
export const PROCESS_BYTES = 32 * 1024 * 1024;

const MIB = 1024 * 1024;
const CELL_STEP = 256;
const CONTEXT_UNKNOWN_TOKENS = 4_096;
const F32_BYTES = 4;
const F16_BYTES = 2;
/** The projector's own buffers, as a share of its weights: images are encoded one at a time. */
const PROJECTOR_COMPUTE_RATIO = 0.25;

/** Bytes of 32 numbers. */
const BLOCK_BYTES: Readonly<Record<string, number>> = {
  f32: 128,
  f16: 64,
  bf16: 64,
  q8_0: 34,
  q5_1: 24,
  q5_0: 22,
  q4_1: 20,
  q4_0: 18,
  iq4_nl: 18,
};
const BLOCK_ELEMENTS = 32;
const LARGEST_BLOCK_BYTES = 128;

/** The formula. `launch` is complete; `launch.ctx_size` of 0 means as trained. */
export function footprint(facts: ModelFacts, launch: LaunchSettings, companions: Companions): Footprint {
  if (facts.cacheElementBytes !== null) return mlxFootprint(facts, launch, companions);
  const contextTokens = launch.ctx_size > 0 ? launch.ctx_size : (facts.contextTokens ?? CONTEXT_UNKNOWN_TOKENS);
  const slotBytes = cacheBytes(facts, launch, contextTokens);
  const draft = companions.draft;
  const draftCacheBytes = draft ? launch.n_parallel * cacheBytes(draft, launch, contextTokens) : 0;
  const parts = {
    weightsBytes: companions.weightsBytes + companions.projectorBytes + (draft?.tensors.bytes ?? 0),
    kvCacheBytes: launch.n_parallel * slotBytes + draftCacheBytes,
    computeBytes:
      PROCESS_BYTES +
      computeBytes(facts, launch, contextTokens) +
      (draft ? computeBytes(draft, launch, contextTokens) : 0) +
      Math.ceil(companions.projectorBytes * PROJECTOR_COMPUTE_RATIO),
    engineCacheBytes: engineCacheBytes(launch.cache_ram_mib, slotBytes),
  };
  return { totalBytes: sum(Object.values(parts)), source: 'formula', parts };
}

/** Cache of one conversation. Sliding layers hold their window and one batch; recurrent ones a state of fixed size. */
function cacheBytes(facts: ModelFacts, launch: LaunchSettings, contextTokens: number): number {
  const cells = padded(contextTokens);
  const slidingCells = slidingCellsOf(facts, launch, contextTokens);
  const layerBytes = (layer: LayerFacts): number => {
    const keys = rowBytes(layer.kvHeads * layer.keyLength, launch.cache_type_k);
    const values = rowBytes(layer.kvHeads * layer.valueLength, launch.cache_type_v);
    return (layer.isSliding ? slidingCells : cells) * (keys + values);
  };
  return sum(facts.layers.map(layerBytes)) + facts.recurrentBytes;
}

/**
 * The largest step of one physical batch, plus the attention mask. Factors fitted to the engine's own reports: queries
 * and their result with three hidden states; or three feed-forward rows with three or four; experts run one row for
 * each used one. Sliding layers have a mask of their own.
 */
function computeBytes(facts: ModelFacts, launch: LaunchSettings, contextTokens: number): number {
  const tokens = ubatchTokens(facts, launch, contextTokens);
  const cells = padded(contextTokens);
  const widest = facts.layers.reduce((most, layer) => (layer.kvHeads > most.kvHeads ? layer : most), NO_LAYER);
  const queries = facts.heads * widest.keyLength;
  const hidden = facts.embeddingLength;
  const attention = 2 * queries + 2 * widest.kvHeads * widest.keyLength + 3 * hidden;
  const isSliding = facts.layers.some((layer) => layer.isSliding);
  const hasExperts = facts.expertCount > 0;
  const forward = hasExperts ? 0 : 3 * facts.feedForwardLength + 3.5 * hidden;
  const expertWidth = facts.expertFeedForwardLength || facts.feedForwardLength;
  const experts = hasExperts ? facts.expertUsedCount * (3 * expertWidth + hidden) + 2 * hidden : 0;
  const recurrent = facts.recurrentBytes > 0 ? RECURRENT_ROWS * hidden : 0;
  const row = Math.max(attention, forward, experts, recurrent) * F32_BYTES;
  const maskBytes = launch.flash_attn === 'off' ? cells * F32_BYTES * (facts.heads + 1) : cells * F16_BYTES;
  const slidingMaskBytes = isSliding ? slidingCellsOf(facts, launch, contextTokens) * F16_BYTES : 0;
  return tokens * (row + (widest.kvHeads > 0 ? maskBytes + slidingMaskBytes : 0));
}

/** Hidden states that a recurrent layer holds at once; its inner state is usually twice as wide as the model. */
const RECURRENT_ROWS = 13;
const NO_LAYER: LayerFacts = { kvHeads: 0, keyLength: 0, valueLength: 0, isSliding: false };

/**
 * `cache_ram_mib` is a maximum that the engine fills as conversations take turns on a slot. Counting all of it would
 * keep models apart that fit together; counting none, the first change of turn would be a surprise. So it counts as one
 * full conversation, which is what that puts there; what a user's habits add is learned by measuring.
 */
function engineCacheBytes(limitMib: number, slotBytes: number): number {
  return limitMib < 0 ? slotBytes : Math.min(limitMib * MIB, slotBytes);
}

function ubatchTokens(facts: ModelFacts, launch: LaunchSettings, contextTokens: number): number {
  const batch = facts.capabilities.embedding ? launch.batch_size : Math.min(launch.ubatch_size, launch.batch_size);
  // The engine bounds it by the context of all slots together.
  return Math.min(batch, padded(contextTokens) * launch.n_parallel);
}

/** Tokens that a sliding layer holds. */
function slidingCellsOf(facts: ModelFacts, launch: LaunchSettings, contextTokens: number): number {
  const windowTokens = (facts.slidingWindow ?? 0) + ubatchTokens(facts, launch, contextTokens);
  return Math.min(padded(contextTokens), padded(windowTokens));
}

function rowBytes(elements: number, type: string): number {
  return Math.ceil(elements / BLOCK_ELEMENTS) * (BLOCK_BYTES[type] ?? LARGEST_BLOCK_BYTES);
}

function padded(tokens: number): number {
  return Math.ceil(tokens / CELL_STEP) * CELL_STEP;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
