/** Places for engines on trial: what they take is told to the scheduler, so that no load counts on the same memory. */
import type { Clock } from '#src/clock.ts';
import type { Bus } from '#src/events.ts';
import { Fault } from '#src/faults.ts';
import type { Occupant } from '#src/scheduling/occupant.ts';

/** What one engine on trial takes. */
export type TrialNeed = { readonly kind: string; readonly bytes: number; readonly mlxProcesses: number };

export type PlaceWish = {
  /** Why there is no place now, as a sentence; null when there is one. Asked in the turn that takes it. */
  readonly whyNot: () => string | null;
  readonly signal: AbortSignal;
  /** Hears why it waits, anew when that changes; null when it waits no more. */
  readonly onWait: (words: string | null) => void;
};

/** What people read where a model waits for it. */
const GUEST_ID = 'an engine on trial';
const LOOK_INTERVAL_MS = 1_000;
/** Somebody watches an update: what is not free by then is to be freed by a person. */
const WAIT_MAX_MS = 600_000;

/** Lends places to trials. To the scheduler a trial is like a model that is stopping: it ends by itself, and soon. */
export class TrialPlaces {
  readonly #clock: Clock;
  readonly #bus: Bus;
  readonly #guests = new Set<Occupant>();

  constructor({ clock, bus }: { readonly clock: Clock; readonly bus: Bus }) {
    this.#clock = clock;
    this.#bus = bus;
  }

  /** What trials take now. */
  guests(): readonly Occupant[] {
    return [...this.#guests];
  }

  /**
   * Takes a place, waiting for one for ten minutes; to be disposed when the engine has gone. Rejects with
   * Fault('no-memory') that says what it lacks, and with Fault('cancelled').
   */
  async take(need: TrialNeed, { whyNot, signal, onWait }: PlaceWish): Promise<Disposable> {
    const endMs = this.#clock.monotonicMs() + WAIT_MAX_MS;
    let told: string | null = null;
    for (let words = whyNot(); words !== null; words = whyNot()) {
      if (this.#clock.monotonicMs() >= endMs) {
        throw new Fault('no-memory', words, { hint: 'Unload what runs, and update again.' });
      }
      if (words !== told) onWait(`Waiting for room for the trial: ${words}`);
      told = words;
      await this.#pause(signal);
    }
    if (told !== null) onWait(null);
    return this.#hold(need);
  }

  #hold({ kind, bytes, mlxProcesses }: TrialNeed): Disposable {
    const nowMs = this.#clock.monotonicMs();
    const idle = { isPinned: false, inFlight: 0, waiting: 0, isWished: false, reloadMs: 0 };
    const times = { readySinceMs: nowMs, idleSinceMs: nowMs };
    const guest: Occupant = { modelId: GUEST_ID, phase: 'stopping', bytes, mlxProcesses, ...idle, ...times };
    this.#guests.add(guest);
    return {
      [Symbol.dispose]: () => {
        // Told, since the scheduler sees a trial's end by nothing else.
        if (this.#guests.delete(guest)) this.#bus.publish({ type: 'engine-install-changed', engine: kind });
      },
    };
  }

  async #pause(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const wake = () => resolve();
    using _timer = this.#clock.after(LOOK_INTERVAL_MS, wake);
    signal.addEventListener('abort', wake, { once: true });
    if (!signal.aborted) await promise;
    signal.removeEventListener('abort', wake);
    if (signal.aborted) throw new Fault('cancelled', 'The trial was cancelled.');
  }
}
