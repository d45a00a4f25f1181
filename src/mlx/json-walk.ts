/**
 * Walks over JSON in bytes and makes values only of what is asked for. A stranger's file of some megabytes can so
 * neither fill the memory with a million empty objects nor overflow the stack.
 */
import { Fault } from '#src/faults.ts';

const DEPTH_MAX = 64;
const NUMBERS_MAX = 16;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const ZERO = 0x30;
const NINE = 0x39;

/** One walk from the first byte to the last. Methods throw Fault('unprocessable') where JSON is not as it must be. */
export class JsonWalk {
  readonly #bytes: Buffer;
  readonly #what: string;
  #at: number;

  /** `what` names the text in faults; nothing of its content is ever repeated. */
  constructor(bytes: Buffer, what: string) {
    this.#bytes = bytes;
    this.#what = what;
    const hasMark = bytes.length >= 3 && bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
    this.#at = hasMark ? 3 : 0;
  }

  /** Calls for each key of the object here; `onKey` must take its value by one of the other methods. */
  object(onKey: (key: string) => void): void {
    this.#expect(OPEN_OBJECT);
    if (this.#taken(CLOSE_OBJECT)) return;
    for (;;) {
      const key = this.text();
      this.#expect(COLON);
      onKey(key);
      if (this.#taken(CLOSE_OBJECT)) return;
      this.#expect(COMMA);
    }
  }

  /** The text here. */
  text(): string {
    const from = this.#textStart();
    const isPlain = this.#toTextEnd();
    const raw = this.#bytes.toString('utf8', from, this.#at - 1);
    if (isPlain) return raw;
    const value = this.#parsed(from - 1, this.#at);
    return typeof value === 'string' ? value : this.#wrong();
  }

  /** A list of whole numbers, at most sixteen, each from 0 to 2⁵³ − 1. */
  numbers(): readonly number[] {
    this.#expect(OPEN_LIST);
    const numbers: number[] = [];
    if (this.#taken(CLOSE_LIST)) return numbers;
    for (;;) {
      if (numbers.push(this.#whole()) > NUMBERS_MAX) this.#wrong();
      if (this.#taken(CLOSE_LIST)) return numbers;
      this.#expect(COMMA);
    }
  }

  /** The value here, made; null when it takes more than `bytesMax`, which is stepped over. */
  value(bytesMax: number): unknown {
    this.#space();
    const from = this.#at;
    this.skip();
    return this.#at - from > bytesMax ? null : this.#parsed(from, this.#at);
  }

  /** Steps over the value here, whatever it is. */
  skip(): void {
    let depth = 0;
    do {
      this.#space();
      const byte = this.#bytes[this.#at];
      if (byte === undefined) this.#wrong();
      else if (byte === QUOTE) {
        this.#at += 1;
        this.#toTextEnd();
      } else if (byte === OPEN_OBJECT || byte === OPEN_LIST) {
        this.#at += 1;
        depth += 1;
        if (depth > DEPTH_MAX) this.#wrong();
      } else if (byte === CLOSE_OBJECT || byte === CLOSE_LIST) {
        if (depth === 0) this.#wrong();
        this.#at += 1;
        depth -= 1;
      } else if (byte === COMMA || byte === COLON) {
        if (depth === 0) this.#wrong();
        this.#at += 1;
      } else this.#skipWord();
    } while (depth > 0);
  }

  /** Nothing but white space may follow. */
  end(): void {
    this.#space();
    if (this.#at < this.#bytes.length) this.#wrong();
  }

  #skipWord(): void {
    const from = this.#at;
    for (;;) {
      const byte = this.#bytes[this.#at] ?? COMMA;
      const isWord = byte > 0x20 && byte !== COMMA && byte !== CLOSE_LIST && byte !== CLOSE_OBJECT && byte !== QUOTE;
      if (!isWord) break;
      this.#at += 1;
    }
    if (this.#at === from) this.#wrong();
  }

  #whole(): number {
    this.#space();
    let number = 0;
    const from = this.#at;
    for (;;) {
      const byte = this.#bytes[this.#at] ?? 0;
      if (byte < ZERO || byte > NINE) break;
      number = number * 10 + (byte - ZERO);
      this.#at += 1;
    }
    if (this.#at === from || !Number.isSafeInteger(number)) this.#wrong();
    return number;
  }

  #textStart(): number {
    this.#expect(QUOTE);
    return this.#at;
  }

  /** Goes behind the closing quote, and says whether nothing in the text was written with a backslash. */
  #toTextEnd(): boolean {
    let isPlain = true;
    for (;;) {
      const byte = this.#bytes[this.#at];
      if (byte === undefined) this.#wrong();
      this.#at += byte === BACKSLASH ? 2 : 1;
      if (byte === BACKSLASH) isPlain = false;
      else if (byte === QUOTE) return isPlain;
    }
  }

  #parsed(from: number, to: number): unknown {
    try {
      return JSON.parse(this.#bytes.toString('utf8', from, to));
    } catch {
      return this.#wrong();
    }
  }

  #expect(byte: number): void {
    if (!this.#taken(byte)) this.#wrong();
  }

  #taken(byte: number): boolean {
    this.#space();
    if (this.#bytes[this.#at] !== byte) return false;
    this.#at += 1;
    return true;
  }

  #space(): void {
    for (;;) {
      const byte = this.#bytes[this.#at];
      if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return;
      this.#at += 1;
    }
  }

  #wrong(): never {
    throw new Fault('unprocessable', `${this.#what} is not the JSON that it should be.`);
  }
}
