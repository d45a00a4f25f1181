// How small files of a repository are known to be right: git's name for their content, where there is no SHA-256.
import { expect, test } from 'bun:test';
import { mkdirSync, writeFileSync } from 'node:fs';
import { Digest } from '#src/downloads/digest.ts';
import type { FakeFile } from '#test/support/fake-hub.ts';
import { safetensorsHeader, TINY_CONFIG, TINY_WEIGHTS } from '#test/support/mlx-folder.ts';
import { noise, startBench } from './support/bench.ts';

const tokenizer = noise(3000, 7);
const config = Buffer.from(JSON.stringify(TINY_CONFIG));
const mlxFiles = (): FakeFile[] => {
  const header = safetensorsHeader(TINY_WEIGHTS);
  return [
    { path: 'config.json', bytes: config },
    { path: 'tokenizer.json', bytes: tokenizer },
    { path: 'model.safetensors', bytes: Buffer.concat([header.bytes, Buffer.alloc(header.dataBytes)]) },
  ];
};

test('a content has the name that git gives it', () => {
  const hello = Digest.of({ sizeBytes: 6, sha256: null, gitId: 'ce013625030ba8dba906f756967f9e9ca394464a' });
  hello?.update(Buffer.from('hel'));
  hello?.update(Buffer.from('lo\n'));
  expect(hello?.isRight()).toBe(true);
  expect(Digest.of({ sizeBytes: 6, sha256: null, gitId: null })).toBeNull();
});

test('a tokenizer that is not what was published is never put in place', async () => {
  const files = mlxFiles().map((file) => (file.path === 'tokenizer.json' ? { ...file, digest: 'a'.repeat(40) } : file));
  await using bench = await startBench(files);
  const { record } = await bench.order();
  const { record: ended } = await bench.reaches(record.id, 'complete', 'failed');
  expect(ended.reason?.message).toContain('tokenizer.json was damaged on its way');
  expect(ended.reason?.message).toContain('git id');
  expect(bench.files().filter((name) => !name.startsWith('.downloads'))).toEqual([]);
  expect(bench.registry.list()).toEqual([]);
});

test('a small file that is there already counts when it is the very same, and is left alone when it is not', async () => {
  await using bench = await startBench(mlxFiles());
  mkdirSync(bench.placed(), { recursive: true });
  writeFileSync(bench.placed('config.json'), config);
  writeFileSync(bench.placed('tokenizer.json'), noise(3000, 8));
  const { record } = await bench.order();
  const { record: ended } = await bench.reaches(record.id, 'complete', 'failed');
  expect(ended.reason?.message).toContain('tokenizer.json is there already, and is not what the repository has');
  expect(ended.files.find(({ path }) => path === 'config.json')).toMatchObject({ isFetched: false });
});
