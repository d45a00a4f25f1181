/** Asking an engine under a lease, and once more under a fresh one when the first engine died without a word. */
import { asFault, type Fault } from '#src/faults.ts';
import type { ModelId } from '#src/models/model.ts';
import type { Ticket } from '#src/requests/request.ts';
import type { Lease, Lender } from '#src/scheduling/lease.ts';
import type { Life } from './life.ts';

/** A dead engine's socket closes some milliseconds before its exit and its last words are known. */
const OBITUARY_MS_MAX = 500;

/** What one asking needs; `mayRepeat` is false as soon as any of the answer was handed out. */
export type Asking<Result> = {
  readonly lender: Lender;
  readonly modelId: ModelId;
  readonly ticket: Ticket;
  readonly life: Life;
  readonly use: (lease: Lease) => Promise<Result>;
  readonly mayRepeat: () => boolean;
  /** It needs no slot; see `AcquireOptions`. Absent = false. */
  readonly isBrief?: boolean;
};

/** Throws the fault of the last attempt. The lease is held while `use` runs, never longer. */
export async function underLease<Result>(asking: Asking<Result>): Promise<Result> {
  for (let attempt = 1; ; attempt += 1) {
    const tried = await attemptOnce(asking);
    if (!('fault' in tried)) return tried.result;
    const { fault } = tried;
    const isDeath = fault.kind === 'engine-died' || fault.kind === 'engine-unreachable';
    if (attempt > 1 || !isDeath || !asking.mayRepeat() || asking.life.endedBy) throw fault;
    asking.ticket.repaired('the engine died before it answered; asked again');
  }
}

type Tried<Result> = { readonly result: Result } | { readonly fault: Fault };

async function attemptOnce<Result>(asking: Asking<Result>): Promise<Tried<Result>> {
  const { lender, modelId, ticket, life, use, isBrief = false } = asking;
  using lease = await lender.acquire(modelId, {
    requestId: ticket.id,
    signal: life.signal,
    onWait: (wait) => ticket.waiting(wait),
    isBrief,
    caller: ticket.client ?? '',
  });
  const ended = Promise.withResolvers<Fault>();
  lease.onEnded((fault) => {
    // An unload or a stop of Flow was somebody's wish and ends the answer now; after a death it may be asked anew.
    if (fault.kind !== 'engine-died') life.end(fault);
    ended.resolve(fault);
  });
  try {
    return { result: await use(lease) };
  } catch (cause) {
    // Whoever waits for a fresh lease listens to no engine.
    life.rest();
    const fault = asFault(cause);
    const isDeath = fault.kind === 'engine-died' || fault.kind === 'engine-unreachable';
    if (!isDeath || life.endedBy) return { fault };
    return { fault: await Promise.race([ended.promise, Bun.sleep(OBITUARY_MS_MAX).then(() => fault)]) };
  }
}

/** A lender that lends in this way, and in all else is the one that it is made from. */
export function lendingBy(lender: Lender, acquire: Lender['acquire']): Lender {
  return {
    acquire,
    load: (modelId, overrides) => lender.load(modelId, overrides),
    unload: (modelId, options) => lender.unload(modelId, options),
    keep: (modelId, keepAlive) => lender.keep(modelId, keepAlive),
    stopped: (modelId) => lender.stopped(modelId),
    snapshot: () => lender.snapshot(),
    model: (modelId) => lender.model(modelId),
    shutdown: (drainMs) => lender.shutdown(drainMs),
  };
}

/** The header by which an engine knows Flow; none for an engine without a key. */
export function keyHeader({ apiKey }: Pick<Lease, 'apiKey'>): { readonly authorization?: string } {
  return apiKey === '' ? {} : { authorization: `Bearer ${apiKey}` };
}
