// What other programs keep on this machine, found without opening a model. Registering it is tested in routes.test.ts.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { discover } from '#src/discovery/discover.ts';
import { huggingFaceFolder, llamaCppFolder, ollamaFolders } from '#src/discovery/places.ts';
import { byRealPath } from '#src/discovery/register-found.ts';
import type { Model } from '#src/models/model.ts';
import { quickestWaitMs } from '#test/support/quickest.ts';

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'flow-discovery-'));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

const put = (path: string, text = 'x'): string => {
  const full = join(home, path);
  mkdirSync(dirname(full), { recursive: true });
  writeFileSync(full, text);
  return full;
};
const link = (path: string, target: string): string => {
  const full = join(home, path);
  mkdirSync(dirname(full), { recursive: true });
  symlinkSync(target, full);
  return full;
};
const look = (environment: Record<string, string> = { OLLAMA_MODELS: join(home, '.ollama', 'models') }) =>
  discover({ environment, home, platform: 'linux' }, AbortSignal.timeout(20_000));

const HUB = '.cache/huggingface/hub';
const REPO = `${HUB}/models--someone--Some-7B-GGUF`;

function manifest(path: string, layers: readonly (readonly [string, string])[]): void {
  const wire = layers.map(([kind, digest]) => ({ mediaType: `application/vnd.ollama.image.${kind}`, digest }));
  put(`.ollama/models/manifests/${path}`, JSON.stringify({ schemaVersion: 2, layers: wire }));
}

describe('the Hugging Face cache', () => {
  test('a link to a blob is a model under the name of the link, with its repository', async () => {
    const blob = put(`${REPO}/blobs/abc`, 'weights');
    const path = link(`${REPO}/snapshots/r1/Some-7B-Q4_K_M.gguf`, blob);
    const { models } = await look();
    expect(models).toEqual([
      {
        place: 'huggingface',
        format: 'gguf',
        path,
        realPath: blob,
        contentPath: path,
        name: 'Some-7B-Q4_K_M',
        repository: 'someone/Some-7B-GGUF',
        quantization: 'Q4_K_M',
        sizeBytes: 7,
        parts: 1,
        projectorPath: null,
      },
    ]);
  });

  test('a blob under two revisions is one model, by the revision that main stands for', async () => {
    const blob = put(`${REPO}/blobs/abc`);
    link(`${REPO}/snapshots/aaa/M-Q8_0.gguf`, blob);
    const path = link(`${REPO}/snapshots/zzz/M-Q8_0.gguf`, blob);
    put(`${REPO}/refs/main`, 'zzz\n');
    expect((await look()).models.map((model) => model.path)).toEqual([path]);
  });

  test('parts are one model; one whose parts are not all there is passed over with a reason', async () => {
    for (const part of ['00001', '00002']) put(`${REPO}/snapshots/r1/Big-${part}-of-00002.gguf`, 'four');
    const torn = put(`${REPO}/snapshots/r1/Torn-00001-of-00003.gguf`);
    put(`${REPO}/snapshots/r1/Liar-00001-of-99999.gguf`);
    const { models, passed } = await look();
    expect(models.map(({ name, parts, sizeBytes }) => ({ name, parts, sizeBytes }))).toEqual([
      { name: 'Big', parts: 2, sizeBytes: 8 },
    ]);
    expect(passed).toContainEqual({ path: torn, reason: 'Parts of this model are missing.' });
  });

  test('a projector goes with its model, and is none itself', async () => {
    put(`${REPO}/snapshots/r1/Eye-7B-Q4_0.gguf`);
    const projector = put(`${REPO}/snapshots/r1/mmproj-F16.gguf`);
    const { models } = await look();
    expect(models.map(({ name, projectorPath }) => [name, projectorPath])).toEqual([['Eye-7B-Q4_0', projector]]);
  });
});

test('LM Studio: publisher and repository come from the folders, also under a folder of its settings', async () => {
  put('.lmstudio/models/pub/Repo-GGUF/one-Q5_0.gguf');
  put('.lmstudio/settings.json', JSON.stringify({ downloadsFolder: join(home, 'elsewhere') }));
  put('elsewhere/pub/Other/two.gguf');
  put('.cache/lm-studio/models/old/Older/three.gguf');
  const { models } = await look();
  expect(models.map(({ place, name, repository }) => [place, name, repository])).toEqual([
    ['lm-studio', 'two', 'pub/Other'],
    ['lm-studio', 'one-Q5_0', 'pub/Repo-GGUF'],
    ['lm-studio', 'three', 'old/Older'],
  ]);
});

describe('Ollama', () => {
  const digest = (letter: string): string => `sha256:${letter.repeat(64)}`;
  const blob = (letter: string): string => put(`.ollama/models/blobs/sha256-${letter.repeat(64)}`, 'gguf');

  test('names are those that its users type', async () => {
    for (const letter of ['a', 'b', 'c', 'd']) blob(letter);
    manifest('registry.ollama.ai/library/qwen3/8b', [['model', digest('a')]]);
    manifest('registry.ollama.ai/library/llama3/latest', [['model', digest('b')]]);
    manifest('registry.ollama.ai/me/own/v1', [['model', digest('c')]]);
    manifest('hf.co/pub/Repo-GGUF/Q4_K_M', [['model', digest('d')]]);
    const { models } = await look();
    expect(models.map(({ name, repository }) => [name, repository])).toEqual([
      ['hf.co/pub/Repo-GGUF:Q4_K_M', 'pub/Repo-GGUF'],
      ['llama3', null],
      ['qwen3:8b', null],
      ['me/own:v1', null],
    ]);
  });

  test('the projector is the one that the manifest names', async () => {
    blob('a');
    const projector = blob('b');
    manifest('registry.ollama.ai/library/eye/7b', [
      ['model', digest('a')],
      ['projector', digest('b')],
    ]);
    expect((await look()).models[0]?.projectorPath).toBe(projector);
  });

  test('an adapter, a cloud model, a lost blob, a digest that leads elsewhere and a broken manifest are no models', async () => {
    blob('a');
    manifest('registry.ollama.ai/library/adapter/1', [
      ['model', digest('a')],
      ['adapter', digest('a')],
    ]);
    manifest('registry.ollama.ai/library/cloud/1', [['license', digest('a')]]);
    manifest('registry.ollama.ai/library/lost/1', [['model', digest('f')]]);
    manifest('registry.ollama.ai/library/trick/1', [['model', 'sha256:../../../../etc/passwd']]);
    put('.ollama/models/manifests/registry.ollama.ai/library/broken/1', '{"layers": [');
    const { models, passed } = await look();
    expect(models).toEqual([]);
    expect(passed.length).toBe(5);
  });
});

describe('hazards', () => {
  test('F-85: links in circles, to folders above and to nowhere, pipes and closed folders are survived', async () => {
    const root = '.lmstudio/models';
    put(`${root}/pub/Repo/good.gguf`);
    link(`${root}/pub/Repo/again`, join(home, root));
    link(`${root}/pub/Repo/self`, 'self');
    link(`${root}/pub/up`, home);
    const dangling = link(`${root}/pub/Repo/gone.gguf`, '/nowhere/at/all');
    const pipe = join(home, root, 'pub', 'Repo', 'pipe.gguf');
    Bun.spawnSync(['mkfifo', pipe]);
    const { models, passed } = await look();
    expect(models.map(({ name }) => name)).toEqual(['good']);
    expect(passed).toContainEqual({ path: pipe, reason: 'It is not a regular file.' });
    expect(passed).toContainEqual({ path: dangling, reason: 'The link leads nowhere.' });
  });

  test('F-85: a pipe in the place of a manifest or of settings is not waited for', async () => {
    mkdirSync(join(home, '.ollama/models/manifests/h/n/m'), { recursive: true });
    mkdirSync(join(home, '.lmstudio'));
    Bun.spawnSync(['mkfifo', join(home, '.ollama/models/manifests/h/n/m/tag'), join(home, '.lmstudio/settings.json')]);
    expect((await look()).models).toEqual([]);
  });

  test('F-84: ten thousand files take less than two seconds', async () => {
    const folder = join(home, '.lmstudio/models/pub/Many');
    mkdirSync(folder, { recursive: true });
    for (let index = 0; index < 10_000; index++) writeFileSync(join(folder, `model-${index}.gguf`), '');
    const tookMs = await quickestWaitMs(2_000, async () => expect((await look()).models.length).toBe(10_000));
    expect(tookMs).toBeLessThan(2_000);
  });

  test('it ends when it is aborted', async () => {
    put('.lmstudio/models/pub/Repo/good.gguf');
    const looking = discover({ environment: {}, home, platform: 'linux' }, AbortSignal.abort(new Error('enough')));
    expect(looking).rejects.toThrow('enough');
  });
});

test('the environment moves every place', () => {
  const at = (environment: Record<string, string>) => ({ environment, home: '/h', platform: 'linux' as const });
  expect(huggingFaceFolder(at({}))).toBe('/h/.cache/huggingface/hub');
  expect(huggingFaceFolder(at({ XDG_CACHE_HOME: '/c' }))).toBe('/c/huggingface/hub');
  expect(huggingFaceFolder(at({ HF_HOME: '~/hf' }))).toBe('/h/hf/hub');
  expect(huggingFaceFolder(at({ HF_HOME: '/x', HF_HUB_CACHE: '/y' }))).toBe('/y');
  expect(huggingFaceFolder(at({ HF_HOME: 'relative' }))).toBe('/h/.cache/huggingface/hub');
  expect(llamaCppFolder({ ...at({}), platform: 'darwin' })).toBe('/h/Library/Caches/llama.cpp');
  expect(ollamaFolders(at({ OLLAMA_MODELS: '/o' }))).toEqual(['/o']);
  expect(ollamaFolders(at({}))[0]).toBe('/h/.ollama/models');
});

test('a model that others serve lies nowhere, not where Flow was started', () => {
  const served = { id: 'far', path: '' } as unknown as Model;
  const here = { id: 'here', path: home } as unknown as Model;
  expect([...byRealPath([served, here]).keys()]).toEqual([realpathSync(home)]);
});
