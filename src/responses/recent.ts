/** The answers used last, within bounds of number, size and age. Pure but for the time it is told. */

export type RecentLimits = {
  readonly entriesMax: number;
  /** Length of all texts together, in characters. */
  readonly charactersMax: number;
  readonly ageMsMax: number;
};

type Entry = { readonly text: string; usedAtMs: number };

/** Texts by id. What was used longest ago goes first; a text that alone is larger than the bound is not kept. */
export class Recent {
  readonly #limits: RecentLimits;
  readonly #entries = new Map<string, Entry>();
  #characters = 0;

  constructor(limits: RecentLimits) {
    this.#limits = limits;
  }

  get characters(): number {
    return this.#characters;
  }

  set(id: string, text: string, nowMs: number): void {
    this.delete(id);
    if (text.length > this.#limits.charactersMax) return;
    this.#entries.set(id, { text, usedAtMs: nowMs });
    this.#characters += text.length;
    this.#shrink(nowMs);
  }

  /** Counts as a use. */
  get(id: string, nowMs: number): string | null {
    this.#shrink(nowMs);
    const entry = this.#entries.get(id);
    if (entry === undefined) return null;
    this.#entries.delete(id);
    this.#entries.set(id, entry);
    entry.usedAtMs = nowMs;
    return entry.text;
  }

  delete(id: string): boolean {
    const entry = this.#entries.get(id);
    if (entry === undefined) return false;
    this.#characters -= entry.text.length;
    return this.#entries.delete(id);
  }

  #shrink(nowMs: number): void {
    const { entriesMax, charactersMax, ageMsMax } = this.#limits;
    for (const [id, entry] of this.#entries) {
      const isWithin = this.#entries.size <= entriesMax && this.#characters <= charactersMax;
      if (isWithin && nowMs - entry.usedAtMs <= ageMsMax) return;
      this.delete(id);
    }
  }
}
