/** `<tool_call>{"name": …, "arguments": {…}}</tool_call>`: Hermes, Qwen 2.5 and 3, Granite 4 and many more. */
import { callsInJson } from './json-calls.ts';
import { type JsonEnd, jsonEndAt } from './json-end.ts';
import { readValue } from './loose-values.ts';
import type { Offered } from './offered.ts';
import {
  type CallSyntax,
  meets,
  NOT_A_CALL,
  type Reading,
  skipWhite,
  type TextEnd,
  TOO_SHORT,
  unfinished,
  type WrittenCall,
} from './reading.ts';

const CLOSER = '</tool_call>';
/** What the first object says before its arguments. */
const HEAD = /^[[\s]*\{\s*["']name["']\s*:\s*["']([^"'\\]*)["']/;
const HEAD_CHARACTERS = 400;

export const hermesJson: CallSyntax = {
  format: 'hermes-json',
  label: 'as JSON in <tool_call>',
  openers: ['<tool_call>'],
  isWholeAnswer: false,
  read(block, opener, offered, end) {
    return readJsonBlock(block, opener.length, CLOSER, offered, end);
  },
};

/**
 * Reads JSON calls from `at` up to a closing tag. Several values in one block are several calls. A missing closing tag
 * is forgiven when another block or another tag follows, or when the model ended there.
 */
export function readJsonBlock(block: string, at: number, closer: string, offered: Offered, end: TextEnd): Reading {
  const calls: WrittenCall[] = [];
  let place = skipWhite(block, at);
  for (;;) {
    if (place >= block.length) return atEnd(calls, block, end);
    const next = block[place];
    if (next !== '{' && next !== '[') return afterValues(calls, block, place, closer, end);
    const value = jsonEndAt(block, place);
    const read = value.length === null ? null : readValue(block.slice(place, place + value.length));
    const found = value.length === null ? unclosed(block, place, value, closer, offered) : null;
    if (found !== null) return found;
    const inValue = read && callsInJson(read.value, offered);
    if (!inValue || value.length === null) return NOT_A_CALL;
    calls.push(...inValue);
    place = skipSeparators(block, place + value.length);
  }
}

/** A value without its end: to be waited for, a call whose last brackets were forgotten, or nothing. */
function unclosed(block: string, at: number, value: JsonEnd, closer: string, offered: Offered): Reading {
  const broken = value.brokenAt;
  if (broken === null) {
    const known = headKnown(block.slice(at, at + HEAD_CHARACTERS), offered);
    if (known === 'no') return NOT_A_CALL;
    return known === 'yes' ? unfinished(value) : { kind: 'partial', isCall: false, watch: value };
  }
  const place = at + broken;
  const met = meets(block, place, closer);
  if (met === 'maybe') return unfinished();
  if (met === 'no') return NOT_A_CALL;
  // The tag says that the model was done; brackets carry no meaning of their own that could be lost.
  const read = readValue(block.slice(at, place) + value.missing);
  const calls = read && callsInJson(read.value, offered);
  return calls ? { kind: 'calls', calls, length: place + closer.length } : NOT_A_CALL;
}

/** Whether the head of the first object names a tool: early enough to let prose and samples go. */
function headKnown(head: string, offered: Offered): 'yes' | 'no' | 'unknown' {
  const match = HEAD.exec(head);
  if (match) return offered.find(match[1] ?? '') ? 'yes' : 'no';
  return /^[[\s]*(?:\{\s*(?:["'}]|$)|$)/.test(head) ? 'unknown' : 'no';
}

function afterValues(calls: readonly WrittenCall[], block: string, at: number, closer: string, end: TextEnd): Reading {
  if (calls.length === 0) return NOT_A_CALL;
  // A bracket too many is a slip that changes nothing.
  let place = at;
  while (block[place] === '}' || block[place] === ']') place = skipWhite(block, place + 1);
  if (place >= block.length) return atEnd(calls, block, end);
  switch (meets(block, place, closer)) {
    case 'yes':
      return { kind: 'calls', calls, length: place + closer.length };
    case 'maybe':
      return end === 'open' ? unfinished() : atEnd(calls, block, end);
    default:
      // Any other tag ends the block as well; words after the value mean that it was only spoken of.
      return block[place] === '<' ? { kind: 'calls', calls, length: place } : NOT_A_CALL;
  }
}

/** The text ends between values. */
function atEnd(calls: readonly WrittenCall[], block: string, end: TextEnd): Reading {
  if (calls.length === 0) return TOO_SHORT;
  return end === 'stopped' ? { kind: 'calls', calls, length: block.length } : unfinished();
}

/** White space, and the commas that models put between values. */
function skipSeparators(block: string, at: number): number {
  let place = skipWhite(block, at);
  while (block[place] === ',' || block[place] === ';') place = skipWhite(block, place + 1);
  return place;
}
