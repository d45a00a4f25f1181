/** Finds, in the arguments of a call while they arrive, the values that have to be seen whole. */

/** Whether the value of a key is to be held, by its first character. */
export type HoldRule = (key: string, first: string) => boolean;

/** A held value in the text that was seen since the last `take`; `key` is null for arguments that are one text. */
export type HeldValue = { readonly key: string | null; readonly start: number; readonly end: number };

const KEY_CHARACTERS_MAX = 200;

/**
 * Reads JSON by its quotes and brackets: text → (before an object | in it at depth 1: key, colon, value). Values that
 * the rule wants are noted with their places; `isHolding` while one of them is open.
 */
export class TopValues {
  readonly #rule: HoldRule;
  #depth = 0;
  #isString = false;
  #isEscaped = false;
  #place: 'start' | 'key' | 'colon' | 'value' | 'after' = 'start';
  #key = '';
  #isKey = false;
  #heldStart = -1;
  #heldKey: string | null = null;
  /** How much of the text since the last `take` was seen. */
  #offset = 0;
  #found: HeldValue[] = [];

  constructor(rule: HoldRule) {
    this.#rule = rule;
  }

  /** Takes the next piece; true when in it a value is or was held. */
  see(piece: string): boolean {
    if (!this.isHolding && this.#found.length === 0) this.#offset = 0;
    for (let at = 0; at < piece.length; at += 1) this.#see(piece, at);
    this.#offset += piece.length;
    return this.isHolding || this.#found.length > 0;
  }

  /** A held value has not ended. */
  get isHolding(): boolean {
    return this.#heldStart >= 0;
  }

  /** The values that have ended, and begins anew. */
  take(): readonly HeldValue[] {
    const found = this.#found;
    this.#found = [];
    this.#offset = 0;
    return found;
  }

  #see(piece: string, at: number): void {
    const code = piece.charCodeAt(at);
    if (this.#isString) {
      this.#inString(code, piece, at);
      return;
    }
    if (code <= 32) {
      this.#endBare(at);
      return;
    }
    if (this.#place === 'value') this.#beginValue(piece, at);
    if (code === 34) this.#openString(at);
    else if (code === 123 || code === 91) this.#open(code);
    else if (code === 125 || code === 93) this.#close(at);
    else if (code === 44 && this.#depth === 1) {
      this.#endBare(at);
      this.#place = 'key';
    } else if (code === 58 && this.#place === 'colon') this.#place = 'value';
  }

  #inString(code: number, piece: string, at: number): void {
    if (this.#isEscaped) this.#isEscaped = false;
    else if (code === 92) this.#isEscaped = true;
    else if (code === 34) {
      this.#isString = false;
      if (this.#isKey) {
        this.#isKey = false;
        this.#place = 'colon';
      } else if (this.#depth <= 1) this.#end(at + 1);
      return;
    }
    if (this.#isKey && this.#key.length < KEY_CHARACTERS_MAX) this.#key += piece[at] ?? '';
  }

  #openString(at: number): void {
    this.#isString = true;
    if (this.#place === 'start') {
      // All arguments as one text.
      this.#heldStart = this.#offset + at;
      this.#heldKey = null;
      this.#place = 'after';
    } else if (this.#place === 'key' && this.#depth === 1) {
      this.#isKey = true;
      this.#key = '';
    }
  }

  #open(code: number): void {
    this.#depth += 1;
    if (this.#place === 'start') this.#place = code === 123 ? 'key' : 'after';
  }

  #close(at: number): void {
    if (this.#depth === 1) this.#endBare(at);
    this.#depth -= 1;
    if (this.#depth === 1) this.#end(at + 1);
  }

  #beginValue(piece: string, at: number): void {
    this.#place = 'after';
    if (!this.#rule(this.#key, piece[at] ?? '')) return;
    this.#heldStart = this.#offset + at;
    this.#heldKey = this.#key;
  }

  /** A number or a word ends where something else begins. */
  #endBare(at: number): void {
    if (this.#depth === 1) this.#end(at);
  }

  #end(at: number): void {
    if (this.#heldStart < 0) return;
    this.#found.push({ key: this.#heldKey, start: this.#heldStart, end: this.#offset + at });
    this.#heldStart = -1;
  }
}
