/** What an engine says it has taken, and what of that is needed. */
import { expect, test } from 'bun:test';
import { MemoryTally } from '#src/supervision/memory-tally.ts';

const GB = 1e9;

test('weights that a processor holds in its own order as well count once', () => {
  const tally = new MemoryTally();
  tally.add('repacked-weights', 15 * GB);
  tally.add('mapped-weights', 20 * GB);
  tally.add('kv-cache', 2 * GB);
  tally.add('compute', GB);
  expect(tally.taken).toEqual({ weightsBytes: 20 * GB, kvCacheBytes: 2 * GB, computeBytes: GB });
  expect(tally.without(38 * GB)).toBe(23 * GB);
  expect(tally.without(null)).toBeNull();
});

test('repacked weights without a mapped file are all there is', () => {
  const tally = new MemoryTally();
  tally.add('repacked-weights', 15 * GB);
  tally.add('weights', 5 * GB);
  expect(tally.taken.weightsBytes).toBe(20 * GB);
  expect(tally.without(22 * GB)).toBe(22 * GB);
});
