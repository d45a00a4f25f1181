/** The record of repairs: what is kept where, for how long, and what later answers learn from it. */
import { afterEach, beforeEach, expect, test } from 'bun:test';
import { Elysia } from 'elysia';
import { Bus } from '#src/events.ts';
import { RepairLog } from '#src/requests/repair-log.ts';
import { repairRoutes } from '#src/requests/repair-routes.ts';
import type { RepairKind } from '#src/requests/request.ts';
import { RequestTracker } from '#src/requests/tracker.ts';
import { closeStore, openStore, type Store } from '#src/store/open.ts';
import { deleteExpired } from '#src/store/retention.ts';
import { RecordWriter } from '#src/store/writer.ts';
import { FakeClock } from '#test/support/fake-clock.ts';
import { HEAD } from './heads.ts';

let store: Store;
let clock: FakeClock;
let writer: RecordWriter;
let log: RepairLog;
let recordsTexts = false;

beforeEach(() => {
  recordsTexts = false;
  store = openStore(':memory:');
  clock = new FakeClock();
  writer = new RecordWriter({ store, clock, bus: new Bus(), retention: () => ({ days: 90, bytesMax: 1e9 }) });
  log = newLog();
});
afterEach(() => {
  writer.close();
  closeStore(store);
});

/** As after a start: what was in memory is gone. */
const newLog = () => new RepairLog({ store, writer, clock, recordsTexts: () => recordsTexts });
const use = (modelId: string | null, kind: RepairKind, before = 'was', requestId = 'r1') =>
  log.record({ requestId, modelId, use: { kind, note: 'a note', before, after: 'is' } });
const ALL = { modelId: null, requestId: null };
/** Everything in the table, as text. */
const onDisk = () => JSON.stringify(store.$client.query('SELECT * FROM repairs').all());

test('each use is told with before and after, newest first', () => {
  use('a', 'leaked-call', 'one');
  clock.advance(1_000);
  use('b', 'loop', 'two', 'r2');
  expect(log.list(ALL, 10).map(({ modelId, before, after }) => [modelId, before, after])).toEqual([
    ['b', 'two', 'is'],
    ['a', 'one', 'is'],
  ]);
  expect(log.list({ modelId: 'a', requestId: null }, 10)).toHaveLength(1);
  expect(log.list({ modelId: null, requestId: 'r2' }, 10)).toHaveLength(1);
  expect(log.list(ALL, 1)).toHaveLength(1);
});

test('what models wrote is not on disk unless it is wished', () => {
  use('a', 'leaked-call', 'a secret');
  writer.flush();
  expect(onDisk()).not.toContain('secret');
  expect(newLog().list(ALL, 10)[0]).toMatchObject({ note: 'a note', before: null, after: null });
  recordsTexts = true;
  use('a', 'leaked-call', 'no secret');
  expect(newLog().list(ALL, 10)[0]).toMatchObject({ before: 'no secret', after: 'is' });
});

test('the memory of texts is bounded, in each and in all; the uses stay', () => {
  use('a', 'loop', 'x'.repeat(1_000_000));
  expect(log.list(ALL, 1)[0]?.before).toHaveLength(4_000);
  for (let count = 0; count < 300; count += 1) use('a', 'loop', 'y'.repeat(4_000));
  const kept = log.list(ALL, 1_000);
  expect(kept).toHaveLength(301);
  expect(kept.at(-1)?.before).toBeNull();
  expect(kept[0]?.before).toHaveLength(4_000);
  expect(kept.reduce((sum, { before }) => sum + (before?.length ?? 0), 0)).toBeLessThan(1 << 20);
});

test('what was seen of a model outlives the run', () => {
  use('a', 'leaked-call');
  use('a', 'orphan-thought');
  expect([...log.seen('a')].sort()).toEqual(['leaked-call', 'orphan-thought']);
  writer.flush();
  expect([...newLog().seen('a')].sort()).toEqual(['leaked-call', 'orphan-thought']);
  expect(log.seen('b').size).toBe(0);
});

test('a thought that was none takes back that thoughts come unopened, also after a start', () => {
  use('a', 'orphan-thought');
  const before = log.seen('a');
  use('a', 'unclosed-thought');
  expect(log.seen('a').has('orphan-thought')).toBe(false);
  // An answer that has begun keeps what it knew.
  expect(before.has('orphan-thought')).toBe(true);
  writer.flush();
  expect(newLog().seen('a').has('orphan-thought')).toBe(false);
  use('a', 'orphan-thought');
  writer.flush();
  expect(log.seen('a').has('orphan-thought')).toBe(true);
  expect(newLog().seen('a').has('orphan-thought')).toBe(true);
});

test('a model that is removed is forgotten', () => {
  use('a', 'loop');
  use('b', 'loop');
  log.forget('a');
  expect(log.seen('a').size).toBe(0);
  expect(log.counts()).toEqual({ b: { loop: 1 } });
});

test('old uses go with the other records', () => {
  use('a', 'loop');
  writer.flush();
  deleteExpired(store.$client, clock.wallMs());
  expect(log.list(ALL, 10)).toHaveLength(1);
  deleteExpired(store.$client, clock.wallMs() + 1);
  expect(log.list(ALL, 10)).toHaveLength(0);
});

test('a database in trouble costs neither an answer nor a lesson', () => {
  store.$client.run('DROP TABLE repairs');
  expect(log.seen('a').size).toBe(0);
  use('a', 'loop');
  expect(log.seen('a').has('loop')).toBe(true);
  log.forget('a');
});

test('one answer fills no record', () => {
  let uses = 0;
  const tracker = new RequestTracker({ clock, bus: new Bus(), record: () => {}, onMended: () => (uses += 1) });
  const ticket = tracker.open(HEAD);
  for (let count = 0; count < 1_000; count += 1) {
    ticket.mended({ kind: 'think-tags', note: `note ${count}`, before: '', after: '' });
  }
  expect(uses).toBe(50);
  expect(ticket.view.repairs).toHaveLength(50);
});

test('a use is told by the request that it was for, and by /api/repairs', async () => {
  const tracker = new RequestTracker({
    clock,
    bus: new Bus(),
    record: () => {},
    onMended: (mended) => log.record(mended),
  });
  const ticket = tracker.open(HEAD);
  ticket.resolved('a/b');
  ticket.mended({ kind: 'loop', note: 'the answer was stopped', before: 'so ', after: '' });
  expect(ticket.view.repairs).toEqual(['the answer was stopped']);
  const app = new Elysia().use(repairRoutes({ repairs: log }));
  const told = async (query: string) => (await app.handle(new Request(`http://localhost/api/repairs${query}`))).json();
  expect(await told(`?model=${encodeURIComponent('a/b')}&request_id=${ticket.id}&limit=5`)).toEqual({
    repairs: [
      {
        request_id: ticket.id,
        model_id: 'a/b',
        kind: 'loop',
        note: 'the answer was stopped',
        at: clock.wallMs() / 1000,
        before: 'so ',
        after: '',
      },
    ],
    counts: { 'a/b': { loop: 1 } },
  });
  expect((await told('?model=other')).repairs).toEqual([]);
});
