/** The request and telemetry routes: shapes of the seed, cancelling, paging. */
import { afterEach, beforeEach, expect, test } from 'bun:test';
import { Elysia } from 'elysia';
import { Bus } from '#src/events.ts';
import { Fault } from '#src/faults.ts';
import { Logs } from '#src/logs/logs.ts';
import { openAccounts } from '#src/requests/accounts.ts';
import { RepairLog } from '#src/requests/repair-log.ts';
import { requestRoutes } from '#src/requests/routes.ts';
import { Telemetry } from '#src/requests/telemetry.ts';
import { RequestTracker } from '#src/requests/tracker.ts';
import { closeStore, openStore, type Store } from '#src/store/open.ts';
import { RecordWriter } from '#src/store/writer.ts';
import { FakeClock } from '#test/support/fake-clock.ts';
import { fleetOf, idleModel, readyModel } from '#test/support/fleet-snapshots.ts';
import { completed, HEAD } from './heads.ts';

let store: Store;
let clock: FakeClock;
let logs: Logs;
let writer: RecordWriter;
let tracker: RequestTracker;
let ask: (path: string, method?: string) => Promise<{ status: number; body: Record<string, never> }>;

beforeEach(() => {
  store = openStore(':memory:');
  clock = new FakeClock();
  const bus = new Bus();
  writer = new RecordWriter({ store, clock, bus, retention: () => ({ days: 90, bytesMax: 1e9 }) });
  const telemetry = new Telemetry({ store, writer });
  const fleet = () => fleetOf([readyModel('tiny', { inFlight: 1, waiting: 2 }), idleModel('other')]);
  const repairs = new RepairLog({ store, writer, clock, recordsTexts: () => true });
  tracker = new RequestTracker({
    clock,
    bus,
    record: (row) => writer.writeRequest(row),
    onMended: (mended) => repairs.record(mended),
  });
  logs = new Logs({ clock, bus, folder: null });
  const accounts = openAccounts({ store, writer, tracker, repairs, logs, clock });
  const app = new Elysia().use(requestRoutes({ tracker, telemetry, accounts, fleet }));
  ask = async (path, method = 'GET') => {
    const response = await app.handle(new Request(`http://localhost${path}`, { method }));
    return { status: response.status, body: await response.json().catch(() => ({})) };
  };
});
afterEach(() => {
  writer.close();
  closeStore(store);
});

test('live requests are told by model, with wall-clock seconds', async () => {
  const ticket = tracker.open(HEAD);
  ticket.resolved('tiny');
  ticket.sent();
  clock.advance(250);
  ticket.output(3);
  const { body } = await ask('/api/requests');
  expect(body.requests).toEqual({
    tiny: [
      expect.objectContaining({
        request_id: ticket.id,
        model_id: 'tiny',
        route: '/v1/chat/completions',
        stage: 'generating',
        started_at: 1_750_000_000,
        output_tokens: 3,
        input_tokens: null,
        ttft_ms: 250,
        error_message: null,
        completed_at: null,
      }),
    ],
  } as never);
  expect((await ask(`/api/requests/${ticket.id}`)).body).toMatchObject({ request_id: ticket.id });
});

test('one request is told in the same words while it runs and after, with what it was asked with', async () => {
  const ticket = tracker.open(HEAD);
  ticket.resolved('tiny');
  ticket.asked(() => ({ temperature: [0.2, 'caller'], top_k: [20, 'model'] }));
  clock.advance(100);
  ticket.sent();
  clock.advance(250);
  ticket.output(3);
  ticket.mended({ kind: 'leaked-call', note: 'a call was text', before: '<tool_call>', after: 'get_weather' });
  logs.append('tiny', 'slot 0 takes the task', 'stderr');
  logs.append('other', 'somebody else', 'stderr');
  const { body: running } = await ask(`/api/requests/${ticket.id}?logs=1`);
  const parameters = {
    temperature: { value: 0.2, source: 'caller' },
    top_k: { value: 20, source: 'model' },
  };
  expect(running).toMatchObject({ stage: 'generating', duration_ms: 350, completed_at: null, parameters });
  expect(running.mended).toMatchObject([{ kind: 'leaked-call', before: '<tool_call>', after: 'get_weather' }]);
  expect(running.logs).toMatchObject({ lines: [{ source: 'tiny', text: 'slot 0 takes the task' }], left_out: 0 });
  clock.advance(400);
  ticket.settle(completed(5));
  // Later nobody watches it any more: all of it comes from the record.
  clock.advance(60_000);
  const { body: ended, status } = await ask(`/api/requests/${ticket.id}`);
  expect(status).toBe(200);
  expect(ended).toMatchObject({ stage: 'completed', duration_ms: 750, repairs: ['a call was text'], parameters });
  expect(ended.timeline).toEqual([
    { stage: 'queued', ms: 100 },
    { stage: 'load', ms: 0 },
    { stage: 'prefill', ms: 250 },
    { stage: 'generate', ms: 400 },
  ] as never);
  expect(Object.keys(running)).toEqual(expect.arrayContaining(Object.keys(ended)));
  expect((await ask('/api/requests/000000000000')).status).toBe(404);
});

test('cancelling answers at once and aborts; an ended or unknown request is 404', async () => {
  const ticket = tracker.open(HEAD);
  expect((await ask(`/api/requests/${ticket.id}/cancel`, 'POST')).status).toBe(202);
  expect(ticket.signal.aborted).toBe(true);
  ticket.settle({ kind: 'cancelled', by: 'client' });
  expect((await ask(`/api/requests/${ticket.id}/cancel`, 'POST')).status).toBe(404);
  expect((await ask('/api/requests/absent/cancel', 'POST')).status).toBe(404);
});

test('clear-stuck clears what is silent, and says how many', async () => {
  tracker.open(HEAD).sent();
  expect((await ask('/api/requests/clear-stuck', 'POST')).body).toEqual({ cleared: 0 } as never);
  clock.advance(60_000);
  expect((await ask('/api/requests/clear-stuck?max_age=30', 'POST')).body).toEqual({ cleared: 1 } as never);
});

test('every outcome is in the telemetry at once, newest first, and pages go on', async () => {
  tracker.open(HEAD).settle(completed(5));
  tracker.open(HEAD).settle({ kind: 'failed', fault: new Fault('no-memory', 'Needs 21 GB; 14 GB can be freed.') });
  tracker.open(HEAD).settle({ kind: 'cancelled', by: 'client' });
  const first = await ask('/api/telemetry?limit=2&totals=1');
  expect(first.body).toMatchObject({
    records: [
      { outcome: 'cancelled', termination: 'CQ', error: null },
      { outcome: 'failed', termination: 'FQ', error: 'Needs 21 GB; 14 GB can be freed.', error_kind: 'no-memory' },
    ],
    next_before: 2,
    totals: { requests: 3, completed: 1, failed: 1, cancelled: 1 },
  });
  const second = await ask('/api/telemetry?limit=2&before=2');
  expect(second.body).toMatchObject({
    records: [{ outcome: 'completed', total_tokens: 17, timestamp: '2025-06-15T15:06:40.000Z' }],
    next_before: null,
  });
  expect((await ask('/api/telemetry?outcome=failed')).body.records).toHaveLength(1);
  expect((await ask('/api/telemetry?since=2030-01-01')).body.records).toHaveLength(0);
  expect((await ask('/api/telemetry?since=never')).status).toBe(400);
});

test('activity and prefill progress have the shapes of the seed', async () => {
  const ticket = tracker.open(HEAD);
  ticket.resolved('tiny');
  ticket.sent();
  ticket.prefill({ promptTokens: 100, cachedTokens: 0, processedTokens: 40 });
  const { body } = await ask('/api/model-activity');
  expect(body.activity).toEqual({
    tiny: {
      slots: [{ slot_id: 0, state: 'prefilling', progress: 0.4 }],
      slots_processing: 1,
      slots_deferred: 2,
      tokens_per_sec: null,
      kv_cache_usage: null,
      requests: [expect.objectContaining({ request_id: ticket.id })],
    },
  } as never);
  expect((await ask('/api/processing-progress')).body).toEqual({ progress: { tiny: 0.4 } } as never);
});
