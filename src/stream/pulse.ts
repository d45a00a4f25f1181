/** One ticker for everything that must be done about silence, so that no token arms or clears a timer. */
import type { Clock, Timer } from '#src/clock.ts';

/** Time between two beats. */
export const BEAT_MS = 1_000;

/** Something that hears the beat while it lives. */
export interface Beating {
  /** A second of waking time has passed: a machine that slept missed its beats, so slept time counts for nobody. */
  beat(): void;
}

/** Beats for all who joined; stands still while nobody has. */
export class Pulse {
  readonly #clock: Clock;
  readonly #beating = new Set<Beating>();
  #timer: Timer | null = null;

  constructor({ clock }: { clock: Clock }) {
    this.#clock = clock;
  }

  /** Hears the beat until disposed. */
  join(beating: Beating): Disposable {
    this.#beating.add(beating);
    this.#timer ??= this.#clock.every(BEAT_MS, () => this.#beat());
    return { [Symbol.dispose]: () => this.#leave(beating) };
  }

  #beat(): void {
    for (const each of this.#beating) each.beat();
  }

  #leave(beating: Beating): void {
    this.#beating.delete(beating);
    if (this.#beating.size > 0) return;
    this.#timer?.[Symbol.dispose]();
    this.#timer = null;
  }
}
