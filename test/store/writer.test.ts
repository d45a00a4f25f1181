/** The record writer: batches, trouble with the database, retention. What is in a row is the tracker's business. */

import { Database } from 'bun:sqlite';
import { afterEach, beforeEach, expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Bus, type FlowEvent } from '#src/events.ts';
import { closeStore, openStore, type Store } from '#src/store/open.ts';
import { marks, memorySamples, requests } from '#src/store/schema.ts';
import { RecordWriter } from '#src/store/writer.ts';
import { FakeClock } from '#test/support/fake-clock.ts';
import { requestRow } from '#test/support/request-rows.ts';

let folder = '';
let store: Store;
let clock: FakeClock;
let events: FlowEvent[];
let writer: RecordWriter;
const path = () => join(folder, 'flow.db');
const count = () => store.$client.query<{ count: number }, []>('SELECT count(*) AS count FROM requests').get()?.count;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'flow-writer-'));
  store = openStore(path());
  clock = new FakeClock();
  events = [];
  const bus = new Bus();
  bus.subscribe((event) => events.push(event));
  writer = new RecordWriter({ store, clock, bus, retention: () => ({ days: 90, bytesMax: 1e9 }) });
});
afterEach(() => {
  writer.close();
  closeStore(store);
  rmSync(folder, { recursive: true, force: true });
});

test('rows wait 200 ms and are then written together, just as they were given', () => {
  const row = requestRow({ repairs: ['closed a thought'], isStream: false, modelId: null });
  writer.writeRequest(row);
  expect(count()).toBe(0);
  clock.advance(200);
  expect(store.select().from(requests).all()).toEqual([{ id: 1, ...row }]);
  expect(writer.queuedRows).toBe(0);
});

test('closing writes what is queued, and leaves no timer behind', () => {
  writer.writeRequest(requestRow());
  writer.close();
  expect(count()).toBe(1);
  expect(clock.armedCount).toBe(0);
});

test('F-78: a database locked by somebody else costs at most 20 ms a try, loses nothing, and is said once', () => {
  const other = new Database(path());
  other.run('BEGIN EXCLUSIVE');
  writer.writeRequest(requestRow());
  const tries = [200, 400, 800, 1_600].map((delayMs) => {
    const beforeMs = performance.now();
    clock.advance(delayMs);
    return performance.now() - beforeMs;
  });
  expect(Math.min(...tries)).toBeGreaterThan(5);
  expect(Math.min(...tries)).toBeLessThan(50);
  clock.advance(20_000);
  expect(writer.queuedRows).toBe(1);
  expect(events.filter((event) => event.type === 'notice')).toHaveLength(1);
  other.run('COMMIT');
  other.close();
  clock.advance(6_000);
  expect(count()).toBe(1);
  expect(events.filter((event) => event.type === 'notice')).toHaveLength(2);
});

test('a row that the table will not take is dropped and counted, and holds up nobody', () => {
  // What is no number becomes NULL in SQLite, which a duration may not be.
  writer.writeRequest(requestRow({ durationMs: Number.NaN }));
  writer.writeRequest(requestRow());
  clock.advance(200);
  expect([count(), writer.queuedRows, writer.droppedRows]).toEqual([1, 0, 1]);
});

test('F-78: beyond 10,000 waiting rows the oldest are dropped and counted', () => {
  const other = new Database(path());
  other.run('BEGIN EXCLUSIVE');
  for (let row = 0; row < 10_500; row += 1) writer.writeRequest(requestRow({ startedAtMs: row }));
  expect(writer.queuedRows).toBeLessThanOrEqual(10_000);
  expect(writer.queuedRows + writer.droppedRows).toBe(10_500);
  other.run('COMMIT');
  other.close();
  writer.flush();
  const oldest = store.$client.query<{ first: number }, []>('SELECT min(started_at_ms) AS first FROM requests').get();
  expect(oldest?.first).toBe(writer.droppedRows);
});

test('F-80: a full disk is said once, loses nothing small, and recovers by itself', () => {
  const pages = store.$client.query<{ page_count: number }, []>('PRAGMA page_count').get()?.page_count ?? 0;
  store.$client.run(`PRAGMA max_page_count = ${pages}`);
  for (let row = 0; row < 200; row += 1) writer.writeRequest(requestRow({ errorMessage: 'x'.repeat(400) }));
  clock.advance(30_000);
  expect(writer.queuedRows).toBe(200);
  expect(events.filter((event) => event.type === 'notice')).toHaveLength(1);
  store.$client.run('PRAGMA max_page_count = 1000000');
  clock.advance(6_000);
  expect(count()).toBe(200);
});

test('F-59: a read-only database does not stop anything either', () => {
  store.$client.run('PRAGMA query_only = ON');
  writer.writeRequest(requestRow());
  clock.advance(30_000);
  expect(writer.queuedRows).toBe(1);
  store.$client.run('PRAGMA query_only = OFF');
  clock.advance(6_000);
  expect(count()).toBe(1);
});

test('F-81: rows older than the retention are deleted in batches of 500, the others stay', () => {
  const dayMs = 86_400_000;
  for (let row = 0; row < 1_200; row += 1)
    writer.writeRequest(requestRow({ startedAtMs: clock.wallMs() - 91 * dayMs }));
  for (let row = 0; row < 10; row += 1) writer.writeRequest(requestRow({ startedAtMs: clock.wallMs() - 89 * dayMs }));
  clock.advance(59_999);
  expect(count()).toBe(1_210);
  clock.advance(1);
  expect(count()).toBe(710);
  clock.advance(200);
  expect(count()).toBe(10);
});

test('memory samples go when their own time is over, long before the retention is', () => {
  const sample = { totalBytes: 48e9, modelsBytes: 18e9, appsBytes: 12e9, cacheBytes: 5e9, byModel: { gemma: 18e9 } };
  const nowMs = clock.wallMs();
  writer.writeMemory({ ...sample, startedAtMs: nowMs, expiresAtMs: nowMs + 30_000 });
  writer.writeMemory({ ...sample, startedAtMs: nowMs, expiresAtMs: nowMs + 3_600_000 });
  writer.writeMark({ kind: 'unload', subject: 'gemma', cause: 'cooldown', detail: null, startedAtMs: nowMs });
  clock.advance(60_000);
  expect(store.select().from(memorySamples).all()).toEqual([
    { id: 2, ...sample, startedAtMs: nowMs, expiresAtMs: nowMs + 3_600_000 },
  ]);
  expect(store.select().from(marks).all()).toHaveLength(1);
});
