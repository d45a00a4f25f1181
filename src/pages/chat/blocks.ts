/**
 * A growing text as blocks. What was read as a block stays one when another follows it, so only the last block is ever
 * read again: a long answer costs what is new in it.
 */
import type { Token } from 'marked';
import { blockMarkup, blocksOf, type Colouring } from './markdown.ts';

/** A last block up to this length is read again whenever it has grown. */
const FREE_CHARACTERS = 4_000;
/** A longer one when it has grown by this much of itself, or an endless paragraph would cost with its square. */
const GROWTH_RATIO_MIN = 0.05;

/** One text that grows. Its last words may be missing while it grows: who shows its end makes it anew. */
export class GrowingBlocks {
  readonly #colour: Colouring;
  readonly #settled: string[] = [];
  #length = 0;
  /** How much of the text the settled blocks and the space behind them cover. */
  #settledLength = 0;
  #last: string | null = null;

  constructor(colour: Colouring) {
    this.#colour = colour;
  }

  /** Markup of all blocks. */
  get blocks(): readonly string[] {
    return this.#last === null ? this.#settled : [...this.#settled, this.#last];
  }

  /** Takes the text as it is now, which begins as before; the number of the first block that is not as it was. */
  update(text: string): number {
    const first = this.#settled.length;
    // As the reader of blocks does it, so that a block is as long as what it was read from.
    const clean = text.includes('\r') ? text.replace(/\r\n?/g, '\n') : text;
    if (clean.length === this.#length) return this.blocks.length;
    const growth = clean.length - this.#length;
    if (growth < (this.#length - this.#settledLength - FREE_CHARACTERS) * GROWTH_RATIO_MIN) return this.blocks.length;
    this.#length = clean.length;
    const rest = clean.slice(this.#settledLength);
    const found = blocksOf(rest);
    const last = found.at(-1);
    const lastAt = last === undefined ? -1 : rest.lastIndexOf(last.raw);
    if (last === undefined || lastAt <= 0) {
      this.#last = found.map((block) => this.#markup(block)).join('') || null;
      return first;
    }
    this.#settled.push(...found.slice(0, -1).map((block) => this.#markup(block)));
    this.#settledLength += lastAt;
    this.#last = this.#markup(last);
    return first;
  }

  #markup(block: Token): string {
    return blockMarkup(block, this.#colour);
  }
}
