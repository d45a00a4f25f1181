/**
 * S-20: repositories whose trees name files to get out of the models folder, through the hub's listing and a download,
 * from beginning to end: refused, and nothing outside is touched. The rules of names: src/downloads/safe-path.ts.
 */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Fault } from '#src/faults.ts';
import { modelBytes, REPOSITORY, startBench } from '../downloads/support/bench.ts';

let model: Uint8Array;
let root: string;
let canary: string;
beforeAll(async () => {
  model = await modelBytes();
  root = mkdtempSync(join(tmpdir(), 'flow-canary-'));
  mkdirSync(join(root, 'home', 'deep'), { recursive: true });
  writeFileSync(join(root, 'home', 'deep', 'secret'), 'untouched');
  writeFileSync(join(root, 'home', 'evil.gguf'), 'untouched');
  canary = snapshot();
});
afterAll(() => rmSync(root, { recursive: true }));

/** All that lies around the models folder, with its content. */
function snapshot(): string {
  const files = readdirSync(join(root, 'home'), { recursive: true, withFileTypes: true });
  return files
    .filter((entry) => entry.isFile() && !entry.parentPath.startsWith(join(root, 'home', 'models')))
    .map((entry) => `${join(entry.parentPath, entry.name)}=${readFileSync(join(entry.parentPath, entry.name))}`)
    .sort()
    .join('\n');
}

const NAMES: readonly (readonly [what: string, path: string])[] = [
  ['the folder above', '../evil.gguf'],
  ['far above', '../../../../../../tmp/evil.gguf'],
  ['backslashes', '..\\..\\evil.gguf'],
  ['backslashes on the way', 'a\\..\\..\\evil.gguf'],
  ['mixed slashes', 'a\\../..\\..//evil.gguf'],
  ['up again on the way', 'a/../../../evil.gguf'],
  ['the root', '/tmp/evil.gguf'],
  ['a drive', 'C:\\evil.gguf'],
  ['a stream of a file', 'good.gguf:evil.gguf'],
  ['a byte 0', 'good.gguf\0.txt.gguf'],
  ['a line end', 'good\nevil.gguf'],
  ['writing from right to left', 'good\u202efugg.gguf'],
  ['a mark that does not show', 'good\u200b.gguf'],
  ['a device', 'CON.gguf'],
  ['a device in a folder', 'aux/evil.gguf'],
  ['a dot at the end of a folder', 'a./evil.gguf'],
  ['a hidden file', '.evil.gguf'],
  ['the folder of parts', '.downloads/evil.gguf'],
  ['three hundred characters', `${'x'.repeat(300)}.gguf`],
  ['a hundred folders', `${'a/'.repeat(100)}evil.gguf`],
  ['a tilde', '~/.ssh/../evil.gguf'],
  ['encoded dots', '%2e%2e/%2e%2e/../evil.gguf'],
  ['a full-width solidus that normalises to none', '..\uff0f..\uff0f../evil.gguf'],
];

const inHome = () => ({ modelsDir: join(root, 'home', 'models') });
const kindOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'taken',
    (cause: unknown) => (cause instanceof Fault ? cause.kind : `${cause}`),
  );

describe('a repository that names a file', () => {
  test.each(NAMES)('S-20: with %s is not stored', async (_what, path) => {
    await using bench = await startBench([{ path, bytes: model }], inHome());
    expect(['unprocessable', 'not-found', 'invalid-request', 'hub-broken']).toContain(await kindOf(bench.order()));
    expect(['unprocessable', 'not-found', 'invalid-request', 'hub-broken']).toContain(
      await kindOf(bench.order({ filename: path })),
    );
    expect(bench.files()).toEqual([]);
    expect(snapshot()).toBe(canary);
  });

  test('S-20: a sound model beside a hostile name is had, and that name is not', async () => {
    const files = [
      { path: 'tiny-Q4_K_M.gguf', bytes: model },
      { path: '../../evil.gguf', bytes: model },
    ];
    await using bench = await startBench(files, inHome());
    const { record } = await bench.order({ filename: 'tiny-Q4_K_M.gguf', withProjector: false });
    await bench.reaches(record.id, 'complete', 'failed');
    expect(bench.files()).toEqual([`${REPOSITORY}/tiny-Q4_K_M.gguf`]);
    expect(snapshot()).toBe(canary);
    rmSync(join(root, 'home', 'models'), { recursive: true });
  });

  test('S-20: a whole MLX repository with a hostile name is had without it, or not at all', async () => {
    const json = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
    const files = [
      { path: 'config.json', bytes: json({ model_type: 'qwen3' }) },
      { path: 'tokenizer.json', bytes: json({}) },
      { path: 'model.safetensors', bytes: new Uint8Array(64) },
      { path: '../../evil.json', bytes: json({}) },
    ];
    await using bench = await startBench(files, inHome());
    const kind = await kindOf(bench.order());
    const id = bench.downloads.list()[0]?.record.id ?? '';
    if (kind === 'taken') await bench.reaches(id, 'failed', 'complete');
    expect(bench.files().filter((path) => path.includes('evil'))).toEqual([]);
    expect(snapshot()).toBe(canary);
  });
});

describe('a digest', () => {
  test.each(['../../../../evil', 'sha256:../../..', '', 'e3b0', '/etc/passwd'])(
    'S-20: of "%s" is never a path, and nothing is taken for verified by it',
    async (digest) => {
      await using bench = await startBench(
        [{ path: 'tiny-Q4_K_M.gguf', bytes: model, isLarge: true, digest }],
        inHome(),
      );
      const kind = await kindOf(bench.order());
      if (kind === 'taken') {
        const view = await bench.reaches(bench.downloads.list()[0]?.record.id ?? '', 'failed', 'complete');
        expect(view.record.state).toBe('failed');
      }
      expect(bench.files().filter((path) => path.endsWith('.gguf') && !path.includes('.downloads'))).toEqual([]);
      expect(snapshot()).toBe(canary);
    },
  );
});

test('S-20: a link in the way of a download is not followed', async () => {
  const models = join(root, 'home', 'models');
  rmSync(models, { recursive: true, force: true });
  mkdirSync(models, { recursive: true });
  symlinkSync(join(root, 'home', 'deep'), join(models, 'acme'));
  await using bench = await startBench([{ path: 'tiny-Q4_K_M.gguf', bytes: model }], inHome());
  const kind = await kindOf(bench.order());
  if (kind === 'taken') {
    const id = bench.downloads.list()[0]?.record.id ?? '';
    const view = await bench.reaches(id, 'failed', 'complete', 'paused');
    expect(view.record.state).not.toBe('complete');
  }
  expect(
    readdirSync(join(root, 'home', 'deep'), { recursive: true }).filter((name) => `${name}`.endsWith('.gguf')),
  ).toEqual([]);
});
