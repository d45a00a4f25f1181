/** The scheduler's one timer: everybody names a moment, and the earliest of them counts. */
import type { Clock, Timer } from '#src/clock.ts';

/** A wake-up that comes this late was not held up: machine or process stood still. */
const SLEPT_MIN_MS = 5_000;

/** Rings at the earliest moment that was named since `clear`. */
export class Alarm {
  readonly #clock: Clock;
  readonly #ring: () => void;
  #atMs = Number.POSITIVE_INFINITY;
  #armedForMs = Number.POSITIVE_INFINITY;
  #timer: Timer | null = null;

  constructor(clock: Clock, ring: () => void) {
    this.#clock = clock;
    this.#ring = ring;
  }

  /** Forgets the moments; the timer stays as it is until `arm`. */
  clear(): void {
    this.#atMs = Number.POSITIVE_INFINITY;
  }

  /** Wants to be woken by then, if not earlier; monotonic. */
  by(atMs: number): void {
    this.#atMs = Math.min(this.#atMs, atMs);
  }

  /** How long the machine stood still, in ms, told once: 0 when it did not. */
  sleptMs(nowMs: number): number {
    const lateMs = nowMs - this.#armedForMs;
    if (lateMs < SLEPT_MIN_MS) return 0;
    this.#armedForMs = nowMs;
    return lateMs;
  }

  /** Sets the timer to the earliest moment. */
  arm(): void {
    if (this.#timer && this.#atMs === this.#armedForMs) return;
    this.#timer?.[Symbol.dispose]();
    this.#timer = null;
    this.#armedForMs = this.#atMs;
    if (this.#atMs === Number.POSITIVE_INFINITY) return;
    const delayMs = Math.max(0, this.#atMs - this.#clock.monotonicMs());
    // Never beyond the 31 bits of a timer, even for a cooldown of a year: while anything runs, memory is read every
    // 5 s.
    this.#timer = this.#clock.after(delayMs, () => {
      this.#timer = null;
      this.#ring();
    });
  }
}
