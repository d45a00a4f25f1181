/** What every syntax of tool calls has in common: how it says what a piece of text is. */
import type { JsonObject } from '#src/json.ts';
import type { CallFormat } from '#src/models/traits.ts';
import type { Offered } from './offered.ts';

/** A call as the model wrote it, with the name of the tool that was offered. */
export type WrittenCall = {
  readonly name: string;
  readonly arguments: JsonObject;
  /** The arguments in the model's own JSON; absent when they were written in another way. */
  readonly json?: string;
  /** The name as written, when it is not quite the tool's; null when it is. */
  readonly writtenName: string | null;
};

/** Notices, piece by piece, that reading a held block again is worth it. */
export interface Watch {
  rings(piece: string): boolean;
}

/**
 * What a block is, as far as it has come. It depends on the text alone and not on where the text was cut: what is
 * `none` or `calls` stays so whatever follows.
 */
export type Reading =
  /** Not a call; `isBroken`: it names a tool that was offered, but is not written as a call is. */
  | { readonly kind: 'none'; readonly isBroken: boolean }
  /** May still become one; `isCall`: it names a tool that was offered. Without a watch it is read with every piece. */
  | { readonly kind: 'partial'; readonly isCall: boolean; readonly watch: Watch | null }
  /** Calls, complete, in the first `length` characters. */
  | { readonly kind: 'calls'; readonly calls: readonly WrittenCall[]; readonly length: number };

/** How the text stands: more may come, the model stopped by itself, or it was cut. */
export type TextEnd = 'open' | 'stopped' | 'cut';

/** One way of writing calls. */
export interface CallSyntax {
  readonly format: CallFormat;
  /** For people, as in `a tool call in Qwen's XML was text`. */
  readonly label: string;
  /** What a block begins with. */
  readonly openers: readonly string[];
  /** It begins only where the answer begins: its marks, if it has any, are words and signs of any text. */
  readonly isWholeAnswer: boolean;
  /** Reads a block that begins with `opener`. */
  read(block: string, opener: string, offered: Offered, end: TextEnd): Reading;
}

/** Not a call. */
export const NOT_A_CALL: Reading = { kind: 'none', isBroken: false };

/** A call of a tool that was offered, but broken: it is not made, and neither is what it quotes. */
export const BROKEN_CALL: Reading = { kind: 'none', isBroken: true };

/** Too little to know anything. */
export const TOO_SHORT: Reading = { kind: 'partial', isCall: false, watch: null };

/** A call that is to be read again when the watch rings; without one, with every piece. */
export function unfinished(watch: Watch | null = null): Reading {
  return { kind: 'partial', isCall: true, watch };
}

/** Rings when one of these texts has come, wherever it was cut. `seen` is what was read already. */
export function watchFor(ends: readonly string[], seen: string): Watch {
  const overlap = Math.max(...ends.map((end) => end.length)) - 1;
  let tail = seen.slice(-overlap);
  return {
    rings(piece) {
      const text = tail + piece;
      tail = text.slice(-overlap);
      return ends.some((end) => text.includes(end));
    },
  };
}

/** The place of the first character from `at` on that is not white. */
export function skipWhite(text: string, at: number): number {
  let place = at;
  while (place < text.length && isWhite(text.charCodeAt(place))) place += 1;
  return place;
}

/** Space, tab, newline or carriage return. */
export function isWhite(code: number): boolean {
  return code === 32 || code === 10 || code === 9 || code === 13;
}

/** Whether `text` from `at` on is `word`, could become it, or neither. */
export function meets(text: string, at: number, word: string): 'yes' | 'maybe' | 'no' {
  if (text.startsWith(word, at)) return 'yes';
  return text.length - at < word.length && word.startsWith(text.slice(at)) ? 'maybe' : 'no';
}

/** How many of the last characters, from `at` on, may be the beginning of `word`. */
export function partialEnd(text: string, at: number, word: string): number {
  for (let length = Math.min(word.length - 1, text.length - at); length > 0; length -= 1) {
    if (text.endsWith(word.slice(0, length))) return length;
  }
  return 0;
}

/** The longest of these words that stands at `at`; `maybe` while a word, or a longer one, may still come. */
export function meetsAny(text: string, at: number, words: readonly string[]): { length: number } | 'maybe' | 'no' {
  let longest = 0;
  for (const word of words) {
    const met = meets(text, at, word);
    if (met === 'maybe') return 'maybe';
    if (met === 'yes' && word.length > longest) longest = word.length;
  }
  return longest > 0 ? { length: longest } : 'no';
}

/** Without the one newline that templates put after an opening and before a closing tag. */
export function withoutFrame(value: string): string {
  const start = value.startsWith('\r\n') ? 2 : value.startsWith('\n') ? 1 : 0;
  const rest = value.slice(start);
  return rest.endsWith('\r\n') ? rest.slice(0, -2) : rest.endsWith('\n') ? rest.slice(0, -1) : rest;
}
