// Log files: written behind the caller's back, rotated, private. In a folder of their own.
import { afterAll, expect, test } from 'bun:test';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Bus } from '#src/events.ts';
import { LogFile } from '#src/logs/log-file.ts';
import { fileName, Logs } from '#src/logs/logs.ts';
import { FakeClock } from '#test/support/fake-clock.ts';

const root = mkdtempSync(join(tmpdir(), 'flow-logs-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

function someFolder(): string {
  return join(mkdtempSync(join(root, 'case-')), 'logs');
}

test('lines reach the file in order, and nobody else may read it', async () => {
  const path = join(someFolder(), 'flow.log');
  const file = new LogFile({ path, clock: new FakeClock() });
  for (let number = 1; number <= 1_000; number += 1) file.append(`line ${number}`);
  await file.close();
  expect(readFileSync(path, 'utf8').split('\n').slice(-3)).toEqual(['line 999', 'line 1000', '']);
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test('a file that others could read is made private', async () => {
  const folder = someFolder();
  mkdirSync(folder);
  const path = join(folder, 'flow.log');
  writeFileSync(path, 'old\n', { mode: 0o644 });
  const file = new LogFile({ path, clock: new FakeClock() });
  file.append('new');
  await file.close();
  expect(readFileSync(path, 'utf8')).toBe('old\nnew\n');
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test('a full file moves aside, and three are kept', async () => {
  const folder = someFolder();
  const file = new LogFile({ path: join(folder, 'flow.log'), clock: new FakeClock(), bytesMax: 100 });
  for (let number = 1; number <= 10; number += 1) {
    file.append(`${number} ${'x'.repeat(60)}`);
    await file.flush();
  }
  await file.close();
  expect(readdirSync(folder).sort()).toEqual(['flow.log', 'flow.log.1', 'flow.log.2']);
  expect(readFileSync(join(folder, 'flow.log'), 'utf8')).toStartWith('10 ');
  expect(readFileSync(join(folder, 'flow.log.2'), 'utf8')).toStartWith('8 ');
});

test('a disk that takes nothing costs lines, not the program', async () => {
  const file = new LogFile({ path: '/dev/null/flow.log', clock: new FakeClock() });
  file.append('lost');
  await file.flush();
  file.append('lost too');
  await file.close();
});

test('more than a megabyte waiting is dropped, and the loss written down', async () => {
  const path = join(someFolder(), 'flow.log');
  const file = new LogFile({ path, clock: new FakeClock() });
  for (let number = 0; number < 2_000; number += 1) file.append('x'.repeat(1_000));
  await file.close();
  expect(statSync(path).size).toBeLessThan(1_100_000);
  expect(readFileSync(path, 'utf8').trimEnd()).toMatch(/… \d+ lines lost: the disk was full or too slow$/);
});

test('logs write one file a source, with time, level and stream', async () => {
  const folder = someFolder();
  const clock = new FakeClock();
  const logs = new Logs({ clock, bus: new Bus(), folder });
  logs.append('org/model', 'hello', 'stderr');
  logs.info('Flow says');
  await logs.close();
  expect(readFileSync(join(folder, 'flow.log'), 'utf8')).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z info flow Flow says\n$/);
  expect(readFileSync(join(folder, fileName('org/model')), 'utf8')).toContain(' info stderr hello\n');
});

test('no two sources share a file, and none leaves the folder', () => {
  const sources = ['a/b', 'a_b', 'a:b', '../a', '..', '.', '', 'A', 'model', 'x'.repeat(200), `${'x'.repeat(199)}y`];
  const names = sources.map(fileName);
  expect(new Set(names).size).toBe(sources.length);
  for (const name of names) expect(name).not.toMatch(/\/|^\./);
});

test('lines that could not be written are counted where the next ones go', async () => {
  const folder = someFolder();
  writeFileSync(folder, 'in the way');
  const path = join(folder, 'flow.log');
  const file = new LogFile({ path, clock: new FakeClock() });
  for (const line of ['one', 'two', 'three']) file.append(line);
  await file.flush();
  rmSync(folder);
  file.append('four');
  await file.close();
  expect(readFileSync(path, 'utf8')).toBe('four\n… 3 lines lost: the disk was full or too slow\n');
});
