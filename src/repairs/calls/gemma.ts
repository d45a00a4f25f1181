/**
 * `<|tool_call>call:name{key:<|"|>text<|"|>,other:1}<tool_call|>`: Gemma 4; FunctionGemma with
 * `<start_function_call>`, `<escape>` and `<end_function_call>`. Keys are bare, texts stand between quote marks and
 * have no escapes.
 */
import { isObject } from '#src/json.ts';
import { callOf } from './json-calls.ts';
import { objectOf, type Read, readValue } from './loose-values.ts';
import type { Offered } from './offered.ts';
import {
  BROKEN_CALL,
  type CallSyntax,
  isWhite,
  meets,
  NOT_A_CALL,
  type Reading,
  skipWhite,
  type TextEnd,
  TOO_SHORT,
  unfinished,
  watchFor,
} from './reading.ts';

type Marks = { readonly end: string; readonly quote: string };

const MARKS: ReadonlyMap<string, Marks> = new Map([
  ['<|tool_call>', { end: '<tool_call|>', quote: '<|"|>' }],
  ['<start_function_call>', { end: '<end_function_call>', quote: '<escape>' }],
]);
const PREFIX = 'call:';
const DEPTH_MAX = 100;
const KEY_MAX = 200;

export const gemma: CallSyntax = {
  format: 'gemma',
  label: 'in Gemma’s marks',
  openers: [...MARKS.keys()],
  isWholeAnswer: false,
  read(block, opener, offered, end) {
    const marks = MARKS.get(opener);
    return marks ? readCall(block, opener.length, marks, offered, end) : NOT_A_CALL;
  },
};

function readCall(block: string, at: number, marks: Marks, offered: Offered, end: TextEnd): Reading {
  const start = skipWhite(block, at);
  const met = meets(block, start, PREFIX);
  if (met !== 'yes') return met === 'maybe' ? TOO_SHORT : NOT_A_CALL;
  const brace = block.indexOf('{', start);
  const name = block.slice(start + PREFIX.length, brace < 0 ? undefined : brace).trim();
  if (name.length > offered.nameLengthMax || /[\s<>"']/.test(name)) return NOT_A_CALL;
  if (brace < 0) return TOO_SHORT;
  if (!offered.find(name)) return NOT_A_CALL;
  const reader = new GemmaReader(block, brace, marks.quote);
  const read = reader.value(0);
  if (!read) return reader.isCut ? unfinished(watchFor([marks.end], block)) : BROKEN_CALL;
  const call = isObject(read.value) ? callOf(name, read.value, offered) : null;
  if (!call) return BROKEN_CALL;
  const after = skipWhite(block, reader.at);
  const done: Reading = { kind: 'calls', calls: [call], length: reader.at };
  switch (meets(block, after, marks.end)) {
    case 'yes':
      return { ...done, length: after + marks.end.length };
    case 'maybe':
      return end === 'stopped' ? { ...done, length: block.length } : unfinished();
    default:
      return done;
  }
}

/** Reads values with bare keys. */
class GemmaReader {
  at: number;
  /** It failed only because the text ended. */
  isCut = false;
  readonly #text: string;
  readonly #quote: string;

  constructor(text: string, at: number, quote: string) {
    this.#text = text;
    this.at = at;
    this.#quote = quote;
  }

  value(depth: number): Read {
    this.at = skipWhite(this.#text, this.at);
    const first = this.#text[this.at];
    if (first === undefined) return this.#cut();
    if (depth > DEPTH_MAX) return null;
    if (first === '{') return this.#object(depth);
    if (first === '[') return this.#list(depth);
    switch (meets(this.#text, this.at, this.#quote)) {
      case 'yes':
        return this.#quoted(this.#quote, this.at + this.#quote.length);
      case 'maybe':
        return this.#cut();
      default:
        return first === '"' ? this.#jsonString() : this.#bare();
    }
  }

  #cut(): null {
    this.isCut = true;
    return null;
  }

  #quoted(quote: string, from: number): Read {
    const close = this.#text.indexOf(quote, from);
    if (close < 0) return this.#cut();
    this.at = close + quote.length;
    return { value: this.#text.slice(from, close) };
  }

  #jsonString(): Read {
    let close = this.at + 1;
    while (close < this.#text.length && this.#text[close] !== '"') close += this.#text[close] === '\\' ? 2 : 1;
    if (close >= this.#text.length) return this.#cut();
    const text = this.#text.slice(this.at, close + 1);
    this.at = close + 1;
    return readValue(text);
  }

  /** A number, a word of JSON, or a text whose quote marks were lost. */
  #bare(): Read {
    let close = this.at;
    while (close < this.#text.length && !',}]{['.includes(this.#text.charAt(close))) close += 1;
    if (close >= this.#text.length) return this.#cut();
    const text = this.#text.slice(this.at, close).trim();
    if (text === '' || text.includes(this.#quote) || text.includes('<')) return null;
    this.at = close;
    return readValue(text) ?? { value: text };
  }

  /** What follows an entry: another, the end, or nothing that may stand there. */
  #goesOn(close: string): 'more' | 'done' | null {
    this.at = skipWhite(this.#text, this.at);
    const next = this.#text[this.at];
    if (next === undefined) return this.#cut();
    this.at += 1;
    return next === ',' ? 'more' : next === close ? 'done' : null;
  }

  #object(depth: number): Read {
    this.at = skipWhite(this.#text, this.at + 1);
    const entries: [string, unknown][] = [];
    while (this.#text[this.at] !== '}') {
      const key = this.#key();
      if (key === null) return null;
      const value = this.value(depth + 1);
      if (!value) return null;
      entries.push([key, value.value]);
      const next = this.#goesOn('}');
      if (next === null) return null;
      if (next === 'done') return { value: objectOf(entries) };
      this.at = skipWhite(this.#text, this.at);
    }
    this.at += 1;
    return { value: objectOf(entries) };
  }

  #key(): string | null {
    if (meets(this.#text, this.at, this.#quote) === 'yes') {
      const quoted = this.#quoted(this.#quote, this.at + this.#quote.length);
      if (!quoted || typeof quoted.value !== 'string') return null;
      if (this.#text[this.at] === undefined) return this.#cut();
      this.at += 1;
      return this.#text[this.at - 1] === ':' ? quoted.value : null;
    }
    const start = this.at;
    const colon = this.#text.indexOf(':', start);
    const key = this.#text.slice(start, colon < 0 ? undefined : colon);
    if (key.length > KEY_MAX || /[,{}[\]\n]/.test(key)) return null;
    if (colon < 0) return this.#cut();
    this.at = colon + 1;
    const bare = key.trim().replace(/^"(.*)"$/, '$1');
    return bare === '' || isWhite(bare.charCodeAt(0)) ? null : bare;
  }

  #list(depth: number): Read {
    this.at = skipWhite(this.#text, this.at + 1);
    const items: unknown[] = [];
    while (this.#text[this.at] !== ']') {
      const item = this.value(depth + 1);
      if (!item) return null;
      items.push(item.value);
      const next = this.#goesOn(']');
      if (next === null) return null;
      if (next === 'done') return { value: items };
      this.at = skipWhite(this.#text, this.at);
    }
    this.at += 1;
    return { value: items };
  }
}
