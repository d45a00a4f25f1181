/** Headers of weights: what they add up to, and that hostile ones are refused at once. */
import { describe, expect, test } from 'bun:test';
import { asFault, Fault } from '#src/faults.ts';
import { configIn, filesInIndex } from '#src/mlx/read.ts';
import { EMPTY_TALLY, readSafetensors, together } from '#src/mlx/safetensors.ts';
import { quickestMs } from '#test/support/quickest.ts';
import { safetensorsHeader, type TensorShapes, TINY_WEIGHTS } from '../support/mlx-folder.ts';

const PACKED: TensorShapes = {
  'model.embed_tokens.weight': ['U32', [100, 8]],
  'model.embed_tokens.scales': ['BF16', [100, 1]],
  'model.embed_tokens.biases': ['BF16', [100, 1]],
  'lm_head.weight': ['BF16', [100, 64]],
  'vision_tower.patch_embed.weight': ['F32', [4, 2, 2]],
};

/** A file of this header, and so much behind it. */
function file(json: string, dataBytes = 0): { readonly bytes: Buffer; readonly size: number } {
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(Buffer.byteLength(json)));
  const bytes = Buffer.concat([length, Buffer.from(json)]);
  return { bytes, size: bytes.length + dataBytes };
}

test('tensors are counted by their formats, their parts and their place', () => {
  const header = safetensorsHeader(PACKED);
  const step = readSafetensors(header.bytes, header.bytes.length + header.dataBytes);
  expect(step.kind === 'header' ? step.tally : null).toEqual({
    count: 5,
    bytes: 3200 + 200 + 200 + 12_800 + 64,
    elements: new Map([
      ['U32', 800],
      ['BF16', 100 + 100 + 6400],
      ['F32', 16],
    ]),
    ...{
      scales: 100,
      biases: 100,
      packed: 800,
      visionCount: 1,
      embeddingBytes: 3200,
      outputBytes: 12_800,
      embeddingRows: 100,
    },
  });
});

test('the tally of several files is the sum of theirs', () => {
  const header = safetensorsHeader(TINY_WEIGHTS);
  const step = readSafetensors(header.bytes, header.bytes.length + header.dataBytes);
  const tally = step.kind === 'header' ? step.tally : EMPTY_TALLY;
  expect(together(tally, tally)).toMatchObject({ count: 4, bytes: 2 * tally.bytes, embeddingRows: 100 });
  expect(together(EMPTY_TALLY, tally)).toEqual(tally);
});

test('no more is asked for than the header has', () => {
  const header = safetensorsHeader(TINY_WEIGHTS);
  const size = header.bytes.length + header.dataBytes;
  expect(readSafetensors(header.bytes.subarray(0, 4), size)).toEqual({ kind: 'more', bytes: 8 });
  expect(readSafetensors(header.bytes.subarray(0, 20), size)).toEqual({ kind: 'more', bytes: header.bytes.length });
});

describe('a header that cannot be is refused', () => {
  const tensor = (more: object) => JSON.stringify({ a: { dtype: 'F32', shape: [2], data_offsets: [0, 8], ...more } });
  const cases: readonly [what: string, json: string, dataBytes: number, words: RegExp][] = [
    ['no JSON', '<html>', 0, /not the JSON/],
    ['cut JSON', '{"a": {"dtype":', 0, /not the JSON/],
    ['words behind the end', `${tensor({})} x`, 8, /not the JSON/],
    ['a tensor beyond the file', tensor({}), 7, /cut off/],
    ['a tensor larger than its shape', tensor({ data_offsets: [0, 12] }), 12, /not as large as its shape/],
    ['a shape beyond all numbers', tensor({ shape: [2 ** 52, 2 ** 52] }), 8, /not as large as its shape/],
    ['negative lengths', tensor({ shape: [-2, -1] }), 8, /not the JSON/],
    ['an end before its beginning', tensor({ data_offsets: [8, 0] }), 8, /ends before it begins/],
    ['no place', tensor({ data_offsets: [] }), 8, /leaves out/],
    ['too many lengths', tensor({ shape: Array.from({ length: 20 }, () => 1) }), 8, /not the JSON/],
    ['tensors over each other', `{${tensor({}).slice(1, -1)},${tensor({}).slice(1, -1)}}`, 8, /overlap/],
    ['depth without end', `{"__metadata__":${'['.repeat(500_000)}`, 0, /not the JSON/],
    ['two million empty objects', `{"__metadata__":[${'{},'.repeat(2_000_000)}{}]}}`, 0, /not the JSON/],
  ];
  test.each(cases)('%s', (_what, json, dataBytes, words) => {
    const { bytes, size } = file(json, dataBytes);
    const refuse = () => expect(() => readSafetensors(bytes, size)).toThrow(words);
    expect(quickestMs(1_000, refuse)).toBeLessThan(1_000);
  });

  test('a length beyond the file, or beyond any real one', () => {
    const length = Buffer.alloc(16);
    length.writeBigUInt64LE(0xffff_ffff_ffff_ffffn);
    expect(() => readSafetensors(length, 1e12)).toThrow(/larger than any real one/);
    length.writeBigUInt64LE(1_000n);
    expect(() => readSafetensors(length, 500)).toThrow(/cut off/);
    expect(() => readSafetensors(Buffer.alloc(0), 0)).toThrow(/empty or cut off/);
  });
});

test('ten thousand mutated headers, indices and configurations end in facts or in a Fault that repeats nothing', () => {
  const seed = 20_261_122;
  let state = seed;
  const random = (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state % below;
  };
  const header = safetensorsHeader({ ...PACKED, ...TINY_WEIGHTS, SECRETNAME: ['F16', [2]] });
  const size = header.bytes.length + header.dataBytes;
  const index = Buffer.from(JSON.stringify({ metadata: {}, weight_map: { SECRETNAME: 'model-1.safetensors' } }));
  const config = Buffer.from(JSON.stringify({ model_type: 'SECRETNAME', quantization: { bits: 4 }, layers: [1, 2] }));
  const reads = [
    (bytes: Buffer) => readSafetensors(bytes, size),
    (bytes: Buffer) => filesInIndex(bytes),
    (bytes: Buffer) => configIn(bytes),
  ];
  let slowestMs = 0;
  for (let round = 0; round < 10_000; round++) {
    const which = round % 3;
    const bytes = Buffer.from([header.bytes, index, config][which] ?? header.bytes);
    for (let edits = random(6); edits >= 0; edits--) {
      const at = random(bytes.length);
      bytes[at] = random(4) === 0 ? ('{}[]",:\\0'.charCodeAt(random(9)) ?? 0) : random(256);
    }
    const given = random(8) === 0 ? bytes.subarray(0, random(bytes.length)) : bytes;
    const tookMs = quickestMs(100, () => {
      try {
        reads[which]?.(given);
      } catch (cause) {
        if (!(cause instanceof Fault)) throw new Error(`seed ${seed}, round ${round}`, { cause });
        expect(asFault(cause).message).not.toContain('SECRETNAME');
      }
    });
    slowestMs = Math.max(slowestMs, tookMs);
  }
  expect(slowestMs).toBeLessThan(100);
});
