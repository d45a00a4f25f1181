/** Reads values as models write them: JSON first, else as Python would write them. Pure. */
import type { JsonObject } from '#src/json.ts';

/** What could be read, or null when it is no value. */
export type Read = { readonly value: unknown } | null;

const DEPTH_MAX = 100;
const SPACE = /[ \t\r\n]*/y;
const NUMBER = /[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?/y;
const WORD = /[A-Za-z_][A-Za-z_0-9]*/y;
const NAME = /[A-Za-z_][\w.:/-]*/y;
const WORDS: ReadonlyMap<string, unknown> = new Map<string, unknown>([
  ['true', true],
  ['True', true],
  ['false', false],
  ['False', false],
  ['null', null],
  ['None', null],
]);
const ESCAPES: ReadonlyMap<string, string> = new Map([
  ['n', '\n'],
  ['t', '\t'],
  ['r', '\r'],
  ['b', '\b'],
  ['f', '\f'],
  ['a', '\x07'],
  ['v', '\v'],
  ['0', '\0'],
  ['/', '/'],
  ['\\', '\\'],
  ["'", "'"],
  ['"', '"'],
  ['\n', ''],
]);
const HEX_DIGITS: ReadonlyMap<string, number> = new Map([
  ['x', 2],
  ['u', 4],
  ['U', 8],
]);

/**
 * Strict JSON as it is; else a value with single quotes, Python's words, a comma too many or bare newlines in its
 * strings, as long as it can be read in one way only.
 */
export function readValue(text: string): Read {
  try {
    return { value: JSON.parse(text) };
  } catch {
    const reader = new LooseReader(text);
    const read = reader.value(0);
    return read && reader.isAtEnd() ? read : null;
  }
}

/** Reads values one after the other out of a text, for syntaxes that have values among other things. */
export class LooseReader {
  readonly #text: string;
  at: number;

  constructor(text: string, at = 0) {
    this.#text = text;
    this.at = at;
  }

  isAtEnd(): boolean {
    this.skipSpace();
    return this.at >= this.#text.length;
  }

  /** Takes the mark when it is next, after any space. */
  takes(mark: string): boolean {
    this.skipSpace();
    if (!this.#text.startsWith(mark, this.at)) return false;
    this.at += mark.length;
    return true;
  }

  /** A name of letters, digits and underscores; null when there is none. */
  word(): string | null {
    this.skipSpace();
    return this.#match(WORD);
  }

  /** A tool's name, which may also have dots, colons, slashes and dashes. */
  name(): string | null {
    this.skipSpace();
    return this.#match(NAME);
  }

  value(depth: number): Read {
    this.skipSpace();
    const first = this.#text[this.at];
    if (first === undefined || depth > DEPTH_MAX) return null;
    if (first === '{') return this.#object(depth);
    if (first === '[' || first === '(') return this.#list(first === '[' ? ']' : ')', depth);
    if (first === '"' || first === "'") return this.#string(first);
    const number = this.#match(NUMBER);
    if (number !== null) return { value: Number(number) };
    const word = this.word();
    return word !== null && WORDS.has(word) ? { value: WORDS.get(word) } : null;
  }

  skipSpace(): void {
    this.#match(SPACE);
  }

  #match(pattern: RegExp): string | null {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.#text)?.[0] ?? null;
    if (found !== null) this.at += found.length;
    return found;
  }

  #object(depth: number): Read {
    this.at += 1;
    const entries: [string, unknown][] = [];
    while (!this.takes('}')) {
      const key = this.value(depth + 1);
      if (!key || typeof key.value !== 'string' || !this.takes(':')) return null;
      const value = this.value(depth + 1);
      if (!value) return null;
      entries.push([key.value, value.value]);
      if (this.takes(',')) continue;
      if (!this.takes('}')) return null;
      break;
    }
    return { value: objectOf(entries) };
  }

  #list(close: string, depth: number): Read {
    this.at += 1;
    const items: unknown[] = [];
    while (!this.takes(close)) {
      const item = this.value(depth + 1);
      if (!item) return null;
      items.push(item.value);
      if (this.takes(',')) continue;
      if (!this.takes(close)) return null;
      break;
    }
    return { value: items };
  }

  #string(quote: string): Read {
    const mark = this.#text.startsWith(quote.repeat(3), this.at) ? quote.repeat(3) : quote;
    this.at += mark.length;
    let value = '';
    let start = this.at;
    while (this.at < this.#text.length) {
      if (this.#text.startsWith(mark, this.at)) {
        value += this.#text.slice(start, this.at);
        this.at += mark.length;
        return { value };
      }
      if (this.#text[this.at] !== '\\') {
        this.at += 1;
        continue;
      }
      value += this.#text.slice(start, this.at) + this.#escape();
      start = this.at;
    }
    return null;
  }

  /** The character that an escape stands for. One that means nothing stands for itself, as in Python. */
  #escape(): string {
    const letter = this.#text[this.at + 1] ?? '';
    const digits = HEX_DIGITS.get(letter) ?? 0;
    const hex = this.#text.slice(this.at + 2, this.at + 2 + digits);
    const code = digits > 0 && hex.length === digits && /^[0-9a-fA-F]+$/.test(hex) ? Number.parseInt(hex, 16) : -1;
    if (code >= 0 && code <= 0x10ffff) {
      this.at += 2 + digits;
      return digits === 4 ? String.fromCharCode(code) : String.fromCodePoint(code);
    }
    this.at += 1 + letter.length;
    return ESCAPES.get(letter) ?? `\\${letter}`;
  }
}

/** An object of these entries, also when one is called `__proto__`. */
export function objectOf(entries: Iterable<readonly [string, unknown]>): JsonObject {
  return Object.fromEntries(entries);
}
