/** The order of downloads that wait. The queue itself: downloads.test.ts. */
import { expect, test } from 'bun:test';
import { moved, waitingInOrder } from '#src/downloads/queue-order.ts';
import type { DownloadRecord, DownloadState } from '#src/downloads/record.ts';

const record = (id: string, createdAtMs: number, state: DownloadState = 'queued'): DownloadRecord => ({
  ...{ version: 1, id, key: id, repository: `acme/${id}`, format: 'gguf', quantization: null, root: '/models' },
  wish: { filename: null, quantization: null, withProjector: true, revision: null, draft: null },
  ...{ files: [], state, reason: null, note: null, modelId: null, createdAtMs, place: null, endedAtMs: null },
});
const names = (records: readonly DownloadRecord[]) => waitingInOrder(records).map(({ id }) => id);

function after(records: readonly DownloadRecord[], id: string, direction: 'sooner' | 'later') {
  const places = new Map(moved(records, id, direction).map((one) => [one.id, one.place]));
  return records.map((one) => ({ ...one, place: places.get(one.id) ?? one.place }));
}

test('one that waits changes places with its neighbour, also of those asked for at the same time', () => {
  const records = [record('a', 5), record('run', 1, 'running'), record('b', 5), record('c', 5)];
  expect(names(records)).toEqual(['a', 'b', 'c']);
  const once = after(records, 'c', 'sooner');
  expect(names(once)).toEqual(['a', 'c', 'b']);
  expect(names(after(once, 'c', 'sooner'))).toEqual(['c', 'a', 'b']);
  expect(names(after(once, 'a', 'later'))).toEqual(['c', 'a', 'b']);
});

test('a later wish still comes last, and the first cannot come sooner', () => {
  const records = after([record('a', 5), record('b', 6)], 'b', 'sooner');
  expect(names([...records, record('c', 7)])).toEqual(['b', 'a', 'c']);
  expect(moved(records, 'b', 'sooner')).toEqual([]);
});

test('one that runs cannot be moved', () => {
  expect(() => moved([record('a', 5, 'running')], 'a', 'later')).toThrow('waits for its turn');
});
