/**
 * The text inside a call's arguments, while they come: a `custom` tool takes raw text, the model writes it as the one
 * string of a JSON object, `{"input":"…"}`. What does not begin like that is held and understood at its end.
 */
import { isObject, jsonOrNull } from '#src/json.ts';

const ESCAPES: { readonly [letter: string]: string } = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
};
/** All that may stand before the text. */
const OPENING = /^\s*\{\s*"input"\s*:\s*"/;
/** Longest opening that is still hoped for: models put little white space there. */
const OPENING_CHARACTERS_MAX = 64;

/** Feed it the arguments in order; it gives back the text as far as it is sure. */
export class RawInput {
  #phase: 'opening' | 'text' | 'over' | 'whole' = 'opening';
  /** What could not be understood yet: an opening, half an escape, or all of it. */
  #held = '';

  /** More of the arguments; the text that became known by it. */
  push(json: string): string {
    this.#held += json;
    switch (this.#phase) {
      case 'opening':
        return this.#open();
      case 'text':
        return this.#read();
      case 'over':
        this.#held = '';
        return '';
      default:
        return '';
    }
  }

  /** The arguments are complete: the rest of the text. */
  end(): string {
    const held = this.#held;
    this.#held = '';
    switch (this.#phase) {
      case 'opening':
      case 'whole':
        return textOf(held);
      case 'text':
        // Half an escape says nothing; half a surrogate pair is kept as it is.
        return held.startsWith('\\') ? '' : held;
      default:
        return '';
    }
  }

  #open(): string {
    const opening = OPENING.exec(this.#held);
    if (opening !== null) {
      this.#phase = 'text';
      this.#held = this.#held.slice(opening[0].length);
      return this.#read();
    }
    if (this.#held.length > OPENING_CHARACTERS_MAX) this.#phase = 'whole';
    return '';
  }

  /** Decodes up to the closing quote, or to an escape of which the rest is to come. */
  #read(): string {
    const held = this.#held;
    let text = '';
    let at = 0;
    while (at < held.length) {
      const special = nextSpecial(held, at);
      text += held.slice(at, special);
      at = special;
      if (at === held.length) break;
      if (held[at] === '"') {
        this.#phase = 'over';
        this.#held = '';
        return text;
      }
      const escaped = readEscape(held, at);
      if (escaped === null) break;
      text += escaped.text;
      at += escaped.length;
    }
    // A pair must not be torn: each half alone would become a replacement character on the wire.
    const keepsHalf = isHighSurrogate(text.charCodeAt(text.length - 1));
    this.#held = (keepsHalf ? text.slice(-1) : '') + held.slice(at);
    return keepsHalf ? text.slice(0, -1) : text;
  }
}

/** The text in arguments that are not `{"input":"…"}`: their only string, else all of them as they are. */
function textOf(json: string): string {
  const value = jsonOrNull(json);
  if (typeof value === 'string') return value;
  if (!isObject(value)) return json;
  if (typeof value.input === 'string') return value.input;
  const [only, ...others] = Object.values(value);
  if (only === undefined) return '';
  return typeof only === 'string' && others.length === 0 ? only : json;
}

/** Index of the next quote or backslash. */
function nextSpecial(held: string, from: number): number {
  for (let at = from; at < held.length; at += 1) {
    const code = held.charCodeAt(at);
    if (code === 34 || code === 92) return at;
  }
  return held.length;
}

/** One escape; null when its rest is still to come. */
function readEscape(held: string, at: number): { readonly text: string; readonly length: number } | null {
  const letter = held[at + 1];
  if (letter === undefined) return null;
  if (letter !== 'u') return { text: ESCAPES[letter] ?? letter, length: 2 };
  const digits = held.slice(at + 2, at + 6);
  if (digits.length < 4) return null;
  const code = Number.parseInt(digits, 16);
  return /^[0-9a-fA-F]{4}$/.test(digits) && !Number.isNaN(code)
    ? { text: String.fromCharCode(code), length: 6 }
    : { text: 'u', length: 2 };
}

function isHighSurrogate(code: number): boolean {
  return code >= 0xd800 && code <= 0xdbff;
}
