/**
 * What is seen in a model's files before an engine is started. What an engine makes of damage is in diagnose.test.ts.
 */
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { architectureOf, precheck, shardPaths } from '#src/engines/model-file.ts';
import { someModel } from './support/plan.ts';
import { tinyGguf } from './support/tiny-gguf.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'flow-file-'));
  writeFileSync(join(folder, 'tiny.gguf'), tinyGguf());
  mkdirSync(join(folder, 'folder.gguf'));
});
afterAll(() => rmSync(folder, { recursive: true }));

test.each([
  ['an empty file', 'empty.gguf', '', 'corrupt-file', 'is empty (0 bytes)'],
  ['a web page', 'page.gguf', '<!DOCTYPE html><html>404</html>', 'corrupt-file', 'is a web page'],
  ['junk', 'junk.gguf', 'abcdefghijklmnopqrstuvwxyz', 'corrupt-file', 'does not begin with "GGUF"'],
  ['a bare magic', 'short.gguf', 'GGUF', 'corrupt-file', 'only 4 bytes'],
  ['nothing', 'missing.gguf', null, 'missing-file', 'is gone'],
  ['a folder', 'folder.gguf', null, 'corrupt-file', 'not a regular file'],
  ['the first of two shards', 'm-00001-of-00002.gguf', 'GGUF'.padEnd(30), 'missing-file', 'm-00002-of-00002.gguf'],
] as const)('F-11: %s is reported, sticky', (_, name, content, kind, words) => {
  const path = join(folder, name);
  if (content !== null) writeFileSync(path, content);
  const report = precheck(someModel(path));
  expect(report?.kind).toBe(kind);
  expect(report?.message).toContain(words);
  expect(report?.isSticky).toBe(true);
});

test('F-11: a FIFO is reported without being opened, which would wait for ever', async () => {
  const path = join(folder, 'pipe.gguf');
  await Bun.$`mkfifo ${path}`;
  expect(precheck(someModel(path))?.message).toContain('not a regular file');
});

test('a model is fine, and says its architecture', () => {
  expect(precheck(someModel(join(folder, 'tiny.gguf')))).toBeNull();
  expect(architectureOf(join(folder, 'tiny.gguf'))).toBe('llama');
  expect(architectureOf(join(folder, 'missing.gguf'))).toBeNull();
});

test('the shards of a name are counted', () => {
  expect(shardPaths('/a/m-00001-of-00003.gguf')).toEqual([
    '/a/m-00001-of-00003.gguf',
    '/a/m-00002-of-00003.gguf',
    '/a/m-00003-of-00003.gguf',
  ]);
});
