/** Looking at a database without touching it. What `flow doctor` makes of it: test/cli/doctor.test.ts. */
import { Database } from 'bun:sqlite';
import { afterEach, beforeEach, expect, test } from 'bun:test';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '#src/clock.ts';
import { examineStore } from '#src/store/examine.ts';
import { closeStore, openSoundStore } from '#src/store/open.ts';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'flow-examine-'));
  path = join(folder, 'flow #1.db');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('a missing one is absent, and stays so', () => {
  expect(examineStore(path)).toEqual({ state: 'absent' });
  expect(readdirSync(folder)).toEqual([]);
});

test('a sound one is sound, closed or in use', () => {
  const { store } = openSoundStore({ path, clock: systemClock });
  expect(examineStore(path)).toMatchObject({ state: 'sound' });
  closeStore(store);
  const before = { files: readdirSync(folder), content: readFileSync(path) };
  expect(examineStore(path)).toMatchObject({ state: 'sound' });
  expect({ files: readdirSync(folder), content: readFileSync(path) }).toEqual(before);
});

test('one of a later Flow is newer, not broken', () => {
  closeStore(openSoundStore({ path, clock: systemClock }).store);
  const client = new Database(path);
  client.run('PRAGMA user_version = 900');
  client.close();
  expect(examineStore(path)).toEqual({ state: 'newer', schema: 900 });
});

test('what is no database is broken, with the reason', () => {
  writeFileSync(path, 'this is no database at all '.repeat(1_000));
  expect(examineStore(path)).toEqual({ state: 'broken', reason: expect.stringContaining('not a database') });
});
