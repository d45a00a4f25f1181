/**
 * Reads the header of a safetensors file: eight bytes of length, then JSON with each tensor's number format, shape and
 * place. Every claim is held against the file's size.
 */
import { Fault } from '#src/faults.ts';
import { JsonWalk } from './json-walk.ts';

/** What the tensors of one or more files add up to. */
export type Tally = {
  readonly count: number;
  readonly bytes: number;
  /** Numbers by the name of their format, as `BF16`. */
  readonly elements: ReadonlyMap<string, number>;
  /** Scales of quantised weights: each stands for one group of them. */
  readonly scales: number;
  /** Offsets of such groups. */
  readonly biases: number;
  /** Packed numbers that the scales belong to, as they are counted in `elements`. */
  readonly packed: number;
  /** Tensors of a part that looks at images. */
  readonly visionCount: number;
  readonly embeddingBytes: number;
  readonly outputBytes: number;
  /** The vocabulary; 0 = no such tensor. */
  readonly embeddingRows: number;
};

/** A header, or how many bytes of the file are needed to read one. */
export type SafetensorsStep =
  | { readonly kind: 'header'; readonly tally: Tally }
  | { readonly kind: 'more'; readonly bytes: number };

/** Real ones stay far below: tens of thousands of experts, each a tensor of its own, take some megabytes. */
export const SAFETENSORS_HEADER_BYTES_MAX = 16 << 20;

/** Nothing counted. */
export const EMPTY_TALLY: Tally = {
  count: 0,
  bytes: 0,
  elements: new Map(),
  scales: 0,
  biases: 0,
  packed: 0,
  visionCount: 0,
  embeddingBytes: 0,
  outputBytes: 0,
  embeddingRows: 0,
};

const LENGTH_BYTES = 8;
const TENSORS_MAX = 250_000;
/** Bits of one number. Formats that are not here are newer than this Flow: their size is taken at its word. */
const BITS: ReadonlyMap<string, number> = new Map([
  ['BOOL', 8],
  ['U8', 8],
  ['I8', 8],
  ['F8_E4M3', 8],
  ['F8_E5M2', 8],
  ['F8_E8M0', 8],
  ['U16', 16],
  ['I16', 16],
  ['F16', 16],
  ['BF16', 16],
  ['U32', 32],
  ['I32', 32],
  ['F32', 32],
  ['U64', 64],
  ['I64', 64],
  ['F64', 64],
  ['C64', 64],
  ['F4', 4],
  ['F6_E2M3', 6],
  ['F6_E3M2', 6],
]);
const FORMAT_LENGTH_MAX = 16;
const NONE: readonly number[] = [];
const EMBEDDING = /(?:^|\.)(?:embed_tokens|wte|word_embeddings|tok_embeddings|embeddings)\.weight$/;
const VISION = /(?:^|\.)(?:vision\w*|visual|vit|image_newline|mm_projector|multi_modal_projector)\b/;
const OUTPUT = /(?:^|\.)(?:lm_head|output)\.weight$/;

/**
 * Reads the header from a file's first bytes. Throws Fault('unprocessable') for what is none, claims what cannot be, or
 * does not fit into `fileBytes`.
 */
export function readSafetensors(prefix: Buffer, fileBytes: number): SafetensorsStep {
  if (fileBytes < LENGTH_BYTES + 2) throw new Fault('unprocessable', 'The file of weights is empty or cut off.');
  if (prefix.length < LENGTH_BYTES) return { kind: 'more', bytes: LENGTH_BYTES };
  const length = prefix.readUInt32LE(0) + prefix.readUInt32LE(4) * 2 ** 32;
  if (length > SAFETENSORS_HEADER_BYTES_MAX) {
    throw new Fault('unprocessable', 'The file of weights has a header that is larger than any real one.');
  }
  const end = LENGTH_BYTES + length;
  if (length < 2 || end > fileBytes) throw new Fault('unprocessable', 'The file of weights is cut off, or is none.');
  if (prefix.length < end) return { kind: 'more', bytes: end };
  return { kind: 'header', tally: tallyOf(prefix.subarray(LENGTH_BYTES, end), fileBytes - end) };
}

/** Both together. */
export function together(one: Tally, other: Tally): Tally {
  const elements = new Map(one.elements);
  for (const [format, count] of other.elements) elements.set(format, (elements.get(format) ?? 0) + count);
  return {
    count: one.count + other.count,
    bytes: one.bytes + other.bytes,
    elements,
    scales: one.scales + other.scales,
    biases: one.biases + other.biases,
    packed: one.packed + other.packed,
    visionCount: one.visionCount + other.visionCount,
    embeddingBytes: one.embeddingBytes + other.embeddingBytes,
    outputBytes: one.outputBytes + other.outputBytes,
    embeddingRows: one.embeddingRows || other.embeddingRows,
  };
}

function tallyOf(header: Buffer, dataBytes: number): Tally {
  const walk = new JsonWalk(header, 'The header of the weights');
  const elements = new Map<string, number>();
  const sum = { count: 0, bytes: 0, scales: 0, biases: 0, packed: 0, visionCount: 0 };
  const known = { embeddingBytes: 0, outputBytes: 0, embeddingRows: 0 };
  walk.object((name) => {
    if (name === '__metadata__') return walk.skip();
    const tensor = readTensor(walk, dataBytes);
    sum.count += 1;
    sum.bytes += tensor.bytes;
    if (sum.count > TENSORS_MAX) throw new Fault('unprocessable', 'The file of weights lists more than any real one.');
    // Tensors lie side by side: together they can have no more than there is.
    if (sum.bytes > dataBytes) throw new Fault('unprocessable', 'The weights overlap each other.');
    elements.set(tensor.format, (elements.get(tensor.format) ?? 0) + tensor.elements);
    if (name.endsWith('.scales')) sum.scales += tensor.elements;
    else if (name.endsWith('.biases')) sum.biases += tensor.elements;
    if (tensor.format === 'U32') sum.packed += tensor.elements;
    if (VISION.test(name)) sum.visionCount += 1;
    if (EMBEDDING.test(name)) {
      known.embeddingBytes += tensor.bytes;
      known.embeddingRows = tensor.rows;
    } else if (OUTPUT.test(name)) known.outputBytes += tensor.bytes;
  });
  walk.end();
  return { ...sum, ...known, elements };
}

function readTensor(walk: JsonWalk, dataBytes: number) {
  const said = { format: '', shape: NONE, offsets: NONE };
  walk.object((key) => {
    if (key === 'dtype') said.format = walk.text();
    else if (key === 'shape') said.shape = walk.numbers();
    else if (key === 'data_offsets') said.offsets = walk.numbers();
    else walk.skip();
  });
  const { format, shape } = said;
  const [begin, end, ...more] = said.offsets;
  const isWhole = end !== undefined && more.length === 0 && shape !== NONE && format !== '';
  if (begin === undefined || !isWhole || format.length > FORMAT_LENGTH_MAX) {
    throw new Fault('unprocessable', 'The header of the weights leaves out what a tensor is.');
  }
  const elements = shape.reduce((product, length) => product * length, 1);
  const bytes = end - begin;
  if (begin > end) throw new Fault('unprocessable', 'A tensor ends before it begins.');
  if (end > dataBytes) throw new Fault('unprocessable', 'The file of weights is cut off: it is shorter than it says.');
  const bits = BITS.get(format);
  if (!Number.isSafeInteger(elements * 64) || (bits !== undefined && Math.ceil((elements * bits) / 8) !== bytes)) {
    throw new Fault('unprocessable', 'A tensor is not as large as its shape.');
  }
  return { format, elements, bytes, rows: shape[0] ?? 0 };
}
