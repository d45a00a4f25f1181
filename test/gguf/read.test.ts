// The header reader: against Hugging Face's own reader, against mutated and made-up headers, and its bounds.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gguf } from '@huggingface/gguf';
import fc from 'fast-check';
import { Fault } from '#src/faults.ts';
import { factsOf } from '#src/gguf/facts.ts';
import { type GgufHeader, type MetadataValue, readHeader } from '#src/gguf/header.ts';
import { readGguf } from '#src/gguf/read.ts';
import { type GgufContent, type GgufValue, writeGguf } from '#src/gguf/write.ts';
import { makeDemoModel } from '#src/models/demo.ts';
import { quickestMs } from '#test/support/quickest.ts';

let folder: string;
let demoPath: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'flow-gguf-'));
  demoPath = join(folder, 'flow-demo.gguf');
  await makeDemoModel(demoPath);
});
afterAll(() => rm(folder, { recursive: true }));

const NO_TENSORS = {
  count: 0,
  bytes: 0,
  parameters: 0,
  mostlyType: null,
  embeddingBytes: 0,
  outputBytes: 0,
  embeddingRows: null,
};

/** The facts of a header with this metadata; plain numbers, texts, flags and lists of numbers. */
function facts(metadata: Record<string, unknown>, fileName = 'model.gguf') {
  const typed = (value: unknown): MetadataValue => {
    if (typeof value === 'string') return { type: 'text', value };
    if (typeof value === 'boolean') return { type: 'bool', value };
    if (Array.isArray(value)) return { type: 'numbers', value, count: value.length };
    return { type: 'number', value: value as number };
  };
  const header: GgufHeader = {
    metadata: new Map(Object.entries(metadata).map(([key, value]) => [key, typed(value)])),
    tensors: NO_TENSORS,
  };
  return factsOf(header, fileName);
}

function faultOf(act: () => unknown): Fault | null {
  try {
    act();
    return null;
  } catch (cause) {
    expect(cause).toBeInstanceOf(Fault);
    return cause as Fault;
  }
}

test('the facts agree with the reader of Hugging Face', async () => {
  const mine = readGguf(demoPath);
  const theirs = await gguf(demoPath, { allowLocalFile: true, computeParametersCount: true });
  const metadata = theirs.metadata as Record<string, unknown>;
  expect(mine.tensors.count).toBe(theirs.tensorInfos.length);
  expect(mine.tensors.parameters).toBe(theirs.parameterCount);
  expect(mine.architecture).toBe(metadata['general.architecture'] as string);
  expect(mine.contextTokens).toBe(metadata['llama.context_length'] as number);
  expect(mine.chatTemplate).toBe(metadata['tokenizer.chat_template'] as string);
  expect(mine.layers).toHaveLength(metadata['llama.block_count'] as number);
  expect(mine.vocabularySize).toBe((metadata['tokenizer.ggml.tokens'] as string[]).length);
  expect(mine.endToken).toBe(metadata['tokenizer.ggml.eos_token_id'] as number);
  expect(mine).toMatchObject({ quantization: 'F16', capabilities: { tools: true, thinking: true, embedding: false } });
});

test('what is written is read back, whatever it is', async () => {
  const path = join(folder, 'written.gguf');
  const name = fc.string({ minLength: 1, maxLength: 30, unit: 'grapheme' });
  const value: fc.Arbitrary<GgufValue> = fc.oneof(
    fc.string({ unit: 'grapheme' }).map((text) => ({ type: 'string' as const, value: text })),
    fc.nat(0xffffffff).map((number) => ({ type: 'uint32' as const, value: number })),
    fc.array(fc.integer({ min: -1000, max: 1000 })).map((numbers) => ({ type: 'int32s' as const, value: numbers })),
    fc.array(fc.string()).map((texts) => ({ type: 'strings' as const, value: texts })),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(fc.tuple(name, value), { maxLength: 12, selector: ([key]) => key }),
      async (pairs) => {
        const content: GgufContent = {
          metadata: new Map(pairs),
          tensors: [{ name: 't', shape: [3, 2], type: 'f16', fill: (row, values) => values.fill(row) }],
        };
        await writeGguf(path, content);
        const bytes = new Uint8Array(await Bun.file(path).arrayBuffer());
        const step = readHeader(bytes, bytes.length);
        if (step.kind !== 'header') throw new Error('more wanted');
        expect(step.header.tensors).toMatchObject({ count: 1, parameters: 6, bytes: 12 });
        for (const [key, wrote] of pairs) {
          const read = step.header.metadata.get(key);
          if (wrote.type === 'strings') expect(read).toEqual({ type: 'skipped', count: wrote.value.length });
          else expect(read).toMatchObject({ value: wrote.value });
        }
      },
    ),
    { numRuns: 60 },
  );
});

test('a prefix that is too short asks for more, and more suffices in the end', async () => {
  const bytes = new Uint8Array(await Bun.file(demoPath).arrayBuffer());
  let length = 1;
  for (let turns = 0; turns < 100_000; turns++) {
    const step = readHeader(bytes.subarray(0, length), bytes.length);
    if (step.kind === 'header') return expect(step.header.tensors.count).toBeGreaterThan(5);
    expect(step.bytes).toBeGreaterThan(length);
    length = Math.max(step.bytes, length * 2);
  }
  throw new Error('never had enough');
});

test('mutated headers are read or refused with a sentence, in no time', async () => {
  const original = new Uint8Array(await Bun.file(demoPath).arrayBuffer());
  const headerBytes = 60_000;
  const mutation = fc.array(fc.tuple(fc.oneof(fc.nat(400), fc.nat(headerBytes)), fc.nat(255)), {
    minLength: 1,
    maxLength: 12,
  });
  fc.assert(
    fc.property(mutation, fc.option(fc.nat(original.length)), (edits, cut) => {
      const bytes = original.slice(0, cut ?? original.length);
      for (const [at, byte] of edits) if (at < bytes.length) bytes[at] = byte;
      let fault: Fault | null = null;
      const read = (): void => {
        const step = readHeader(bytes, bytes.length);
        if (step.kind === 'header') factsOf(step.header, 'mutated.gguf');
      };
      const tookMs = quickestMs(500, () => {
        fault = faultOf(read);
      });
      expect(tookMs).toBeLessThan(500);
      expect([null, 'unprocessable']).toContain(fault === null ? null : (fault as Fault).kind);
    }),
    { numRuns: 3_000 },
  );
});

describe('a hostile header', () => {
  /** A header from little-endian pieces: numbers are 8 bytes, texts have their length before them. */
  const built = (...pieces: (number | bigint | string | Uint8Array)[]): Uint8Array => {
    const bytes = pieces.map((piece) => {
      if (piece instanceof Uint8Array) return piece;
      const word = new DataView(new ArrayBuffer(8));
      if (typeof piece === 'string') {
        word.setBigUint64(0, BigInt(piece.length), true);
        return Buffer.concat([new Uint8Array(word.buffer), Buffer.from(piece)]);
      }
      word.setBigUint64(0, BigInt(piece), true);
      return new Uint8Array(word.buffer);
    });
    return Buffer.concat([...bytes, new Uint8Array(32)]);
  };
  const start = new Uint8Array([0x47, 0x47, 0x55, 0x46, 3, 0, 0, 0]);
  const u32 = (value: number): Uint8Array => new Uint8Array(new Uint32Array([value]).buffer);
  const manyTexts = (): Uint8Array => {
    const count = 2_000_001;
    return built(start, 0, 1, 'k', u32(9), u32(8), count, new Uint8Array(count * 8));
  };

  test.each([
    ['nothing', new Uint8Array(0), 'does not begin like a GGUF file'],
    ['a web page', Buffer.from('<!doctype html><title>Not found</title>'), 'does not begin like a GGUF file'],
    ['the other byte order', built(new Uint8Array([0x47, 0x47, 0x55, 0x46, 0, 0, 0, 3]), 1, 1), 'version is 50331648'],
    ['too many tensors', built(start, 2n ** 40n, 1), 'claims 1099511627776 tensors'],
    ['too many entries', built(start, 1, 2n ** 33n), 'metadata entries'],
    ['lengths beyond all bounds', built(start, 1, 2n ** 63n), 'beyond all bounds'],
    ['a text longer than its limit', built(start, 0, 1, 'k', u32(8), 2n ** 30n), 'a text of 1073741824 bytes'],
    ['an array longer than the file', built(start, 0, 1, 'k', u32(9), u32(8), 2n ** 40n), 'longer than the file'],
    ['more texts than a vocabulary has', manyTexts(), 'claims 2000001 texts'],
    ['an array of arrays', built(start, 0, 1, 'k', u32(9), u32(9), 2), 'array of the type 9'],
    ['an unknown type', built(start, 0, 1, 'k', u32(77)), 'unknown type 77'],
    ['a tensor of many dimensions', built(start, 1, 0, 't', u32(99)), '99 dimensions'],
    [
      'a tensor whose size overflows',
      built(start, 1, 0, 't', u32(3), 2n ** 40n, 2n ** 40n, 2n ** 40n),
      'larger than any file',
    ],
    ['weights outside the file', built(start, 1, 0, 't', u32(1), 1_000_000, u32(0), 0), 'incomplete'],
    ['a name full of tricks', built(start, 1, 0, '<img src=x>', u32(99)), '"?img?src?x?"'],
  ])('with %s is refused', (_what, bytes, sentence) => {
    const fault = faultOf(() => readHeader(bytes, bytes.length));
    expect(fault?.kind).toBe('unprocessable');
    expect(fault?.message).toContain(sentence);
  });

  test('of many arrays does not become many times as large in memory (S-37)', () => {
    const arrays = Array.from({ length: 1_000 }, (_, index) => {
      const length = new Uint8Array(new BigUint64Array([4_096n]).buffer);
      return [`${index}`, Buffer.concat([u32(9), u32(0), length, new Uint8Array(4_096)])];
    });
    const bytes = built(start, 0, arrays.length, ...arrays.flat());
    const step = readHeader(bytes, bytes.length);
    const values = step.kind === 'header' ? [...step.header.metadata.values()] : [];
    expect(values).toHaveLength(1_000);
    const kept = values.reduce((sum, value) => sum + (value.type === 'numbers' ? value.value.length : 0), 0);
    expect(kept).toBeLessThanOrEqual(1 << 18);
    expect(values.at(-1)).toEqual({ type: 'skipped', count: 4_096 });
  });
});

test('only regular files are read, and a pipe keeps nobody waiting', async () => {
  const pipe = join(folder, 'pipe.gguf');
  Bun.spawnSync(['mkfifo', pipe]);
  await mkdir(join(folder, 'folder.gguf'));
  await symlink(demoPath, join(folder, 'link.gguf'));
  expect(faultOf(() => readGguf(pipe))?.message).toContain('not a regular file');
  expect(faultOf(() => readGguf('/dev/zero'))?.message).toContain('not a regular file');
  expect(faultOf(() => readGguf(join(folder, 'folder.gguf')))?.kind).toBe('unprocessable');
  expect(faultOf(() => readGguf(join(folder, 'none.gguf')))?.kind).toBe('not-found');
  expect(readGguf(join(folder, 'link.gguf')).architecture).toBe('llama');
});

test('a truncated download is refused before anything is started', async () => {
  const path = join(folder, 'half.gguf');
  await writeFile(path, new Uint8Array(await Bun.file(demoPath).slice(0, 900_000).arrayBuffer()));
  expect(faultOf(() => readGguf(path))?.message).toContain('incomplete');
});

test.each([
  ['Qwen3-8B-Q4_K_M.gguf', 15, 'Q4_K_M'],
  ['Qwen3-30B-A3B-UD-Q4_K_XL.gguf', 15, 'UD-Q4_K_XL'],
  ['model-UD-IQ2_XXS.gguf', 19, 'UD-IQ2_XXS'],
  ['model.IQ4_XS.gguf', 30, 'IQ4_XS'],
  ['gpt-oss-20b-MXFP4.gguf', 38, 'MXFP4'],
  ['gpt-oss-20b-F16.gguf', 1, 'F16'],
  ['misnamed-Q4_0.gguf', 7, 'Q8_0'],
  ['model-q5_k_s.gguf', null, 'Q5_K_S'],
  ['llama-fp16.gguf', null, 'F16'],
  ['guessed.gguf', 1024 + 18, 'Q6_K'],
  ['plain.gguf', null, null],
])('the quantisation of %s is told', (fileName, fileType, name) => {
  expect(
    facts({ 'general.architecture': 'x', ...(fileType === null ? {} : { 'general.file_type': fileType }) }, fileName)
      .quantization,
  ).toBe(name);
});

test('layers may differ: hybrids and windows', () => {
  const gemma = facts({
    'general.architecture': 'gemma3',
    'gemma3.block_count': 12,
    'gemma3.embedding_length': 2560,
    'gemma3.attention.head_count': 8,
    'gemma3.attention.head_count_kv': 4,
    'gemma3.attention.key_length': 256,
    'gemma3.attention.value_length': 256,
    'gemma3.attention.sliding_window': 1024,
  });
  expect(gemma.slidingWindow).toBe(1024);
  expect(gemma.layers.map((layer) => layer.isSliding)).toEqual([
    true,
    true,
    true,
    true,
    true,
    false,
    true,
    true,
    true,
    true,
    true,
    false,
  ]);
  const listed = facts({
    'general.architecture': 'lfm2',
    'lfm2.block_count': 3,
    'lfm2.embedding_length': 1024,
    'lfm2.attention.head_count': 16,
    'lfm2.attention.head_count_kv': [0, 8, 0],
    'lfm2.shortconv.l_cache': 3,
  });
  expect(listed.layers.map((layer) => layer.kvHeads)).toEqual([0, 8, 0]);
  expect(listed.recurrentBytes).toBe(2 * 2 * 1024 * 4);
  const hybrid = facts({
    'general.architecture': 'qwen3next',
    'qwen3next.block_count': 8,
    'qwen3next.embedding_length': 2048,
    'qwen3next.attention.head_count': 16,
    'qwen3next.attention.head_count_kv': 2,
    'qwen3next.attention.key_length': 256,
    'qwen3next.ssm.inner_size': 4096,
    'qwen3next.ssm.state_size': 128,
    'qwen3next.ssm.conv_kernel': 4,
    'qwen3next.ssm.group_count': 16,
  });
  expect(hybrid.layers.map((layer) => layer.kvHeads)).toEqual([0, 0, 0, 2, 0, 0, 0, 2]);
  expect(hybrid.recurrentBytes).toBe(6 * (3 * (4096 + 2 * 16 * 128) + 128 * 4096) * 4);
});

test('a window that llama.cpp does not use for this architecture is not counted on', () => {
  const read = facts({
    'general.architecture': 'llama',
    'llama.block_count': 2,
    'llama.attention.sliding_window': 4096,
  });
  expect(read.slidingWindow).toBeNull();
});

test('what a file is for is told', () => {
  expect(facts({ 'general.architecture': 'clip' }).role).toBe('projector');
  expect(facts({ 'general.architecture': 'llama', 'general.type': 'adapter' }).role).toBe('adapter');
  expect(facts({ 'general.architecture': 'nomic-bert' }).capabilities.embedding).toBe(true);
  expect(facts({ 'general.architecture': 'qwen3', 'qwen3.pooling_type': 3 }).capabilities.embedding).toBe(true);
});

test('a file that was put together from its parts is whole, though its header counts no parts', () => {
  const merged = facts({ 'general.architecture': 'llama', 'split.count': 0, 'split.no': 0 });
  expect(merged.splitCount).toBe(1);
});

test('an architecture of megabytes holds nobody up (S-15)', () => {
  const look = () => facts({ 'general.architecture': `${'bert'.repeat(100_000)}\n`, 'x.block_count': 3 });
  expect(quickestMs(500, look)).toBeLessThan(500);
  const read = look();
  expect(read).toMatchObject({ architecture: 'unknown', layers: [], capabilities: { embedding: false } });
});
