/** Counting and deleting records, over a made-up store. What a batch deletes: test/store. */
import { describe, expect, test } from 'bun:test';
import { systemClock } from '#src/clock.ts';
import { RecordKeeper } from '#src/pages/settings/record-keeper.ts';

function keeper(batches: number) {
  const asked: number[] = [];
  let changes = 0;
  let left = batches;
  const records = new RecordKeeper({
    clock: systemClock,
    count: () => ({ requests: left * 500, oldestMs: left === 0 ? null : Date.UTC(2026, 9, 3, 12) }),
    deleteBatch: (beforeMs) => {
      asked.push(beforeMs);
      left = Math.max(0, left - 1);
      return left > 0;
    },
    onChange: () => {
      changes += 1;
    },
  });
  return { records, asked, changes: () => changes };
}

describe('records', () => {
  test('are deleted batch by batch until nothing is left, and counted anew', async () => {
    const { records, asked, changes } = keeper(3);
    expect(records.known()).toEqual({ count: 1500, since: '3 October 2026', isDeleting: false });
    const deletion = records.delete(0);
    expect(records.known().isDeleting).toBe(true);
    await deletion;
    await Promise.resolve();
    expect(records.known()).toEqual({ count: 0, since: null, isDeleting: false });
    expect(asked).toHaveLength(3);
    expect(changes()).toBe(2);
  });

  test('only what is older than asked goes', async () => {
    const { records, asked } = keeper(1);
    const beforeMs = Date.now() - 30 * 86_400_000;
    await records.delete(30);
    expect(Math.abs((asked[0] ?? 0) - beforeMs)).toBeLessThan(5_000);
  });

  test('a database that does not answer is said, not thrown', () => {
    const records = new RecordKeeper({
      clock: systemClock,
      count: () => {
        throw new Error('locked');
      },
      deleteBatch: () => false,
      onChange: () => {},
    });
    expect(records.known()).toEqual({ count: null, since: null, isDeleting: false });
  });
});
