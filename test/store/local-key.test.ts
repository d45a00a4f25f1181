// The key by which the command line shows whose it is. What it allows is tested in test/models/registration.test.ts.
import { afterEach, beforeEach, expect, test } from 'bun:test';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureLocalKey, isLocalKey, readLocalKey } from '#src/store/local-key.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'flow-local-key-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('the key stays, and only its user can read it', () => {
  const key = ensureLocalKey(folder);
  expect(key).toMatch(/^[0-9a-f]{64}$/);
  expect(ensureLocalKey(folder)).toBe(key);
  expect(readLocalKey(folder)).toBe(key);
  expect(statSync(join(folder, 'local-key')).mode & 0o777).toBe(0o600);
});

test('what is no key is told apart without breaking, whatever its characters', () => {
  const key = ensureLocalKey(folder);
  expect(isLocalKey(key, key)).toBe(true);
  for (const shown of [null, '', 'a', 'a'.repeat(64), `é${'a'.repeat(63)}`, '\u{1F511}'.repeat(32)]) {
    expect(isLocalKey(shown, key)).toBe(false);
  }
  expect(isLocalKey(null, null)).toBe(false);
});

test('a damaged key that others could read, or that leads elsewhere, is made anew for this user alone', () => {
  const path = join(folder, 'local-key');
  writeFileSync(path, 'half');
  chmodSync(path, 0o644);
  expect(ensureLocalKey(folder)).toMatch(/^[0-9a-f]{64}$/);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  rmSync(path);
  const other = join(folder, 'other');
  writeFileSync(other, 'mine');
  symlinkSync(other, path);
  expect(ensureLocalKey(folder)).toMatch(/^[0-9a-f]{64}$/);
  expect(readFileSync(other, 'utf8')).toBe('mine');
});
