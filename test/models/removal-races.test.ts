// S-16: somebody swaps a folder for a link while a model in it is deleted. What else is removed is in removals.test.ts.
import { afterEach, beforeEach, expect, test } from 'bun:test';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { asFault } from '#src/faults.ts';
import { moveToTrash } from '#src/models/trash.ts';
import { waitUntil } from '#test/support/wait-until.ts';

const TRIES = 1_000;
/** Swaps again and again, at odd intervals, and says that it has begun. */
const SWAPPER = `
  const { renameSync, symlinkSync, unlinkSync, writeFileSync } = require('node:fs');
  const [, folder, aside, outside, begun] = process.argv;
  const linger = (us) => { const end = performance.now() + us / 1000; while (performance.now() < end); };
  for (let round = 0; ; round += 1) {
    renameSync(folder, aside);
    symlinkSync(outside, folder);
    linger((round * 7) % 60);
    unlinkSync(folder);
    renameSync(aside, folder);
    linger((round * 13) % 200);
    if (round === 10) writeFileSync(begun, '');
  }`;

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'flow-races-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const nameOf = (number: number): string => `model-${number}.gguf`;

test('S-16: a folder swapped for a link a thousand times never makes Flow move what lies outside', async () => {
  const models = join(root, 'models');
  const repository = join(models, 'repository');
  const outside = join(root, 'outside');
  mkdirSync(repository, { recursive: true });
  mkdirSync(outside);
  for (let number = 0; number < TRIES; number += 1) {
    writeFileSync(join(repository, nameOf(number)), 'ours');
    writeFileSync(join(outside, nameOf(number)), `canary ${number}`);
  }
  // So that the folder is never emptied and taken away.
  writeFileSync(join(repository, 'README.md'), '');
  const begun = join(root, 'begun');
  const swapper = Bun.spawn([process.execPath, '-e', SWAPPER, repository, join(models, 'aside'), outside, begun], {
    stdio: ['ignore', 'ignore', 'ignore'],
    timeout: 60_000,
  });
  const ends = { moved: 0, refused: 0, gone: 0 };
  try {
    await waitUntil('the swapper has begun', () => existsSync(begun));
    const endMs = performance.now() + 30_000;
    while (ends.moved + ends.refused < TRIES && performance.now() < endMs) {
      ends[triedOnce(repository, models, ends.moved)] += 1;
    }
    expect(swapper.exitCode).toBeNull();
  } finally {
    swapper.kill('SIGKILL');
    await swapper.exited;
  }
  // Both must have come to pass, else nothing was tried.
  expect(Math.min(ends.moved, ends.refused)).toBeGreaterThan(0);
  expect(readdirSync(outside)).toHaveLength(TRIES);
  for (let number = 0; number < TRIES; number += 1) {
    expect(readFileSync(join(outside, nameOf(number)), 'utf8')).toBe(`canary ${number}`);
  }
  const inTrash = readdirSync(join(models, '.trash'), { recursive: true }).filter((name) => /gguf$/.test(String(name)));
  expect(inTrash).toHaveLength(ends.moved);
});

function triedOnce(repository: string, models: string, number: number): 'moved' | 'gone' | 'refused' {
  try {
    const trashed = moveToTrash([join(repository, nameOf(number))], models, 'race', number);
    return trashed === null ? 'gone' : 'moved';
  } catch (cause) {
    expect(asFault(cause).kind).toBe('conflict');
    return 'refused';
  }
}
