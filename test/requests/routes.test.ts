/** The request and telemetry routes: shapes of the seed, cancelling, paging. */
import { afterEach, beforeEach, expect, test } from 'bun:test';
import { Elysia } from 'elysia';
import { Bus } from '#src/events.ts';
import { Fault } from '#src/faults.ts';
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
let writer: RecordWriter;
let tracker: RequestTracker;
let ask: (path: string, method?: string) => Promise<{ status: number; body: Record<string, never> }>;

beforeEach(() => {
  store = openStore(':memory:');
  clock = new FakeClock();
  const bus = new Bus();
  writer = new RecordWriter({ store, clock, bus, retentionDays: () => 90 });
  tracker = new RequestTracker({ clock, bus, record: (row) => writer.writeRequest(row) });
  const telemetry = new Telemetry({ store, writer });
  const fleet = () => fleetOf([readyModel('tiny', { inFlight: 1, waiting: 2 }), idleModel('other')]);
  const app = new Elysia().use(requestRoutes({ tracker, telemetry, fleet }));
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
