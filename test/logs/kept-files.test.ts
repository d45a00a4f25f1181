// Log files as they are read back. How they are written: log-file.test.ts.
import { afterAll, expect, test } from 'bun:test';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KeptFiles } from '#src/logs/kept-files.ts';

const root = mkdtempSync(join(tmpdir(), 'flow-kept-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const START_MS = Date.UTC(2026, 0, 1);
const lineAt = (index: number) =>
  `${new Date(START_MS + index * 1000).toISOString()} ${index % 10 === 0 ? 'error' : 'info'} stderr Zeile ${index} ü`;

function folderWith(lines: number): { folder: string; files: KeptFiles } {
  const folder = mkdtempSync(join(root, 'case-'));
  writeFileSync(join(folder, 'flow.log'), `${Array.from({ length: lines }, (_, index) => lineAt(index)).join('\n')}\n`);
  return { folder, files: new KeptFiles(folder) };
}

test('pages from the end to the beginning hold every line once', async () => {
  const { files } = folderWith(5_000);
  const texts: string[] = [];
  let end: number | undefined;
  while (end !== 0) {
    const page = await files.page('flow.log', end);
    texts.unshift(...(page?.lines.map(({ text }) => text) ?? []));
    end = page?.startBytes ?? 0;
  }
  expect(texts).toEqual(Array.from({ length: 5_000 }, (_, index) => `Zeile ${index} ü`));
});

test('a line says its time and level; what is no such line is shown as it is', async () => {
  const { folder, files } = folderWith(1);
  writeFileSync(join(folder, 'other.log'), '… 3 lines lost: the disk was full or too slow\n');
  expect((await files.page('flow.log'))?.lines).toEqual([{ atMs: START_MS, level: 'error', text: 'Zeile 0 ü' }]);
  expect((await files.page('other.log'))?.lines[0]?.atMs).toBeNull();
});

test('a moment is found in a large file', async () => {
  const { files } = folderWith(5_000);
  const file = await files.find('flow.log');
  if (file === null) throw new Error('no file');
  const place = await files.placeOf(file, START_MS + 2_500_000);
  const page = await files.page('flow.log', place);
  expect(page?.lines.at(-1)?.text).toBe('Zeile 2499 ü');
  expect(await files.placeOf(file, START_MS + 1e9)).toBe(file.sizeBytes);
});

test('only logs of this folder are read: no path, no link, nothing else', async () => {
  const { folder, files } = folderWith(1);
  writeFileSync(join(root, 'secret.log'), 'secret');
  symlinkSync(join(root, 'secret.log'), join(folder, 'link.log'));
  writeFileSync(join(folder, 'notes.txt'), 'x');
  expect((await files.list()).map(({ name }) => name)).toEqual(['flow.log']);
  for (const name of ['../secret.log', 'link.log', 'notes.txt', '', 'flow.log/..', '/etc/passwd']) {
    expect(await files.find(name)).toBeNull();
  }
});

test('files are read one after the other', async () => {
  const { folder, files } = folderWith(2);
  writeFileSync(join(folder, 'flow.log.1'), 'older\n');
  const listed = await files.list();
  const text = await new Response(await files.read([...listed].reverse())).text();
  expect(text).toBe(`older\n${lineAt(0)}\n${lineAt(1)}\n`);
  expect(await new KeptFiles(null).list()).toEqual([]);
});
