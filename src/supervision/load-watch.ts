/** Watches a load for signs of life: what goes on may take long, what is silent is given up. */
import type { Clock, Timer } from '#src/clock.ts';

/** However alive, no load takes longer than this. */
export const LOAD_MAX_S = 30 * 60;
/** It looks at least this often, so that it notices when time went on without it. */
const LOOK_INTERVAL_MS = 5_000;
/** A look that comes this late was not held up: machine or process stood still, and the engine with it. */
const SLEPT_MIN_MS = 5_000;

/** Why a load was given up: silence, or its whole length. */
export type GivenUp = { readonly because: 'silence' | 'length'; readonly afterS: number };

/**
 * Calls `onGivenUp` once: after `stallS` seconds without a sign of life, or after half an hour in all. Time that the
 * process slept counts for neither.
 */
export class LoadWatch implements Disposable {
  readonly #clock: Clock;
  readonly #stallMs: number;
  readonly #onGivenUp: (reason: GivenUp) => void;
  #endsAtMs: number;
  #lastLifeMs: number;
  #lookAtMs = 0;
  #timer: Timer;

  constructor(clock: Clock, stallS: number, onGivenUp: (reason: GivenUp) => void) {
    this.#clock = clock;
    this.#stallMs = stallS * 1000;
    this.#onGivenUp = onGivenUp;
    const nowMs = clock.monotonicMs();
    this.#lastLifeMs = nowMs;
    this.#endsAtMs = nowMs + LOAD_MAX_S * 1000;
    this.#timer = this.#lookLater(nowMs);
  }

  /** A line, or progress. Cheap: no timer is touched. */
  noteLife(): void {
    this.#lastLifeMs = this.#clock.monotonicMs();
  }

  [Symbol.dispose](): void {
    this.#timer[Symbol.dispose]();
  }

  #lookLater(nowMs: number): Timer {
    this.#lookAtMs = Math.min(nowMs + LOOK_INTERVAL_MS, this.#lastLifeMs + this.#stallMs, this.#endsAtMs);
    return this.#clock.after(Math.max(0, this.#lookAtMs - nowMs), () => this.#look());
  }

  #look(): void {
    const nowMs = this.#clock.monotonicMs();
    const lateMs = nowMs - this.#lookAtMs;
    if (lateMs >= SLEPT_MIN_MS) {
      this.#lastLifeMs = Math.min(nowMs, this.#lastLifeMs + lateMs);
      this.#endsAtMs += lateMs;
    }
    if (nowMs >= this.#endsAtMs) this.#onGivenUp({ because: 'length', afterS: LOAD_MAX_S });
    else if (nowMs < this.#lastLifeMs + this.#stallMs) this.#timer = this.#lookLater(nowMs);
    else this.#onGivenUp({ because: 'silence', afterS: this.#stallMs / 1000 });
  }
}
