/** Which folders count as MLX models, and how they are registered. What their files mean is tested beside this. */
import { afterAll, beforeEach, describe, expect, test } from 'bun:test';
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Bus } from '#src/events.ts';
import { folderState, isMlxFolder, missingShards, weightNames } from '#src/mlx/folder.ts';
import { HeaderCache, stampOf } from '#src/models/header-cache.ts';
import { inspectLocal } from '#src/models/local-file.ts';
import { Registry } from '#src/models/registry.ts';
import { openStore } from '#src/store/open.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { TINY_CONFIG, TINY_WEIGHTS, writeMlxFolder, writeSafetensors } from '../support/mlx-folder.ts';

const root = mkdtempSync(join(tmpdir(), 'flow-mlx-folder-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
let place = '';
beforeEach(() => {
  place = mkdtempSync(join(root, 'case-'));
});

describe('a folder is an MLX model', () => {
  const cases: readonly [what: string, make: (path: string) => unknown, isOne: boolean][] = [
    ['with a configuration and weights', (path) => writeMlxFolder(path, { config: TINY_CONFIG }), true],
    [
      'whose weights are called otherwise',
      (path) => writeMlxFolder(path, { config: TINY_CONFIG, weights: { 'weights.safetensors': TINY_WEIGHTS } }),
      true,
    ],
    ['but not without weights', (path) => writeMlxFolder(path, { config: TINY_CONFIG, weights: {} }), false],
    [
      'but not with a GGUF file',
      (path) => writeMlxFolder(path, { config: TINY_CONFIG, weights: {}, files: { 'model.gguf': 'GGUF' } }),
      false,
    ],
    [
      'but not with an adapter only',
      (path) => writeMlxFolder(path, { config: TINY_CONFIG, weights: { 'adapters.safetensors': TINY_WEIGHTS } }),
      false,
    ],
    [
      'but not when its configuration is a folder',
      (path) => mkdirSync(join(path, 'config.json'), { recursive: true }),
      false,
    ],
    ['but not when it is not there', () => null, false],
  ];
  test.each(cases)('%s', (_what, make, isOne) => {
    const path = join(place, 'model');
    make(path);
    expect(isMlxFolder(path)).toBe(isOne);
  });
});

test('weights are what the servers read: `model*` first, and never an adapter or another program’s order', () => {
  expect(weightNames(['b.safetensors', 'model.safetensors', 'config.json'])).toEqual(['model.safetensors']);
  expect(weightNames(['consolidated.safetensors', 'weights.00.safetensors'])).toEqual(['weights.00.safetensors']);
  expect(weightNames(['adapter_model.safetensors', '.model.safetensors'])).toEqual([]);
});

test('parts that are missing are known by the numbers of those that are there', () => {
  expect(missingShards(['model-00001-of-00003.safetensors', 'model-00003-of-00003.safetensors'])).toEqual([
    'model-00002-of-00003.safetensors',
  ]);
  expect(missingShards(['model.safetensors'])).toEqual([]);
  expect(missingShards(['model-00001-of-99999.safetensors']).length).toBeLessThan(1_001);
});

test('the state of a folder follows its weights and what decides how they are read, and nothing else', () => {
  const path = writeMlxFolder(join(place, 'model'), { config: TINY_CONFIG, files: { 'README.md': 'words' } });
  for (const name of ['config.json', 'model.safetensors', 'README.md']) utimesSync(join(path, name), 1_000, 1_000);
  const before = folderState(path);
  expect(before?.modifiedMs).toBe(1_000_000);
  utimesSync(join(path, 'README.md'), 2_000, 2_000);
  expect(folderState(path)).toEqual(before);
  utimesSync(join(path, 'config.json'), 3_000, 3_000);
  expect(folderState(path)?.modifiedMs).toBe(3_000_000);
  expect(stampOf(path)).toMatchObject({ sizeBytes: before?.weightsBytes ?? 0, modifiedMs: 3_000_000 });
  expect(folderState(join(place, 'nowhere'))).toBeNull();
});

describe('a registration', () => {
  const registryOf = (): Registry =>
    new Registry({
      store: openStore(join(place, 'data')),
      bus: new Bus(),
      clock: new FakeClock(),
      headers: new HeaderCache(),
      modelsDir: () => place,
    });

  test('takes the folder’s name, size, context and format, and knows it again', () => {
    const path = writeMlxFolder(join(place, 'mlx-community', 'Tiny-4bit'), { config: TINY_CONFIG });
    const registry = registryOf();
    const { model, isNew } = registry.registerLocal(`${path}/`);
    expect(isNew).toBe(true);
    expect(model).toMatchObject({
      id: 'Tiny-4bit',
      format: 'mlx',
      path,
      trainedContextTokens: 4096,
      quantization: 'bf16',
    });
    expect(model.sizeBytes).toBe(folderState(path)?.weightsBytes ?? -1);
    expect(registry.registerLocal(path)).toEqual({ model, isNew: false });
  });

  test('by one of its files is that of the folder', () => {
    const path = writeMlxFolder(join(place, 'Tiny'), { config: TINY_CONFIG });
    const registry = registryOf();
    const { model } = registry.registerLocal(join(path, 'model.safetensors'));
    expect(model.path).toBe(path);
    expect(registry.registerLocal(join(path, 'config.json')).isNew).toBe(false);
    expect(() => registry.registerLocal(join(path, 'tokenizer.json'))).toThrow('There is no file tokenizer.json');
  });

  test('of a snapshot takes the repository’s name, through links', () => {
    const real = writeMlxFolder(join(place, 'blobs'), { config: TINY_CONFIG });
    const snapshot = join(place, 'models--mlx-community--Tiny-4bit', 'snapshots', 'f00d');
    mkdirSync(snapshot, { recursive: true });
    for (const name of ['config.json', 'model.safetensors']) symlinkSync(join(real, name), join(snapshot, name));
    expect(registryOf().registerLocal(snapshot).model).toMatchObject({ id: 'Tiny-4bit', path: snapshot });
  });

  test('is read again after its weights were replaced', () => {
    const path = writeMlxFolder(join(place, 'Tiny'), { config: TINY_CONFIG });
    const registry = registryOf();
    const { model } = registry.registerLocal(path);
    expect(registry.isReplaced(model)).toBe(false);
    writeSafetensors(join(path, 'model.safetensors'), { ...TINY_WEIGHTS, more: ['F16', [64]] });
    expect(registry.isReplaced(model)).toBe(true);
    expect(registry.refresh(model.id).sizeBytes).toBe(folderState(path)?.weightsBytes ?? -1);
    renameSync(path, `${path}-away`);
    expect(registry.isReplaced(registry.need(model.id))).toBe(false);
  });

  const refused: readonly [what: string, make: (path: string) => unknown, words: RegExp][] = [
    ['an empty folder', (path) => mkdirSync(path), /no MLX model lies in it/],
    [
      'a folder that lacks parts',
      (path) =>
        writeMlxFolder(path, { config: TINY_CONFIG, weights: { 'model-00001-of-00002.safetensors': TINY_WEIGHTS } }),
      /1 of the 2 parts/,
    ],
    [
      'a folder that lacks what its index promises',
      (path) =>
        writeMlxFolder(path, {
          config: TINY_CONFIG,
          files: {
            'model.safetensors.index.json': { weight_map: { a: 'model.safetensors', b: 'model-2.safetensors' } },
          },
        }),
      /1 of the 2 parts/,
    ],
    [
      'a model of sound',
      (path) => writeMlxFolder(path, { config: { ...TINY_CONFIG, model_type: 'whisper' } }),
      /not a model that can answer/,
    ],
    [
      'a cut configuration',
      (path) => writeMlxFolder(path, { config: '{"model_type": "qw' }),
      /config.json is not the JSON/,
    ],
    [
      'weights that are still being copied',
      (path) => {
        writeMlxFolder(path, { config: TINY_CONFIG });
        writeFileSync(
          join(path, 'model.safetensors'),
          Buffer.concat([Buffer.from([200, 0, 0, 0, 0, 0, 0, 0]), Buffer.from('{"a"')]),
        );
      },
      /cut off/,
    ],
  ];
  test.each(refused)('of %s is refused in plain words', (_what, make, words) => {
    const path = join(place, 'model');
    make(path);
    expect(() => inspectLocal(path, new HeaderCache())).toThrow(words);
  });
});
