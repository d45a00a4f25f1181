/** Every numbered fault and attack has a test that says so in its title, and no title has a number that is none. */
import { expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ATTACK_CASES } from './attacks.ts';
import { FAULT_CASES } from './faults.ts';

const TESTS = join(import.meta.dir, '..');
/** `'F-01: …'`, `"F-26, F-43: …"`, also as the first word of a row of a table of tests. */
const TITLE = /['"`]((?:[FS]-\d{2}(?:, )?)+): /g;

const cases = [...FAULT_CASES, ...ATTACK_CASES];

/** The numbers that titles begin with, and where. */
function titledNumbers(): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const path of new Bun.Glob('**/*.test.{ts,tsx}').scanSync({ cwd: TESTS })) {
    // The words above would count as titles.
    if (join(TESTS, path) === import.meta.path) continue;
    for (const [, numbers = ''] of readFileSync(join(TESTS, path), 'utf8').matchAll(TITLE)) {
      for (const number of numbers.split(', ')) found.set(number, [...(found.get(number) ?? []), path]);
    }
  }
  return found;
}

test('numbers are given once, without gaps', () => {
  expect(FAULT_CASES.map(({ number }) => number).at(-1)).toBe('F-97');
  expect(ATTACK_CASES.map(({ number }) => number).at(-1)).toBe('S-48');
  expect(new Set(cases.map(({ number }) => number)).size).toBe(cases.length);
});

test('every case has its test', () => {
  const titled = titledNumbers();
  const bare = cases.filter(({ number, notHere }) => notHere === undefined && !titled.has(number));
  expect(bare.map(({ number, what }) => `${number} ${what}`)).toEqual([]);
});

test('every number in a title is a case', () => {
  const known = new Set(cases.map(({ number }) => number));
  expect([...titledNumbers().keys()].filter((number) => !known.has(number))).toEqual([]);
});
