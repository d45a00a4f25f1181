/** Calls as a name between marks and JSON arguments after it: Mistral, Kimi, DeepSeek, gpt-oss and others. */
import { callOf, withOwnJson } from './json-calls.ts';
import { jsonEndAt } from './json-end.ts';
import { readValue } from './loose-values.ts';
import type { Offered } from './offered.ts';
import {
  BROKEN_CALL,
  meetsAny,
  NOT_A_CALL,
  partialEnd,
  type Reading,
  skipWhite,
  type TextEnd,
  TOO_SHORT,
  unfinished,
  type WrittenCall,
} from './reading.ts';

/** The head of one call: its name, and where its arguments begin. */
export type Head = { readonly name: string; readonly at: number } | 'maybe' | 'no';

/** How a family marks its calls. */
export type NamedJson = {
  /** Reads the head that begins at `at`; white space before it was skipped. */
  head(block: string, at: number, offered: Offered): Head;
  /** What ends one call; empty = its arguments do. */
  readonly callEnds: readonly string[];
  /** What ends the block after its last call; empty = each call is a block of its own. */
  readonly blockEnds: readonly string[];
};

/** Marks and an id, besides a name twice as long as the longest tool's. */
const HEAD_ROOM = 100;

/** Reads one call after the other from `at` on. */
export function readNamedJson(block: string, at: number, marks: NamedJson, offered: Offered, end: TextEnd): Reading {
  const calls: WrittenCall[] = [];
  let done = at;
  for (;;) {
    const place = skipWhite(block, done);
    const closes = calls.length === 0 ? 'no' : meetsAny(block, place, marks.blockEnds);
    if (typeof closes === 'object') return { kind: 'calls', calls, length: place + closes.length };
    const head = headWithin(offered.nameLengthMax * 2 + HEAD_ROOM, block, done, marks.head(block, place, offered));
    if (head === 'maybe' || (head === 'no' && closes === 'maybe')) {
      if (calls.length === 0) return TOO_SHORT;
      return end === 'stopped' ? { kind: 'calls', calls, length: block.length } : unfinished();
    }
    if (head === 'no') return calls.length > 0 ? { kind: 'calls', calls, length: done } : NOT_A_CALL;
    const read = readArguments(block, head, marks, offered, end);
    if ('settled' in read) return calls.length > 0 && read.settled.kind === 'none' ? sofar(calls, done) : read.settled;
    calls.push(read.call);
    done = read.at;
    if (marks.blockEnds.length === 0) return sofar(calls, done);
  }
}

/** The head, unless it is longer than any is: as far as it has come, or complete. */
function headWithin(charactersMax: number, block: string, from: number, head: Head): Head {
  const end = typeof head === 'object' ? head.at : block.length;
  return head !== 'no' && end - from > charactersMax ? 'no' : head;
}

function sofar(calls: readonly WrittenCall[], length: number): Reading {
  return { kind: 'calls', calls, length };
}

type CallRead = { readonly call: WrittenCall; readonly at: number } | { readonly settled: Reading };

function readArguments(
  block: string,
  head: Exclude<Head, string>,
  marks: NamedJson,
  offered: Offered,
  end: TextEnd,
): CallRead {
  if (!offered.find(head.name)) return { settled: NOT_A_CALL };
  const start = skipWhite(block, head.at);
  if (start >= block.length) return { settled: unfinished() };
  if (block[start] !== '{') return { settled: BROKEN_CALL };
  const value = jsonEndAt(block, start);
  if (value.length === null) return { settled: value.brokenAt === null ? unfinished(value) : BROKEN_CALL };
  const valueEnd = start + value.length;
  const text = block.slice(start, valueEnd);
  const read = readValue(text);
  const made = read && callOf(head.name, read.value, offered);
  if (!made) return { settled: BROKEN_CALL };
  const call = withOwnJson(made, text);
  if (marks.callEnds.length === 0) return { call, at: valueEnd };
  const after = skipWhite(block, valueEnd);
  const ends = after >= block.length ? 'maybe' : meetsAny(block, after, marks.callEnds);
  if (typeof ends === 'object') return { call, at: after + ends.length };
  if (ends === 'no') return { call, at: valueEnd };
  return end === 'stopped' ? { call, at: block.length } : { settled: unfinished() };
}

/** A head that is `mark name separator`, or without the mark when it is empty. */
export function headBetween(block: string, at: number, mark: string, separators: readonly string[]): Head {
  if (!block.startsWith(mark, at)) return meetsAny(block, at, [mark]) === 'maybe' ? 'maybe' : 'no';
  const start = at + mark.length;
  const found = separators
    .map((separator) => ({ separator, place: block.indexOf(separator, start) }))
    .filter(({ place }) => place >= 0)
    .sort((one, other) => one.place - other.place)[0];
  const written = block.slice(start, found?.place).trim();
  if (found) return isName(written) ? { name: written, at: found.place + found.separator.length } : 'no';
  // The separator may have begun.
  const begun = Math.max(...separators.map((separator) => partialEnd(block, start, separator)));
  return isName(block.slice(start, block.length - begun).trim()) ? 'maybe' : 'no';
}

function isName(written: string): boolean {
  return !/[\s{}"'()<>]/.test(written) && written.length < 300;
}
