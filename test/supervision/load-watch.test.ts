// When a load is given up, on a fake clock.
import { expect, test } from 'bun:test';
import { type GivenUp, LOAD_MAX_S, LoadWatch } from '#src/supervision/load-watch.ts';
import { FakeClock } from '#test/support/fake-clock.ts';

function watching(stallS = 120) {
  const clock = new FakeClock();
  const reasons: GivenUp[] = [];
  const watch = new LoadWatch(clock, stallS, (reason) => reasons.push(reason));
  return { clock, reasons, watch };
}

test('F-05: silence for the whole time ends a load, once', () => {
  const { clock, reasons } = watching();
  clock.advance(119_999);
  expect(reasons).toEqual([]);
  clock.advance(1);
  expect(reasons).toEqual([{ because: 'silence', afterS: 120 }]);
  clock.advance(LOAD_MAX_S * 1000);
  expect(reasons).toHaveLength(1);
});

test('F-06: a slow load that says something each minute is left alone for twenty minutes', () => {
  const { clock, reasons, watch } = watching();
  for (let minute = 0; minute < 20; minute += 1) {
    clock.advance(60_000);
    watch.noteLife();
  }
  expect(reasons).toEqual([]);
  clock.advance(119_999);
  expect(reasons).toEqual([]);
  clock.advance(1);
  expect(reasons).toHaveLength(1);
});

test('however alive, half an hour is the end', () => {
  const { clock, reasons, watch } = watching();
  for (let minute = 0; minute < 31; minute += 1) {
    watch.noteLife();
    clock.advance(60_000);
  }
  expect(reasons).toEqual([{ because: 'length', afterS: LOAD_MAX_S }]);
});

test('F-83: time that the machine slept is neither silence nor length', () => {
  const { clock, reasons, watch } = watching();
  clock.advance(60_000);
  clock.sleep(LOAD_MAX_S * 1000);
  clock.advance(54_000);
  expect(reasons).toEqual([]);
  watch.noteLife();
  clock.advance(119_000);
  expect(reasons).toEqual([]);
  clock.advance(1_000);
  expect(reasons).toEqual([{ because: 'silence', afterS: 120 }]);
});

test('a watch that is over leaves no timer', () => {
  const { clock, watch } = watching();
  watch[Symbol.dispose]();
  expect(clock.armedCount).toBe(0);
});
