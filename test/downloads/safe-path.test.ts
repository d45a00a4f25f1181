// S-20: names from a repository as paths on this machine. Whole hostile repositories are tried in test/hostile.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { checkedRepository, prepareFolder, safeNames, targetOf } from '#src/downloads/safe-path.ts';
import { asFault } from '#src/faults.ts';

let root: string;
let models: string;
let outside: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'flow-safe-path-'));
  models = join(root, 'models');
  outside = join(root, 'outside');
  mkdirSync(models);
  mkdirSync(outside);
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

test.each([
  '../../x.gguf',
  '..\\..\\evil.gguf',
  'a/../../x.gguf',
  '/etc/passwd',
  'C:\\x.gguf',
  'a//b.gguf',
  'a\0b.gguf',
  'CON',
  'aux.gguf',
  'a\u202efugg.gguf',
  'a\u200b.gguf',
  '.hidden',
  'a/.git/config',
  'ends.with.dot.',
  'ends with space ',
  'x'.repeat(300),
  'a/b/c/d/e/f/g/h/i.gguf',
  'sha256:../../..',
  '',
])('a file called %j is not stored (S-20)', (name) => {
  expect(() => safeNames(name)).toThrow('not safe');
});

test.each(['../x', 'a/..', 'a/b/c', '/a/b', 'a\\b', 'sha256:../../..', 'a/b\0', 'nul/x', 'a/con', ''])(
  'a repository called %j is none (S-20)',
  (name) => {
    expect(() => checkedRepository(name)).toThrow('not a repository');
  },
);

test('F-75, S-20: whatever a repository names a file, it is refused or lies below its own folder', () => {
  const piece = fc.oneof(fc.constantFrom('..', '.', '', '/', '\\', 'a', 'CON', '\u202e', '\0', '%2e%2e'), fc.string());
  const name = fc.array(piece, { maxLength: 6 }).map((pieces) => pieces.join('/'));
  fc.assert(
    fc.property(name, (path) => {
      try {
        expect(targetOf('/models', 'owner/name', path)).toStartWith('/models/owner/name/');
      } catch (cause) {
        expect(asFault(cause).kind).toBe('unprocessable');
      }
    }),
    { numRuns: 2_000 },
  );
});

describe('a folder that is a link to elsewhere', () => {
  test.each(['owner', 'owner/name'])('S-20: at %s has nothing made where it leads', async (linked) => {
    if (linked.includes('/')) mkdirSync(join(models, 'owner'));
    symlinkSync(outside, join(models, linked));
    const target = targetOf(models, 'owner/name', 'deep/a.gguf');
    expect(await prepareFolder(models, target).catch((cause) => asFault(cause).kind)).toBe('conflict');
    expect(readdirSync(outside)).toEqual([]);
  });

  test('that leads nowhere yet is refused too', async () => {
    symlinkSync(join(root, 'later'), join(models, 'owner'));
    const target = targetOf(models, 'owner/name', 'a.gguf');
    expect(await prepareFolder(models, target).catch((cause) => asFault(cause).kind)).toBe('conflict');
    expect(existsSync(join(root, 'later'))).toBe(false);
  });

  test('S-20: in the place of the file is refused, and a models folder that is itself a link is fine', async () => {
    mkdirSync(join(models, 'owner', 'name'), { recursive: true });
    const target = targetOf(models, 'owner/name', 'a.gguf');
    symlinkSync(join(outside, 'a.gguf'), target);
    expect(await prepareFolder(models, target).catch((cause) => asFault(cause).kind)).toBe('conflict');
    symlinkSync(models, join(root, 'linked'));
    await prepareFolder(join(root, 'linked'), targetOf(join(root, 'linked'), 'owner/name', 'b.gguf'));
  });
});
