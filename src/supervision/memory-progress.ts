/** How far a load is, told by the memory that a process has taken: for engines that say nothing of it themselves. */
import type { Clock, Timer } from '#src/clock.ts';

export type MemoryProgressDeps = {
  readonly clock: Clock;
  /** What the weights take in the end. */
  readonly weightsBytes: number;
  /** Resident memory now; null when it cannot be told. */
  readonly read: () => number | null;
};

const LOOK_INTERVAL_MS = 250;
/** Less than this share of the weights more is no progress. */
const STEP_MIN_RATIO = 0.01;
/** The last part is never told: only the engine knows when it is done. */
const RATIO_MAX = 0.99;

/**
 * Looks four times a second from `begin` on, and tells a ratio (0 to 1) whenever it has grown. What the process took
 * before is its own. Memory that does not show (a GPU's) is no progress, and none is invented.
 */
export class MemoryProgress implements Disposable {
  readonly #deps: MemoryProgressDeps;
  readonly #onProgress: (ratio: number) => void;
  #baseBytes: number | null = null;
  #ratio = 0;
  #timer: Timer | null = null;

  constructor(deps: MemoryProgressDeps, onProgress: (ratio: number) => void) {
    this.#deps = deps;
    this.#onProgress = onProgress;
  }

  /** The engine begins to load. Saying it again changes nothing. */
  begin(): void {
    if (this.#timer !== null || this.#deps.weightsBytes <= 0) return;
    this.#baseBytes = this.#deps.read();
    this.#lookLater();
  }

  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]();
  }

  #lookLater(): void {
    this.#timer = this.#deps.clock.after(LOOK_INTERVAL_MS, () => this.#look());
  }

  #look(): void {
    this.#lookLater();
    const bytes = this.#deps.read();
    if (bytes === null) return;
    this.#baseBytes ??= bytes;
    const ratio = Math.min(RATIO_MAX, (bytes - this.#baseBytes) / this.#deps.weightsBytes);
    if (ratio < this.#ratio + STEP_MIN_RATIO) return;
    this.#ratio = ratio;
    this.#onProgress(ratio);
  }
}
