/** How late the event loop is: whatever blocks it shows here. */
import type { Clock, Timer } from '#src/clock.ts';

const INTERVAL_MS = 500;
/** Fifteen seconds, the usual pace of whoever reads the metrics. */
const SAMPLES_MAX = 30;

/** Measures from its making until disposed. */
export class LoopLag implements Disposable {
  readonly #timer: Timer;
  readonly #samplesMs: number[] = [];

  constructor({ clock }: { readonly clock: Clock }) {
    let expectedMs = clock.monotonicMs() + INTERVAL_MS;
    this.#timer = clock.every(INTERVAL_MS, () => {
      const nowMs = clock.monotonicMs();
      this.#samplesMs.push(Math.max(0, nowMs - expectedMs));
      if (this.#samplesMs.length > SAMPLES_MAX) this.#samplesMs.shift();
      expectedMs = nowMs + INTERVAL_MS;
    });
  }

  /** The worst of the last fifteen seconds, in ms. */
  get worstMs(): number {
    return Math.max(0, ...this.#samplesMs);
  }

  [Symbol.dispose](): void {
    this.#timer[Symbol.dispose]();
  }
}
