/** Splits a GGUF file into two as llama.cpp's own tool does: the second part holds tensors and its number, no more. */

type Tensor = { readonly info: Uint8Array; readonly data: Uint8Array };

const ALIGNMENT_BYTES = 32;
const UINT16 = 2;
const INT32 = 5;
const STRING = 8;
const ARRAY = 9;
/** By type number; strings and arrays tell their own length. */
const SIZES = [1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8];

/** The two parts, the first of which holds all metadata. */
export function splitGguf(bytes: Uint8Array): readonly [Uint8Array, Uint8Array] {
  const reader = new Reader(bytes);
  reader.at = 8;
  const [tensorCount, keyCount] = [reader.long(), reader.long()];
  const keysFrom = reader.at;
  for (let key = 0; key < keyCount; key += 1) {
    reader.skip(reader.long());
    reader.skipValue(reader.int());
  }
  const keys = bytes.subarray(keysFrom, reader.at);
  const places: { readonly info: Uint8Array; readonly offset: number }[] = [];
  for (let tensor = 0; tensor < tensorCount; tensor += 1) {
    const from = reader.at;
    reader.skip(reader.long());
    reader.skip(reader.int() * 8 + 4);
    // Without the offset, which is another one in its part.
    places.push({ info: bytes.subarray(from, reader.at), offset: reader.long() });
  }
  const dataFrom = aligned(reader.at);
  const tensors = places.map(({ info, offset }, at) => {
    const end = places[at + 1]?.offset ?? bytes.length - dataFrom;
    return { info, data: bytes.subarray(dataFrom + offset, dataFrom + end) };
  });
  const half = Math.ceil(tensors.length / 2);
  return [
    part(0, keys, keyCount, tensors.slice(0, half), tensorCount),
    part(1, new Uint8Array(), 0, tensors.slice(half), tensorCount),
  ];
}

function part(number: number, keys: Uint8Array, keyCount: number, tensors: readonly Tensor[], total: number) {
  let offset = 0;
  const infos = tensors.map(({ info, data }) => {
    const placed = Buffer.concat([info, long(offset)]);
    offset += aligned(data.length);
    return placed;
  });
  const split = [
    Buffer.concat([text('split.no'), int(UINT16), short(number)]),
    Buffer.concat([text('split.count'), int(UINT16), short(2)]),
    Buffer.concat([text('split.tensors.count'), int(INT32), int(total)]),
  ];
  const head = [
    Buffer.from('GGUF'),
    int(3),
    long(tensors.length),
    long(keyCount + split.length),
    keys,
    ...split,
    ...infos,
  ];
  return Buffer.concat([padded(Buffer.concat(head)), ...tensors.map(({ data }) => padded(data))]);
}

class Reader {
  readonly #view: DataView;
  at = 0;

  constructor(bytes: Uint8Array) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  skip(length: number): void {
    this.at += length;
  }

  int(): number {
    this.at += 4;
    return this.#view.getUint32(this.at - 4, true);
  }

  long(): number {
    this.at += 8;
    return Number(this.#view.getBigUint64(this.at - 8, true));
  }

  skipValue(type: number): void {
    if (type !== ARRAY) {
      this.skip(type === STRING ? this.long() : (SIZES[type] ?? 0));
      return;
    }
    const [element, count] = [this.int(), this.long()];
    if (element === STRING) for (let item = 0; item < count; item += 1) this.skip(this.long());
    else this.skip(count * (SIZES[element] ?? 0));
  }
}

const aligned = (length: number): number => Math.ceil(length / ALIGNMENT_BYTES) * ALIGNMENT_BYTES;

function padded(bytes: Uint8Array): Buffer {
  return Buffer.concat([bytes, new Uint8Array(aligned(bytes.length) - bytes.length)]);
}

function short(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16LE(value);
  return bytes;
}

function int(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function long(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

function text(value: string): Buffer {
  return Buffer.concat([long(value.length), Buffer.from(value)]);
}
