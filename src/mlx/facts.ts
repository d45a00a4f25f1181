/** What the files of an MLX folder mean: the sizes that decide its memory, and what the model can do. Pure. */
import { isObject, type JsonObject } from '#src/json.ts';
import { abilitiesIn, type ModelFacts, type TensorTotals } from '#src/models/facts.ts';
import { LanguageConfig, plausible } from './config.ts';
import { layersOf } from './layers.ts';
import { quantizationOf } from './quantization.ts';
import type { Tally } from './safetensors.ts';
import type { FolderTemplates } from './templates.ts';

/** What was read of a folder. */
export type MlxSources = {
  readonly config: JsonObject;
  readonly tally: Tally;
  readonly templates: FolderTemplates;
  /** The names in the folder; they tell what kind of model it is where its configuration does not. */
  readonly names: readonly string[];
};

const NAMED_TEMPLATES_MAX = 20;
const F32_BYTES = 4;
const F16_BYTES = 2;
const FLOATS = ['BF16', 'F16', 'F32'];
/** Networks that see, hear, draw or translate, and answer nobody. */
const NO_ANSWERER = new RegExp(
  '^(?:clip\\w*|siglip\\w*|vit\\w*|dinov\\d\\w*|sam\\d?|flux\\w*|' +
    'whisper|wav2vec2\\w*|hubert|encodec|parler_tts|kokoro|t5|mt5|umt5|marian|bart|esm)$',
);
const EMBEDDERS = /bert|embed|^(?:nomic_bert|new|gte|e5|bge|xlm_roberta|roberta|mpnet)\b/i;
/** The mark of the library that embeddings are published with. */
const EMBEDDER_FILES = ['modules.json', '1_Pooling'];

/** Reads the meaning out of a folder's files. */
export function mlxFacts({ config, tally, templates, names }: MlxSources): ModelFacts {
  const language = new LanguageConfig(config);
  const elementBytes = cacheElementBytes(tally);
  const { layers, slidingWindow, recurrentBytes } = layersOf(language, elementBytes);
  const quantization = quantizationOf(config, mostFormat(tally));
  const [first, ...others] = templates.templates;
  const chatTemplate = first?.text ?? null;
  const experts = language.length('num_experts', 'num_local_experts', 'n_routed_experts') ?? 0;
  const forward = language.largest('intermediate_size', 'n_inner', 'ffn_hidden_size', 'ffn_dim');
  return {
    architecture: language.modelType,
    role: NO_ANSWERER.test(language.modelType) ? 'other' : 'model',
    name: null,
    quantization: quantization.name,
    contextTokens: contextOf(language),
    embeddingLength: language.length('hidden_size', 'n_embd', 'd_model', 'dim') ?? 0,
    feedForwardLength: forward,
    heads: language.largest('num_attention_heads', 'n_head', 'n_heads', 'num_heads'),
    layers,
    slidingWindow,
    recurrentBytes,
    vocabularySize: tally.embeddingRows || (language.length('vocab_size') ?? 0),
    expertCount: experts,
    expertUsedCount: language.length('num_experts_per_tok', 'num_experts_per_token', 'top_k_experts', 'moe_topk') ?? 0,
    expertFeedForwardLength:
      experts > 0 ? language.largest('moe_intermediate_size', 'expert_ffn_hidden_size') || forward : 0,
    chatTemplate,
    namedTemplates: others.slice(0, NAMED_TEMPLATES_MAX).map(({ name, text }) => ({ name: name ?? 'default', text })),
    beginToken: firstToken(config.bos_token_id),
    endToken: firstToken(config.eos_token_id),
    splitCount: 1,
    splitNumber: 0,
    tensors: totalsOf(tally, quantization.groupSize),
    capabilities: { ...abilitiesIn(chatTemplate), embedding: isEmbedder(language.modelType, config, names) },
    hasVision: hasVision(config, tally),
    cacheElementBytes: elementBytes,
    fillsGaps: false,
  };
}

/** YaRN says from what a context was stretched; the published number may be either side of it. */
function contextOf(language: LanguageConfig): number | null {
  const named = language.length(
    'max_position_embeddings',
    'max_sequence_length',
    'max_seq_len',
    'seq_length',
    'n_positions',
    'n_ctx',
  );
  const stretched = [language.object('rope_scaling'), language.object('rope_parameters')].map((scaling) => {
    const isYarn = scaling.type === 'yarn' || scaling.rope_type === 'yarn';
    const { factor } = scaling;
    const original = plausible(scaling.original_max_position_embeddings);
    return isYarn && original !== null && typeof factor === 'number' ? plausible(Math.round(original * factor)) : null;
  });
  const most = Math.max(named ?? 0, ...stretched.map((tokens) => tokens ?? 0));
  return most > 0 ? most : null;
}

/** The cache has the format that the model computes in: that of its scales and norms, where the weights are packed. */
function cacheElementBytes({ elements }: Tally): number {
  const mostly = FLOATS.toSorted((a, b) => (elements.get(b) ?? 0) - (elements.get(a) ?? 0))[0];
  return mostly === 'F32' && (elements.get('F32') ?? 0) > 0 ? F32_BYTES : F16_BYTES;
}

function mostFormat({ elements }: Tally): string | null {
  let most: string | null = null;
  for (const [format, count] of elements) if (most === null || count > (elements.get(most) ?? 0)) most = format;
  return most;
}

/** Packed weights are counted by their scales: each stands for a group. */
function totalsOf(tally: Tally, groupSize: number): TensorTotals {
  const all = [...tally.elements.values()].reduce((sum, count) => sum + count, 0);
  const isPacked = tally.scales > 0 && tally.packed > 0;
  return {
    count: tally.count,
    bytes: tally.bytes,
    parameters: isPacked ? all - tally.packed - tally.scales - tally.biases + tally.scales * groupSize : all,
    mostlyType: null,
    embeddingBytes: tally.embeddingBytes,
    outputBytes: tally.outputBytes,
    embeddingRows: tally.embeddingRows || null,
  };
}

function isEmbedder(modelType: string, config: JsonObject, names: readonly string[]): boolean {
  const [architecture] = Array.isArray(config.architectures) ? config.architectures : [];
  const isCausal = typeof architecture === 'string' && /CausalLM|ConditionalGeneration/.test(architecture);
  return EMBEDDER_FILES.some((name) => names.includes(name)) || (!isCausal && EMBEDDERS.test(modelType));
}

/** Conversions to text only leave the configuration of the eyes in, and the eyes out. */
function hasVision(config: JsonObject, tally: Tally): boolean {
  const isSaid = isObject(config.vision_config) || typeof config.mm_vision_tower === 'string';
  return isSaid && (tally.count === 0 || tally.visionCount > 0);
}

function firstToken(value: unknown): number | null {
  return plausible(Array.isArray(value) ? value[0] : value);
}
