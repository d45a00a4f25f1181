/** MLX models in other programs' folders: found without opening one, and registered where they lie. */
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { discover } from '#src/discovery/discover.ts';
import { registerFound } from '#src/discovery/register-found.ts';
import { Bus } from '#src/events.ts';
import { HeaderCache } from '#src/models/header-cache.ts';
import { Registry } from '#src/models/registry.ts';
import { openStore } from '#src/store/open.ts';
import { FakeClock } from '#test/support/fake-clock.ts';
import { TINY_CONFIG, TINY_WEIGHTS, writeMlxFolder } from '#test/support/mlx-folder.ts';

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'flow-discovery-mlx-'));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

const look = () =>
  discover(
    { environment: { OLLAMA_MODELS: join(home, 'no-ollama') }, home, platform: 'darwin' },
    AbortSignal.timeout(20_000),
  );

/** A repository in the cache: files under `blobs`, linked from each revision. */
function cached(
  repository: string,
  revisions: readonly string[],
  names = ['config.json', 'model.safetensors'],
): string {
  const root = join(home, '.cache/huggingface/hub', `models--${repository.replace('/', '--')}`);
  const blobs = writeMlxFolder(join(root, 'blobs'), {
    config: TINY_CONFIG,
    weights: Object.fromEntries(names.filter((name) => name !== 'config.json').map((name) => [name, TINY_WEIGHTS])),
  });
  for (const revision of revisions) {
    mkdirSync(join(root, 'snapshots', revision), { recursive: true });
    for (const name of names) symlinkSync(join(blobs, name), join(root, 'snapshots', revision, name));
  }
  mkdirSync(join(root, 'refs'), { recursive: true });
  writeFileSync(join(root, 'refs', 'main'), revisions[0] ?? '');
  return join(root, 'snapshots', revisions[0] ?? '');
}

describe('the Hugging Face cache', () => {
  test('a snapshot with weights is one model, by its repository’s name, under whatever revision', async () => {
    const path = cached('mlx-community/Tiny-4bit', ['bbb', 'aaa']);
    const { models } = await look();
    expect(models).toHaveLength(1);
    expect(models[0]).toMatchObject({
      ...{ place: 'huggingface', format: 'mlx', path, name: 'Tiny-4bit', repository: 'mlx-community/Tiny-4bit' },
      ...{ quantization: '4-bit', parts: 1, projectorPath: null },
    });
  });

  test('one that lacks parts is told and not offered', async () => {
    cached('mlx-community/Cut-bf16', ['r1'], ['config.json', 'model-00002-of-00002.safetensors']);
    const { models, passed } = await look();
    expect(models).toEqual([]);
    expect(passed.map(({ reason }) => reason)).toEqual(['Parts of this model are missing.']);
  });

  test('the parts of a painter are no models', async () => {
    const root = join(home, '.cache/huggingface/hub/models--someone--painter/snapshots/r1');
    writeMlxFolder(join(root, 'text_encoder'), { config: TINY_CONFIG });
    writeFileSync(join(root, 'model_index.json'), '{}');
    expect((await look()).models).toEqual([]);
  });
});

test('what LM Studio keeps under publisher and name is registered in place, once', async () => {
  const path = writeMlxFolder(join(home, '.lmstudio/models/lmstudio-community/Tiny-MLX-8bit'), { config: TINY_CONFIG });
  const [found] = (await look()).models;
  expect(found).toMatchObject({
    place: 'lm-studio',
    format: 'mlx',
    path,
    repository: 'lmstudio-community/Tiny-MLX-8bit',
  });
  if (!found) return;
  const headers = new HeaderCache();
  const store = openStore(join(home, 'flow.db'));
  const registry = new Registry({ store, bus: new Bus(), clock: new FakeClock(), headers, modelsDir: () => home });
  const { model, isNew } = registerFound(found, registry, headers);
  expect(isNew).toBe(true);
  expect(model).toMatchObject({ id: 'Tiny-MLX-8bit', format: 'mlx', path, isManaged: false, hfId: found.repository });
  expect(registerFound(found, registry, headers)).toEqual({ model, isNew: false });
});
