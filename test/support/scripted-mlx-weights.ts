/**
 * The weights of an MLX model that plays scripts. Every token has a random code; the prompt ends in a marker token that
 * names a script. The first layer's attention copies the marker's code to every later token, its feed-forward part is a
 * table from (last token, marker) to the next token's code, and the output compares codes. Gaps between the wanted
 * token and any other are some 60 nats, so sampling changes nothing. Further layers are zeros: they only cost time.
 */
import { closeSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import { seededRandom } from './seeded-random.ts';

export type ScriptedTable = {
  /** Tokens in all; their ids are 0 up to it. */
  readonly vocabulary: number;
  /** Markers, by token id. */
  readonly markers: readonly number[];
  readonly transitions: readonly { readonly marker: number; readonly last: number; readonly next: number }[];
  /** What is said without a marker: the end, at once. */
  readonly endToken: number;
  readonly layers: number;
};

/** The sizes that its configuration must say. */
export const MLX_SHAPE = { hiddenSize: 512, headDimensions: 128, heads: 1, ropeTheta: 1e12 } as const;

const { hiddenSize: HIDDEN, headDimensions: CODE } = MLX_SHAPE;
/** Where in the residual stream things stand: the last token's code, the marker's, the answer's, and three flags. */
const LAST_AT = 0;
const MARKER_AT = CODE;
const NEXT_AT = 2 * CODE;
const CONSTANT_AT = 3 * CODE;
const IS_MARKER_AT = CONSTANT_AT + 1;
const NO_MARKER_AT = CONSTANT_AT + 2;
/** The slowest pair of the rotary embedding, which turns by nothing at this theta. */
const KEY_AT = CODE / 2 - 1;

const QUERY_GAIN = 10;
/** Both codes match: 2; one alone: 1 and a little. */
const MATCH_MIN = 1.6;
const GATE_GAIN = 200;
const ANSWER_GAIN = 10;
const LOGIT_GAIN = 0.5;
const END_LOGIT = 30;

/** What the norms multiply by: before attention, before the table. */
const NORM_1 = Math.sqrt(HIDDEN / (CODE + 2));
const NORM_2 = Math.sqrt(HIDDEN / (2 * CODE + 2));

type Tensor = { readonly name: string; readonly shape: readonly number[]; readonly values: Float32Array | null };

/** Units of the feed-forward part that a table needs. */
export function unitsOf(table: ScriptedTable): number {
  return Math.max(64, Math.ceil(table.transitions.length / 64) * 64);
}

/** Writes `model.safetensors` in float32. Zeros are holes in the file. `prefix` stands before every name. */
export function writeMlxWeights(path: string, table: ScriptedTable, prefix = ''): void {
  const tensors = tensorsOf(table, prefix);
  const header: Record<string, unknown> = { __metadata__: { format: 'mlx' } };
  let end = 0;
  for (const { name, shape } of tensors) {
    const bytes = shape.reduce((product, size) => product * size, 4);
    header[name] = { dtype: 'F32', shape, data_offsets: [end, end + bytes] };
    end += bytes;
  }
  const text = Buffer.from(padded(JSON.stringify(header)));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  const file = openSync(path, 'w');
  try {
    writeSync(file, length);
    writeSync(file, text);
    const base = 8 + text.length;
    ftruncateSync(file, base + end);
    let at = base;
    for (const { shape, values } of tensors) {
      if (values) writeSync(file, new Uint8Array(values.buffer), 0, values.byteLength, at);
      at += shape.reduce((product, size) => product * size, 4);
    }
  } finally {
    closeSync(file);
  }
}

function padded(text: string): string {
  return text.padEnd(Math.ceil(text.length / 8) * 8, ' ');
}

function tensorsOf(table: ScriptedTable, prefix: string): Tensor[] {
  const units = unitsOf(table);
  const codes = codesOf(table.vocabulary, 1);
  const answers = codesOf(table.vocabulary, 2);
  const layers = Array.from({ length: table.layers }, (_, index) => {
    const name = (part: string): string => `${prefix}model.layers.${index}.${part}.weight`;
    const isFirst = index === 0;
    return [
      ones(name('input_layernorm'), HIDDEN),
      ...attention(name, isFirst),
      ones(name('post_attention_layernorm'), HIDDEN),
      ...feedForward(name, units, isFirst ? { table, codes, answers } : null),
    ];
  });
  return [
    matrix(`${prefix}model.embed_tokens.weight`, table.vocabulary, HIDDEN, embeddings(table, codes)),
    ...layers.flat(),
    ones(`${prefix}model.norm.weight`, HIDDEN),
    matrix(`${prefix}lm_head.weight`, table.vocabulary, HIDDEN, (row, values) => {
      for (let index = 0; index < CODE; index++) values[NEXT_AT + index] = at(answers, row, index) * LOGIT_GAIN;
      if (row === table.endToken) values[CONSTANT_AT] = END_LOGIT;
    }),
  ];
}

function embeddings(table: ScriptedTable, codes: Int8Array): Fill {
  const markers = new Set(table.markers);
  return (row, values) => {
    for (let index = 0; index < CODE; index++) values[LAST_AT + index] = at(codes, row, index);
    values[CONSTANT_AT] = 1;
    values[markers.has(row) ? IS_MARKER_AT : NO_MARKER_AT] = 1;
  };
}

/** Only the marker's key answers the query, which is the same everywhere. */
function attention(name: (part: string) => string, isFirst: boolean): Tensor[] {
  const fill = (entries: Fill): Fill | null => (isFirst ? entries : null);
  return [
    matrix(
      name('self_attn.q_proj'),
      CODE,
      HIDDEN,
      fill((row, values) => {
        if (row === KEY_AT) values[CONSTANT_AT] = 1;
      }),
    ),
    matrix(
      name('self_attn.k_proj'),
      CODE,
      HIDDEN,
      fill((row, values) => {
        if (row === KEY_AT) values[IS_MARKER_AT] = 1;
        if (row === KEY_AT - 1) values[NO_MARKER_AT] = 1;
      }),
    ),
    matrix(
      name('self_attn.v_proj'),
      CODE,
      HIDDEN,
      fill((row, values) => {
        values[LAST_AT + row] = 1;
      }),
    ),
    matrix(
      name('self_attn.o_proj'),
      HIDDEN,
      CODE,
      fill((row, values) => {
        if (row >= MARKER_AT && row < MARKER_AT + CODE) values[row - MARKER_AT] = 1 / NORM_1;
      }),
    ),
    { name: name('self_attn.q_norm'), shape: [CODE], values: new Float32Array(CODE).fill(QUERY_GAIN) },
    ones(name('self_attn.k_norm'), CODE),
  ];
}

type Rules = { readonly table: ScriptedTable; readonly codes: Int8Array; readonly answers: Int8Array };

/** One unit a transition: open when both codes match. */
function feedForward(name: (part: string) => string, units: number, rules: Rules | null): Tensor[] {
  const openGate = GATE_GAIN * (2 - MATCH_MIN);
  const ruleOf = (row: number) => rules?.table.transitions[row];
  const gate: Fill = (row, values) => {
    const rule = ruleOf(row);
    if (!rule || !rules) return;
    const gain = GATE_GAIN / (CODE * NORM_2);
    for (let index = 0; index < CODE; index++) {
      values[LAST_AT + index] = at(rules.codes, rule.last, index) * gain;
      values[MARKER_AT + index] = at(rules.codes, rule.marker, index) * gain;
    }
    values[CONSTANT_AT] = (-GATE_GAIN * MATCH_MIN) / NORM_2;
  };
  const up: Fill = (row, values) => {
    if (ruleOf(row)) values[CONSTANT_AT] = 1 / NORM_2;
  };
  const down: Fill = (row, values) => {
    const index = row - NEXT_AT;
    if (!rules || index < 0 || index >= CODE) return;
    rules.table.transitions.forEach(({ next }, unit) => {
      values[unit] = (at(rules.answers, next, index) * ANSWER_GAIN) / openGate;
    });
  };
  return [
    matrix(name('mlp.gate_proj'), units, HIDDEN, rules && gate),
    matrix(name('mlp.up_proj'), units, HIDDEN, rules && up),
    matrix(name('mlp.down_proj'), HIDDEN, units, rules && down),
  ];
}

type Fill = (row: number, values: Float32Array) => void;

function matrix(name: string, rows: number, columns: number, fill: Fill | null): Tensor {
  const shape = [rows, columns];
  if (!fill) return { name, shape, values: null };
  const values = new Float32Array(rows * columns);
  for (let row = 0; row < rows; row++) fill(row, values.subarray(row * columns, (row + 1) * columns));
  return { name, shape, values };
}

function ones(name: string, length: number): Tensor {
  return { name, shape: [length], values: new Float32Array(length).fill(1) };
}

/** Random signs, the same every time: two of them agree in about half of their places. */
function codesOf(count: number, seed: number): Int8Array {
  const codes = new Int8Array(count * CODE);
  const random = seededRandom(seed * 0x9e3779b9);
  for (let index = 0; index < codes.length; index++) codes[index] = (random() * 2 ** 32) % 2 === 1 ? 1 : -1;
  return codes;
}

function at(codes: Int8Array, token: number, index: number): number {
  return codes[token * CODE + index] ?? 0;
}
