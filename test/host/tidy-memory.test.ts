/** When Flow gives its memory back. How much that is under load, the bench measures. */
import { expect, test } from 'bun:test';
import { keepTidy } from '#src/host/tidy-memory.ts';
import { FakeClock } from '#test/support/fake-clock.ts';

const MB = 1 << 20;

function scene() {
  const clock = new FakeClock();
  const memory = { bytes: 120 * MB, leftBytes: 100 * MB, collections: 0 };
  const tidying = keepTidy({
    clock,
    residentBytes: () => memory.bytes,
    collect: () => {
      memory.collections += 1;
      memory.bytes = memory.leftBytes;
    },
  });
  return { clock, memory, tidying };
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

test('nothing is done once it is disposed', () => {
  const { clock, memory, tidying } = scene();
  tidying[Symbol.dispose]();
  memory.bytes = 900 * MB;
  clock.advance(10_000);
  expect([memory.collections, clock.armedCount]).toEqual([0, 0]);
});
