/** Keeps records within their days and their room: a batch at a time, with others' turns between. */
import type { Database } from 'bun:sqlite';
import type { Clock, Timer } from '#src/clock.ts';
import { conversationBytes, deleteExpired, deleteOldest, giveBack, thinSamples, usedBytes } from './retention.ts';

/** How long records are kept, and how much room they may take. Asked at each sweep: a changed setting counts. */
export type Retention = { readonly days: number; readonly bytesMax: number };

export type SweeperParts = {
  readonly client: Database;
  readonly clock: Clock;
  readonly retention: () => Retention;
};

const FIRST_SWEEP_DELAY_MS = 60_000;
const SWEEP_INTERVAL_MS = 3_600_000;
const SWEEP_PAUSE_MS = 50;
/** So many new rows take some megabytes: worth a look before the hour is over. */
const ROWS_BEFORE_SWEEP = 10_000;

/** Sweeps once an hour, and sooner after many new rows. Never throws; stops when disposed. */
export class Sweeper implements Disposable {
  readonly #parts: SweeperParts;
  #timer: Timer;
  #rows = 0;
  /** Known while records are over their room; to be asked anew each time would cost more than the rows. */
  #conversationBytes: number | null = null;

  constructor(parts: SweeperParts) {
    this.#parts = parts;
    this.#timer = parts.clock.after(FIRST_SWEEP_DELAY_MS, () => this.#sweep());
  }

  /** Told of rows that were just written. */
  noteRows(count: number): void {
    this.#rows += count;
    if (this.#rows < ROWS_BEFORE_SWEEP) return;
    this.#rows = 0;
    this.#arm(SWEEP_PAUSE_MS);
  }

  [Symbol.dispose](): void {
    this.#timer[Symbol.dispose]();
  }

  #arm(delayMs: number): void {
    this.#timer[Symbol.dispose]();
    this.#timer = this.#parts.clock.after(delayMs, () => this.#sweep());
  }

  #sweep(): void {
    const { client, clock, retention } = this.#parts;
    const { days, bytesMax } = retention();
    const nowMs = clock.wallMs();
    const isMoreOld = deleteExpired(client, nowMs - days * 86_400_000);
    const isMoreClose = thinSamples(client, nowMs);
    const isMoreLarge = this.#isOver(bytesMax) && deleteOldest(client);
    const isMoreFree = giveBack(client);
    this.#arm(isMoreOld || isMoreClose || isMoreLarge || isMoreFree ? SWEEP_PAUSE_MS : SWEEP_INTERVAL_MS);
  }

  #isOver(bytesMax: number): boolean {
    try {
      const bytes = usedBytes(this.#parts.client);
      if (bytes <= bytesMax) {
        this.#conversationBytes = null;
        return false;
      }
      this.#conversationBytes ??= conversationBytes(this.#parts.client);
      return bytes - this.#conversationBytes > bytesMax;
    } catch {
      // Held by somebody, or broken: then nothing can be deleted either.
      return false;
    }
  }
}
