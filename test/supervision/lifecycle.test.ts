// The pure life of one model: tables of what follows what, and random lives under invariants.
// How the effects are performed is tested in supervisor.test.ts.
import { expect, test } from 'bun:test';
import type { CrashKind, CrashReport } from '#src/engines/engine.ts';
import { FAILURES_MAX, HEALTHY_AFTER_MS } from '#src/supervision/failures.ts';
import {
  type Effect,
  type Life,
  type Readiness,
  type Signal,
  STOP_GRACE_MS,
  step,
  UNBORN,
  type Wish,
} from '#src/supervision/lifecycle.ts';
import { someLaunch, someModel } from '#test/engines/support/plan.ts';
import { seededRandom } from '#test/support/seeded-random.ts';
import { llamaSpeech } from '#test/support/speech.ts';

const wish: Wish = { model: someModel('/models/tiny.gguf'), overrides: {} };
const other: Wish = { model: someModel('/models/other.gguf'), overrides: { ctx_size: 512 } };
const start: Signal = { type: 'start', wish, force: false };
const stop: Signal = { type: 'stop', reason: 'user' };

function crash(kind: CrashKind = 'unknown', isSticky = false): CrashReport {
  return { kind, isSticky, message: `It ended: ${kind}.`, hint: null, exitCode: 1, signal: null, tail: [] };
}

function readiness(pid: number): Readiness {
  const where = { baseUrl: 'http://127.0.0.1:8081', port: 8081, apiKey: 'key', pid };
  return {
    engine: 'llama.cpp',
    speech: llamaSpeech,
    engineVersion: 'b1',
    ...where,
    contextTokens: 4096,
    slots: 2,
    launch: someLaunch(),
  };
}

/** Lets signals happen one after the other, at one time or at times of their own. */
function live(signals: readonly (Signal | readonly [number, Signal])[], from: Life = UNBORN) {
  let life = from;
  const effects: Effect['do'][] = [];
  let last: readonly Effect[] = [];
  for (const entry of signals) {
    const [nowMs, signal] = 'type' in entry ? [0, entry] : entry;
    const next = step(life, signal, nowMs);
    life = next.life;
    last = next.effects;
    effects.push(...next.effects.map((effect) => effect.do));
  }
  return { life, effects, last };
}

const spawned = (generation = 1): Signal => ({ type: 'spawned', generation, pid: 100 + generation });
const ready = (generation = 1): Signal => ({
  type: 'became-ready',
  generation,
  readiness: readiness(100 + generation),
});
const exited = (generation = 1, report = crash()): Signal => ({ type: 'exited', generation, report });

test('a start that becomes ready is lent with what the engine said', () => {
  const { life, effects } = live([
    [10, start],
    [20, spawned()],
    [30, { type: 'progressed', generation: 1, stage: 'text_model', ratio: 0.5 }],
    [110, ready()],
  ]);
  expect(effects).toEqual(['start']);
  expect(life.state).toMatchObject({ phase: 'ready', generation: 1, sinceMs: 110, loadMs: 100, pid: 101, slots: 2 });
});

test('progress is shown while it loads', () => {
  const { life } = live([start, { type: 'progressed', generation: 1, stage: 'installing-engine', ratio: 0.25 }]);
  expect(life.state).toMatchObject({ phase: 'starting', stage: 'installing-engine', ratio: 0.25, pid: null });
});

test('two hundred starts are one start', () => {
  expect(live(Array.from({ length: 200 }, () => start)).effects).toEqual(['start']);
  expect(live([start, spawned(), ready(), start, start]).effects).toEqual(['start']);
});

test('a stop before there is a process gives the start up, and the model is idle at once', () => {
  const { life, effects } = live([start, stop]);
  expect(effects).toEqual(['start', 'abandon']);
  expect(life.state).toEqual({ phase: 'idle' });
});

test('F-16: a stop of a ready model asks first and kills when the grace is over', () => {
  const { life, effects, last } = live([start, spawned(), ready(), [5, stop]]);
  expect(effects).toEqual(['start', 'terminate']);
  expect(last).toEqual([{ do: 'terminate', generation: 1, killAtMs: 5 + STOP_GRACE_MS }]);
  expect(life.state).toMatchObject({ phase: 'stopping', reason: 'user', killAtMs: 5 + STOP_GRACE_MS });
  const over = live([{ type: 'grace-over', generation: 1 }, exited()], life);
  expect(over.effects).toEqual(['kill']);
  expect(over.life.state).toEqual({ phase: 'idle' });
});

test('a start that meets a stopping model waits for the exit and then starts', () => {
  const { life, effects } = live([start, spawned(), ready(), stop, { type: 'start', wish: other, force: false }]);
  expect(effects).toEqual(['start', 'terminate']);
  expect(life.state.phase).toBe('stopping');
  const after = live([exited()], life);
  expect(after.last).toEqual([{ do: 'start', generation: 2, wish: other }]);
  expect(after.life.state).toMatchObject({ phase: 'starting', generation: 2 });
});

test('a stop forgets a remembered start', () => {
  const { life } = live([start, spawned(), ready(), stop, start, stop, exited()]);
  expect(life.state).toEqual({ phase: 'idle' });
});

test('a crash while ready is a failure with its report', () => {
  const { life } = live([start, spawned(), [10, ready()], [20, exited(1, crash('killed'))]]);
  expect(life.state).toMatchObject({ phase: 'failed', attempts: 1, sinceMs: 20, report: { kind: 'killed' } });
});

test('what a former process says changes nothing', () => {
  const { life } = live([start, spawned(), ready(), stop, start, exited()]);
  const late = live([ready(1), exited(1), { type: 'timed-out', generation: 1, report: crash() }], life);
  expect(late.life).toEqual(life);
  expect(late.effects).toEqual([]);
});

test('a process that appears after its start was given up is killed', () => {
  expect(live([start, stop, spawned()]).last).toEqual([{ do: 'kill', generation: 1 }]);
});

test('a load that is given up is killed at once and fails with that reason, whatever the exit says', () => {
  const stalled = crash('load-stalled');
  const { life, effects } = live([start, spawned(), { type: 'timed-out', generation: 1, report: stalled }]);
  expect(effects).toEqual(['start', 'kill']);
  expect(live([exited(1, crash('killed'))], life).life.state).toMatchObject({ phase: 'failed', report: stalled });
});

test('F-10: a taken port is tried again elsewhere, three times at most, and nobody sees it', () => {
  const taken = crash('port-taken');
  const twice = live([[5, start], spawned(1), [50, exited(1, taken)], spawned(2), [60, exited(2, taken)]]);
  expect(twice.effects).toEqual(['start', 'start', 'start']);
  expect(twice.life.state).toMatchObject({ phase: 'starting', generation: 3, sinceMs: 5, pid: null });
  const thrice = live([spawned(3), exited(3, taken)], twice.life);
  expect(thrice.life.state).toMatchObject({ phase: 'failed', attempts: 1, report: { kind: 'port-taken' } });
});

/** Fails again and again, as soon as each back-off allows; gives the back-offs. */
function failing(rounds: number, upMs: number | null, from: Life = UNBORN) {
  let life = from;
  let nowMs = 0;
  const backOffs: (number | null)[] = [];
  for (let round = 0; round < rounds; round += 1) {
    life = step(life, start, nowMs).life;
    life = step(life, { type: 'spawned', generation: life.generation, pid: 7 }, nowMs).life;
    if (upMs !== null) {
      life = step(life, ready(life.generation), nowMs).life;
      nowMs += upMs;
    }
    life = step(life, exited(life.generation), nowMs).life;
    if (life.state.phase !== 'failed') throw new Error('not failed');
    const { retryAtMs } = life.state;
    backOffs.push(retryAtMs === null ? null : retryAtMs - nowMs);
    nowMs = retryAtMs ?? nowMs;
  }
  return { life, backOffs, nowMs };
}

test('F-15: failures back off 1, 2, 4, 8 s; the fifth within ten minutes stays', () => {
  expect(failing(FAILURES_MAX, null).backOffs).toEqual([1_000, 2_000, 4_000, 8_000, null]);
  expect(failing(FAILURES_MAX, 1_000).backOffs).toEqual([1_000, 2_000, 4_000, 8_000, null]);
});

test('a start before its time is ignored, and at its time is not', () => {
  const { life, nowMs } = failing(1, null);
  expect(step(life, start, nowMs - 1).effects).toEqual([]);
  expect(step(life, start, nowMs).effects.map((effect) => effect.do)).toEqual(['start']);
});

test('F-15: a model that was well for a minute starts again at once, and its past is forgotten', () => {
  const { life } = failing(4, null);
  expect(failing(1, HEALTHY_AFTER_MS, { ...life, state: { phase: 'idle' } }).backOffs).toEqual([0]);
  expect(failing(6, HEALTHY_AFTER_MS).backOffs).toEqual([0, 0, 0, 0, 0, 0]);
});

test.each([
  ['forgiveness', { type: 'forgive' } as const],
  ['force', { type: 'start', wish, force: true } as const],
])('F-11: a sticky failure ends only by %s', (_, remedy) => {
  const sticky = live([start, spawned(), exited(1, crash('corrupt-file', true))]).life;
  expect(sticky.state).toMatchObject({ phase: 'failed', retryAtMs: null });
  expect(step(sticky, start, 1e12).effects).toEqual([]);
  const after = live(
    [
      [1e12, remedy],
      [1e12, start],
    ],
    sticky,
  );
  expect(after.effects).toEqual(['start']);
  expect(after.life.failures.inARow).toBe(0);
});

test('a start that fails before there is a process is a failure like any other', () => {
  const report = crash('missing-file', true);
  const { life } = live([start, { type: 'start-failed', generation: 1, report }]);
  expect(life.state).toMatchObject({ phase: 'failed', report, retryAtMs: null, attempts: 1 });
});

test('random lives: never two processes, no kill of nothing, no remembered start lost', () => {
  for (let seed = 1; seed <= 1_000; seed += 1) randomLife(seed);
});

/** A life in a world that behaves: processes appear after a start, end for any reason, late words arrive late. */
function randomLife(seed: number): void {
  const next = seededRandom(seed);
  const pick = <Value>(values: readonly Value[]): Value => values[Math.floor(next() * values.length)] as Value;
  let life = UNBORN;
  let nowMs = 0;
  let preparing: number | null = null;
  let running: number | null = null;
  let isWanted = false;
  for (let moment = 0; moment < 60; moment += 1) {
    nowMs += Math.floor(next() * pick([10, 1_000, 70_000]));
    const stale = life.generation - 1;
    const signal = pick<() => Signal>([
      () => ({ type: 'start', wish, force: next() < 0.2 }),
      () => ({ type: 'start', wish, force: false }),
      () => ({ type: 'stop', reason: pick(['user', 'cooldown', 'eviction', 'shutdown'] as const) }),
      () => ({ type: 'forgive' }),
      () => (preparing === null ? exited(stale) : { type: 'spawned', generation: preparing, pid: 1000 + preparing }),
      () => (preparing === null ? ready(stale) : { type: 'start-failed', generation: preparing, report: crash() }),
      () => (running === null ? ready(stale) : ready(running)),
      () => (running === null ? exited(stale) : exited(running, crash(pick(['unknown', 'port-taken']), next() < 0.1))),
      () => ({ type: 'timed-out', generation: running ?? stale, report: crash('load-stalled') }),
      () => ({ type: 'grace-over', generation: running ?? stale }),
    ])();
    const before = life;
    const { life: after, effects } = step(life, signal, nowMs);
    life = after;
    if (signal.type === 'spawned') [running, preparing] = [preparing, null];
    if (signal.type === 'start-failed') preparing = null;
    if (signal.type === 'exited' && signal.generation === running) running = null;
    for (const effect of effects) {
      const told = `seed ${seed}, moment ${moment}: ${signal.type} in ${before.state.phase} gave ${effect.do}`;
      if (effect.do === 'start') {
        if (running !== null || preparing !== null) throw new Error(`${told} beside a living one`);
        preparing = effect.generation;
      } else if (effect.do === 'abandon') {
        if (preparing !== effect.generation) throw new Error(`${told} of nothing`);
        preparing = null;
      } else if (running !== effect.generation) throw new Error(`${told} of nothing`);
    }
    const { phase } = life.state;
    const told = `seed ${seed}, moment ${moment}: ${signal.type} in ${before.state.phase}`;
    if ((phase === 'idle' || phase === 'failed') && running !== null) throw new Error(`${told} forgot a process`);
    if (phase === 'ready' && running !== life.generation) throw new Error(`${told} is ready without a process`);
    if (phase === 'stopping' && running === null) throw new Error(`${told} stops without a process`);
    // Whoever asked while it was stopping is served, or sees a failure: never silence.
    if (before.state.phase === 'stopping' && signal.type === 'start') isWanted = true;
    if (signal.type === 'stop') isWanted = false;
    if (before.state.phase === 'stopping' && phase !== 'stopping') {
      if (isWanted && phase === 'idle') throw new Error(`${told} lost a remembered start`);
      isWanted = false;
    }
  }
}
