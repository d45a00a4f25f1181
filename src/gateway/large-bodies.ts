/**
 * Room for large bodies. A picture of 100 MB is 133 MB of JSON, held for as long as its request lives, since it may
 * have to be asked once more; ten of them at once would fill a small machine. So two may be here, or one that is huge
 * (at its peak a body costs three times its size), and the others wait before they are read: their bytes stay with
 * their senders.
 */
import type { Clock } from '#src/clock.ts';
import { Fault } from '#src/faults.ts';
import { LARGE_BYTES } from '#src/stream/arrival.ts';

/** Large bodies at once. */
export const PLACES = 2;
/** Beyond it a body takes all places. */
const HUGE_BYTES = 64 << 20;
/** As long as a request may wait for a model, since that is what the places wait for. */
const WAIT_MS_MAX = 600_000;
const WAITING_MAX = 64;

type Waiting = { readonly places: number; admit(): void };

/** All places. */
export class LargeBodies {
  readonly #clock: Clock;
  readonly #waiting = new Set<Waiting>();
  #taken = 0;

  constructor({ clock }: { clock: Clock }) {
    this.#clock = clock;
  }

  get taken(): number {
    return this.#taken;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** The place of one request, which it takes only if its body is large. To be disposed at the end of its life. */
  placeFor(signal: AbortSignal): BodyPlace {
    return new BodyPlace(this.#clock, (bytes) => this.#enter(bytes, signal));
  }

  /**
   * In the order of asking. Rejects with Fault('queue-full') when too many wait, 'queue-timeout' after ten minutes,
   * 'cancelled' when the client goes away.
   */
  async #enter(bytes: number | null, signal: AbortSignal): Promise<Disposable> {
    const places = bytes === null || bytes > HUGE_BYTES ? PLACES : 1;
    if (this.#waiting.size > 0 || this.#taken + places > PLACES) await this.#wait(places, signal);
    else this.#taken += places;
    return { [Symbol.dispose]: () => this.#leave(places) };
  }

  async #wait(places: number, signal: AbortSignal): Promise<void> {
    if (this.#waiting.size >= WAITING_MAX) {
      throw new Fault('queue-full', `${WAITING_MAX} requests of more than ${LARGE_BYTES >> 20} MiB wait already.`, {
        hint: 'Send it again later, or smaller.',
        retryAfterS: 30,
      });
    }
    const admitted = Promise.withResolvers<void>();
    const waiting: Waiting = { places, admit: admitted.resolve };
    // Out of the queue at once: a place that is given to somebody who has gone would be lost.
    const giveUp = (fault: Fault) => {
      this.#waiting.delete(waiting);
      admitted.reject(fault);
      this.#admitNext();
    };
    const gone = () => giveUp(new Fault('cancelled', 'The client went away before its request was read.'));
    using _limit = this.#clock.after(WAIT_MS_MAX, () => giveUp(waitedTooLong()));
    signal.addEventListener('abort', gone);
    this.#waiting.add(waiting);
    if (signal.aborted) gone();
    try {
      await admitted.promise;
    } finally {
      signal.removeEventListener('abort', gone);
    }
  }

  #leave(places: number): void {
    this.#taken -= places;
    this.#admitNext();
  }

  /** The places pass on at once: nobody who comes now may take them first. */
  #admitNext(): void {
    for (const next of this.#waiting) {
      if (this.#taken + next.places > PLACES) return;
      this.#taken += next.places;
      this.#waiting.delete(next);
      next.admit();
    }
  }
}

/** One request's claim to a place. */
export class BodyPlace implements Disposable {
  readonly clock: Clock;
  readonly #enter: (bytes: number | null) => Promise<Disposable>;
  #held: Disposable | null = null;
  #isOver = false;

  constructor(clock: Clock, enter: (bytes: number | null) => Promise<Disposable>) {
    this.clock = clock;
    this.#enter = enter;
  }

  /** Waits for a place for so many bytes, unless it has one; null = nobody knows how many. */
  async take(bytes: number | null): Promise<void> {
    if (this.#held || this.#isOver) return;
    const held = await this.#enter(bytes);
    if (this.#isOver) held[Symbol.dispose]();
    else this.#held = held;
  }

  /** Gives it back; harmless when there is none. */
  [Symbol.dispose](): void {
    this.#isOver = true;
    this.#held?.[Symbol.dispose]();
    this.#held = null;
  }
}

function waitedTooLong(): Fault {
  return new Fault(
    'queue-timeout',
    `Flow reads ${PLACES} requests of more than ${LARGE_BYTES >> 20} MiB at a time; the place did not become free ` +
      `within ${WAIT_MS_MAX / 60_000} minutes.`,
    { hint: 'Send it again later, or smaller.', retryAfterS: 60 },
  );
}
