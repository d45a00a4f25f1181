/** A bound in time for questions to the hub. */
import type { Clock } from '#src/clock.ts';
import { asFault, Fault, systemCodeOf } from '#src/faults.ts';

/** Ends what takes too long, and tells the caller's wish from silence and from a broken line. */
export class Deadline implements Disposable {
  readonly signal: AbortSignal;
  readonly #caller: AbortSignal;
  readonly #silence = new AbortController();
  readonly #maxMs: number;
  readonly #timer: Disposable;

  constructor(clock: Clock, maxMs: number, caller: AbortSignal) {
    this.#caller = caller;
    this.#maxMs = maxMs;
    this.signal = AbortSignal.any([caller, this.#silence.signal]);
    this.#timer = clock.after(maxMs, () => this.#silence.abort());
  }

  explain(cause: unknown, host: string): Fault {
    if (this.#caller.aborted) return new Fault('cancelled', 'The question to the hub was withdrawn.', { cause });
    if (this.#silence.signal.aborted) {
      return new Fault('offline', `${host} did not answer within ${this.#maxMs / 1_000} s.`, { cause });
    }
    return cause instanceof Fault ? cause : unreachable(cause, host);
  }

  [Symbol.dispose](): void {
    this.#timer[Symbol.dispose]();
  }
}

const CERTIFICATE_CODE = /CERT|SELF_SIGNED|UNABLE_TO_/;

function unreachable(cause: unknown, host: string): Fault {
  if (CERTIFICATE_CODE.test(systemCodeOf(cause) ?? '')) {
    return new Fault('offline', `The certificate of ${host} is not one that this machine trusts.`, {
      cause,
      hint: 'A proxy may be in between; its certificate can be named in NODE_EXTRA_CA_CERTS.',
    });
  }
  if (!(cause instanceof Error)) return asFault(cause);
  return new Fault('offline', `${host} cannot be reached.`, {
    cause,
    hint: 'Check the connection to the internet; everything else goes on without it.',
  });
}
