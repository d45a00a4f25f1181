/**
 * What an MLX server takes, from the folder alone. It allocates as it goes and gives nothing back, so this is what it
 * holds once every conversation has been as long as it may be. Pure; after the caches of mlx-lm 0.32.
 */

import type { LayerFacts, ModelFacts } from './facts.ts';
import type { Companions } from './footprint.ts';
import type { Footprint, LaunchSettings } from './model.ts';

/** Python with its libraries and the server: measured 85 to 190 MB after the first request, by the kind of server. */
export const PYTHON_BYTES = 160 * 1024 * 1024;

const CELL_STEP = 256;
const CONTEXT_UNKNOWN_TOKENS = 4_096;
const F16_BYTES = 2;
const GROUP_SIZE = 64;
const BITS_PER_BYTE = 8;

/** The formula for a model whose facts say the format of its cache. `launch.ctx_size` of 0 means as trained. */
export function mlxFootprint(facts: ModelFacts, launch: LaunchSettings, companions: Companions): Footprint {
  const contextTokens = launch.ctx_size > 0 ? launch.ctx_size : (facts.contextTokens ?? CONTEXT_UNKNOWN_TOKENS);
  const { draft } = companions;
  const slotBytes = cacheBytes(facts, launch, contextTokens) + (draft ? cacheBytes(draft, launch, contextTokens) : 0);
  // Neither a quantised cache nor a draft can be batched: such a server answers one at a time.
  const slots = launch.mlx_kv_bits > 0 || draft ? 1 : launch.n_parallel;
  const parts = {
    weightsBytes: companions.weightsBytes + (draft?.tensors.bytes ?? 0),
    kvCacheBytes: slots * slotBytes,
    computeBytes: PYTHON_BYTES + computeBytes(facts, launch, contextTokens),
    // Like the other engines' prompt cache, it counts as one full conversation: habits are learned by measuring.
    engineCacheBytes: launch.mlx_prompt_cache_size > 0 ? slotBytes : 0,
  };
  const totalBytes = Object.values(parts).reduce((sum, part) => sum + part, 0);
  return { totalBytes, source: 'formula', parts };
}

/** One conversation. A sliding layer holds its window and the step of the prompt that is being read. */
function cacheBytes(facts: ModelFacts, launch: LaunchSettings, contextTokens: number): number {
  const cells = padded(contextTokens);
  const slidingCells = Math.min(cells, (facts.slidingWindow ?? 0) + launch.batch_size);
  const elementBytes = facts.cacheElementBytes ?? F16_BYTES;
  const layerBytes = ({ kvHeads, keyLength, valueLength, isSliding }: LayerFacts): number => {
    const row = kvHeads * (keyLength + valueLength);
    return isSliding ? slidingCells * row * elementBytes : cells * row * storedBytes(launch.mlx_kv_bits, elementBytes);
  };
  return Math.ceil(facts.layers.reduce((sum, layer) => sum + layerBytes(layer), facts.recurrentBytes));
}

/** A quantised number has its bits, and its share of the scale and the bias of its group. */
function storedBytes(bits: number, elementBytes: number): number {
  return bits > 0 ? bits / BITS_PER_BYTE + (2 * elementBytes) / GROUP_SIZE : elementBytes;
}

/** The widest rows that are alive at the same time while a prompt is read, and the last token's logits. */
function computeBytes(facts: ModelFacts, launch: LaunchSettings, contextTokens: number): number {
  const tokens = Math.min(launch.batch_size, contextTokens);
  const { embeddingLength: hidden, expertUsedCount, expertFeedForwardLength, feedForwardLength } = facts;
  const forward = 3 * Math.max(feedForwardLength, expertUsedCount * expertFeedForwardLength);
  const queries = 2 * facts.heads * facts.layers.reduce((most, { keyLength }) => Math.max(most, keyLength), 0);
  const row = Math.max(forward, queries) + 3 * hidden;
  return (tokens * row + facts.vocabularySize) * (facts.cacheElementBytes ?? F16_BYTES);
}

function padded(tokens: number): number {
  return Math.ceil(tokens / CELL_STEP) * CELL_STEP;
}
