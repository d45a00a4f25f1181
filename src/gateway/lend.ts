/** Asking an engine under a lease, and once more under a fresh one when the first engine died without a word. */
import { asFault, Fault } from '#src/faults.ts';
import type { ModelId } from '#src/models/model.ts';
import type { Ticket } from '#src/requests/request.ts';
import type { Lease, Lender } from '#src/scheduling/lease.ts';
import type { Life } from './life.ts';

/** A dead engine's socket closes some milliseconds before its exit is known. */
const OBITUARY_POLL_MS = 25;
const OBITUARY_POLLS_MAX = 20;

/** What one asking needs; `mayRepeat` is false as soon as any of the answer was handed out. */
export type Asking<Result> = {
  readonly lender: Lender;
  readonly modelId: ModelId;
  readonly ticket: Ticket;
  readonly life: Life;
  readonly use: (lease: Lease) => Promise<Result>;
  readonly mayRepeat: () => boolean;
};

/** Throws the fault of the last attempt. The lease is held while `use` runs, never longer. */
export async function underLease<Result>(asking: Asking<Result>): Promise<Result> {
  for (let attempt = 1; ; attempt += 1) {
    const tried = await attemptOnce(asking);
    if (!('fault' in tried)) return tried.result;
    const fault = await obituary(asking, tried.fault, tried.generation);
    const isDeath = fault.kind === 'engine-died' || fault.kind === 'engine-unreachable';
    if (attempt > 1 || !isDeath || !asking.mayRepeat() || asking.life.endedBy) throw fault;
    asking.ticket.repaired('the engine died before it answered; asked again');
  }
}

type Tried<Result> = { readonly result: Result } | { readonly fault: Fault; readonly generation: number };

async function attemptOnce<Result>({ lender, modelId, ticket, life, use }: Asking<Result>): Promise<Tried<Result>> {
  using lease = await lender.acquire(modelId, {
    requestId: ticket.id,
    signal: life.signal,
    onWait: (wait) => ticket.waiting(wait),
  });
  try {
    return { result: await use(lease) };
  } catch (cause) {
    // Whoever waits for a fresh lease listens to no engine.
    life.rest();
    return { fault: asFault(cause), generation: lease.generation };
  }
}

/** Puts the reason of a death, which the supervisor learns a moment later, into its fault. */
async function obituary<Result>(asking: Asking<Result>, fault: Fault, generation: number): Promise<Fault> {
  if (fault.kind !== 'engine-died' && fault.kind !== 'engine-unreachable') return fault;
  for (let polls = 0; polls < OBITUARY_POLLS_MAX && !asking.life.endedBy; polls += 1) {
    const { state } = asking.lender.model(asking.modelId);
    if (state.phase === 'stopping') {
      if (state.reason === 'shutdown') return new Fault('shutting-down', 'Flow is stopping.', { cause: fault });
      return new Fault('model-unloaded', 'The model was unloaded before its answer was complete.', { cause: fault });
    }
    if (state.phase === 'failed') {
      const { message, hint } = state.report;
      return new Fault('engine-died', message, { cause: fault, ...(hint === null ? {} : { hint }) });
    }
    if (state.phase !== 'ready' || state.generation !== generation) return fault;
    await Bun.sleep(OBITUARY_POLL_MS);
  }
  return fault;
}
