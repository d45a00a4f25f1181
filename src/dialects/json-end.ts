/** Sees in passing when a JSON object or list is complete, without parsing it twice. */
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPENING_BRACKET = 0x5b;
const CLOSING_BRACKET = 0x5d;
const OPENING_BRACE = 0x7b;
const CLOSING_BRACE = 0x7d;

/** Feed it the pieces in order. A text that is no object or list never reaches its end. */
export class JsonEnd {
  #depth = 0;
  #isInString = false;
  #isEscaped = false;
  #isReached = false;

  /** Whether the outermost bracket has been closed. */
  get isReached(): boolean {
    return this.#isReached;
  }

  push(text: string): void {
    for (let index = 0; index < text.length && !this.#isReached; index += 1) {
      const code = text.charCodeAt(index);
      if (this.#isInString) this.#inString(code);
      else this.#outside(code);
    }
  }

  #inString(code: number): void {
    if (this.#isEscaped) this.#isEscaped = false;
    else if (code === BACKSLASH) this.#isEscaped = true;
    else if (code === QUOTE) this.#isInString = false;
  }

  #outside(code: number): void {
    if (code === QUOTE) this.#isInString = true;
    else if (code === OPENING_BRACE || code === OPENING_BRACKET) this.#depth += 1;
    else if (code === CLOSING_BRACE || code === CLOSING_BRACKET) {
      this.#depth -= 1;
      this.#isReached = this.#depth <= 0;
    }
  }
}
