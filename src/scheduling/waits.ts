/** Says why a request waits, from the state of its model and the answer of admission. Pure. */
import { impossible } from '#src/assert.ts';
import type { ModelId } from '#src/models/model.ts';
import type { ModelState } from '#src/supervision/model-state.ts';
import type { Admission } from './admission.ts';
import type { Wait } from './lease.ts';

/** A load that moved by less is not worth telling again. */
const RATIO_STEP = 0.01;

/** What holds a model's queue, the same for everyone in it. */
export type Hold = {
  readonly modelId: ModelId;
  readonly state: ModelState;
  /** A stop was asked for, whether or not the state says so already. */
  readonly isStopping: boolean;
  /** A start was asked for, whether or not the state says so already. */
  readonly isStarting: boolean;
  /** The model for which this one gets no new requests. */
  readonly closedFor: ModelId | null;
  /** What admission said when it was last asked for this model. */
  readonly admission: Admission | null;
  readonly busy: number;
  readonly usualMs: number | null;
  /** When the start was asked for; counts until the state has its own time. */
  readonly askedAtMs: number;
};

/** The reason for the request at `place` (from 1) of the model's queue. */
export function waitAt(place: number, hold: Hold): Wait {
  const { modelId, state } = hold;
  if (hold.isStopping || state.phase === 'stopping') return { reason: 'stopping', place, modelId };
  if (hold.isStarting || state.phase === 'starting') return loading(hold);
  if (state.phase === 'ready') {
    if (hold.closedFor !== null) return { reason: 'turn', place, holder: hold.closedFor };
    return { reason: 'slots', place, busy: hold.busy };
  }
  if (state.phase === 'failed' && hold.admission === null && state.retryAtMs !== null) {
    return { reason: 'back-off', place, retryAtMs: state.retryAtMs };
  }
  return forMemory(place, hold);
}

/** Whether the second differs enough from the first to be told. */
export function isNews(told: Wait | null, wait: Wait): boolean {
  if (told === null || told.reason !== wait.reason) return true;
  switch (wait.reason) {
    case 'loading':
      return told.reason !== 'loading' || told.stage !== wait.stage || hasMoved(told.ratio, wait.ratio);
    case 'slots':
      return told.reason !== 'slots' || told.place !== wait.place;
    case 'memory':
      return (
        told.reason !== 'memory' ||
        told.place !== wait.place ||
        told.waitingFor.join('\n') !== wait.waitingFor.join('\n')
      );
    case 'turn':
      return told.reason !== 'turn' || told.place !== wait.place || told.holder !== wait.holder;
    case 'stopping':
      return told.reason !== 'stopping' || told.place !== wait.place || told.modelId !== wait.modelId;
    case 'back-off':
      return told.reason !== 'back-off' || told.place !== wait.place || told.retryAtMs !== wait.retryAtMs;
    default:
      return impossible(wait);
  }
}

function loading(hold: Hold): Wait {
  const { state, usualMs } = hold;
  if (state.phase === 'starting') {
    return { reason: 'loading', stage: state.stage, ratio: state.ratio, sinceMs: state.sinceMs, usualMs };
  }
  return { reason: 'loading', stage: 'starting-process', ratio: null, sinceMs: hold.askedAtMs, usualMs };
}

function forMemory(place: number, { modelId, admission }: Hold): Wait {
  if (admission?.decision === 'start') {
    return { reason: 'stopping', place, modelId: admission.leaving[0] ?? modelId };
  }
  if (admission?.decision !== 'wait') return { reason: 'memory', place, waitingFor: [], lacks: 'memory' };
  const first = admission.for[0] ?? modelId;
  switch (admission.why) {
    case 'stopping':
      return { reason: 'stopping', place, modelId: first };
    case 'turn':
      return { reason: 'turn', place, holder: first };
    case 'busy':
      return { reason: 'memory', place, waitingFor: admission.for, lacks: admission.lacks };
    default:
      return impossible(admission.why);
  }
}

function hasMoved(told: number | null, now: number | null): boolean {
  if (told === null || now === null) return told !== now;
  return Math.abs(now - told) >= RATIO_STEP;
}
