/** Counts what nobody expected, for `/metrics`: each is a mistake in Flow, however well it went on. */

/** Where it was met: answering a request, in a listener of the bus, or nowhere that handled it. */
export type MishapPlace = 'request' | 'listener' | 'rejection' | 'exception';

/** The counters, since the start. */
export class Mishaps {
  readonly #counts = new Map<MishapPlace, number>();

  note(place: MishapPlace): void {
    this.#counts.set(place, this.countOf(place) + 1);
  }

  countOf(place: MishapPlace): number {
    return this.#counts.get(place) ?? 0;
  }
}

/** All places, so that a counter is there before it first counts. */
export const MISHAP_PLACES: readonly MishapPlace[] = ['request', 'listener', 'rejection', 'exception'];
