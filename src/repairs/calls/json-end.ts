/** Finds where a JSON value ends while it arrives, without parsing it. */
import type { Watch } from './reading.ts';

/** Outside strings a value has nothing but these, also as Python writes it. */
const BARE = new Set([...' \t\r\n:,0123456789+-.eEtrufalsnTFNo'].map((character) => character.charCodeAt(0)));
const QUOTE = 34;
const APOSTROPHE = 39;
const BACKSLASH = 92;

/** Follows one object or array, whose first character must be the first it sees. */
export class JsonEnd implements Watch {
  /** How many characters the value has; null = not yet known. */
  length: number | null = null;
  /** Where something stands that no value can have there; null = nowhere. */
  brokenAt: number | null = null;
  /** The closing brackets that are still missing, outermost last. */
  missing = '';
  /** Inside a string. */
  #quote = 0;
  #isEscaped = false;
  #seen = 0;

  /** Sees the next piece; true when the end is known, or that there is none. */
  rings(piece: string): boolean {
    for (let at = 0; at < piece.length && this.length === null && this.brokenAt === null; at += 1) {
      this.#see(piece.charCodeAt(at));
      this.#seen += 1;
      if (this.missing === '' && this.brokenAt === null) this.length = this.#seen;
    }
    return this.length !== null || this.brokenAt !== null;
  }

  /** Whether the text so far stands inside a string. */
  get isInString(): boolean {
    return this.#quote !== 0;
  }

  #see(code: number): void {
    if (this.#quote !== 0) {
      if (this.#isEscaped) this.#isEscaped = false;
      else if (code === BACKSLASH) this.#isEscaped = true;
      else if (code === this.#quote) this.#quote = 0;
      return;
    }
    if (code === QUOTE || code === APOSTROPHE) this.#quote = code;
    else if (code === 123) this.missing = `}${this.missing}`;
    else if (code === 91) this.missing = `]${this.missing}`;
    else if (code === 125 || code === 93) this.#close(code);
    else if (!BARE.has(code)) this.brokenAt = this.#seen;
  }

  #close(code: number): void {
    if (this.missing.charCodeAt(0) === code) this.missing = this.missing.slice(1);
    else this.brokenAt = this.#seen;
  }
}

/** Follows the value that begins at `at`. */
export function jsonEndAt(text: string, at: number): JsonEnd {
  const end = new JsonEnd();
  end.rings(at === 0 ? text : text.slice(at));
  return end;
}
