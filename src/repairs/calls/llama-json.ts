/** `{"name": …, "parameters": {…}}` as the whole answer: Llama 3.x, and models whose template teaches no marks. */
import { isObject } from '#src/json.ts';
import { type JsonBlock, readJsonBlock } from './json-block.ts';
import { callsInText, hasArguments } from './json-calls.ts';
import { jsonEndAt } from './json-end.ts';
import { readValue } from './loose-values.ts';
import type { Offered } from './offered.ts';
import {
  type CallSyntax,
  NOT_A_CALL,
  type Reading,
  skipWhite,
  type TextEnd,
  unfinished,
  type WrittenCall,
} from './reading.ts';
import { fitsSchema } from './typed-values.ts';
import { isOnlyTrailers } from './whole-answer.ts';

const FIRST_KEYS = ['name', 'type', 'function', 'tool', 'tool_name', 'parameters', 'arguments', 'id', 'tool_call_id'];
/** The first key, as far as it has come. */
const FIRST = /^[[\s]*(?:\{\s*(?:"(\w*)(")?)?)?/;
/** The first name, with its closing quote. */
const NAME = /^[[\s]*\{\s*(?:"type"\s*:\s*"function"\s*,\s*)?"(?:name|tool_name|function|tool)"\s*:\s*"([^"\\]*)"/;
/** A name, or arguments before it. */
const NAME_KEY = /"(?:name|tool_name|function|tool|parameters|arguments)"\s*:/;
const HEAD_CHARACTERS = 400;
const MARKED: JsonBlock = { closers: [], isMarked: true };

/** Where nobody said that the model writes so, its calls must also fit the tools' schemas. */
export function llamaJson(isExpected: boolean): CallSyntax {
  return {
    format: 'llama-json',
    label: 'as bare JSON',
    openers: ['{', '['],
    isWholeAnswer: true,
    read: (block, _opener, offered, end) => readAnswer(block, offered, end, isExpected),
  };
}

/** The same after its mark. */
export const pythonTagJson: CallSyntax = {
  format: 'llama-json',
  label: 'as JSON after <|python_tag|>',
  openers: ['<|python_tag|>'],
  isWholeAnswer: false,
  read(block, opener, offered, end) {
    return readJsonBlock(block, opener.length, MARKED, offered, end);
  },
};

function readAnswer(block: string, offered: Offered, end: TextEnd, isExpected: boolean): Reading {
  const head = headKnown(block.slice(0, HEAD_CHARACTERS), offered);
  if (head === 'no') return NOT_A_CALL;
  const calls: WrittenCall[] = [];
  let place = 0;
  for (;;) {
    if (block[place] !== '{' && block[place] !== '[') break;
    const value = jsonEndAt(block, place);
    if (value.brokenAt !== null) return NOT_A_CALL;
    if (value.length === null) {
      if (end === 'open') return { kind: 'partial', isCall: head === 'yes', watch: value };
      return head === 'yes' ? unfinished() : NOT_A_CALL;
    }
    const inValue = readCalls(block.slice(place, place + value.length), offered, isExpected);
    if (!inValue) return NOT_A_CALL;
    calls.push(...inValue);
    place = skipWhite(block, place + value.length);
    // Llama writes several calls with semicolons between them.
    while (block[place] === ';' || block[place] === ',') place = skipWhite(block, place + 1);
  }
  const rest = block.slice(place);
  if (end === 'open') return /^(?:<[^\n]*)?$/.test(rest) ? { kind: 'partial', isCall: true, watch: null } : NOT_A_CALL;
  return isOnlyTrailers(rest) ? { kind: 'calls', calls, length: block.length } : NOT_A_CALL;
}

function headKnown(head: string, offered: Offered): 'yes' | 'no' | 'unknown' {
  const named = NAME.exec(head);
  if (named) return offered.find(named[1] ?? '') ? 'yes' : 'no';
  const first = FIRST.exec(head);
  const key = first?.[1];
  if (!first || key === undefined) return first?.[0].length === head.length ? 'unknown' : 'no';
  const isKnown = first[2] === undefined ? FIRST_KEYS.some((name) => name.startsWith(key)) : FIRST_KEYS.includes(key);
  // Answers in JSON begin with `id` and `type` too: they are not held back to their end.
  const isTooLate = head.length >= HEAD_CHARACTERS && !NAME_KEY.test(head);
  return isKnown && !isTooLate ? 'unknown' : 'no';
}

function readCalls(text: string, offered: Offered, isExpected: boolean): readonly WrittenCall[] | null {
  const read = readValue(text);
  const values = Array.isArray(read?.value) ? read.value : [read?.value];
  const calls = read && callsInText(text, offered);
  if (!calls || !values.every((value) => isObject(value) && hasArguments(value))) return null;
  const isMeant = isExpected || calls.every((call) => fitsSchema(offered.find(call.name)?.parameters, call.arguments));
  return isMeant ? calls : null;
}
