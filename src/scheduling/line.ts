/** A line that anything can leave from wherever it stands: joining, leaving and looking at its head cost O(1). */

/** A place in one line. Only the line that gave it away may be asked to remove it, and only once. */
export type Place<Item> = { readonly item: Item; before: Place<Item> | null; after: Place<Item> | null };

/** First come, first out. */
export class Line<Item> {
  #head: Place<Item> | null = null;
  #tail: Place<Item> | null = null;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** Who has stood here longest; null when nobody does. */
  get first(): Item | null {
    return this.#head?.item ?? null;
  }

  /** Puts it at the end. */
  join(item: Item): Place<Item> {
    const place: Place<Item> = { item, before: this.#tail, after: null };
    if (this.#tail) this.#tail.after = place;
    else this.#head = place;
    this.#tail = place;
    this.#length += 1;
    return place;
  }

  /** Takes it out, wherever it stands. */
  leave(place: Place<Item>): void {
    if (place.before) place.before.after = place.after;
    else this.#head = place.after;
    if (place.after) place.after.before = place.before;
    else this.#tail = place.before;
    this.#length -= 1;
  }

  /** From the head on. Whoever leaves meanwhile must be the one that was just shown, or one before it. */
  *[Symbol.iterator](): Generator<Item> {
    for (let place = this.#head; place; place = place.after) yield place.item;
  }
}
