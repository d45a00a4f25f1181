/** MLX repositories at the hub: what they hold, whether they fit, and how little is read to know it. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import type { HubFile } from '#src/hub/hub.ts';
import { mlxGroup, mlxQuantizationIn } from '#src/hub/mlx-group.ts';
import { type FakeFile, type FakeHub, startFakeHub } from '#test/support/fake-hub.ts';
import { safetensorsHeader, type TensorShapes, TINY_CONFIG, TINY_WEIGHTS } from '#test/support/mlx-folder.ts';
import { type RunningFlow, startFlow } from '#test/support/running-flow.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const weights = (path: string, shapes: TensorShapes = TINY_WEIGHTS): FakeFile => {
  const header = safetensorsHeader(shapes);
  return { path, bytes: Buffer.concat([header.bytes, Buffer.alloc(header.dataBytes)]) };
};
const config = (more: object = {}): FakeFile => ({
  path: 'config.json',
  bytes: bytes(JSON.stringify({ ...TINY_CONFIG, ...more })),
});
const MIXED = {
  quantization: { bits: 4, group_size: 64, 'model.layers.0.mlp.down_proj': { bits: 6, group_size: 64 } },
};
const SHARDS = [1, 2, 3].map((number) => weights(`model-0000${number}-of-00003.safetensors`));

let hub: FakeHub;
let flow: RunningFlow;
beforeAll(async () => {
  hub = await startFakeHub([
    {
      id: 'mlx-community/Tiny',
      tags: ['mlx'],
      files: [config(MIXED), ...SHARDS, { path: 'code.py', bytes: bytes('x') }],
    },
    { id: 'maker/Tiny', tags: ['safetensors'], files: [config(), weights('model.safetensors')] },
    { id: 'maker/cut', files: [config(), ...SHARDS.slice(1)] },
    { id: 'maker/page', files: [{ path: 'config.json', bytes: bytes('<html>') }, weights('model.safetensors')] },
    { id: 'maker/ears', files: [config({ model_type: 'whisper' }), weights('model.safetensors')] },
  ]);
  flow = await startFlow({ environment: { HF_ENDPOINT: hub.url } });
});
afterAll(async () => {
  await flow[Symbol.asyncDispose]();
  await hub[Symbol.asyncDispose]();
});
const get = async (path: string) => await flow.json(`/api/hf/model/${path}`);

describe('what a repository holds', () => {
  const file = (path: string, sizeBytes = 10): HubFile => ({ path, sizeBytes, sha256: null, gitId: null });

  test('leaves out weights that are there once more for another program', () => {
    const names = ['config.json', 'consolidated.safetensors', 'model.safetensors'];
    const group = mlxGroup(
      'acme/tiny',
      names.map((name) => file(name)),
    );
    expect(group?.files.map(({ path }) => path)).toEqual(['config.json', 'model.safetensors']);
  });

  test('is all in its root that servers read, the small ones first, and never code', () => {
    const files = ['model.safetensors', 'config.json', 'x.py', 'tokenizer.model', 'sub/config.json', '.hidden.json'];
    const group = mlxGroup(
      'me/Tiny-8bit',
      files.map((path) => file(path, path === 'model.safetensors' ? 99 : 10)),
    );
    expect(group?.files.map(({ path }) => path)).toEqual(['config.json', 'tokenizer.model', 'model.safetensors']);
    expect(group).toMatchObject({ sizeBytes: 119, weightsBytes: 99, quantization: '8-bit', isComplete: true });
  });

  test('is no MLX model without a configuration, or without weights', () => {
    expect(mlxGroup('me/x', [file('model.safetensors')])).toBeNull();
    expect(mlxGroup('me/x', [file('config.json'), file('model.gguf')])).toBeNull();
    expect(mlxGroup('me/x', [file('config.json'), file('model-00001-of-00002.safetensors')])?.isComplete).toBe(false);
  });

  test.each([
    ['Qwen3-4B-4bit', '4-bit'],
    ['Qwen3-4B-MLX-8-bit', '8-bit'],
    ['gpt-oss-20b-mxfp4-Q8', 'mxfp4'],
    ['Llama-3.2-1B-bf16', 'bf16'],
    ['Orbital-bits', null],
  ])('%s is %p by its name', (name, quantization) => {
    expect(mlxQuantizationIn(name)).toBe(quantization);
  });

  test('is told with bits, size and files', async () => {
    const { body } = await get('mlx-community/Tiny');
    const total = [config(MIXED), ...SHARDS].reduce((sum, one) => sum + one.bytes.length, 0);
    expect(body.mlx_groups).toMatchObject([{ quantization: '4-bit (mixed)', size_bytes: total, is_complete: true }]);
  });
});

describe('the fit', () => {
  test('comes from the configuration and the first header, and follows the cache’s bits', async () => {
    const { status, body } = await get('maker/Tiny/fit?ctx=1024&slots=2');
    expect(status).toBe(200);
    const weightsBytes = weights('').bytes.length;
    expect(body.fits).toMatchObject([
      {
        ...{ format: 'mlx', file: null, architecture: 'qwen3', quantization: 'bf16', verdict: 'fits' },
        ...{ weights_bytes: weightsBytes, kv_cache_bytes: 2 * 1024 * 256, largest_context_tokens: 4096 },
        download_bytes: weightsBytes + config().bytes.length,
      },
    ]);
    const before = hub.asked.length;
    const small = await get('maker/Tiny/fit?ctx=1024&slots=2&kv_bits=4');
    expect((small.body.fits as { kv_cache_bytes: number }[])[0]?.kv_cache_bytes).toBeLessThan(1024 * 256);
    expect(hub.asked.length).toBe(before);
  });

  test('counts all parts, and reads one of them', async () => {
    const before = hub.contentAsked.length;
    const { body } = await get('mlx-community/Tiny/fit?ctx=1024');
    expect(body.fits).toMatchObject([{ weights_bytes: 3 * (SHARDS[0]?.bytes.length ?? 0) }]);
    // The page about it has read it before.
    expect(hub.contentAsked.length - before).toBeLessThanOrEqual(1);
  });

  test.each([
    ['maker/cut/fit', /lacks parts/],
    ['maker/page/fit', /config.json is not the JSON/],
    ['maker/ears/fit', /not a model that can answer/],
  ])('of %s is refused in words', async (path, words) => {
    const { status, body } = await get(path);
    expect(status).toBe(422);
    expect((body.error as { message: string }).message).toMatch(words);
  });
});
