/**
 * Makes the weights of a model whose next token depends on the last one alone, so that its output is a chosen text
 * while everything around it is real: process, tokenizer, template, slots, sampling, grammar.
 *
 * Attention and feed-forward weights are zero, so the residual stream is the last token's embedding: one-hot, plus a
 * constant 1 in the last column. The output matrix holds a large value for each wanted transition and, in the column of
 * the constant, a rank for every token: what a grammar leaves when it forbids the wanted one.
 */
import { assert } from '#src/assert.ts';
import { type GgufTensor, type GgufValue, writeGguf } from '#src/gguf/write.ts';

/** llama.cpp's token types: what the tokenizer does with the text. */
export const TOKEN_TYPE = { normal: 1, unknown: 2, control: 3, userDefined: 4, byte: 6 } as const;

export type ScriptedToken = {
  readonly text: string;
  readonly type: (typeof TOKEN_TYPE)[keyof typeof TOKEN_TYPE];
  /** How much it is wanted when nothing else is, in steps of `RANK_LOGITS`. */
  readonly rank: number;
};

/** Sizes that change what the engine allocates but not what it says. */
export type ScriptedShape = {
  readonly layers: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDimensions: number;
  readonly feedForward: number;
  readonly contextTokens: number;
};

export type ScriptedModel = {
  readonly name: string;
  readonly description: string;
  readonly tokens: readonly ScriptedToken[];
  /** Texts that are only ever read: tokens behind the others that lead nowhere and make the model no wider. */
  readonly readOnlyTexts: readonly string[];
  /** `[from, to, weight]`, token ids; a weight of 1 beats every rank, a larger one beats a smaller. */
  readonly transitions: readonly (readonly [from: number, to: number, weight: number])[];
  readonly template: string;
  readonly endToken: number;
  readonly shape: ScriptedShape;
  readonly metadata?: ReadonlyMap<string, GgufValue>;
};

/** 256 B of cache a token: a context that any agent's prompt fits costs little. */
export const SMALL_SHAPE: ScriptedShape = {
  layers: 1,
  heads: 1,
  kvHeads: 1,
  headDimensions: 64,
  feedForward: 64,
  contextTokens: 262_144,
};

/** One step of rank in logits: e⁻¹⁶ against the next at temperature 0.8, so default sampling is deterministic too. */
const RANK_LOGITS = 13;
const TRANSITION_LOGITS = 4_000;
const WIDTH_STEP = 64;
const FILE_TYPE_F16 = 1;

/** Writes the model; the file is whole or absent. */
export async function writeScriptedWeights(path: string, model: ScriptedModel): Promise<void> {
  assert(model.tokens.length > 0, 'a vocabulary');
  const width = Math.ceil((model.tokens.length + 1) / WIDTH_STEP) * WIDTH_STEP;
  await writeGguf(path, { metadata: metadataOf(model, width), tensors: [...tensorsOf(model, width)] });
}

function metadataOf(model: ScriptedModel, width: number): Map<string, GgufValue> {
  const { shape } = model;
  const tokens = allTokens(model);
  const count = (value: number): GgufValue => ({ type: 'uint32', value });
  const text = (value: string): GgufValue => ({ type: 'string', value });
  const off: GgufValue = { type: 'bool', value: false };
  return new Map<string, GgufValue>([
    ['general.architecture', text('llama')],
    ['general.name', text(model.name)],
    ['general.description', text(model.description)],
    ['general.file_type', count(FILE_TYPE_F16)],
    ['general.sampling.temp', { type: 'float32', value: 0 }],
    ['llama.context_length', count(shape.contextTokens)],
    ['llama.embedding_length', count(width)],
    ['llama.block_count', count(shape.layers)],
    ['llama.feed_forward_length', count(shape.feedForward)],
    ['llama.attention.head_count', count(shape.heads)],
    ['llama.attention.head_count_kv', count(shape.kvHeads)],
    ['llama.attention.key_length', count(shape.headDimensions)],
    ['llama.attention.value_length', count(shape.headDimensions)],
    ['llama.attention.layer_norm_rms_epsilon', { type: 'float32', value: 1e-6 }],
    ['llama.rope.dimension_count', count(shape.headDimensions)],
    ['llama.vocab_size', count(tokens.length)],
    ['tokenizer.ggml.model', text('llama')],
    ['tokenizer.ggml.tokens', { type: 'strings', value: tokens.map((token) => token.text) }],
    ['tokenizer.ggml.scores', { type: 'float32s', value: scoresOf(model) }],
    ['tokenizer.ggml.token_type', { type: 'int32s', value: tokens.map((token) => token.type) }],
    ['tokenizer.ggml.unknown_token_id', count(0)],
    ['tokenizer.ggml.eos_token_id', count(model.endToken)],
    ['tokenizer.ggml.add_bos_token', off],
    ['tokenizer.ggml.add_space_prefix', off],
    ['tokenizer.chat_template', text(model.template)],
    ...(model.metadata ?? []),
  ]);
}

function* tensorsOf(model: ScriptedModel, width: number): Iterable<GgufTensor> {
  const { shape } = model;
  const count = model.tokens.length + model.readOnlyTexts.length;
  const queries = shape.heads * shape.headDimensions;
  const keys = shape.kvHeads * shape.headDimensions;
  yield matrix('token_embd.weight', width, count, (row, values) => {
    if (row < model.tokens.length) values[row] = 1;
    values[width - 1] = 1;
  });
  for (let layer = 0; layer < shape.layers; layer++) {
    const name = (part: string): string => `blk.${layer}.${part}.weight`;
    yield ones(name('attn_norm'), width);
    yield matrix(name('attn_q'), width, queries, nothing);
    yield matrix(name('attn_k'), width, keys, nothing);
    yield matrix(name('attn_v'), width, keys, nothing);
    yield matrix(name('attn_output'), queries, width, nothing);
    yield ones(name('ffn_norm'), width);
    yield matrix(name('ffn_gate'), width, shape.feedForward, nothing);
    yield matrix(name('ffn_up'), width, shape.feedForward, nothing);
    yield matrix(name('ffn_down'), shape.feedForward, width, nothing);
  }
  yield ones('output_norm.weight', width);
  yield matrix('output.weight', width, count, outputRow(model, width));
}

function outputRow(model: ScriptedModel, width: number): GgufTensor['fill'] {
  // The final norm scales (1, 1) to √(width / 2) each; the weights undo it so that ranks are logits.
  const scale = Math.sqrt(width / 2);
  const incoming = Map.groupBy(model.transitions, ([, to]) => to);
  return (row, values) => {
    values[width - 1] = ((model.tokens[row]?.rank ?? 0) * RANK_LOGITS) / scale;
    for (const [from, , weight] of incoming.get(row) ?? []) values[from] = (weight * TRANSITION_LOGITS) / scale;
  };
}

/** What is only read is joined first, in its own order; a script's pieces are never joined from letters. */
function scoresOf({ tokens, readOnlyTexts }: ScriptedModel): number[] {
  const read = readOnlyTexts.map((_text, index) => -index / readOnlyTexts.length);
  return [...tokens.map((token) => -1 - token.text.length), ...read];
}

/** What is only read ranks below everything that may be said. */
function allTokens({ tokens, readOnlyTexts }: ScriptedModel): readonly ScriptedToken[] {
  return [...tokens, ...readOnlyTexts.map((text) => ({ text, type: TOKEN_TYPE.normal, rank: 0 }))];
}

function matrix(name: string, columns: number, rows: number, fill: GgufTensor['fill']): GgufTensor {
  return { name, shape: [columns, rows], type: 'f16', fill };
}

function ones(name: string, length: number): GgufTensor {
  return { name, shape: [length], type: 'f32', fill: (_row, values) => values.fill(1) };
}

function nothing(): void {}
