// How memory is remembered: when, how long, and in parts that add up.
import { afterEach, beforeEach, expect, test } from 'bun:test';
import { keptMs, MemoryHistory, memoryShares } from '#src/chronicle/memory-history.ts';
import { Bus } from '#src/events.ts';
import type { FleetModel } from '#src/scheduling/lease.ts';
import { closeStore, openStore, type Store } from '#src/store/open.ts';
import { memorySamples } from '#src/store/schema.ts';
import { RecordWriter } from '#src/store/writer.ts';
import { FakeClock } from '#test/support/fake-clock.ts';
import { idleModel } from '#test/support/fleet-snapshots.ts';

const GB = 1e9;
const HOUR_MS = 3_600_000;
const MACHINE = { totalBytes: 48 * GB, freeBytes: 4 * GB, availableBytes: 24 * GB };

let store: Store;
let clock: FakeClock;
let writer: RecordWriter;
let models: FleetModel[];
let history: MemoryHistory;

beforeEach(() => {
  store = openStore(':memory:');
  clock = new FakeClock();
  models = [];
  writer = new RecordWriter({ store, clock, bus: new Bus(), retention: () => ({ days: 90, bytesMax: 1e9 }) });
  history = opened();
});
afterEach(() => {
  history[Symbol.dispose]();
  writer.close();
  closeStore(store);
});

function opened(): MemoryHistory {
  return new MemoryHistory({ store, writer, clock, fleet: () => ({ models }), memory: () => MACHINE });
}

const rows = () => {
  writer.flush();
  return store.select().from(memorySamples).all();
};

test('a sample every minute while nothing runs, every ten seconds while something does', () => {
  history.begin();
  clock.advance(600_000);
  expect(rows()).toHaveLength(11);
  models = [{ ...idleModel('gemma'), measuredBytes: 18 * GB }];
  clock.advance(60_000);
  expect(rows()).toHaveLength(17);
  expect(rows().at(-1)).toMatchObject({ modelsBytes: 18 * GB, byModel: { gemma: 18 * GB } });
  history[Symbol.dispose]();
  clock.advance(600_000);
  expect(rows()).toHaveLength(17);
});

test('a day of samples leaves two hours of close ones and a minute’s step before them', () => {
  models = [{ ...idleModel('gemma'), measuredBytes: 18 * GB }];
  history.begin();
  clock.advance(24 * HOUR_MS);
  const nowMs = clock.wallMs();
  const ages = rows().map(({ startedAtMs }) => nowMs - startedAtMs);
  // Thinned once an hour, so up to three hours lie close.
  expect(ages.filter((age) => age > 3 * HOUR_MS + 60_000).length).toBeLessThanOrEqual(21 * 60 + 1);
  expect(ages.filter((age) => age > 3 * HOUR_MS + 60_000).length).toBeGreaterThan(20 * 60);
  expect(ages.filter((age) => age <= 2 * HOUR_MS).length).toBeGreaterThanOrEqual(720);
  expect(rows().length).toBeLessThan(2_500);
});

test.each([
  [0, null, 3_650],
  [10 * 60_000, 9 * 60_000, 31],
  [HOUR_MS, HOUR_MS - 1, 3_650],
  [60_000, 50_000, 2],
  [70_000, 60_000, 2 / 24],
] as const)('the sample at %d after one at %p is kept for %d days', (atMs, lastAtMs, days) => {
  expect(keptMs(atMs, lastAtMs)).toBe(days * 24 * HOUR_MS);
});

test('another run goes on where the last one stopped', () => {
  history.begin();
  clock.advance(30_000);
  history[Symbol.dispose]();
  const next = opened();
  next.begin();
  next[Symbol.dispose]();
  const [first, second] = rows();
  expect((first?.expiresAtMs ?? 0) - (first?.startedAtMs ?? 0)).toBe(3_650 * 24 * HOUR_MS);
  expect((second?.expiresAtMs ?? 0) - (second?.startedAtMs ?? 0)).toBeLessThan(3_650 * 24 * HOUR_MS);
});

test.each([
  ['as it is', MACHINE, 18 * GB, { modelsBytes: 18 * GB, cacheBytes: 20 * GB, appsBytes: 6 * GB }],
  ['mapped weights in the cache', MACHINE, 40 * GB, { modelsBytes: 40 * GB, cacheBytes: 4 * GB, appsBytes: 0 }],
  ['more than there is', MACHINE, 90 * GB, { modelsBytes: 44 * GB, cacheBytes: 0, appsBytes: 0 }],
  ['nothing known', { totalBytes: 0, freeBytes: 0, availableBytes: 0 }, 5, { modelsBytes: 0, cacheBytes: 0 }],
] as const)('the parts add up: %s', (_, machine, held, wanted) => {
  const shares = memoryShares(machine, held);
  expect(shares).toMatchObject(wanted);
  const used = shares.modelsBytes + shares.cacheBytes + shares.appsBytes;
  expect(shares.totalBytes - used).toBe(Math.min(machine.freeBytes, machine.totalBytes));
});

test('a part of a period is its fullest moment; one without samples is none', () => {
  history.begin();
  const fromMs = clock.wallMs();
  models = [{ ...idleModel('gemma'), measuredBytes: 30 * GB }];
  clock.advance(20_000);
  models = [];
  const points = history.points({ fromMs, untilMs: fromMs + 100_000 }, 2);
  expect(points.map((point) => point?.modelsBytes ?? null)).toEqual([30 * GB, null]);
  expect(history.before(fromMs + 30_000)?.byModel).toEqual({ gemma: 30 * GB });
  expect(history.before(fromMs - 1)).toBeNull();
  expect(history.before(fromMs + HOUR_MS)).toBeNull();
});
