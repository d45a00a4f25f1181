/** When Flow gives its memory back. How much that is under load, the bench measures. */
import { expect, test } from 'bun:test';
import { keepTidy } from '#src/host/tidy-memory.ts';
import { FakeClock } from '#test/support/fake-clock.ts';

const MB = 1 << 20;

/** Five hundred functions that ran; one of them, and a generator, are under way meanwhile. */
const SHRINKING = `
  const { heapStats } = require('bun:jsc');
  const blocks = () => heapStats().objectTypeCounts.FunctionCodeBlock ?? 0;
  const makers = Array.from({ length: 500 }, (_, number) => new Function('x', 'return x * ' + number));
  const run = () => makers.reduce((sum, make) => sum + make(2), 0);
  for (let round = 0; round < 200; round += 1) run();
  function* counting() { for (const make of makers) yield make(2); }
  const under = counting();
  under.next();
  const before = blocks();
  Bun.shrink();
  setTimeout(() => {
    Bun.gc(true);
    const after = blocks();
    let rest = 0;
    for (const value of under) rest += value;
    if (rest !== run()) process.exit(1);
    process.stdout.write(JSON.stringify([before, after, rest]));
  }, 50);
`;

function scene() {
  const clock = new FakeClock();
  const memory = { bytes: 120 * MB, leftBytes: 100 * MB, collections: 0, shrinks: 0 };
  const requests = { openCount: 0, begunCount: 0 };
  const tidying = keepTidy({
    clock,
    residentBytes: () => memory.bytes,
    collect: () => {
      memory.collections += 1;
      memory.bytes = memory.leftBytes;
    },
    requests,
    shrink: () => {
      memory.shrinks += 1;
    },
  });
  return { clock, memory, requests, tidying };
}

test('what a start leaves behind is given back after two seconds, however large it was', () => {
  const { clock, memory } = scene();
  memory.bytes = 300 * MB;
  clock.advance(1_999);
  expect(memory.collections).toBe(0);
  clock.advance(1);
  expect(memory.collections).toBe(1);
});

test('growth of more than 32 MB is given back within half a second, less is not looked after', () => {
  const { clock, memory } = scene();
  clock.advance(2_000);
  memory.bytes = 132 * MB;
  clock.advance(60_000);
  expect(memory.collections).toBe(1);
  memory.bytes += 1;
  clock.advance(500);
  expect([memory.collections, memory.bytes]).toEqual([2, 100 * MB]);
});

test('memory that is used is not collected over and over; once it was less, growth counts from there', () => {
  const { clock, memory } = scene();
  clock.advance(2_000);
  memory.leftBytes = 400 * MB;
  memory.bytes = 400 * MB;
  clock.advance(60_000);
  expect(memory.collections).toBe(2);
  memory.bytes = 200 * MB;
  clock.advance(500);
  memory.bytes = 240 * MB;
  clock.advance(500);
  expect(memory.collections).toBe(3);
});

test('compiled code goes when there was no request for five minutes, and once only', () => {
  const { clock, memory, requests } = scene();
  clock.advance(200_000);
  requests.begunCount = 1;
  clock.advance(299_500);
  expect(memory.shrinks).toBe(0);
  clock.advance(1_000);
  expect([memory.shrinks, memory.collections]).toEqual([1, 2]);
  clock.advance(86_400_000);
  expect(memory.shrinks).toBe(1);
  requests.begunCount = 2;
  clock.advance(301_000);
  expect(memory.shrinks).toBe(2);
});

test('compiled code stays while a request is under way, however long, and while they keep coming', () => {
  const { clock, memory, requests } = scene();
  Object.assign(requests, { openCount: 1, begunCount: 1 });
  clock.advance(3_600_000);
  requests.openCount = 0;
  for (let minute = 0; minute < 60; minute += 4) {
    // Begun and ended between two looks.
    requests.begunCount += 1;
    clock.advance(240_000);
  }
  expect(memory.shrinks).toBe(0);
});

test('what Bun does when asked to shrink: compiled code is gone, and runs again as before', async () => {
  const child = Bun.spawn([process.execPath, '-e', SHRINKING], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [before, after, sum] = JSON.parse(await new Response(child.stdout).text());
  expect(await child.exited).toBe(0);
  expect(before).toBeGreaterThan(500);
  expect(after).toBeLessThan(before / 2);
  expect(sum).toBe(500 * 499);
});

test('nothing is done once it is disposed', () => {
  const { clock, memory, tidying } = scene();
  tidying[Symbol.dispose]();
  memory.bytes = 900 * MB;
  clock.advance(10_000);
  expect([memory.collections, clock.armedCount]).toEqual([0, 0]);
});
