/** When to try again, and when not to. */
import type { Clock } from '#src/clock.ts';
import { Fault, type FaultKind } from '#src/faults.ts';

/** How long to wait between tries. */
export type Pace = { readonly firstMs: number; readonly mostMs: number; readonly stallMs: number };

export const USUAL_PACE: Pace = { firstMs: 1_000, mostMs: 300_000, stallMs: 30_000 };

/** Tries in a row that brought not one byte: a day of them, at the usual pace. */
export const TRIES_MAX = 300;

// Whatever else goes wrong, goes wrong again until somebody does something about it.
const PASSING: ReadonlySet<FaultKind> = new Set(['offline', 'hub-busy', 'hub-broken']);

/** What stopped a part, when the same may well succeed later; null when it will not by itself. */
export function passingTrouble(cause: unknown): Fault | null {
  return cause instanceof Fault && PASSING.has(cause.kind) ? cause : null;
}

/** The wait before try number `tries`, counted from 1; `random` is 0 to 1. Doubles, and is never the same for all. */
export function waitMs(pace: Pace, tries: number, random: number): number {
  const fullMs = Math.min(pace.mostMs, pace.firstMs * 2 ** Math.min(tries - 1, 30));
  return fullMs / 2 + (fullMs / 2) * random;
}

/** Resolves after `ms`, or at once when the signal aborts. */
export async function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted || ms <= 0) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const onAbort = (): void => resolve();
  signal.addEventListener('abort', onAbort, { once: true });
  using _timer = clock.after(ms, resolve);
  await promise;
  // A download waits many times on one signal.
  signal.removeEventListener('abort', onAbort);
}

/** A hub that asked for patience asked all downloads. */
export class HubHold {
  readonly #clock: Clock;
  #untilMs = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Monotonic; in the past when there is none. */
  get untilMs(): number {
    return this.#untilMs;
  }

  hold(seconds: number): void {
    this.#untilMs = Math.max(this.#untilMs, this.#clock.monotonicMs() + seconds * 1000);
  }

  async over(signal: AbortSignal): Promise<void> {
    await pause(this.#clock, this.#untilMs - this.#clock.monotonicMs(), signal);
  }
}
