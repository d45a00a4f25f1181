/** The lines of a moment, from memory and from files. How files are read: kept-files.test.ts. */
import { afterAll, afterEach, beforeEach, expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Bus } from '#src/events.ts';
import { KeptFiles } from '#src/logs/kept-files.ts';
import { Logs } from '#src/logs/logs.ts';
import { momentOf } from '#src/logs/moment.ts';
import { FakeClock } from '#test/support/fake-clock.ts';

const root = mkdtempSync(join(tmpdir(), 'flow-moment-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

let clock: FakeClock;
let folder: string;
const open: Logs[] = [];
afterEach(async () => {
  for (const logs of open.splice(0)) await logs.close();
});
beforeEach(() => {
  clock = new FakeClock();
  folder = mkdtempSync(join(root, 'case-'));
});

function run() {
  const logs = new Logs({ clock, bus: new Bus(), folder });
  open.push(logs);
  return { logs, files: new KeptFiles(folder) };
}

const texts = ({ first, last }: Awaited<ReturnType<typeof momentOf>>) => [...first, ...last].map(({ text }) => text);

test('the lines of these sources between the two times, merged', async () => {
  const house = run();
  const fromMs = clock.wallMs() + 1_000;
  for (let second = 0; second < 5; second += 1) {
    house.logs.append('gemma', `gemma ${second}`, 'stderr');
    house.logs.append('other', `other ${second}`, 'stderr');
    house.logs.info(`flow ${second}`);
    clock.advance(1_000);
  }
  const query = { sources: ['gemma', 'flow'], fromMs, untilMs: fromMs + 1_000, lines: 50 };
  expect(texts(await momentOf(house, query))).toEqual(['gemma 1', 'flow 1', 'gemma 2', 'flow 2']);
});

test('those of an earlier run, and those that memory has let go, come from the files', async () => {
  const before = run();
  const firstMs = clock.wallMs();
  before.logs.append('org/gemma', 'of the earlier run', 'stderr');
  await before.logs.close();
  clock.advance(60_000);
  const now = run();
  const secondMs = clock.wallMs();
  now.logs.append('org/gemma', 'first of many', 'stderr');
  clock.advance(10_000);
  for (let line = 0; line < 2_500; line += 1) now.logs.append('org/gemma', `line ${line}`, 'stderr');
  const at = (fromMs: number) => momentOf(now, { sources: ['org/gemma'], fromMs, untilMs: fromMs + 500, lines: 50 });
  expect(texts(await at(firstMs))).toEqual(['of the earlier run']);
  expect(texts(await at(secondMs))).toEqual(['first of many']);
});

test('of too many, the beginning and the end, and how many stand between', async () => {
  const house = run();
  for (let line = 0; line < 100; line += 1) house.logs.append('gemma', String(line), 'stderr');
  const found = await momentOf(house, { sources: ['gemma'], fromMs: 0, untilMs: clock.wallMs(), lines: 9 });
  expect(texts(found)).toEqual(['0', '1', '2', '94', '95', '96', '97', '98', '99']);
  expect(found.left).toBe(91);
});
