/** How far a JSON text has come, while it arrives in pieces. */

const QUOTE = 34;
const BACKSLASH = 92;

/** Follows one value by its quotes and brackets; it does not judge what stands between them. */
export class JsonProgress {
  #depth = 0;
  #isString = false;
  #isEscaped = false;
  #hasBegun = false;

  /** Takes the next piece. */
  see(piece: string): void {
    for (let at = 0; at < piece.length; at += 1) this.#see(piece.charCodeAt(at));
  }

  /** Nothing but white so far. */
  get isEmpty(): boolean {
    return !this.#hasBegun;
  }

  /** A value has begun, and nothing of it is open. */
  get isWhole(): boolean {
    return this.#hasBegun && this.#depth === 0 && !this.#isString;
  }

  #see(code: number): void {
    if (this.#isString) {
      if (this.#isEscaped) this.#isEscaped = false;
      else if (code === BACKSLASH) this.#isEscaped = true;
      else if (code === QUOTE) this.#isString = false;
      return;
    }
    if (code <= 32) return;
    this.#hasBegun = true;
    if (code === QUOTE) this.#isString = true;
    else if (code === 123 || code === 91) this.#depth += 1;
    else if (code === 125 || code === 93) this.#depth -= 1;
  }
}
