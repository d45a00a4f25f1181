/**
 * One model's life as a pure machine: what is true, plus what has just happened, gives what is true now and what to do.
 *
 *     idle ── start ──▶ starting ── became-ready ──▶ ready ── stop ──▶ stopping ── exited ──▶ idle
 *                        │  │ └ start-failed, exited ─▶ failed ◀─ exited ┘             (or failed, or starting again)
 *                        │  └ timed-out, stop ─▶ stopping
 *                        └ stop before there is a process ─▶ idle
 *
 * Signals of a process carry its generation; those of a former one change nothing.
 */
import { assert, impossible } from '#src/assert.ts';
import type { CrashReport } from '#src/engines/engine.ts';
import type { LaunchOverrides, Model } from '#src/models/model.ts';
import { type Failures, FRESH, failed, forgiven, healthyUntil } from './failures.ts';
import type { ModelState, StopReason } from './model-state.ts';

/** What somebody wants started. */
export type Wish = { readonly model: Model; readonly overrides: LaunchOverrides };

export type Life = {
  readonly state: ModelState;
  /** How many processes there were, this one included. */
  readonly generation: number;
  /** While starting or ready: the wish being served. */
  readonly wish: Wish | null;
  /** While stopping: what to start once the process has gone. */
  readonly next: Wish | null;
  /** While stopping because the load did not come to an end: why. */
  readonly verdict: CrashReport | null;
  /** Ports that turned out to be taken, during this start. */
  readonly portsTaken: number;
  readonly failures: Failures;
};

/** What a ready engine is known by. */
export type Readiness = Omit<Extract<ModelState, { phase: 'ready' }>, 'phase' | 'generation' | 'sinceMs' | 'loadMs'>;

export type Signal =
  | { readonly type: 'start'; readonly wish: Wish; readonly force: boolean }
  | { readonly type: 'stop'; readonly reason: StopReason }
  | { readonly type: 'forgive' }
  | {
      readonly type: 'progressed';
      readonly generation: number;
      readonly stage: string;
      readonly ratio: number | null;
    }
  | { readonly type: 'spawned'; readonly generation: number; readonly pid: number }
  | { readonly type: 'became-ready'; readonly generation: number; readonly readiness: Readiness }
  /** The start came to nothing before there was a process. */
  | { readonly type: 'start-failed'; readonly generation: number; readonly report: CrashReport }
  /** The load took too long: the process is to go. */
  | { readonly type: 'timed-out'; readonly generation: number; readonly report: CrashReport }
  | { readonly type: 'grace-over'; readonly generation: number }
  /** The process and its group are gone. */
  | { readonly type: 'exited'; readonly generation: number; readonly report: CrashReport };

export type Effect =
  /** Prepare and spawn; ends in start-failed, or spawned and later exited. */
  | { readonly do: 'start'; readonly generation: number; readonly wish: Wish }
  /** Give up a start that has no process yet; nothing more is heard of it. */
  | { readonly do: 'abandon'; readonly generation: number }
  /** Ask the process to go, and say grace-over at that time. */
  | { readonly do: 'terminate'; readonly generation: number; readonly killAtMs: number }
  | { readonly do: 'kill'; readonly generation: number };

export type Step = { readonly life: Life; readonly effects: readonly Effect[] };

/** From TERM to KILL. */
export const STOP_GRACE_MS = 10_000;
const PORT_TRIES_MAX = 3;

/** A model that was never started. */
export const UNBORN: Life = {
  state: { phase: 'idle' },
  generation: 0,
  wish: null,
  next: null,
  verdict: null,
  portsTaken: 0,
  failures: FRESH,
};

/** The next moment of a life. Times are monotonic milliseconds. */
export function step(life: Life, signal: Signal, nowMs: number): Step {
  switch (signal.type) {
    case 'start':
      return start(life, signal.wish, signal.force, nowMs);
    case 'stop':
      return stop(life, signal.reason, nowMs);
    case 'forgive':
      return same({
        ...life,
        failures: forgiven(),
        state: life.state.phase === 'failed' ? { phase: 'idle' } : life.state,
      });
    default:
      // Of a former process: whatever it says, it is not about this one.
      return signal.generation === life.generation ? heard(life, signal, nowMs) : same(life);
  }
}

function heard(life: Life, signal: Exclude<Signal, { type: 'start' | 'stop' | 'forgive' }>, nowMs: number): Step {
  const { state } = life;
  switch (signal.type) {
    case 'progressed':
      if (state.phase !== 'starting') return same(life);
      return same({ ...life, state: { ...state, stage: signal.stage, ratio: signal.ratio } });
    case 'spawned':
      return spawned(life, signal.pid);
    case 'became-ready':
      if (state.phase !== 'starting') return same(life);
      return same({ ...life, portsTaken: 0, state: readyState(state, signal.readiness, nowMs) });
    case 'start-failed':
      return state.phase === 'starting' ? fail(life, signal.report, nowMs) : same(life);
    case 'timed-out':
      return timedOut(life, signal.report, nowMs);
    case 'grace-over':
      return state.phase === 'stopping' ? { life, effects: [{ do: 'kill', generation: life.generation }] } : same(life);
    case 'exited':
      return exited(life, signal.report, nowMs);
    default:
      return impossible(signal);
  }
}

function start(life: Life, wish: Wish, force: boolean, nowMs: number): Step {
  const { state } = life;
  switch (state.phase) {
    case 'idle':
      return begin(force ? { ...life, failures: forgiven() } : life, wish, nowMs);
    case 'starting':
    case 'ready':
      return same(life);
    case 'stopping':
      return same({ ...life, next: wish });
    case 'failed':
      if (force) return begin({ ...life, failures: forgiven() }, wish, nowMs);
      return state.retryAtMs !== null && nowMs >= state.retryAtMs ? begin(life, wish, nowMs) : same(life);
    default:
      return impossible(state);
  }
}

/** A new generation. `sinceMs` is when it was wished for, which a second try at another port does not change. */
function begin(life: Life, wish: Wish, sinceMs: number): Step {
  const generation = life.generation + 1;
  const state = { phase: 'starting', generation, sinceMs, stage: 'starting-process', ratio: null, pid: null } as const;
  return {
    life: { ...life, generation, wish, next: null, verdict: null, state },
    effects: [{ do: 'start', generation, wish }],
  };
}

function stop(life: Life, reason: StopReason, nowMs: number): Step {
  const { state, generation } = life;
  switch (state.phase) {
    case 'idle':
    case 'failed':
      return same(life);
    case 'stopping':
      return same({ ...life, next: null });
    case 'starting':
      if (state.pid === null) return { life: idle(life), effects: [{ do: 'abandon', generation }] };
      return terminate(life, reason, state.pid, nowMs);
    case 'ready':
      assert(state.pid !== null, 'a process of its own');
      return terminate(life, reason, state.pid, nowMs);
    default:
      return impossible(state);
  }
}

function terminate(life: Life, reason: StopReason, pid: number, nowMs: number): Step {
  const { generation } = life;
  const killAtMs = nowMs + STOP_GRACE_MS;
  return {
    life: { ...life, next: null, state: { phase: 'stopping', generation, sinceMs: nowMs, reason, killAtMs, pid } },
    effects: [{ do: 'terminate', generation, killAtMs }],
  };
}

/** A process that came to be after all when its start had been given up is not let live. */
function spawned(life: Life, pid: number): Step {
  const { state, generation } = life;
  if (state.phase !== 'starting') return { life, effects: [{ do: 'kill', generation }] };
  return same({ ...life, state: { ...state, pid } });
}

/** It serves nobody, so it is killed at once instead of being asked. */
function timedOut(life: Life, report: CrashReport, nowMs: number): Step {
  const { state, generation } = life;
  if (state.phase !== 'starting') return same(life);
  if (state.pid === null) {
    const failure = fail(life, report, nowMs);
    return { life: failure.life, effects: [{ do: 'abandon', generation }] };
  }
  const stopping = { phase: 'stopping', generation, sinceMs: nowMs, reason: 'unhealthy', killAtMs: nowMs } as const;
  return {
    life: { ...life, verdict: report, state: { ...stopping, pid: state.pid } },
    effects: [{ do: 'kill', generation }],
  };
}

function exited(life: Life, report: CrashReport, nowMs: number): Step {
  const { state, next, verdict, wish } = life;
  switch (state.phase) {
    case 'idle':
    case 'failed':
      return same(life);
    case 'starting':
      if (report.kind !== 'port-taken' || life.portsTaken + 1 >= PORT_TRIES_MAX) return fail(life, report, nowMs);
      assert(wish !== null, 'a start has its wish');
      return begin({ ...life, portsTaken: life.portsTaken + 1 }, wish, state.sinceMs);
    case 'ready':
      return fail({ ...life, failures: healthyUntil(life.failures, state.sinceMs, nowMs) }, report, nowMs);
    case 'stopping': {
      const gone = verdict === null ? idle(life) : fail(life, verdict, nowMs).life;
      return next === null ? same(gone) : start(gone, next, false, nowMs);
    }
    default:
      return impossible(state);
  }
}

function fail(life: Life, report: CrashReport, nowMs: number): Step {
  const { failures, retryAtMs } = failed(life.failures, report.isSticky, nowMs);
  const attempts = failures.inARow;
  return same({
    ...idle(life),
    failures,
    state: { phase: 'failed', report, sinceMs: nowMs, retryAtMs, attempts },
  });
}

function idle(life: Life): Life {
  return { ...life, state: { phase: 'idle' }, wish: null, next: null, verdict: null, portsTaken: 0 };
}

function readyState(state: ModelState & { phase: 'starting' }, readiness: Readiness, nowMs: number): ModelState {
  const { generation, sinceMs } = state;
  return { phase: 'ready', generation, sinceMs: nowMs, ...readiness, loadMs: nowMs - sinceMs };
}

function same(life: Life): Step {
  return { life, effects: [] };
}
