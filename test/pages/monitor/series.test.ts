/** The ring of seconds under the Monitor's lines. How it is fed: pace.test.ts. */
import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { Series } from '#src/pages/monitor/series.ts';

test('an amount is spread over the seconds that it took', () => {
  const series = new Series(60, 0);
  series.addOver(1_500, 3_500, 200);
  expect(series.points(5_000, 1, 5, 'mean')).toEqual([0, 50, 100, 50, 0]);
});

test('whatever was added within the ring is in its points, no more and no less', () => {
  const parts = fc.array(
    fc.record({
      from: fc.integer({ min: 0, max: 39_000 }),
      span: fc.integer({ min: 0, max: 9_000 }),
      amount: fc.nat(999),
    }),
  );
  fc.assert(
    fc.property(parts, (added) => {
      const series = new Series(60, 0);
      for (const { from, span, amount } of added) series.addOver(from, from + span, amount);
      const sum = series.points(60_000, 1, 60, 'mean').reduce<number>((total, point) => total + (point ?? 0), 0);
      expect(sum).toBeCloseTo(
        added.reduce((total, { amount }) => total + amount, 0),
        6,
      );
    }),
  );
});

test('of the time before it began nothing is known, and after it what is not told is nothing', () => {
  const series = new Series(60, 3_000);
  expect(series.points(6_000, 1, 6, 'mean')).toEqual([null, null, null, 0, 0, 0]);
});

test('seconds that were overtaken by the ring are gone, also when nothing came after them', () => {
  const series = new Series(10, 0);
  series.addOver(0, 1_000, 7);
  expect(series.points(100_000, 1, 10, 'mean')).toEqual(new Array(10).fill(0));
  series.addOver(100_000, 101_000, 3);
  series.addOver(0, 1_000, 7);
  expect(series.points(101_000, 1, 2, 'mean')).toEqual([0, 3]);
});

test('an amount over a time longer than the ring costs no more than the ring', () => {
  const series = new Series(10, 0);
  series.addOver(0, 1e12, 1e9);
  expect(series.points(1e12, 1, 10, 'mean')).toEqual(new Array(10).fill(1));
});

test('longer steps are means, or for counts the most; they begin at multiples of the step', () => {
  const series = new Series(60, 0);
  series.raise(6_000, 4);
  series.raise(6_500, 2);
  expect(series.points(10_000, 5, 2, 'max')).toEqual([0, 4]);
  expect(series.points(12_000, 5, 3, 'max')).toEqual([0, 4, 0]);
  series.addOver(5_000, 10_000, 50);
  expect(series.points(14_000, 5, 2, 'mean')[1]).toBe(0);
});

test('a rate is the mean of whole seconds only', () => {
  const series = new Series(60, 0);
  series.addOver(0, 3_500, 350);
  expect(series.rate(3_500, 3)).toBe(100);
  expect(new Series(60, 5_000).rate(5_500, 3)).toBe(0);
});
