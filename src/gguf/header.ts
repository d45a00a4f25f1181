/**
 * Reads a GGUF header from the first bytes of a file. Trusts no length: every count and offset is checked against what
 * is there before anything is allocated or skipped (header-trusting parsers have a row of CVEs behind them).
 */

import { Fault } from '#src/faults.ts';
import type { TensorTotals } from '#src/models/facts.ts';
import { TENSOR_TYPES } from './tensor-types.ts';

/**
 * A metadata value. Arrays of text are only counted, and so are those of more than `ARRAY_KEPT_MAX` numbers, or beyond
 * `NUMBERS_KEPT_MAX` in all.
 */
export type MetadataValue =
  | { readonly type: 'number'; readonly value: number }
  | { readonly type: 'bool'; readonly value: boolean }
  | { readonly type: 'text'; readonly value: string }
  | { readonly type: 'numbers'; readonly value: readonly number[]; readonly count: number }
  | { readonly type: 'skipped'; readonly count: number };

export type GgufHeader = {
  readonly metadata: ReadonlyMap<string, MetadataValue>;
  readonly tensors: TensorTotals;
};

/** Either the header, or how many first bytes of the file are needed to get further. */
export type HeaderStep =
  | { readonly kind: 'header'; readonly header: GgufHeader }
  | { readonly kind: 'more'; readonly bytes: number };

/** Real ones reach 30 MB (250 000 tokens with merges). */
export const HEADER_BYTES_MAX = 64 << 20;
const PAIRS_MAX = 65_536;
const TENSORS_MAX = 65_536;
const TEXT_BYTES_MAX = 16 << 20;
const KEY_BYTES_MAX = 65_535;
const DIMENSIONS_MAX = 4;
/** Layers of the largest models number in the hundreds; longer arrays are vocabularies. */
const ARRAY_KEPT_MAX = 4_096;
/** A number kept takes eight times its place in the file: 64 MiB of arrays were half a gigabyte (measured). */
const NUMBERS_KEPT_MAX = 262_144;
const MAGIC = 0x46554747;
const VERSIONS = [2, 3];
/** Real files have a million (tokens and merges); eight times as many empty ones took a third of a second. */
const TEXTS_SKIPPED_MAX = 2_000_000;
const ALIGNMENT_BYTES = 32;
const ALIGNMENT_BYTES_MAX = 1 << 20;

const NUMBER_BYTES: ReadonlyMap<number, number> = new Map([
  [0, 1],
  [1, 1],
  [2, 2],
  [3, 2],
  [4, 4],
  [5, 4],
  [6, 4],
  [7, 1],
  [10, 8],
  [11, 8],
  [12, 8],
]);
const TYPE_BOOL = 7;
const TYPE_TEXT = 8;
const TYPE_ARRAY = 9;

/**
 * Reads the header from `prefix`, the first bytes of a file of `fileBytes`. Pure; throws Fault('unprocessable') with a
 * sentence about what is wrong with the file.
 */
export function readHeader(prefix: Uint8Array, fileBytes: number): HeaderStep {
  const cursor = new Cursor(prefix, fileBytes);
  try {
    return { kind: 'header', header: header(cursor, fileBytes) };
  } catch (cause) {
    if (cause instanceof Wanting) return { kind: 'more', bytes: Math.min(fileBytes, cause.bytes) };
    throw cause;
  }
}

function header(cursor: Cursor, fileBytes: number): GgufHeader {
  if (fileBytes < 24 || cursor.uint32() !== MAGIC) throw refuse('it does not begin like a GGUF file');
  const version = cursor.uint32();
  if (!VERSIONS.includes(version)) throw refuse(`its GGUF version is ${version}; versions 2 and 3 are supported`);
  const tensorCount = cursor.count(TENSORS_MAX, 'tensors');
  const pairCount = cursor.count(PAIRS_MAX, 'metadata entries');
  const metadata = new Map<string, MetadataValue>();
  for (let index = 0; index < pairCount; index++) {
    const key = cursor.text(KEY_BYTES_MAX);
    metadata.set(key, value(cursor, cursor.uint32()));
  }
  const alignment = metadata.get('general.alignment');
  return {
    metadata,
    tensors: tensors(cursor, tensorCount, fileBytes, alignment?.type === 'number' ? alignment.value : ALIGNMENT_BYTES),
  };
}

function value(cursor: Cursor, type: number): MetadataValue {
  if (type === TYPE_TEXT) return { type: 'text', value: cursor.text(TEXT_BYTES_MAX) };
  if (type === TYPE_BOOL) return { type: 'bool', value: cursor.number(type) !== 0 };
  if (type === TYPE_ARRAY) return array(cursor);
  if (!NUMBER_BYTES.has(type)) throw refuse(`its metadata has a value of the unknown type ${type}`);
  return { type: 'number', value: cursor.number(type) };
}

function array(cursor: Cursor): MetadataValue {
  const type = cursor.uint32();
  if (type === TYPE_TEXT) {
    const count = cursor.countOf(8);
    cursor.skipTexts(count);
    return { type: 'skipped', count };
  }
  const size = NUMBER_BYTES.get(type);
  if (size === undefined) throw refuse(`its metadata has an array of the type ${type}`);
  const count = cursor.countOf(size);
  if (count > ARRAY_KEPT_MAX || !cursor.mayKeep(count)) {
    cursor.skip(count * size);
    return { type: 'skipped', count };
  }
  return { type: 'numbers', value: Array.from({ length: count }, () => cursor.number(type)), count };
}

function tensors(cursor: Cursor, count: number, fileBytes: number, alignment: number): TensorTotals {
  if (!Number.isInteger(alignment) || alignment < 1 || alignment > ALIGNMENT_BYTES_MAX) {
    throw refuse(`its alignment is ${alignment} bytes`);
  }
  const parametersByType = new Map<number, number>();
  const totals = { bytes: 0, parameters: 0, embeddingBytes: 0, outputBytes: 0 };
  let embeddingRows: number | null = null;
  let dataBytes = 0;
  for (let index = 0; index < count; index++) {
    const tensor = oneTensor(cursor);
    totals.bytes += tensor.bytes;
    totals.parameters += tensor.elements;
    dataBytes = Math.max(dataBytes, tensor.offset + tensor.bytes);
    parametersByType.set(tensor.type, (parametersByType.get(tensor.type) ?? 0) + tensor.elements);
    if (tensor.name === 'token_embd.weight') {
      totals.embeddingBytes = tensor.bytes;
      embeddingRows = tensor.rows;
    }
    if (tensor.name === 'output.weight') totals.outputBytes = tensor.bytes;
  }
  const end = Math.ceil(cursor.position / alignment) * alignment + dataBytes;
  if (count > 0 && end > fileBytes) {
    throw refuse(`it is incomplete: its weights end at byte ${end}, the file at byte ${fileBytes}`);
  }
  const [mostly] = [...parametersByType].sort(([, a], [, b]) => b - a);
  return { count, ...totals, mostlyType: mostly?.[0] ?? null, embeddingRows };
}

type OneTensor = {
  readonly name: string;
  readonly elements: number;
  readonly rows: number;
  readonly type: number;
  readonly offset: number;
  readonly bytes: number;
};

function oneTensor(cursor: Cursor): OneTensor {
  const name = cursor.text(KEY_BYTES_MAX);
  const dimensions = cursor.uint32();
  if (dimensions > DIMENSIONS_MAX) throw refuse(`the tensor ${shown(name)} has ${dimensions} dimensions`);
  const shape = Array.from({ length: dimensions }, () => cursor.uint64());
  const elements = shape.reduce((product, length) => product * length, 1);
  if (!Number.isSafeInteger(elements)) throw refuse(`the tensor ${shown(name)} is larger than any file`);
  const type = cursor.uint32();
  const offset = cursor.uint64();
  const format = TENSOR_TYPES.get(type);
  const bytes = format ? Math.ceil(elements / format.blockElements) * format.blockBytes : 0;
  return { name, elements, rows: shape[1] ?? 1, type, offset, bytes };
}

function refuse(what: string): Fault {
  return new Fault('unprocessable', `The file cannot be used: ${what}.`, {
    hint: 'Download it again, or check that it is the model file you mean.',
  });
}

/** A name out of the file, short and without anything that could upset a page or a terminal. */
function shown(name: string): string {
  return `"${name.replace(/[^\w.-]/g, '?').slice(0, 60)}"`;
}

/** Thrown inside this file alone: the prefix is too short, and the file is not. */
class Wanting {
  readonly bytes: number;

  constructor(bytes: number) {
    this.bytes = bytes;
  }
}

class Cursor {
  readonly #view: DataView;
  readonly #bytes: Uint8Array;
  readonly #fileBytes: number;
  #position = 0;
  #numbersKept = 0;
  #textsSkipped = 0;

  constructor(bytes: Uint8Array, fileBytes: number) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#fileBytes = fileBytes;
  }

  get position(): number {
    return this.#position;
  }

  uint32(): number {
    return this.#view.getUint32(this.#take(4), true);
  }

  /** An unsigned 64-bit number that cannot mean anything beyond 2⁵³ here. */
  uint64(): number {
    const at = this.#take(8);
    const value = this.#view.getUint32(at + 4, true) * 2 ** 32 + this.#view.getUint32(at, true);
    if (!Number.isSafeInteger(value)) throw refuse('it holds a length beyond all bounds');
    return value;
  }

  count(max: number, what: string): number {
    const count = this.uint64();
    if (count > max) throw refuse(`it claims ${count} ${what}`);
    return count;
  }

  /** A count of items of at least `itemBytes` each, which must fit into the rest of the file. */
  countOf(itemBytes: number): number {
    const count = this.uint64();
    if (count * itemBytes > this.#fileBytes - this.#position) throw refuse('it holds an array longer than the file');
    return count;
  }

  text(max: number): string {
    const length = this.uint64();
    if (length > max) throw refuse(`it holds a text of ${length} bytes`);
    const at = this.#take(length);
    return Buffer.from(this.#bytes.buffer, this.#bytes.byteOffset + at, length).toString('utf8');
  }

  number(type: number): number {
    const at = this.#take(NUMBER_BYTES.get(type) ?? 0);
    switch (type) {
      case 1:
        return this.#view.getInt8(at);
      case 2:
        return this.#view.getUint16(at, true);
      case 3:
        return this.#view.getInt16(at, true);
      case 4:
        return this.#view.getUint32(at, true);
      case 5:
        return this.#view.getInt32(at, true);
      case 6:
        return this.#view.getFloat32(at, true);
      case 10:
        return Number(this.#view.getBigUint64(at, true));
      case 11:
        return Number(this.#view.getBigInt64(at, true));
      case 12:
        return this.#view.getFloat64(at, true);
      default:
        return this.#view.getUint8(at);
    }
  }

  /** Whether so many more numbers may be kept; counts them as kept when they may. */
  mayKeep(count: number): boolean {
    if (this.#numbersKept + count > NUMBERS_KEPT_MAX) return false;
    this.#numbersKept += count;
    return true;
  }

  skip(bytes: number): void {
    this.#take(bytes);
  }

  skipTexts(count: number): void {
    this.#textsSkipped += count;
    if (this.#textsSkipped > TEXTS_SKIPPED_MAX) throw refuse(`it claims ${this.#textsSkipped} texts`);
    for (let index = 0; index < count; index++) this.#take(this.uint64());
  }

  #take(bytes: number): number {
    const at = this.#position;
    const end = at + bytes;
    if (end > this.#fileBytes) throw refuse('it is incomplete: it ends within its header');
    if (end > HEADER_BYTES_MAX) throw refuse(`its header is larger than ${HEADER_BYTES_MAX >> 20} MiB`);
    if (end > this.#bytes.length) throw new Wanting(end);
    this.#position = end;
    return at;
  }
}
