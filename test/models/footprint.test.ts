// The memory formula: against a real llama-server's own report, and by hand for the shapes of real models.
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readGguf } from '#src/gguf/read.ts';
import type { ModelFacts } from '#src/models/facts.ts';
import { footprint, PROCESS_BYTES } from '#src/models/footprint.ts';
import type { LaunchSettings } from '#src/models/model.ts';
import { someLaunch } from '#test/engines/support/plan.ts';
import { startEngine } from '#test/support/engine-process.ts';
import { COMMON_SCRIPTS, writeScriptedModel } from '#test/support/scripted-model.ts';

const LAUNCH = someLaunch({
  ctx_size: 8192,
  n_parallel: 1,
  cache_type_k: 'f16',
  cache_type_v: 'f16',
  cache_ram_mib: 2048,
});
const MIB = 1024 * 1024;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'flow-footprint-'));
});
afterAll(() => rm(folder, { recursive: true }));

const reported = (log: string, part: string): number =>
  [...log.matchAll(new RegExp(`\\b${part} buffer size\\s*=\\s*([\\d.]+) MiB`, 'g'))].reduce(
    (sum, [, mib]) => sum + Number(mib),
    0,
  ) * MIB;

test.each([
  ['one small layer', {}, {}],
  [
    'grouped heads and a quantised cache of two slots',
    { layers: 4, heads: 4, kvHeads: 2, feedForward: 256 },
    { ctx_size: 32_768, n_parallel: 2, cache_type_k: 'q4_0', cache_type_v: 'q4_0' },
  ],
  [
    'wide heads, mixed cache types, small batches',
    { layers: 3, heads: 8, kvHeads: 8, headDimensions: 128, feedForward: 2048 },
    { n_parallel: 4, cache_type_k: 'q8_0', ubatch_size: 128 },
  ],
  ['no flash attention', { layers: 2, heads: 4, kvHeads: 4, feedForward: 512 }, { flash_attn: 'off' }],
] as const)('the formula agrees with the engine: %s', async (what, shape, overrides) => {
  const path = join(folder, 'model.gguf');
  await writeScriptedModel(path, { scripts: COMMON_SCRIPTS, shape });
  const facts = readGguf(path);
  const launch: LaunchSettings = { ...LAUNCH, ...overrides };
  const { parts } = footprint(facts, launch, { weightsBytes: facts.tensors.bytes, projectorBytes: 0, draft: null });
  await using engine = await startEngine(path, [
    ...['-c', `${launch.ctx_size * launch.n_parallel}`, '-np', `${launch.n_parallel}`, '-fa', launch.flash_attn],
    ...['-ctk', launch.cache_type_k, '-ctv', launch.cache_type_v, '-ub', `${launch.ubatch_size}`, '-lv', '4'],
  ]);
  const log = engine.log();
  const kvBytes = reported(log, 'KV');
  const computeBytes = reported(log, 'compute');
  const myComputeBytes = parts.computeBytes - PROCESS_BYTES;
  const error = (mine: number, theirs: number): string => `${((mine / theirs - 1) * 100).toFixed(1)} %`;
  process.stdout.write(
    `  ${what}: KV ${error(parts.kvCacheBytes, kvBytes)}, compute ${error(myComputeBytes, computeBytes)}\n`,
  );
  // The engine prints hundredths of a MiB.
  expect(Math.abs(parts.kvCacheBytes - kvBytes)).toBeLessThan(0.02 * MIB);
  expect(myComputeBytes / computeBytes).toBeWithin(0.85, 1.25);
});

const layer = { kvHeads: 8, keyLength: 128, valueLength: 128, isSliding: false };
const QWEN3_8B: ModelFacts = {
  architecture: 'qwen3',
  role: 'model',
  name: null,
  quantization: null,
  contextTokens: 40_960,
  embeddingLength: 4096,
  feedForwardLength: 12_288,
  heads: 32,
  layers: Array.from({ length: 36 }, () => layer),
  slidingWindow: null,
  recurrentBytes: 0,
  vocabularySize: 151_936,
  expertCount: 0,
  expertUsedCount: 0,
  expertFeedForwardLength: 0,
  chatTemplate: null,
  namedTemplates: [],
  beginToken: null,
  endToken: null,
  splitCount: 1,
  splitNumber: 0,
  tensors: {
    count: 1,
    bytes: 5e9,
    parameters: 8e9,
    mostlyType: 12,
    embeddingBytes: 0,
    outputBytes: 0,
    embeddingRows: null,
  },
  capabilities: { tools: true, thinking: true, embedding: false },
  hasVision: false,
  cacheElementBytes: null,
  fillsGaps: false,
};
const alone = { weightsBytes: 5e9, projectorBytes: 0, draft: null };
const cacheOf = (facts: ModelFacts, launch: Partial<LaunchSettings>): number =>
  footprint(facts, { ...LAUNCH, ...launch }, alone).parts.kvCacheBytes;

test('Qwen3-8B takes 144 KiB of f16 cache a token', () => {
  expect(cacheOf(QWEN3_8B, { ctx_size: 1024 }) / 1024).toBe(144 * 1024);
});

test('a quantised cache takes the bytes of its blocks', () => {
  const ratio = (type: LaunchSettings['cache_type_k']): number =>
    cacheOf(QWEN3_8B, { cache_type_k: type, cache_type_v: type }) / cacheOf(QWEN3_8B, {});
  expect(ratio('q4_0')).toBe(18 / 64);
  expect(ratio('q8_0')).toBe(34 / 64);
});

test('sliding layers stop growing at their window', () => {
  const sliding = {
    ...QWEN3_8B,
    slidingWindow: 1024,
    layers: QWEN3_8B.layers.map((one, index) => ({ ...one, isSliding: index % 6 < 5 })),
  };
  const tokenBytes = 2 * 8 * 128 * 2;
  expect(cacheOf(sliding, { ctx_size: 32_768 })).toBe(tokenBytes * (6 * 32_768 + 30 * 1536));
});

test('recurrent state counts once for each conversation, whatever the context', () => {
  const recurrent = {
    ...QWEN3_8B,
    layers: QWEN3_8B.layers.map((one) => ({ ...one, kvHeads: 0 })),
    recurrentBytes: 1_000_000,
  };
  expect(cacheOf(recurrent, { ctx_size: 100_000, n_parallel: 3 })).toBe(3_000_000);
});

test("the engine's cache counts as one conversation, and never more than its limit", () => {
  const engineCache = (launch: Partial<LaunchSettings>): number =>
    footprint(QWEN3_8B, { ...LAUNCH, ...launch }, alone).parts.engineCacheBytes;
  expect(engineCache({ cache_ram_mib: -1, n_parallel: 2 })).toBe(cacheOf(QWEN3_8B, {}));
  expect(engineCache({ cache_ram_mib: 10 })).toBe(10 * MIB);
  expect(engineCache({ cache_ram_mib: 0 })).toBe(0);
});

test('the total is the sum of the parts', () => {
  const { totalBytes, parts } = footprint(QWEN3_8B, LAUNCH, { ...alone, projectorBytes: 1e9, draft: QWEN3_8B });
  expect(totalBytes).toBe(Object.values(parts).reduce((sum, part) => sum + part, 0));
  expect(parts.weightsBytes).toBe(11e9);
});
