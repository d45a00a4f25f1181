/** One request that waits for a model: settled once, with a lease or with a Fault. */
import { asFault, Fault } from '#src/faults.ts';
import type { AcquireOptions, Lease, Wait } from './lease.ts';
import { isNews } from './waits.ts';

/** A place in a model's queue. The owner of the queue takes it out before it settles it. */
export class Waiter {
  readonly requestId: string;
  /** It needs no slot. */
  readonly isBrief: boolean;
  readonly caller: string;
  /** Arrival, monotonic; later by what the machine slept since. */
  sinceMs: number;
  readonly promise: Promise<Lease>;
  readonly #settlement = Promise.withResolvers<Lease>();
  readonly #options: AcquireOptions;
  readonly #onAbort: () => void;
  #wait: Wait | null = null;
  #told: Wait | null = null;
  #isSettled = false;

  /** `leave` is called when the client went away; it takes the waiter out of its queue and refuses it. */
  constructor(options: AcquireOptions, sinceMs: number, leave: (waiter: Waiter, fault: Fault) => void) {
    this.requestId = options.requestId;
    this.isBrief = options.isBrief === true;
    this.caller = options.caller ?? '';
    this.sinceMs = sinceMs;
    this.promise = this.#settlement.promise;
    this.#options = options;
    this.#onAbort = () => leave(this, abortOf(options.signal));
    options.signal.addEventListener('abort', this.#onAbort, { once: true });
  }

  /** Why it waits at present; null before the first look. */
  get wait(): Wait | null {
    return this.#wait;
  }

  /** Hands over the lease. */
  admit(lease: Lease): void {
    this.#forget();
    this.#settlement.resolve(lease);
  }

  /** Ends the wait without a lease. */
  refuse(fault: Fault): void {
    this.#forget();
    this.#settlement.reject(fault);
  }

  /** Notes why it waits now; true when that is news worth telling. */
  note(wait: Wait): boolean {
    this.#wait = wait;
    return isNews(this.#told, wait);
  }

  /** Tells the request why it waits, unless it no longer does. What its listener throws is thrown here. */
  tell(): void {
    if (this.#isSettled) return;
    this.#told = this.#wait;
    if (this.#wait) this.#options.onWait?.(this.#wait);
  }

  #forget(): void {
    this.#isSettled = true;
    this.#options.signal.removeEventListener('abort', this.#onAbort);
  }
}

/** The Fault of an aborted signal: the one it was aborted with, or that the client left. */
export function abortOf(signal: AbortSignal): Fault {
  const reason: unknown = signal.reason;
  if (reason instanceof Fault) return reason;
  const fault = asFault(reason);
  if (fault.kind === 'cancelled') return fault;
  return new Fault('cancelled', 'The client went away while the request waited.', { cause: reason });
}
