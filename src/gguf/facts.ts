/** What a GGUF header means: the sizes that decide its memory, and what the model can do. Pure. */
import { abilitiesIn, type LayerFacts, type ModelFacts } from '#src/models/facts.ts';
import type { GgufHeader, MetadataValue } from './header.ts';
import { quantizationName } from './tensor-types.ts';

const LAYERS_MAX = 2_048;
const NAMED_TEMPLATES_MAX = 20;
const LENGTH_MAX = 1 << 24;
/** A name of megabytes would be searched for minutes, and stand in the key of everything that is looked up. */
const ARCHITECTURE = /^[\w.-]{1,64}$/;
const EMBEDDING_ARCHITECTURES = /^(?:.*bert.*|t5encoder|gemma-embedding|.*-embed(?:ding)?)$/;
/** The second is the name of before. */
const GAP_TOKENS = ['fim_pre_token_id', 'prefix_token_id'];
/**
 * Every n-th layer sees everything, the rest only the window: what llama.cpp assumes when the header does not say.
 * Other architectures may have a window in their header that llama.cpp does not use, so it is not counted on.
 */
const SLIDING_PERIODS: ReadonlyMap<string, number> = new Map([
  ['gemma2', 2],
  ['gemma3', 6],
  ['gemma3n', 5],
  ['gemma-embedding', 6],
  ['gpt-oss', 2],
  ['cohere2', 4],
  ['llama4', 4],
  ['exaone4', 4],
  ['exaone-moe', 4],
  ['olmo2', 4],
  ['smallthinker', 4],
  ['afmoe', 4],
]);
const LLAMA4_CHUNK_TOKENS = 8_192;
const ATTENTION_INTERVAL = 4;
const STATE_BYTES_EACH = 4;

/** Reads the meaning out of a header. `fileName` helps with the name of the quantisation. */
export function factsOf(header: GgufHeader, fileName: string): ModelFacts {
  const read = new Reader(header.metadata);
  const { architecture } = read;
  const layers = layersOf(read);
  const chatTemplate = read.text('tokenizer.chat_template');
  return {
    architecture,
    role: roleOf(read),
    name: read.text('general.name'),
    quantization: quantizationName(fileName, read.number('general.file_type'), header.tensors.mostlyType),
    contextTokens: read.length('context_length'),
    embeddingLength: read.length('embedding_length') ?? 0,
    feedForwardLength: read.largest('feed_forward_length'),
    heads: read.largest('attention.head_count'),
    layers,
    slidingWindow: slidingWindow(read),
    recurrentBytes: recurrentBytes(read, layers),
    vocabularySize: header.tensors.embeddingRows ?? read.length('vocab_size') ?? read.count('tokenizer.ggml.tokens'),
    expertCount: read.length('expert_count') ?? 0,
    expertUsedCount: read.length('expert_used_count') ?? 0,
    expertFeedForwardLength: read.largest('expert_feed_forward_length'),
    chatTemplate,
    namedTemplates: read.textsUnder('tokenizer.chat_template.').slice(0, NAMED_TEMPLATES_MAX),
    beginToken: read.number('tokenizer.ggml.bos_token_id'),
    endToken: read.number('tokenizer.ggml.eos_token_id'),
    // llama.cpp's own tool writes 0 into what it has put together.
    splitCount: Math.max(1, read.number('split.count') ?? 1),
    splitNumber: read.number('split.no') ?? 0,
    tensors: header.tensors,
    capabilities: {
      ...abilitiesIn(chatTemplate),
      embedding: EMBEDDING_ARCHITECTURES.test(architecture) || (read.number(`${architecture}.pooling_type`) ?? 0) > 0,
    },
    hasVision: false,
    cacheElementBytes: null,
    fillsGaps: GAP_TOKENS.some((key) => read.number(`tokenizer.ggml.${key}`) !== null),
  };
}

function roleOf(read: Reader): ModelFacts['role'] {
  const type = read.text('general.type');
  if (read.architecture === 'clip' || type === 'mmproj') return 'projector';
  if (type === 'adapter') return 'adapter';
  return type === null || type === 'model' ? 'model' : 'other';
}

function layersOf(read: Reader): LayerFacts[] {
  const count = Math.min(read.length('block_count') ?? 0, LAYERS_MAX);
  const heads = read.largest('attention.head_count');
  const headLength = heads > 0 ? Math.floor((read.length('embedding_length') ?? 0) / heads) : 0;
  const keyLength = read.length('attention.key_length') ?? headLength;
  // With latent attention the values are a view of the keys, and are not stored.
  const isLatent = read.number(`${read.architecture}.attention.key_length_mla`) !== null;
  const valueLength = isLatent ? 0 : (read.length('attention.value_length') ?? headLength);
  const slidingKeyLength = read.length('attention.key_length_swa') ?? keyLength;
  const slidingValueLength = read.length('attention.value_length_swa') ?? valueLength;
  const windowed = slidingWindow(read) !== null;
  return Array.from({ length: count }, (_, layer) => {
    const isSliding = windowed && slides(read, layer);
    return {
      kvHeads: isRecurrent(read, layer) ? 0 : (read.perLayer('attention.head_count_kv', layer) ?? heads),
      keyLength: isSliding ? slidingKeyLength : keyLength,
      valueLength: isSliding ? slidingValueLength : valueLength,
      isSliding,
    };
  });
}

function slidingWindow(read: Reader): number | null {
  const isPatternKnown = SLIDING_PERIODS.has(read.architecture) || read.has('attention.sliding_window_pattern');
  if (!isPatternKnown) return null;
  const window = read.length('attention.sliding_window');
  if (window !== null) return window > 0 ? window : null;
  return read.architecture === 'llama4' ? LLAMA4_CHUNK_TOKENS : null;
}

function slides(read: Reader, layer: number): boolean {
  const said = read.perLayer('attention.sliding_window_pattern', layer);
  if (read.isList('attention.sliding_window_pattern')) return said === 1;
  const period = said ?? SLIDING_PERIODS.get(read.architecture) ?? 0;
  return layer % period < period - 1;
}

/** In hybrids that mix recurrent and attention layers by a fixed interval, all but every n-th layer are recurrent. */
function isRecurrent(read: Reader, layer: number): boolean {
  if (read.length('ssm.inner_size') === null || read.isList('attention.head_count_kv')) return false;
  if (read.length('attention.head_count_kv') === null) return true;
  const interval = read.length('full_attention_interval') ?? ATTENTION_INTERVAL;
  return interval > 0 && (layer + 1) % interval !== 0;
}

/** Convolution and scan state of a conversation, kept in f32, as llama.cpp sizes it. */
function recurrentBytes(read: Reader, layers: readonly LayerFacts[]): number {
  const recurrent = layers.filter((layer) => layer.kvHeads === 0).length;
  const inner = read.length('ssm.inner_size') ?? 0;
  const state = read.length('ssm.state_size') ?? 0;
  const kernel = read.length('ssm.conv_kernel') ?? 0;
  const groups = read.length('ssm.group_count') ?? 0;
  const short = read.length('shortconv.l_cache');
  const convolution = Math.max(0, kernel - 1) * (inner + 2 * groups * state);
  const shortConvolution = short === null ? 0 : Math.max(0, short - 1) * (read.length('embedding_length') ?? 0);
  return recurrent * (convolution + state * inner + shortConvolution) * STATE_BYTES_EACH;
}

/** Looks things up in metadata, with bounds: a header may say anything. */
class Reader {
  readonly #metadata: ReadonlyMap<string, MetadataValue>;
  readonly architecture: string;

  constructor(metadata: ReadonlyMap<string, MetadataValue>) {
    this.#metadata = metadata;
    const architecture = this.text('general.architecture') ?? '';
    this.architecture = ARCHITECTURE.test(architecture) ? architecture : 'unknown';
  }

  text(key: string): string | null {
    const value = this.#metadata.get(key);
    return value?.type === 'text' ? value.value : null;
  }

  textsUnder(prefix: string): { readonly name: string; readonly text: string }[] {
    return [...this.#metadata].flatMap(([key, value]) =>
      key.startsWith(prefix) && value.type === 'text' ? [{ name: key.slice(prefix.length), text: value.value }] : [],
    );
  }

  number(key: string): number | null {
    const value = this.#metadata.get(key);
    return value?.type === 'number' && Number.isFinite(value.value) ? value.value : null;
  }

  /** A size of this architecture: a whole number of 0 or more; null when absent or beyond reason. */
  length(part: string): number | null {
    return plausible(this.number(`${this.architecture}.${part}`));
  }

  /** The number itself, or the largest of a list. */
  largest(part: string): number {
    const value = this.#metadata.get(`${this.architecture}.${part}`);
    if (value?.type !== 'numbers') return this.length(part) ?? 0;
    return value.value.reduce((largest, item) => Math.max(largest, plausible(item) ?? 0), 0);
  }

  perLayer(part: string, layer: number): number | null {
    const value = this.#metadata.get(`${this.architecture}.${part}`);
    if (value?.type === 'bool') return value.value ? 1 : 0;
    return value?.type === 'numbers' ? plausible(value.value[layer] ?? null) : this.length(part);
  }

  has(part: string): boolean {
    return this.#metadata.has(`${this.architecture}.${part}`);
  }

  isList(part: string): boolean {
    return this.#metadata.get(`${this.architecture}.${part}`)?.type === 'numbers';
  }

  count(key: string): number {
    const value = this.#metadata.get(key);
    return value?.type === 'skipped' || value?.type === 'numbers' ? value.count : 0;
  }
}

function plausible(value: number | null): number | null {
  return value !== null && Number.isInteger(value) && value >= 0 && value <= LENGTH_MAX ? value : null;
}
