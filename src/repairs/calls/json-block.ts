/** Calls as JSON values between two marks: most families write them so. */
import { callsInText } from './json-calls.ts';
import { type JsonEnd, jsonEndAt } from './json-end.ts';
import type { Offered } from './offered.ts';
import {
  BROKEN_CALL,
  meetsAny,
  NOT_A_CALL,
  type Reading,
  skipWhite,
  type TextEnd,
  TOO_SHORT,
  unfinished,
  type WrittenCall,
} from './reading.ts';

/** What ends such a block. */
export type JsonBlock = {
  /** The closing marks, any of which will do; empty = the value's own end. */
  readonly closers: readonly string[];
  /** The opening mark is none that prose would use, so that words may follow a block without its closing mark. */
  readonly isMarked: boolean;
};

/** What the first object says before its arguments. */
const HEAD = /^[[\s]*\{\s*["'](?:name|tool_name)["']\s*:\s*["']([^"'\\]*)["']/;
const HEAD_CHARACTERS = 400;

/**
 * Reads JSON calls from `at` up to a closing mark. Several values in one block are several calls. A missing closing
 * mark is forgiven when another tag follows, or when the model ended there.
 */
export function readJsonBlock(block: string, at: number, marks: JsonBlock, offered: Offered, end: TextEnd): Reading {
  const calls: WrittenCall[] = [];
  let valuesEnd = at;
  for (;;) {
    const place = skipSeparators(block, valuesEnd, calls.length > 0);
    if (place >= block.length) return atEnd(calls, block, marks, end);
    const next = block[place];
    if (next !== '{' && next !== '[') return afterValues(calls, block, { valuesEnd, place }, marks, end);
    const value = jsonEndAt(block, place);
    if (value.length === null) return unclosed(calls, block, { valuesEnd, place }, value, marks, offered);
    const known = headKnown(block.slice(place, place + HEAD_CHARACTERS), offered);
    // A head that names no tool was let go while the rest had not come; it is no call in one piece either.
    const inValue = known === 'no' ? null : callsInText(block.slice(place, place + value.length), offered);
    if (!inValue) {
      // A mark like `[e~[` begins as a list does.
      const isOver = calls.length > 0 && marks.isMarked;
      if (isOver) return { kind: 'calls', calls, length: valuesEnd };
      return known === 'yes' || calls.length > 0 ? BROKEN_CALL : NOT_A_CALL;
    }
    calls.push(...inValue);
    valuesEnd = place + value.length;
  }
}

type Place = { readonly valuesEnd: number; readonly place: number };

/** A value without its end: to be waited for, a call whose last brackets were forgotten, or nothing. */
function unclosed(
  calls: readonly WrittenCall[],
  block: string,
  { valuesEnd, place }: Place,
  value: JsonEnd,
  marks: JsonBlock,
  offered: Offered,
): Reading {
  const isOver = calls.length > 0 && marks.isMarked;
  const known = headKnown(block.slice(place, place + HEAD_CHARACTERS), offered);
  const isCall = known === 'yes' || calls.length > 0;
  const noCall = isCall ? BROKEN_CALL : NOT_A_CALL;
  const nothing: Reading = isOver ? { kind: 'calls', calls, length: valuesEnd } : noCall;
  if (known === 'no') return nothing;
  if (value.brokenAt === null) return { kind: 'partial', isCall, watch: value };
  const broken = place + value.brokenAt;
  const met = meetsAny(block, broken, marks.closers);
  if (met === 'maybe') return { kind: 'partial', isCall, watch: null };
  if (met === 'no') return nothing;
  // The mark says that the model was done; brackets carry no meaning of their own that could be lost.
  const last = callsInText(block.slice(place, broken) + value.missing, offered);
  return last ? { kind: 'calls', calls: [...calls, ...last], length: broken + met.length } : nothing;
}

/** Whether the head of the first object names a tool: early enough to let prose and samples go. */
function headKnown(head: string, offered: Offered): 'yes' | 'no' | 'unknown' {
  const match = HEAD.exec(head);
  if (match) return offered.find(match[1] ?? '') ? 'yes' : 'no';
  return /^[[\s]*(?:\{\s*(?:["'}]|$)|$)/.test(head) ? 'unknown' : 'no';
}

function afterValues(
  calls: readonly WrittenCall[],
  block: string,
  { valuesEnd, place }: Place,
  marks: JsonBlock,
  end: TextEnd,
): Reading {
  // A bracket too many is a slip that changes nothing.
  let after = place;
  while (calls.length > 0 && (block[after] === '}' || block[after] === ']')) after = skipWhite(block, after + 1);
  if (after >= block.length) return atEnd(calls, block, marks, end);
  const met = meetsAny(block, after, marks.closers);
  if (calls.length === 0) return met === 'maybe' && end === 'open' ? TOO_SHORT : NOT_A_CALL;
  if (met === 'maybe' && end !== 'cut') return end === 'open' ? unfinished() : atEnd(calls, block, marks, end);
  if (met === 'maybe') return unfinished();
  if (met !== 'no') return { kind: 'calls', calls, length: after + met.length };
  // Any other tag ends the block as well; words after the value mean that it was only spoken of.
  const isOver = marks.isMarked || block[after] === '<';
  return isOver ? { kind: 'calls', calls, length: after === place ? valuesEnd : after } : BROKEN_CALL;
}

/** The text ends between values. */
function atEnd(calls: readonly WrittenCall[], block: string, marks: JsonBlock, end: TextEnd): Reading {
  if (calls.length === 0) return TOO_SHORT;
  const isDone = end === 'stopped' || (end === 'cut' && marks.closers.length === 0);
  return isDone ? { kind: 'calls', calls, length: block.length } : unfinished();
}

/** White space, and the commas that models put between values. */
function skipSeparators(block: string, at: number, isBetween: boolean): number {
  let place = skipWhite(block, at);
  while (isBetween && (block[place] === ',' || block[place] === ';')) place = skipWhite(block, place + 1);
  return place;
}
