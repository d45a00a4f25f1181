/**
 * Reads JSON with comments and trailing commas, with bare names and single quotes too (OpenClaw's own examples have
 * them), and remembers where everything stands.
 */
import { Fault } from '#src/faults.ts';

/** A value and its place, `end` exclusive. A scalar carries its value; lists and mappings their entries. */
export type JsoncNode = {
  readonly kind: 'object' | 'array' | 'scalar';
  readonly start: number;
  readonly end: number;
  readonly entries: readonly JsoncEntry[];
  readonly scalar: string | number | boolean | null;
};

/** A member of a mapping or an entry of a list (`key` is empty): from its first character to the end of its value. */
export type JsoncEntry = {
  readonly key: string;
  readonly start: number;
  readonly end: number;
  /** Where the comma behind it stands; null for none. */
  readonly commaAt: number | null;
  readonly value: JsoncNode;
};

const DEPTH_MAX = 100;

/** The whole text as a tree. Throws Fault('unprocessable') that names line and column. */
export function parseJsonc(text: string): JsoncNode {
  const reader = new Reader(text);
  return reader.whole();
}

/** The value that a tree stands for. */
export function jsoncValue(node: JsoncNode): unknown {
  if (node.kind === 'scalar') return node.scalar;
  if (node.kind === 'array') return node.entries.map(({ value }) => jsoncValue(value));
  return Object.fromEntries(node.entries.map(({ key, value }) => [key, jsoncValue(value)]));
}

const WORD = /[^\s,\]}:"/]+/y;
// A string by the letter of JSON; what it holds is read by JSON itself.
const STRING = /"(?:[^"\\\n]|\\.)*"/y;
const SINGLE = /'(?:[^'\\\n]|\\.)*'/y;
const NAME = /[A-Za-z_$][\w$]*/y;
const SPACE = /(?:\s+|\/\/[^\n]*|\/\*[\s\S]*?\*\/)+/y;

class Reader {
  readonly #text: string;
  #offset = 0;

  constructor(text: string) {
    this.#text = text;
  }

  whole(): JsoncNode {
    this.#skip();
    const node = this.#value(0);
    this.#skip();
    if (this.#offset < this.#text.length) throw this.#trouble('something follows the end');
    return node;
  }

  #value(depth: number): JsoncNode {
    if (depth > DEPTH_MAX) throw this.#trouble('it is nested too deeply');
    const next = this.#text.charAt(this.#offset);
    if (next === '{') return this.#container('object', '}', depth);
    if (next === '[') return this.#container('array', ']', depth);
    const start = this.#offset;
    const scalar = this.#scalar(shapeOf(next, WORD));
    return { kind: 'scalar', start, end: this.#offset, entries: [], scalar };
  }

  #container(kind: 'object' | 'array', close: string, depth: number): JsoncNode {
    const start = this.#offset;
    const entries: JsoncEntry[] = [];
    this.#offset += 1;
    for (;;) {
      this.#skip();
      if (this.#text.charAt(this.#offset) === close) {
        this.#offset += 1;
        return { kind, start, end: this.#offset, entries, scalar: null };
      }
      if (entries.length > 0 && entries.at(-1)?.commaAt === null) throw this.#trouble('a comma is missing');
      entries.push(this.#entry(kind, depth));
    }
  }

  #entry(kind: 'object' | 'array', depth: number): JsoncEntry {
    const start = this.#offset;
    const key = kind === 'object' ? this.#key() : '';
    const value = this.#value(depth + 1);
    this.#skip();
    const commaAt = this.#text.charAt(this.#offset) === ',' ? this.#offset : null;
    if (commaAt !== null) this.#offset += 1;
    return { key, start, end: value.end, commaAt, value };
  }

  #key(): string {
    const shape = shapeOf(this.#text.charAt(this.#offset), NAME);
    const key = shape === NAME ? this.#word(NAME, 'a name is missing') : this.#scalar(shape);
    this.#skip();
    if (this.#text.charAt(this.#offset) !== ':') throw this.#trouble('a colon is missing');
    this.#offset += 1;
    this.#skip();
    return String(key);
  }

  #scalar(shape: RegExp): JsoncNode['scalar'] {
    const start = this.#offset;
    const word = this.#word(shape, 'a value is missing');
    try {
      const value: unknown = JSON.parse(shape === SINGLE ? inDoubleQuotes(word) : word);
      if (value === null || typeof value === 'number' || typeof value === 'boolean') return value;
      return String(value);
    } catch {
      this.#offset = start;
      throw this.#trouble(`${word.slice(0, 20)} is not a value`);
    }
  }

  #word(shape: RegExp, missing: string): string {
    shape.lastIndex = this.#offset;
    const word = shape.exec(this.#text)?.[0];
    if (word === undefined) throw this.#trouble(missing);
    this.#offset += word.length;
    return word;
  }

  #skip(): void {
    SPACE.lastIndex = this.#offset;
    this.#offset += SPACE.exec(this.#text)?.[0].length ?? 0;
  }

  #trouble(what: string): Fault {
    const before = this.#text.slice(0, this.#offset).split('\n');
    const place = `line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}`;
    return new Fault('unprocessable', `It is not JSON: ${what} at ${place}.`);
  }
}

function shapeOf(first: string, otherwise: RegExp): RegExp {
  if (first === '"') return STRING;
  return first === "'" ? SINGLE : otherwise;
}

function inDoubleQuotes(word: string): string {
  const inner = word.slice(1, -1).replace(/\\(.)|"/g, (whole, escaped: string | undefined) => {
    if (escaped === "'") return "'";
    return whole === '"' ? '\\"' : whole;
  });
  return `"${inner}"`;
}
