/** Finds out whether a text repeats itself word for word, while it arrives. */

/** Periods longer than this are not looked for. */
const PERIOD_MAX = 2_048;
const RING = 4_096;
/** Most answers are shorter than the full ring, and 8 kB for each of some hundred streams is memory that counts. */
const RING_FIRST = 256;
/** How often a period is looked for: about four comparisons a character. */
const LOOK_EVERY = 512;
/** As much must have been the same before a period is believed: a ruler in a repeated page is not its period. */
const BELIEVED = 512;

/** How much repetition is too much. Blocks shorter than `shortPeriod` are rulers, rows of zeros, rows of blanks. */
export type RepetitionBounds = {
  readonly repeatsMin: number;
  readonly charactersMin: number;
  readonly shortPeriod: number;
  readonly shortCharactersMin: number;
};

/** Something that came again and again. */
export type Repetition = { readonly period: number; readonly repeats: number; readonly block: string };

/**
 * Keeps the last 4,096 characters. While a period is believed, a character costs one comparison; else every 512
 * characters the last of them are looked for in the 2,048 before. Memory and time a character are bounded.
 */
export class RepetitionWatch {
  readonly #boundsFor: (block: string) => RepetitionBounds;
  /** Of a power of two; doubled while it holds all that was seen. */
  #ring = new Uint16Array(RING_FIRST);
  #seen = 0;
  #period = 0;
  /** Characters that are equal to the one a period before. */
  #same = 0;
  /** Of the repetition at hand, which length is too long. */
  #sameMax = 0;

  /** `boundsFor` is asked once for each block that is found to come again and again. */
  constructor(boundsFor: (block: string) => RepetitionBounds) {
    this.#boundsFor = boundsFor;
  }

  /** Takes the next piece. The number of its characters after which the repetition is too long; -1 = it is not. */
  see(piece: string): number {
    for (let at = 0; at < piece.length; ) {
      // Up to the next look nothing but keeping is to be done, as long as no period is believed.
      const free = LOOK_EVERY - (this.#seen & (LOOK_EVERY - 1));
      const to = Math.min(piece.length, at + free);
      this.#makeRoom(to - at);
      if (this.#period === 0) this.#keep(piece, at, to);
      else {
        const end = this.#follow(piece, at, to);
        if (end >= 0) return end;
      }
      at = to;
      if (this.#period === 0 && (this.#seen & (LOOK_EVERY - 1)) === 0) this.#look();
    }
    return -1;
  }

  #makeRoom(characters: number): void {
    let size = this.#ring.length;
    while (size < RING && size < this.#seen + characters) size *= 2;
    if (size === this.#ring.length) return;
    const ring = new Uint16Array(size);
    ring.set(this.#ring);
    this.#ring = ring;
  }

  #keep(piece: string, from: number, to: number): void {
    const ring = this.#ring;
    const mask = ring.length - 1;
    let place = this.#seen;
    for (let at = from; at < to; at += 1, place += 1) ring[place & mask] = piece.charCodeAt(at);
    this.#seen = place;
  }

  /** Keeps, and compares with the period before. */
  #follow(piece: string, from: number, to: number): number {
    const ring = this.#ring;
    const mask = ring.length - 1;
    for (let at = from; at < to; at += 1) {
      const code = piece.charCodeAt(at);
      const place = this.#seen;
      ring[place & mask] = code;
      this.#seen = place + 1;
      if (ring[(place - this.#period) & mask] !== code) {
        this.#period = 0;
        this.#keep(piece, at + 1, to);
        return -1;
      }
      this.#same += 1;
      if (this.#same >= this.#sameMax) return at + 1;
    }
    return -1;
  }

  /** What repeats at the moment; null when nothing does. */
  get repetition(): Repetition | null {
    if (this.#period === 0) return null;
    const block = this.#last(this.#period);
    return { period: this.#period, repeats: Math.floor(this.#same / this.#period) + 1, block };
  }

  #last(length: number): string {
    const mask = this.#ring.length - 1;
    let text = '';
    for (let back = length; back > 0; back -= 1) {
      text += String.fromCharCode(this.#ring[(this.#seen - back) & mask] ?? 0);
    }
    return text;
  }

  /** The smallest period that holds for as long as it must to be believed. */
  #look(): void {
    const ring = this.#ring;
    const mask = ring.length - 1;
    const last = this.#seen - 1;
    const code = ring[last & mask];
    const longest = Math.min(PERIOD_MAX, this.#seen - BELIEVED);
    for (let period = 1; period <= longest; period += 1) {
      if (ring[(last - period) & mask] !== code) continue;
      const same = this.#sameWith(period);
      if (same < BELIEVED) continue;
      this.#period = period;
      this.#same = same;
      this.#sameMax = this.#tooMuch(period);
      return;
    }
  }

  /** For how many characters back each is equal to the one a period before. */
  #sameWith(period: number): number {
    const ring = this.#ring;
    const mask = ring.length - 1;
    const most = Math.min(this.#seen, RING) - period;
    const last = this.#seen - 1;
    let same = 0;
    while (same < most && ring[(last - same) & mask] === ring[(last - same - period) & mask]) same += 1;
    return same;
  }

  #tooMuch(period: number): number {
    const block = this.#last(period);
    const { repeatsMin, charactersMin, shortPeriod, shortCharactersMin } = this.#boundsFor(block);
    if (period >= shortPeriod) return Math.max((repeatsMin - 1) * period, charactersMin);
    return block.trim() === '' ? charactersMin : shortCharactersMin;
  }
}
