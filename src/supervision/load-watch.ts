/** Watches a load for signs of life: what goes on may take long, what is silent is given up. */
import type { Clock, Timer } from '#src/clock.ts';

/** However alive, no load takes longer than this. */
export const LOAD_MAX_S = 30 * 60;

/** Why a load was given up: silence, or its whole length. */
export type GivenUp = { readonly because: 'silence' | 'length'; readonly afterS: number };

/** Calls `onGivenUp` once: after `stallS` seconds without a sign of life, or after half an hour in all. */
export class LoadWatch implements Disposable {
  readonly #clock: Clock;
  readonly #stallMs: number;
  readonly #onGivenUp: (reason: GivenUp) => void;
  readonly #total: Timer;
  #stall: Timer;
  #lastLifeMs: number;

  constructor(clock: Clock, stallS: number, onGivenUp: (reason: GivenUp) => void) {
    this.#clock = clock;
    this.#stallMs = stallS * 1000;
    this.#onGivenUp = onGivenUp;
    this.#lastLifeMs = clock.monotonicMs();
    this.#total = clock.after(LOAD_MAX_S * 1000, () => this.#giveUp({ because: 'length', afterS: LOAD_MAX_S }));
    this.#stall = clock.after(this.#stallMs, () => this.#look());
  }

  /** A line, or progress. Cheap: no timer is touched. */
  noteLife(): void {
    this.#lastLifeMs = this.#clock.monotonicMs();
  }

  [Symbol.dispose](): void {
    this.#total[Symbol.dispose]();
    this.#stall[Symbol.dispose]();
  }

  #look(): void {
    const leftMs = this.#lastLifeMs + this.#stallMs - this.#clock.monotonicMs();
    if (leftMs <= 0) this.#giveUp({ because: 'silence', afterS: this.#stallMs / 1000 });
    else this.#stall = this.#clock.after(leftMs, () => this.#look());
  }

  #giveUp(reason: GivenUp): void {
    this[Symbol.dispose]();
    this.#onGivenUp(reason);
  }
}
