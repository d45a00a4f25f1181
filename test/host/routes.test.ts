/** Health, readiness, hardware and metrics by their front door. */
import { expect, test } from 'bun:test';
import { Elysia } from 'elysia';
import { systemClock } from '#src/clock.ts';
import { Bus } from '#src/events.ts';
import { Hardware } from '#src/host/hardware.ts';
import { Mishaps } from '#src/host/mishaps.ts';
import { Notices } from '#src/host/notices.ts';
import { hostRoutes } from '#src/host/routes.ts';
import { Meters } from '#src/requests/meters.ts';
import { RequestTracker } from '#src/requests/tracker.ts';
import { FakeClock } from '#test/support/fake-clock.ts';
import { ENGINE_SECRET, fleetOf, idleModel, readyModel } from '#test/support/fleet-snapshots.ts';
import { requestRow } from '#test/support/request-rows.ts';

function app(isAccepting = true) {
  const meters = new Meters();
  const mishaps = new Mishaps();
  const bus = new Bus();
  const hardware = new Hardware({
    clock: systemClock,
    settings: () => ({ memory_limit_gb: 0, memory_headroom_gb: 2 }),
  });
  const tracker = new RequestTracker({ clock: new FakeClock(), bus: new Bus(), record: () => {} });
  const routes = hostRoutes({
    version: '0.1.0',
    fleet: () => fleetOf([readyModel('tiny', { inFlight: 2, waiting: 1 }), idleModel('we"ird\\\nname')]),
    hardware,
    tracker,
    meters,
    writer: { droppedRows: 7 },
    loopLag: { worstMs: 12 },
    mishaps,
    notices: new Notices({ bus, clock: new FakeClock() }),
    isAccepting: () => isAccepting,
  });
  return {
    meters,
    mishaps,
    bus,
    ask: (path: string) => new Elysia().use(routes).handle(new Request(`http://localhost${path}`)),
  };
}

test('health counts loaded models, as the seed did', async () => {
  const answer = await (await app().ask('/api/health')).json();
  expect(answer).toEqual({ status: 'ok', running_models: 1, models: ['tiny'], version: '0.1.0', notices: [] });
  expect(await (await app().ask('/health')).json()).toMatchObject({ status: 'ok', version: '0.1.0' });
});

test('a stopping Flow is healthy but not ready', async () => {
  expect((await app(true).ask('/ready')).status).toBe(200);
  expect((await app(false).ask('/ready')).status).toBe(503);
  expect((await app(false).ask('/health')).status).toBe(200);
});

test('hardware has the fields of the seed', async () => {
  const answer = await (await app().ask('/api/hardware')).json();
  expect(Object.keys(answer).slice(0, 8)).toEqual([
    'chip',
    'memory_total_gb',
    'memory_available_gb',
    'memory_used_gb',
    'cpu_count',
    'is_apple_silicon',
    'metal_supported',
    'recommended_max_model_gb',
  ]);
});

test('metrics are well formed, escaped, and add up', async () => {
  const { meters, ask } = app();
  for (const ttftMs of [40, 400, 400_000]) meters.countRequest(requestRow({ ttftMs }));
  meters.countRequest(requestRow({ modelId: null, outcome: 'failed', termination: 'FQ', ttftMs: null }));
  meters.countLoad({ modelId: 'tiny', outcome: 'ready', loadMs: 1_500 });
  const response = await ask('/metrics');
  expect(response.headers.get('content-type')).toStartWith('text/plain');
  const text = await response.text();
  const lines = text.trimEnd().split('\n');
  for (const line of lines) {
    expect(line).toMatch(/^(# (HELP|TYPE) \w+ .+|\w+(\{(\w+="(\\.|[^"\\\n])*",?)*\})? -?[\d.e+-]+)$/);
  }
  expect(lines).toContain('flow_requests_total{model="tiny",outcome="completed",termination="--"} 3');
  expect(lines).toContain('flow_requests_total{model="",outcome="failed",termination="FQ"} 1');
  expect(lines).toContain('gen_ai_server_time_to_first_token_seconds_bucket{le="0.05"} 1');
  expect(lines).toContain('gen_ai_server_time_to_first_token_seconds_bucket{le="+Inf"} 3');
  expect(lines).toContain('gen_ai_server_time_to_first_token_seconds_count 3');
  expect(lines).toContain('gen_ai_client_token_usage_total{model="tiny",type="input"} 30');
  expect(lines).toContain('flow_model_state{model="tiny",state="ready"} 1');
  expect(lines).toContain('flow_model_state{model="we\\"ird\\\\\\nname",state="idle"} 1');
  expect(lines).toContain('flow_queue_depth{model="tiny"} 1');
  expect(lines).toContain('flow_model_load_seconds_sum{model="tiny"} 1.5');
  expect(lines).toContain('flow_memory_bytes{kind="reserved"} 7000');
  expect(lines).toContain('flow_telemetry_rows_dropped_total 7');
  expect(lines).toContain('flow_eventloop_lag_seconds 0.012');
  expect(text).not.toContain(ENGINE_SECRET);
});

test('the labels stay few, however many models are asked for', () => {
  const meters = new Meters();
  for (let model = 0; model < 1_000; model += 1) meters.countRequest(requestRow({ modelId: `model-${model}` }));
  expect(meters.ended.length).toBeLessThanOrEqual(201);
  expect(meters.ended.reduce((sum, entry) => sum + entry.count, 0)).toBe(1_000);
});

test('what was told before anybody listened can still be read, once each, at most twenty', async () => {
  const { bus, ask } = app();
  for (const text of ['first', ...Array.from({ length: 19 }, (_, index) => `notice ${index}`), 'first', 'last']) {
    bus.publish({ type: 'notice', tone: 'warning', text });
  }
  const { notices } = await (await ask('/api/health')).json();
  expect(notices).toHaveLength(20);
  expect(notices.slice(-2).map(({ text }: { text: string }) => text)).toEqual(['first', 'last']);
  expect(notices.at(-1)).toMatchObject({ tone: 'warning', at: expect.any(Number) });
});

test('what nobody expected is counted by where it showed', async () => {
  const { mishaps, ask } = app();
  mishaps.note('rejection');
  const text = await (await ask('/metrics')).text();
  expect(text).toContain('flow_unexpected_errors_total{place="rejection"} 1');
  expect(text).toContain('flow_unexpected_errors_total{place="exception"} 0');
});
