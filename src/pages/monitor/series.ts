/** Amounts by second over the last while: fixed memory, whatever happens. Times are monotonic milliseconds. */

const SECOND_MS = 1_000;
/** No second was written into this place of the ring. */
const NEVER = Number.NEGATIVE_INFINITY;

/** How the seconds of one point become its value. */
export type Gathering = 'mean' | 'max';

/** A ring of whole seconds. What is older than its length is forgotten. */
export class Series {
  readonly #lengthS: number;
  readonly #amounts: Float64Array;
  readonly #seconds: Float64Array;
  readonly #sinceS: number;

  /** `sinceMs`: nothing is known of the time before it. */
  constructor(lengthS: number, sinceMs: number) {
    this.#lengthS = lengthS;
    this.#amounts = new Float64Array(lengthS);
    this.#seconds = new Float64Array(lengthS).fill(NEVER);
    this.#sinceS = Math.floor(sinceMs / SECOND_MS);
  }

  /** Spreads an amount evenly over a time; the part of it that is too long ago is dropped. */
  addOver(fromMs: number, toMs: number, amount: number): void {
    if (!(amount > 0)) return;
    const spanMs = Math.max(1, toMs - fromMs);
    const lastS = Math.floor((fromMs + spanMs - 1) / SECOND_MS);
    const firstS = Math.max(Math.floor(fromMs / SECOND_MS), lastS - this.#lengthS + 1);
    for (let second = firstS; second <= lastS; second += 1) {
      const startMs = Math.max(fromMs, second * SECOND_MS);
      const endMs = Math.min(fromMs + spanMs, (second + 1) * SECOND_MS);
      this.#put(second, this.#at(second) + (amount * (endMs - startMs)) / spanMs);
    }
  }

  /** Says that there were at least so many in the second of `atMs`. */
  raise(atMs: number, count: number): void {
    const second = Math.floor(atMs / SECOND_MS);
    this.#put(second, Math.max(this.#at(second), count));
  }

  /**
   * The newest points before the running second, oldest first, each of `stepS` seconds; null where nothing is known.
   * Points begin at multiples of their step, so that a line does not wobble as it moves on.
   */
  points(nowMs: number, stepS: number, count: number, gathering: Gathering): readonly (number | null)[] {
    const endS = Math.floor(nowMs / SECOND_MS);
    const lastStep = Math.floor((endS - 1) / stepS);
    return Array.from({ length: count }, (_, index) => {
      const fromS = (lastStep - count + 1 + index) * stepS;
      return this.#gathered(Math.max(fromS, this.#sinceS), Math.min(fromS + stepS, endS), gathering);
    });
  }

  /** Mean per second over the last `spanS` whole seconds; 0 when nothing is known of them. */
  rate(nowMs: number, spanS: number): number {
    const endS = Math.floor(nowMs / SECOND_MS);
    return this.#gathered(Math.max(endS - spanS, this.#sinceS), endS, 'mean') ?? 0;
  }

  #gathered(fromS: number, untilS: number, gathering: Gathering): number | null {
    if (untilS <= fromS) return null;
    let sum = 0;
    let most = 0;
    for (let second = fromS; second < untilS; second += 1) {
      const amount = this.#at(second);
      sum += amount;
      most = Math.max(most, amount);
    }
    return gathering === 'max' ? most : sum / (untilS - fromS);
  }

  #at(second: number): number {
    const place = this.#placeOf(second);
    return this.#seconds[place] === second ? (this.#amounts[place] ?? 0) : 0;
  }

  #put(second: number, amount: number): void {
    const place = this.#placeOf(second);
    // A late word about what was long ago must not take the place of what is now.
    if ((this.#seconds[place] ?? NEVER) > second) return;
    this.#seconds[place] = second;
    this.#amounts[place] = amount;
  }

  #placeOf(second: number): number {
    return ((second % this.#lengthS) + this.#lengthS) % this.#lengthS;
  }
}
