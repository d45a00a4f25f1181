/** What MLX servers take by the formula, and how measurements stand over it. GGUF: `footprint.test.ts`. */
import { afterAll, describe, expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HeaderCache } from '#src/models/header-cache.ts';
import { Measurements } from '#src/models/measurements.ts';
import { PYTHON_BYTES } from '#src/models/mlx-footprint.ts';
import type { LaunchSettings } from '#src/models/model.ts';
import { openStore } from '#src/store/open.ts';
import { someLaunch, someModel } from '#test/engines/support/plan.ts';
import { FakeClock } from '#test/support/fake-clock.ts';
import { TINY_CONFIG, writeMlxFolder } from '#test/support/mlx-folder.ts';

const root = mkdtempSync(join(tmpdir(), 'flow-mlx-need-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const path = writeMlxFolder(join(root, 'tiny'), { config: TINY_CONFIG });
const sliding = writeMlxFolder(join(root, 'sliding'), {
  config: { ...TINY_CONFIG, model_type: 'gpt_oss', sliding_window: 128, num_local_experts: 4, num_experts_per_tok: 2 },
});
const model = someModel(path, { format: 'mlx', sizeBytes: 20_000 });
const measurements = new Measurements({
  store: openStore(join(root, 'flow.db')),
  clock: new FakeClock(),
  headers: new HeaderCache(),
  engineVersion: () => '0.32.2',
});
const needOf = (launch: Partial<LaunchSettings>, at = path) =>
  measurements.needOf({ ...model, path: at }, someLaunch({ mlx_prompt_cache_size: 0, ...launch }));

/** Two layers of two heads with keys and values of sixteen bf16 numbers. */
const TOKEN_BYTES = 2 * 2 * (16 + 16) * 2;

describe('the cache of an MLX model', () => {
  test('is full precision, whatever llama.cpp’s cache types say', () => {
    expect(needOf({ n_parallel: 1 }).parts.kvCacheBytes).toBe(1024 * TOKEN_BYTES);
    expect(needOf({ n_parallel: 3 }).parts.kvCacheBytes).toBe(3 * 1024 * TOKEN_BYTES);
    expect(needOf({ n_parallel: 1, ctx_size: 1025 }).parts.kvCacheBytes).toBe(1280 * TOKEN_BYTES);
  });

  test('of four bits has those, a scale and a bias, and no second conversation beside it', () => {
    const { kvCacheBytes } = needOf({ n_parallel: 3, mlx_kv_bits: 4 }).parts;
    expect(kvCacheBytes).toBe((1024 * TOKEN_BYTES * (0.5 + 4 / 64)) / 2);
  });

  test('of layers with a window ends at the window and one step of the prompt', () => {
    const whole = needOf({ n_parallel: 1, ctx_size: 4096, batch_size: 256 }).parts.kvCacheBytes;
    const windowed = needOf({ n_parallel: 1, ctx_size: 4096, batch_size: 256 }, sliding).parts.kvCacheBytes;
    expect(windowed).toBe(whole / 2 + ((128 + 256) * TOKEN_BYTES) / 2);
  });

  test('counts once more for the conversations that the server remembers', () => {
    const remembering = needOf({ n_parallel: 1, mlx_prompt_cache_size: 10 });
    expect(remembering.parts.engineCacheBytes).toBe(1024 * TOKEN_BYTES);
    expect(needOf({}).parts.engineCacheBytes).toBe(0);
  });
});

test('weights are the tensors of all files, and a draft in a folder of its own counts with its cache', () => {
  const alone = needOf({ n_parallel: 1 });
  const drafted = needOf({ n_parallel: 1, draft_model_path: path });
  expect(alone.parts.weightsBytes).toBe((100 * 64 + 32 * 64) * 2);
  expect(alone.parts.computeBytes).toBeGreaterThan(PYTHON_BYTES);
  expect(drafted.parts.weightsBytes).toBe(2 * alone.parts.weightsBytes);
  expect(drafted.parts.kvCacheBytes).toBe(2 * alone.parts.kvCacheBytes);
});

test('what a server was seen to hold counts over the formula, and parsers change nothing of it', () => {
  const launch = someLaunch({ ctx_size: 512 });
  const { totalBytes } = measurements.needOf(model, launch);
  measurements.recordResident(model, launch, 2 * totalBytes);
  expect(measurements.needOf(model, { ...launch, mlx_tool_call_parser: 'hermes' })).toMatchObject({
    totalBytes: 2 * totalBytes,
    source: 'measured',
  });
  expect(measurements.needOf(model, { ...launch, mlx_kv_bits: 4 }).source).toBe('formula');
});
