/** The order in which downloads get their turn: as they were asked for, unless somebody has moved one. Pure. */
import { Fault } from '#src/faults.ts';
import type { DownloadRecord } from './record.ts';

/** Where to move one that waits: before or behind its neighbour. */
export type Direction = 'sooner' | 'later';

/** A record with the place that it shall have. */
export type Placed = { readonly id: string; readonly place: number };

/** Those that wait for their turn, the next one first. */
export function waitingInOrder(records: readonly DownloadRecord[]): readonly DownloadRecord[] {
  return records.filter(({ state }) => state === 'queued').toSorted((one, other) => placeOf(one) - placeOf(other));
}

/**
 * What changes when one that waits changes places with its neighbour; nothing for the first that is to come sooner.
 * Throws Fault('conflict') for one that does not wait.
 */
export function moved(records: readonly DownloadRecord[], id: string, direction: Direction): readonly Placed[] {
  const waiting = waitingInOrder(records);
  const at = waiting.findIndex((record) => record.id === id);
  if (at < 0) throw new Fault('conflict', 'Only a download that waits for its turn can be moved.');
  const other = direction === 'sooner' ? at - 1 : at + 1;
  if (other < 0 || other >= waiting.length) return [];
  const order = waiting.map((record) => record.id);
  order.splice(at, 1);
  order.splice(other, 0, id);
  // All of them get a place anew: two that were asked for in the same millisecond have the same one.
  const first = placeOf(waiting[0] ?? { place: null, createdAtMs: 0 });
  return order.map((one, index) => ({ id: one, place: first + index / order.length }));
}

function placeOf({ place, createdAtMs }: Pick<DownloadRecord, 'place' | 'createdAtMs'>): number {
  return place ?? createdAtMs;
}
