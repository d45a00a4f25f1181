/** Headers made to hurt: the shapes of published attacks on GGUF readers, and mutations of a sound header. */

type Piece = number | bigint | string | Uint8Array;

const START = new Uint8Array([0x47, 0x47, 0x55, 0x46, 3, 0, 0, 0]);
const MAX_64 = (1n << 64n) - 1n;
/** Type numbers of the format. */
const TYPE = { uint32: 4, bool: 7, text: 8, array: 9, uint64: 10 } as const;

/** Little-endian pieces: numbers are 8 bytes, texts have their length before them. */
function built(...pieces: readonly Piece[]): Uint8Array {
  const parts = pieces.map((piece) => {
    if (piece instanceof Uint8Array) return piece;
    if (typeof piece === 'string') return Buffer.concat([word(Buffer.byteLength(piece)), Buffer.from(piece)]);
    return word(piece);
  });
  return Buffer.concat([...parts, new Uint8Array(64)]);
}

const word = (value: number | bigint): Uint8Array => new Uint8Array(new BigUint64Array([BigInt(value)]).buffer);
const u32 = (value: number): Uint8Array => new Uint8Array(new Uint32Array([value]).buffer);
const text = (key: string, value: string): Piece[] => [key, u32(TYPE.text), value];
const whole = (key: string, value: number): Piece[] => [key, u32(TYPE.uint32), u32(value)];

/** A header of entries and one tensor of the given dimensions and offset. */
function withTensor(dimensions: readonly (number | bigint)[], offset: number | bigint, type = 0): Uint8Array {
  return built(
    START,
    1,
    1,
    ...text('general.architecture', 'llama'),
    't',
    u32(dimensions.length),
    ...dimensions,
    u32(type),
    offset,
  );
}

/** A llama of no tensors with entries of its own. */
function llama(...entries: readonly Piece[][]): Uint8Array {
  return built(START, 0, entries.length + 1, ...text('general.architecture', 'llama'), ...entries.flat());
}

/** Named by what they were published as, or by what they do. */
export const PUBLISHED: readonly (readonly [what: string, bytes: Uint8Array])[] = [
  ['four bytes and no more (CVE-2024-39720)', START.slice(0, 4)],
  ['a count of tensors that wraps (CVE-2024-21836)', built(START, MAX_64, 0)],
  ['a count of tensors that wraps when multiplied (CVE-2024-23605)', built(START, (1n << 61n) + 1n, 1)],
  ['a count of entries that wraps (CVE-2024-23496)', built(START, 0, MAX_64)],
  ['a text whose length + 1 wraps to 0 (CVE-2024-21825)', built(START, 0, 1, MAX_64)],
  ['a value whose length wraps', built(START, 0, 1, 'k', u32(TYPE.text), MAX_64)],
  [
    'an array whose bytes wrap (CVE-2024-21802)',
    built(START, 0, 1, 'k', u32(TYPE.array), u32(TYPE.uint64), (1n << 61n) + 1n),
  ],
  [
    'an array of more texts than memory (CVE-2025-0315)',
    built(START, 0, 1, 'k', u32(TYPE.array), u32(TYPE.text), 1n << 40n),
  ],
  [
    'arrays in arrays in arrays',
    llama(['k', ...Array.from({ length: 2_000 }, () => [u32(TYPE.array), 1]).flat(), u32(4)]),
  ],
  ['no keys that a model must have (CVE-2025-0312)', built(START, 0, 0)],
  ['dimensions whose product wraps (CVE-2026-33298)', withTensor([1n << 32n, 1n << 32n, 1n << 32n], 0)],
  ['a dimension that is negative (CVE-2024-21802)', withTensor([MAX_64, 1], 0)],
  ['a dimension of nothing', withTensor([0, 0], 0)],
  ['an offset behind the file (CVE-2026-7482)', withTensor([4], 1n << 40n)],
  ['an offset that wraps with the size (CVE-2025-53630)', withTensor([4], MAX_64 - 8n)],
  ['an offset that is not aligned', withTensor([4], 3)],
  ['a number format of no size', withTensor([4], 0, 0xffff_ffff)],
  ['a removed number format', withTensor([4], 0, 4)],
  ['an alignment of 0', llama(whole('general.alignment', 0))],
  ['an alignment of 2³² − 1', llama(whole('general.alignment', 0xffff_ffff))],
  ['an alignment that is a text', llama(text('general.alignment', 'wide'))],
  ['four thousand million layers', llama(whole('llama.block_count', 0xffff_ffff))],
  [
    'layers and no heads',
    llama(whole('llama.block_count', 4), whole('llama.attention.head_count', 0), whole('llama.embedding_length', 64)),
  ],
  [
    'a context of 2³² − 1 and as many heads',
    llama(whole('llama.context_length', 0xffff_ffff), whole('llama.attention.head_count', 0xffff_ffff)),
  ],
  [
    'as many experts as there are numbers',
    llama(whole('llama.expert_count', 0xffff_ffff), whole('llama.expert_used_count', 0xffff_ffff)),
  ],
  ['a million shards', llama(whole('split.count', 1_000_000), whole('split.no', 7))],
  ['the same key ten thousand times', llama(...Array.from({ length: 10_000 }, () => whole('llama.block_count', 1)))],
  ['a key that is a prototype', llama(text('__proto__', 'x'), text('constructor', 'x'))],
  ['an architecture that is a path', built(START, 0, 1, ...text('general.architecture', '../../../../etc/passwd'))],
  ['an architecture of a megabyte', built(START, 0, 1, ...text('general.architecture', 'x'.repeat(1 << 20)))],
  [
    'a name of broken UTF-8',
    built(START, 0, 1, new Uint8Array([3, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xc0, 0x80]), u32(TYPE.bool), new Uint8Array([7])),
  ],
];

/** The corpus again for the same seed: one to twelve bytes overwritten, most of them early, one in eight cut short. */
export function* mutants(
  original: Uint8Array,
  headerBytes: number,
  count: number,
  seed: number,
): Generator<Uint8Array> {
  let state = seed >>> 0;
  const below = (limit: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
  const telling = [0, 1, 0x7f, 0x80, 0xff] as const;
  for (let made = 0; made < count; made += 1) {
    const isCut = below(8) === 0;
    const bytes = original.slice(0, isCut ? below(original.length) : original.length);
    const edits = 1 + below(12);
    for (let edit = 0; edit < edits; edit += 1) {
      const at = below(2) === 0 ? below(Math.min(400, headerBytes)) : below(headerBytes);
      if (at < bytes.length) bytes[at] = below(3) === 0 ? below(256) : (telling[below(telling.length)] ?? 0);
    }
    yield bytes;
  }
}
