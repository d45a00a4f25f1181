/** Writes small GGUF files (version 3): metadata, then tensors row by row, so that memory stays small. */
import { open, rename, rm } from 'node:fs/promises';
import { assert } from '#src/assert.ts';

/** A metadata value with its GGUF type. Arrays hold one type; integers are given as numbers. */
export type GgufValue =
  | { readonly type: 'string'; readonly value: string }
  | { readonly type: 'uint32' | 'int32' | 'float32'; readonly value: number }
  | { readonly type: 'bool'; readonly value: boolean }
  | { readonly type: 'strings'; readonly value: readonly string[] }
  | { readonly type: 'int32s' | 'uint32s' | 'float32s'; readonly value: readonly number[] }
  | { readonly type: 'bools'; readonly value: readonly boolean[] };

/** One tensor. `shape` is in GGUF's order: the first number is the length of a row. */
export type GgufTensor = {
  readonly name: string;
  readonly shape: readonly [columns: number, ...rows: number[]];
  readonly type: 'f32' | 'f16';
  /** Fills row `row` (zeros when called). */
  readonly fill: (row: number, values: Float32Array) => void;
};

export type GgufContent = {
  readonly metadata: ReadonlyMap<string, GgufValue>;
  readonly tensors: readonly GgufTensor[];
};

const MAGIC = 0x46554747;
const VERSION = 3;
const ALIGNMENT_BYTES = 32;
const BATCH_BYTES = 1 << 20;
const TYPE_IDS = { uint32: 4, int32: 5, float32: 6, bool: 7, string: 8, array: 9 } as const;
const TENSOR_TYPE_IDS = { f32: 0, f16: 1 } as const;
const ELEMENT_BYTES = { f32: 4, f16: 2 } as const;

/** Writes the file under a temporary name, syncs it and renames it, so that `path` is whole or absent. */
export async function writeGguf(path: string, content: GgufContent): Promise<void> {
  const temporary = `${path}.${process.pid}.part`;
  try {
    const file = await open(temporary, 'w', 0o600);
    try {
      for (const bytes of batched(fileBytes(content))) await file.write(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (cause) {
    await rm(temporary, { force: true });
    throw cause;
  }
}

function* fileBytes(content: GgufContent): Iterable<Uint8Array> {
  const header = headerBytes(content);
  yield header;
  yield padding(header.length);
  for (const tensor of content.tensors) {
    yield* tensorRows(tensor);
    yield padding(tensorBytes(tensor));
  }
}

/** Joins small pieces, since one system call a row would be most of the time. */
function* batched(pieces: Iterable<Uint8Array>): Iterable<Uint8Array> {
  let pending: Uint8Array[] = [];
  let pendingBytes = 0;
  for (const piece of pieces) {
    pending.push(piece);
    pendingBytes += piece.length;
    if (pendingBytes < BATCH_BYTES) continue;
    yield Buffer.concat(pending);
    pending = [];
    pendingBytes = 0;
  }
  yield Buffer.concat(pending);
}

function headerBytes({ metadata, tensors }: GgufContent): Uint8Array {
  const out = new Sink();
  out.uint32(MAGIC);
  out.uint32(VERSION);
  out.uint64(tensors.length);
  out.uint64(metadata.size);
  for (const [key, value] of metadata) {
    out.text(key);
    writeValue(out, value);
  }
  let offset = 0;
  for (const tensor of tensors) {
    out.text(tensor.name);
    out.uint32(tensor.shape.length);
    for (const length of tensor.shape) out.uint64(length);
    out.uint32(TENSOR_TYPE_IDS[tensor.type]);
    out.uint64(offset);
    offset += aligned(tensorBytes(tensor));
  }
  return out.bytes();
}

function writeValue(out: Sink, value: GgufValue): void {
  switch (value.type) {
    case 'string':
      out.uint32(TYPE_IDS.string);
      out.text(value.value);
      return;
    case 'bool':
      out.uint32(TYPE_IDS.bool);
      out.byte(value.value ? 1 : 0);
      return;
    case 'uint32':
    case 'int32':
    case 'float32':
      out.uint32(TYPE_IDS[value.type]);
      out[value.type](value.value);
      return;
    case 'strings':
      out.array(TYPE_IDS.string, value.value, (text) => out.text(text));
      return;
    case 'bools':
      out.array(TYPE_IDS.bool, value.value, (flag) => out.byte(flag ? 1 : 0));
      return;
    case 'uint32s':
      out.array(TYPE_IDS.uint32, value.value, (number) => out.uint32(number));
      return;
    case 'int32s':
      out.array(TYPE_IDS.int32, value.value, (number) => out.int32(number));
      return;
    case 'float32s':
      out.array(TYPE_IDS.float32, value.value, (number) => out.float32(number));
      return;
  }
}

function* tensorRows(tensor: GgufTensor): Iterable<Uint8Array> {
  const [columns, ...rest] = tensor.shape;
  const rows = rest.reduce((product, length) => product * length, 1);
  const values = new Float32Array(columns);
  for (let row = 0; row < rows; row++) {
    values.fill(0);
    tensor.fill(row, values);
    const numbers = tensor.type === 'f16' ? new Float16Array(values) : values.slice();
    yield new Uint8Array(numbers.buffer);
  }
}

function tensorBytes(tensor: GgufTensor): number {
  return tensor.shape.reduce((product, length) => product * length, 1) * ELEMENT_BYTES[tensor.type];
}

function aligned(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT_BYTES) * ALIGNMENT_BYTES;
}

function padding(bytes: number): Uint8Array {
  return new Uint8Array(aligned(bytes) - bytes);
}

/** A growing little-endian buffer. */
class Sink {
  #buffer = new DataView(new ArrayBuffer(1 << 16));
  #length = 0;

  bytes(): Uint8Array {
    return new Uint8Array(this.#buffer.buffer, 0, this.#length);
  }

  byte(value: number): void {
    const at = this.#reserve(1);
    this.#buffer.setUint8(at, value);
  }

  uint32(value: number): void {
    assert(Number.isInteger(value) && value >= 0, 'an unsigned integer');
    const at = this.#reserve(4);
    this.#buffer.setUint32(at, value, true);
  }

  int32(value: number): void {
    const at = this.#reserve(4);
    this.#buffer.setInt32(at, value, true);
  }

  float32(value: number): void {
    const at = this.#reserve(4);
    this.#buffer.setFloat32(at, value, true);
  }

  uint64(value: number): void {
    const at = this.#reserve(8);
    this.#buffer.setBigUint64(at, BigInt(value), true);
  }

  text(value: string): void {
    const bytes = new TextEncoder().encode(value);
    this.uint64(bytes.length);
    const at = this.#reserve(bytes.length);
    new Uint8Array(this.#buffer.buffer).set(bytes, at);
  }

  array<Item>(typeId: number, items: readonly Item[], write: (item: Item) => void): void {
    this.uint32(TYPE_IDS.array);
    this.uint32(typeId);
    this.uint64(items.length);
    for (const item of items) write(item);
  }

  /** Where so many bytes may be written. It may change the buffer, so it comes before any use of it. */
  #reserve(bytes: number): number {
    const at = this.#length;
    this.#length += bytes;
    if (this.#length > this.#buffer.byteLength) {
      const grown = new Uint8Array(Math.max(this.#length, this.#buffer.byteLength * 2));
      grown.set(new Uint8Array(this.#buffer.buffer));
      this.#buffer = new DataView(grown.buffer);
    }
    return at;
  }
}
