/** Those who wait for one model: by arrival for deadlines, by turns for service. */
import { Line, type Place } from './line.ts';
import { Rounds } from './rounds.ts';
import type { Waiter } from './waiter.ts';

/** What is free: a slot of the engine, or room for a question that takes none. */
export type Vacancy = { readonly slot: boolean; readonly brief: boolean };

/**
 * One model's queue. Questions that need no slot stand in a line of their own, so neither kind waits for the other.
 * Whoever is taken out is settled by whoever took it.
 */
export class WaitingQueue {
  readonly #arrivals = new Line<Waiter>();
  readonly #places = new Map<Waiter, Place<Waiter>>();
  readonly #slots = new Rounds<Waiter>();
  readonly #briefs = new Rounds<Waiter>();

  get length(): number {
    return this.#places.size;
  }

  /** Who has waited longest; null when nobody waits. */
  get oldest(): Waiter | null {
    return this.#arrivals.first;
  }

  /** Of one kind, how many wait. */
  lengthOf({ isBrief }: { readonly isBrief: boolean }): number {
    return (isBrief ? this.#briefs : this.#slots).length;
  }

  /** How many of this caller wait. */
  countOf(caller: string): number {
    return this.#slots.countOf(caller) + this.#briefs.countOf(caller);
  }

  join(waiter: Waiter): void {
    this.#places.set(waiter, this.#arrivals.join(waiter));
    this.#lineOf(waiter).join(waiter);
  }

  /** Takes it out; false when it does not wait here (any more). */
  leave(waiter: Waiter): boolean {
    if (!this.#lineOf(waiter).leave(waiter)) return false;
    this.#forget(waiter);
    return true;
  }

  /** Takes out whoever can be served now; null when nobody can. */
  takeNext(vacancy: Vacancy): Waiter | null {
    const waiter = (vacancy.slot ? this.#slots.take() : null) ?? (vacancy.brief ? this.#briefs.take() : null);
    if (waiter) this.#forget(waiter);
    return waiter;
  }

  /** Takes out everybody, by arrival. */
  takeAll(): readonly Waiter[] {
    const all = [...this.#arrivals];
    for (const waiter of all) this.leave(waiter);
    return all;
  }

  /** Those who need a slot, or those who need none, in the order in which they are served if nobody comes or goes. */
  inOrder({ isBrief }: { readonly isBrief: boolean }): readonly Waiter[] {
    return (isBrief ? this.#briefs : this.#slots).inOrder();
  }

  /** By arrival. */
  [Symbol.iterator](): Generator<Waiter> {
    return this.#arrivals[Symbol.iterator]();
  }

  #lineOf({ isBrief }: Waiter): Rounds<Waiter> {
    return isBrief ? this.#briefs : this.#slots;
  }

  #forget(waiter: Waiter): void {
    const place = this.#places.get(waiter);
    if (!place) return;
    this.#places.delete(waiter);
    this.#arrivals.leave(place);
  }
}
