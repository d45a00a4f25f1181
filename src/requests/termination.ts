/** Says who ended a request and in which phase, as two letters. Pure. */
import type { FaultKind } from '#src/faults.ts';
import type { Outcome, RequestStage, TerminationCode } from './request.ts';

export type EndKind = 'completed' | 'failed' | 'cancelled';

/** How it ended: an abort that arrives as a Fault is a cancellation, whoever reports it. */
export function endKind(outcome: Outcome): EndKind {
  return outcome.kind === 'failed' && outcome.fault.kind === 'cancelled' ? 'cancelled' : outcome.kind;
}

/**
 * The code of an end. `stage` is the one it was in; `isUserCancelled` when somebody pressed Cancel, whatever came of
 * it.
 */
export function terminationCode(outcome: Outcome, stage: RequestStage, isUserCancelled: boolean): TerminationCode {
  if (outcome.kind === 'completed') return '--';
  const phase = PHASES[stage];
  if (endKind(outcome) === 'cancelled') {
    const isByUser = isUserCancelled || (outcome.kind === 'cancelled' && outcome.by === 'user');
    return `${isByUser ? 'U' : 'C'}${phase}`;
  }
  return outcome.kind === 'failed' ? `${blame(outcome.fault.kind)}${phase}` : '--';
}

const PHASES = {
  queued: 'Q',
  loading: 'L',
  prefilling: 'P',
  generating: 'G',
  sending: 'S',
  completed: '-',
  failed: '-',
  cancelled: '-',
} as const satisfies Record<RequestStage, string>;

function blame(kind: FaultKind): 'E' | 'F' | 'U' {
  switch (kind) {
    case 'engine-refused':
    case 'engine-unreachable':
    case 'engine-died':
    case 'engine-silent':
    case 'load-failed':
      return 'E';
    // A busy model is unloaded only by a person who insists.
    case 'model-unloaded':
      return 'U';
    default:
      return 'F';
  }
}
