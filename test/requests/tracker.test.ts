/** The life of a request as the tracker tells it. Rows in the database are tested in telemetry.test.ts. */
import { beforeEach, describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { Bus, type FlowEvent } from '#src/events.ts';
import { Fault } from '#src/faults.ts';
import type { Outcome, Ticket } from '#src/requests/request.ts';
import { RequestTracker } from '#src/requests/tracker.ts';
import type { NewRequestRow } from '#src/store/schema.ts';
import { FakeClock } from '#test/support/fake-clock.ts';
import { completed, HEAD } from './heads.ts';

let clock: FakeClock;
let events: FlowEvent[];
let rows: NewRequestRow[];
let tracker: RequestTracker;

beforeEach(() => {
  clock = new FakeClock();
  events = [];
  rows = [];
  const bus = new Bus();
  bus.subscribe((event) => events.push(event));
  tracker = new RequestTracker({
    clock,
    bus,
    record: (row) => rows.push(row),
    engineOf: () => ({ engine: 'llama.cpp', version: 'b1' }),
  });
});

test('a note that quotes megabytes of a request is cut', () => {
  const ticket = tracker.open(HEAD);
  ticket.repaired('x'.repeat(5_000_000));
  expect(ticket.view.repairs).toEqual(['x'.repeat(500)]);
});

test('a request goes through its stages, and its row says how long each took', () => {
  const ticket = tracker.open(HEAD);
  expect(ticket.view.stage).toBe('queued');
  ticket.resolved('tiny');
  clock.advance(100);
  ticket.waiting({ reason: 'loading', stage: 'text_model', ratio: 0.5, sinceMs: 0, usualMs: null });
  expect(ticket.view.stage).toBe('loading');
  clock.advance(1_000);
  ticket.sent();
  expect(ticket.view).toMatchObject({ stage: 'prefilling', wait: null, queueMs: 100, loadMs: 1_000 });
  ticket.prefill({ promptTokens: 200, cachedTokens: 50, processedTokens: 100 });
  expect(ticket.view.prefillRatio).toBe(0.5);
  clock.advance(300);
  ticket.output(1);
  expect(ticket.view).toMatchObject({ stage: 'generating', ttftMs: 1_400 });
  clock.advance(1_000);
  ticket.output(21);
  ticket.sending();
  expect(ticket.view.stage).toBe('sending');
  clock.advance(50);
  ticket.settle(completed(21));
  expect(ticket.view).toMatchObject({ stage: 'completed', termination: '--' });
  expect(rows).toEqual([
    expect.objectContaining({
      outcome: 'completed',
      modelId: 'tiny',
      engine: 'llama.cpp',
      engineVersion: 'b1',
      queueMs: 100,
      loadMs: 1_000,
      ttftMs: 1_400,
      engineTtftMs: 300,
      durationMs: 2_450,
      inputTokens: 12,
      outputTokens: 21,
    }),
  ]);
});

describe('the code of an end names who and where', () => {
  const toStage: Record<string, (ticket: Ticket) => void> = {
    Q: () => {},
    L: (ticket) => ticket.waiting({ reason: 'loading', stage: 'x', ratio: null, sinceMs: 0, usualMs: null }),
    P: (ticket) => ticket.sent(),
    G: (ticket) => ticket.output(1),
    S: (ticket) => ticket.sending(),
  };
  const died: Outcome = { kind: 'failed', fault: new Fault('engine-died', 'It ended.') };
  const cases: readonly (readonly [string, Outcome, NewRequestRow['outcome']])[] = [
    ['FQ', { kind: 'failed', fault: new Fault('queue-full', 'Full.') }, 'failed'],
    ['FQ', { kind: 'failed', fault: new Fault('model-not-found', 'Unknown.') }, 'failed'],
    ['EL', { kind: 'failed', fault: new Fault('load-failed', 'It would not start.') }, 'failed'],
    ['EP', died, 'failed'],
    ['EG', died, 'failed'],
    ['UG', { kind: 'failed', fault: new Fault('model-unloaded', 'Unloaded.') }, 'failed'],
    ['CQ', { kind: 'cancelled', by: 'client' }, 'cancelled'],
    ['CL', { kind: 'failed', fault: new Fault('cancelled', 'The client went away.') }, 'cancelled'],
    ['CG', { kind: 'cancelled', by: 'client' }, 'cancelled'],
    ['US', { kind: 'cancelled', by: 'user' }, 'cancelled'],
  ];
  test.each(cases)('%s', (code, outcome, ended) => {
    const ticket = tracker.open(HEAD);
    toStage[code[1] ?? '']?.(ticket);
    ticket.settle(outcome);
    expect(rows).toHaveLength(1);
    expect(rows[0]).toMatchObject({ termination: code, outcome: ended });
  });
  test('U when a user cancelled, though the gateway only sees an abort', () => {
    const ticket = tracker.open(HEAD);
    ticket.sent();
    expect(tracker.cancel(ticket.id)).toBe(true);
    expect(ticket.signal.aborted).toBe(true);
    ticket.settle({ kind: 'cancelled', by: 'client' });
    expect(rows[0]?.termination).toBe('UP');
    expect(tracker.cancel(ticket.id)).toBe(false);
    expect(tracker.cancel('absent')).toBe(false);
  });
});

test('the speed is that of the last two seconds, and fades when tokens stop', () => {
  const ticket = tracker.open(HEAD);
  ticket.sent();
  let tokens = 0;
  const run = (seconds: number, perSecond: number) => {
    for (let step = 0; step < seconds * 20; step += 1) {
      clock.advance(50);
      tokens += perSecond / 20;
      ticket.output(tokens);
    }
  };
  run(5, 40);
  expect(ticket.view.tokensPerS).toBeCloseTo(40, -1);
  expect(tracker.tokensPerS).toBeCloseTo(40, -1);
  run(3, 100);
  expect(ticket.view.tokensPerS).toBeCloseTo(100, -1);
  clock.advance(3_000);
  expect(ticket.view.tokensPerS).toBe(0);
  expect(tracker.tokensPerS).toBe(0);
});

test('a slow model at one token in three seconds shows its speed, not nothing', () => {
  const ticket = tracker.open(HEAD);
  for (let tokens = 1; tokens <= 5; tokens += 1) {
    ticket.output(tokens);
    clock.advance(3_000);
  }
  ticket.output(6);
  expect(ticket.view.tokensPerS).toBeGreaterThan(0.2);
  expect(ticket.view.tokensPerS).toBeLessThan(0.5);
});

test('a thousand tokens in a second are told at most ten times, and cost no timer once they stop', () => {
  const ticket = tracker.open(HEAD);
  ticket.output(1);
  clock.advance(20);
  events.length = 0;
  for (let tokens = 2; tokens <= 1_001; tokens += 1) {
    clock.advance(1);
    ticket.output(tokens);
  }
  expect(events.length).toBeLessThanOrEqual(10);
  expect(events.length).toBeGreaterThan(5);
  clock.advance(200);
  expect(clock.armedCount).toBe(0);
});

test('the stages that a request goes through within 20 ms are told once', () => {
  const ticket = tracker.open(HEAD);
  ticket.resolved('tiny');
  ticket.sent();
  ticket.output(1);
  expect(events).toEqual([]);
  clock.advance(20);
  expect(events).toEqual([{ type: 'request-changed', requestId: ticket.id, modelId: 'tiny' }]);
});

test('an ended request can be seen for ten seconds, then is removed, and no timer stays', () => {
  const first = tracker.open(HEAD);
  const second = tracker.open(HEAD);
  first.settle(completed());
  clock.advance(4_000);
  second.settle(completed());
  clock.advance(5_999);
  expect(tracker.list().map((view) => view.id)).toEqual([first.id, second.id]);
  clock.advance(1);
  expect(tracker.list().map((view) => view.id)).toEqual([second.id]);
  expect(events.filter((event) => event.type === 'request-removed')).toHaveLength(1);
  clock.advance(4_000);
  expect(tracker.list()).toEqual([]);
  expect(clock.armedCount).toBe(0);
});

test('a flood of ended requests does not fill the memory', () => {
  for (let count = 0; count < 2_000; count += 1) tracker.open(HEAD).settle(completed());
  expect(tracker.list().length).toBeLessThanOrEqual(500);
  expect(rows).toHaveLength(2_000);
});

test.each([
  ['back an hour', -3_600_000],
  ['on an hour', 3_600_000],
  ['back a day', -86_400_000],
  ['on a day', 86_400_000],
])('F-82: a wall clock that jumps %s makes no time longer, and none negative', (_, jumpMs) => {
  const ticket = tracker.open(HEAD);
  clock.jump(jumpMs);
  clock.advance(500);
  ticket.output(1);
  ticket.settle(completed(1));
  const row = rows[0];
  expect(row?.durationMs).toBe(500);
  expect(row?.ttftMs).toBe(500);
  expect((row?.endedAtMs ?? 0) - (row?.startedAtMs ?? 0)).toBe(500);
});

test('only requests of which nothing was heard are cleared as stuck, never waiting ones', () => {
  const waiting = tracker.open(HEAD);
  const silent = tracker.open(HEAD);
  silent.sent();
  const lively = tracker.open(HEAD);
  lively.output(1);
  clock.advance(119_950);
  lively.output(2);
  clock.advance(100);
  expect(tracker.cancelSilent(120_000)).toBe(1);
  expect([waiting.signal.aborted, silent.signal.aborted, lively.signal.aborted]).toEqual([false, true, false]);
});

type Step = { readonly call: string; readonly value: number };
const step: fc.Arbitrary<Step> = fc.record({
  call: fc.constantFrom(
    ...['resolved', 'loading', 'slots', 'sent', 'prefill', 'output', 'sending', 'repaired', 'cancel', 'wait'],
    ...['completed', 'failed', 'cancelled'],
  ),
  value: fc.nat({ max: 5_000 }),
});

test('whatever order calls come in: one row, ordered times, a settled end that stays', () => {
  const life = fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
    rows.length = 0;
    const ticket = tracker.open(HEAD);
    let ended: string | null = null;
    for (const { call, value } of steps) {
      clock.advance(call === 'wait' ? value : value % 7);
      perform(ticket, call, value);
      if (ticket.isSettled) ended ??= ticket.view.stage;
      const view = ticket.view;
      expect(view.stageSinceAtMs).toBeGreaterThanOrEqual(view.startedAtMs);
      expect(view.queueMs ?? 0).toBeGreaterThanOrEqual(0);
      expect(view.ttftMs ?? 0).toBeGreaterThanOrEqual(0);
      expect(view.prefillRatio ?? 0).toBeLessThanOrEqual(1);
      if (ended !== null) expect(view.stage).toBe(ended as typeof view.stage);
    }
    ticket.settle(completed());
    expect(rows).toHaveLength(1);
    const row = rows[0] as NewRequestRow;
    expect(row.endedAtMs).toBeGreaterThanOrEqual(row.startedAtMs);
    expect((row.queueMs ?? 0) + (row.loadMs ?? 0)).toBeLessThanOrEqual(row.durationMs + 1e-6);
    expect(row.ttftMs ?? 0).toBeLessThanOrEqual(row.durationMs);
    expect(row.engineTtftMs ?? 0).toBeLessThanOrEqual(row.ttftMs ?? 0);
    expect(row.termination === '--').toBe(row.outcome === 'completed');
    expect(tracker.openCount).toBe(0);
  });
  fc.assert(life, { numRuns: 400 });
  clock.advance(20_000);
  expect(clock.armedCount).toBe(0);
});

function perform(ticket: Ticket, call: string, value: number): void {
  switch (call) {
    case 'resolved':
      ticket.resolved('tiny');
      break;
    case 'loading':
      ticket.waiting({ reason: 'loading', stage: 'x', ratio: value / 5_000, sinceMs: 0, usualMs: null });
      break;
    case 'slots':
      ticket.waiting({ reason: 'slots', place: value, busy: 1 });
      break;
    case 'sent':
      ticket.sent();
      break;
    case 'prefill':
      ticket.prefill({ promptTokens: value, cachedTokens: 0, processedTokens: value * 2 });
      break;
    case 'output':
      ticket.output(value);
      break;
    case 'sending':
      ticket.sending();
      break;
    case 'repaired':
      ticket.repaired(`repair ${value}`);
      break;
    case 'cancel':
      tracker.cancel(ticket.id);
      break;
    case 'completed':
      ticket.settle(completed(value));
      break;
    case 'failed':
      ticket.settle({ kind: 'failed', fault: new Fault('internal', 'Something.') });
      break;
    case 'cancelled':
      ticket.settle({ kind: 'cancelled', by: 'client' });
      break;
  }
}
