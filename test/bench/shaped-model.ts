/** Models of many shapes and no sense: zeros for weights, so that only what the engine allocates for them is real. */
import { type GgufTensor, type GgufValue, writeGguf } from '#src/gguf/write.ts';

/** Sizes as the formats name them. */
export type Shape = {
  readonly name: string;
  readonly architecture: 'llama' | 'gemma3' | 'mamba';
  readonly layers: number;
  readonly width: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headLength: number;
  readonly feedForward: number;
  /** 0 = dense. */
  readonly experts: number;
  readonly expertsUsed: number;
};

const VOCABULARY = 512;
const CONTEXT_TOKENS = 131_072;
const WINDOW_TOKENS = 1_024;
const SSM = { convolution: 4, state: 16 } as const;

const BASE = { layers: 6, width: 512, heads: 8, kvHeads: 8, headLength: 64, feedForward: 1_024 } as const;
const DENSE = { ...BASE, architecture: 'llama', experts: 0, expertsUsed: 0 } as const;

/** As many as differ in what memory they take. */
export const SHAPES: readonly Shape[] = [
  { ...DENSE, name: 'all heads' },
  { ...DENSE, name: 'grouped heads', kvHeads: 2 },
  { ...DENSE, name: 'one kv head', kvHeads: 1 },
  { ...DENSE, name: 'wide heads', heads: 4, kvHeads: 2, headLength: 256 },
  { ...DENSE, name: 'wide feed-forward', feedForward: 8_192 },
  { ...DENSE, name: 'experts', kvHeads: 2, feedForward: 512, experts: 8, expertsUsed: 2 },
  { ...DENSE, name: 'sliding window', architecture: 'gemma3', layers: 12, kvHeads: 4 },
  { ...DENSE, name: 'recurrent', architecture: 'mamba', heads: 0, kvHeads: 0 },
];

/** Writes the model; the file is whole or absent. */
export async function writeShapedModel(path: string, shape: Shape): Promise<void> {
  await writeGguf(path, { metadata: metadataOf(shape), tensors: [...tensorsOf(shape)] });
}

function metadataOf(shape: Shape): Map<string, GgufValue> {
  const { architecture } = shape;
  const count = (value: number): GgufValue => ({ type: 'uint32', value });
  const text = (value: string): GgufValue => ({ type: 'string', value });
  const own: readonly (readonly [string, GgufValue])[] = [
    ['context_length', count(CONTEXT_TOKENS)],
    ['embedding_length', count(shape.width)],
    ['block_count', count(shape.layers)],
    ['feed_forward_length', count(architecture === 'mamba' ? 0 : shape.feedForward)],
    ['attention.head_count', count(shape.heads)],
    ['attention.head_count_kv', count(shape.kvHeads)],
    ['attention.layer_norm_rms_epsilon', { type: 'float32', value: 1e-6 }],
    ['vocab_size', count(VOCABULARY)],
    ...(architecture === 'mamba' ? recurrent(shape, count) : attention(shape, count)),
  ];
  const words = Array.from({ length: VOCABULARY }, (_, index) => `w${index}`);
  return new Map<string, GgufValue>([
    ['general.architecture', text(architecture)],
    ['general.name', text(shape.name)],
    ...own.map(([key, value]): [string, GgufValue] => [`${architecture}.${key}`, value]),
    ['tokenizer.ggml.model', text('llama')],
    ['tokenizer.ggml.tokens', { type: 'strings', value: words }],
    ['tokenizer.ggml.scores', { type: 'float32s', value: words.map((_, index) => -index) }],
    ['tokenizer.ggml.token_type', { type: 'int32s', value: words.map((_, index) => (index === 0 ? 2 : 1)) }],
    ['tokenizer.ggml.unknown_token_id', count(0)],
    ['tokenizer.ggml.eos_token_id', count(1)],
    ['tokenizer.ggml.add_bos_token', { type: 'bool', value: false }],
  ]);
}

type Count = (value: number) => GgufValue;

function attention(shape: Shape, count: Count): (readonly [string, GgufValue])[] {
  return [
    ['attention.key_length', count(shape.headLength)],
    ['attention.value_length', count(shape.headLength)],
    ['rope.dimension_count', count(shape.headLength)],
    ...(shape.architecture === 'gemma3' ? [['attention.sliding_window', count(WINDOW_TOKENS)] as const] : []),
    ...(shape.experts > 0
      ? [['expert_count', count(shape.experts)] as const, ['expert_used_count', count(shape.expertsUsed)] as const]
      : []),
  ];
}

function recurrent({ width }: Shape, count: Count): (readonly [string, GgufValue])[] {
  return [
    ['ssm.conv_kernel', count(SSM.convolution)],
    ['ssm.inner_size', count(2 * width)],
    ['ssm.state_size', count(SSM.state)],
    ['ssm.time_step_rank', count(width / 16)],
  ];
}

function* tensorsOf(shape: Shape): Iterable<GgufTensor> {
  yield tensor('token_embd.weight', [shape.width, VOCABULARY]);
  for (let layer = 0; layer < shape.layers; layer += 1) {
    const named = (part: string): string => `blk.${layer}.${part}`;
    yield norm(named('attn_norm.weight'), shape.width);
    yield* shape.architecture === 'mamba' ? recurrentLayer(shape, named) : attentionLayer(shape, named);
  }
  yield norm('output_norm.weight', shape.width);
  yield tensor('output.weight', [shape.width, VOCABULARY]);
}

function* attentionLayer(shape: Shape, named: (part: string) => string): Iterable<GgufTensor> {
  const { width, heads, kvHeads, headLength, architecture } = shape;
  yield tensor(named('attn_q.weight'), [width, heads * headLength]);
  yield tensor(named('attn_k.weight'), [width, kvHeads * headLength]);
  yield tensor(named('attn_v.weight'), [width, kvHeads * headLength]);
  yield tensor(named('attn_output.weight'), [heads * headLength, width]);
  yield norm(named('ffn_norm.weight'), width);
  if (architecture === 'gemma3') {
    yield norm(named('attn_q_norm.weight'), headLength);
    yield norm(named('attn_k_norm.weight'), headLength);
    yield norm(named('post_attention_norm.weight'), width);
    yield norm(named('post_ffw_norm.weight'), width);
  }
  yield* shape.experts > 0 ? expertLayer(shape, named) : forwardLayer(shape, named);
}

function* forwardLayer({ width, feedForward }: Shape, named: (part: string) => string): Iterable<GgufTensor> {
  yield tensor(named('ffn_gate.weight'), [width, feedForward]);
  yield tensor(named('ffn_up.weight'), [width, feedForward]);
  yield tensor(named('ffn_down.weight'), [feedForward, width]);
}

function* expertLayer({ width, feedForward, experts }: Shape, named: (part: string) => string): Iterable<GgufTensor> {
  yield norm(named('ffn_gate_inp.weight'), width, experts);
  yield tensor(named('ffn_gate_exps.weight'), [width, feedForward, experts]);
  yield tensor(named('ffn_up_exps.weight'), [width, feedForward, experts]);
  yield tensor(named('ffn_down_exps.weight'), [feedForward, width, experts]);
}

function* recurrentLayer({ width }: Shape, named: (part: string) => string): Iterable<GgufTensor> {
  const inner = 2 * width;
  const rank = width / 16;
  yield tensor(named('ssm_in.weight'), [width, 2 * inner]);
  yield norm(named('ssm_conv1d.weight'), SSM.convolution, inner);
  yield norm(named('ssm_conv1d.bias'), inner);
  yield tensor(named('ssm_x.weight'), [inner, rank + 2 * SSM.state]);
  yield norm(named('ssm_dt.weight'), rank, inner);
  yield norm(named('ssm_dt.bias'), inner);
  yield norm(named('ssm_a'), SSM.state, inner);
  yield norm(named('ssm_d'), inner);
  yield tensor(named('ssm_out.weight'), [inner, width]);
}

function tensor(name: string, shape: GgufTensor['shape']): GgufTensor {
  return { name, shape, type: 'f16', fill: () => {} };
}

function norm(name: string, ...shape: [columns: number, ...rows: number[]]): GgufTensor {
  return { name, shape, type: 'f32', fill: (_row, values) => values.fill(1) };
}
