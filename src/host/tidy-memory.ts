/** Keeps Flow's own memory small: what answers leave behind is given back as soon as much of it has gathered. */
import type { Clock } from '#src/clock.ts';

/** What a start leaves behind goes when it is surely over: 87 MB resident become 80. */
const FIRST_AFTER_MS = 2_000;
/** With looks twice as often, giving back took a tenth of Flow's time at 256 streams; so it takes a hundredth. */
const LOOK_INTERVAL_MS = 500;
/** Growth since the last time that is worth the 15 ms that giving back takes. */
const GROWTH_BYTES_MAX = 32 << 20;
/** Code that nobody ran for so long is not worth its memory; the first request after pays 20 to 30 ms for it. */
const REST_MS = 300_000;

export type TidyParts = {
  readonly clock: Pick<Clock, 'after' | 'every' | 'monotonicMs'>;
  /** Memory that the process has from the machine now; asked twice a second, so it must be cheap. */
  readonly residentBytes: () => number;
  /** Gives back what nobody uses, at once. */
  readonly collect: () => void;
  /** How many requests are under way, and how many ever began. */
  readonly requests: { readonly openCount: number; readonly begunCount: number };
  /** Lets go of compiled code as well; it is compiled again when it runs. */
  readonly shrink: () => void;
};

/**
 * Gives memory back two seconds after the start, and whenever it has grown by 32 MB since the last time or since it was
 * least after it; until disposed. Left to itself, Bun lets garbage gather in proportion to the machine's memory: 256
 * streams flat out had it at 412 MB, and at 245 MB six seconds after; so they have it at 259 MB, and at 146 MB after.
 *
 * When there was no request for five minutes, it lets go of compiled code once: most of what an hour of mixed work adds
 * is code that was compiled better and better (168 MB resident after 700 requests become 127, and 117 the second time).
 */
export function keepTidy({ clock, residentBytes, collect, requests, shrink }: TidyParts): Disposable {
  let leastBytes = Number.POSITIVE_INFINITY;
  const rest = new Rest(clock, requests);
  const tidy = (): void => {
    collect();
    leastBytes = residentBytes();
  };
  const first = clock.after(FIRST_AFTER_MS, tidy);
  const looks = clock.every(LOOK_INTERVAL_MS, () => {
    if (rest.isDue()) {
      shrink();
      return tidy();
    }
    const bytes = residentBytes();
    if (bytes > leastBytes + GROWTH_BYTES_MAX) tidy();
    // Before the first time there is nothing to compare with.
    else if (bytes < leastBytes && leastBytes !== Number.POSITIVE_INFINITY) leastBytes = bytes;
  });
  return {
    [Symbol.dispose]: () => {
      first[Symbol.dispose]();
      looks[Symbol.dispose]();
    },
  };
}

/** Sees when nothing was asked of Flow for a while. */
class Rest {
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #requests: TidyParts['requests'];
  #begunCount = 0;
  #sinceMs: number;
  #isOver = false;

  constructor(clock: Pick<Clock, 'monotonicMs'>, requests: TidyParts['requests']) {
    this.#clock = clock;
    this.#requests = requests;
    this.#sinceMs = clock.monotonicMs();
  }

  /** True once in each rest. To be asked now and then; it costs two comparisons. */
  isDue(): boolean {
    const nowMs = this.#clock.monotonicMs();
    const { openCount, begunCount } = this.#requests;
    if (openCount > 0 || begunCount !== this.#begunCount) {
      this.#begunCount = begunCount;
      this.#sinceMs = nowMs;
      this.#isOver = false;
    }
    if (this.#isOver || nowMs - this.#sinceMs < REST_MS) return false;
    this.#isOver = true;
    return true;
  }
}
