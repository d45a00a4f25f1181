// What is remembered of headers, and for how long. What stands in them is read in test/gguf and test/mlx.
import { afterEach, beforeEach, expect, test } from 'bun:test';
import { mkdtempSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type GgufValue, writeGguf } from '#src/gguf/write.ts';
import { HeaderCache } from '#src/models/header-cache.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'flow-headers-'));
});
afterEach(() => rmSync(root, { recursive: true }));

async function withTemplate(name: string, template: string): Promise<string> {
  const path = join(root, `${name}.gguf`);
  const texts: [string, GgufValue][] = [
    ['general.architecture', { type: 'string', value: 'llama' }],
    ['tokenizer.chat_template', { type: 'string', value: template }],
  ];
  await writeGguf(path, { metadata: new Map(texts), tensors: [] });
  return path;
}

/** Spoils the file so that only a memory of it can answer. */
function spoil(path: string): void {
  const { size, atime, mtime } = statSync(path);
  writeFileSync(path, Buffer.alloc(size));
  utimesSync(path, atime, mtime);
}

test('a listing of five hundred models opens each of them once, however often it is made', async () => {
  const headers = new HeaderCache();
  const paths = await Promise.all(Array.from({ length: 500 }, (_, index) => withTemplate(`${index}`, `t${index}`)));
  const listed = () => paths.map((path) => headers.factsOf(path).chatTemplate);
  const before = listed();
  for (const path of paths) spoil(path);
  expect(listed()).toEqual(before);
});

test('templates of megabytes are forgotten before they fill the memory (S-37)', async () => {
  const headers = new HeaderCache();
  const large = 'x'.repeat(15 << 20);
  const paths = await Promise.all(['a', 'b', 'c', 'd', 'e'].map((name) => withTemplate(name, large)));
  for (const path of paths) headers.factsOf(path);
  for (const path of paths) spoil(path);
  expect(() => headers.factsOf(paths[0] ?? '')).toThrow();
  expect(headers.factsOf(paths[4] ?? '').chatTemplate).toHaveLength(15 << 20);
});
