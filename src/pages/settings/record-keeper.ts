/** How many records there are, and their deletion: a little at a time, so that nobody waits for it. */
import type { Clock } from '#src/clock.ts';
import type { RecordsData } from '#views/settings/panels.tsx';

export type RecordKeeperParts = {
  readonly clock: Clock;
  /** How many request records there are, and when the oldest began (ms since 1970). May throw. */
  readonly count: () => { readonly requests: number; readonly oldestMs: number | null };
  /** Deletes at most one batch of what began before; true when there may be more. */
  readonly deleteBatch: (beforeMs: number) => boolean;
  /** Something that is shown is another now. */
  readonly onChange: () => void;
};

const COUNT_AGE_MS = 10_000;
const PAUSE_MS = 20;
const DAY_MS = 86_400_000;
const DAY_FORMAT = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'long', year: 'numeric' });

/** Knows the records, and deletes them on demand. */
export class RecordKeeper {
  readonly #parts: RecordKeeperParts;
  #counted: Omit<RecordsData, 'isDeleting'> = { count: null, since: null };
  #countedAtMs = Number.NEGATIVE_INFINITY;
  #deleting: Promise<void> | null = null;

  constructor(parts: RecordKeeperParts) {
    this.#parts = parts;
  }

  /** As counted at most ten seconds ago. */
  known(): RecordsData {
    const nowMs = this.#parts.clock.monotonicMs();
    if (nowMs - this.#countedAtMs >= COUNT_AGE_MS) {
      this.#countedAtMs = nowMs;
      this.#counted = this.#count();
    }
    return { ...this.#counted, isDeleting: this.#deleting !== null };
  }

  /** Deletes what is older than so many days; 0 = everything. Resolves when it is gone. One wish at a time. */
  delete(olderThanDays: number): Promise<void> {
    const beforeMs = this.#parts.clock.wallMs() - olderThanDays * DAY_MS;
    const work = (this.#deleting ?? Promise.resolve()).then(() => this.#deleteBefore(beforeMs));
    this.#deleting = work;
    void work.finally(() => {
      if (this.#deleting === work) this.#deleting = null;
      this.#countedAtMs = Number.NEGATIVE_INFINITY;
      this.#parts.onChange();
    });
    this.#parts.onChange();
    return work;
  }

  async #deleteBefore(beforeMs: number): Promise<void> {
    while (this.#parts.deleteBatch(beforeMs)) await Bun.sleep(PAUSE_MS);
  }

  #count(): Omit<RecordsData, 'isDeleting'> {
    try {
      const { requests, oldestMs } = this.#parts.count();
      return { count: requests, since: oldestMs === null ? null : DAY_FORMAT.format(oldestMs) };
    } catch {
      return { count: null, since: null };
    }
  }
}
