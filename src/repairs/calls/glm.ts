/**
 * `<tool_call>name<arg_key>k</arg_key><arg_value>v</arg_value></tool_call>`, with newlines between the tags or
 * without: GLM 4.5 to 4.7, Laguna, Ling 3; with `:opensource` after each tag's name: Hy3.
 */
import type { Offered } from './offered.ts';
import {
  BROKEN_CALL,
  type CallSyntax,
  meets,
  NOT_A_CALL,
  type Reading,
  skipWhite,
  type TextEnd,
  TOO_SHORT,
  unfinished,
  type WrittenCall,
  watchFor,
  withoutFrame,
} from './reading.ts';
import { hasRequired, requiredKeys, typedTexts } from './typed-values.ts';

type Tags = {
  readonly key: string;
  readonly keyEnd: string;
  readonly value: string;
  readonly valueEnd: string;
  readonly end: string;
  /** Hy3 puts one after the name. */
  readonly separator: string;
};

const PLAIN = tags('');
const SUFFIXED = tags(':opensource');
const SUFFIXED_OPENER = '<tool_call:opensource>';
const SUFFIXED_SECTION = '<tool_calls:opensource>';
const KEY_CHARACTERS_MAX = 200;

export const glm: CallSyntax = {
  format: 'glm',
  label: 'in GLM’s tags',
  openers: ['<tool_call>', SUFFIXED_OPENER, SUFFIXED_SECTION],
  isWholeAnswer: false,
  read(block, opener, offered, end) {
    if (opener !== SUFFIXED_SECTION) {
      return readCall(block, opener.length, opener === SUFFIXED_OPENER ? SUFFIXED : PLAIN, offered, end);
    }
    // The section's first call; the others are blocks of their own.
    const start = skipWhite(block, opener.length);
    const met = meets(block, start, SUFFIXED_OPENER);
    if (met === 'yes') return readCall(block, start + SUFFIXED_OPENER.length, SUFFIXED, offered, end);
    return met === 'maybe' ? TOO_SHORT : NOT_A_CALL;
  },
};

function tags(suffix: string): Tags {
  return {
    key: `<arg_key${suffix}>`,
    keyEnd: `</arg_key${suffix}>`,
    value: `<arg_value${suffix}>`,
    valueEnd: `</arg_value${suffix}>`,
    end: `</tool_call${suffix}>`,
    separator: `<tool_sep${suffix}>`,
  };
}

function readCall(block: string, at: number, tag: Tags, offered: Offered, end: TextEnd): Reading {
  const start = skipWhite(block, at);
  const nameEnd = block.indexOf('<', start);
  const written = block.slice(start, nameEnd < 0 ? undefined : nameEnd).trim();
  if (written.length > offered.nameLengthMax || /[\s{[="]/.test(written)) return NOT_A_CALL;
  if (nameEnd < 0) return TOO_SHORT;
  const tool = offered.find(written);
  if (!tool) return NOT_A_CALL;
  const texts: [string, string][] = [];
  const finished = (length: number): Reading => {
    const args = typedTexts(tool.parameters, texts);
    const writtenName = written === tool.name ? null : written;
    const call: WrittenCall = { name: tool.name, arguments: args, writtenName };
    return { kind: 'calls', calls: [call], length };
  };
  const separator = meets(block, nameEnd, tag.separator);
  if (separator === 'maybe') return unfinished();
  let place = separator === 'yes' ? nameEnd + tag.separator.length : nameEnd;
  for (;;) {
    const next = skipWhite(block, place);
    if (block.startsWith(tag.end, next)) {
      const isEnough = texts.length > 0 || requiredKeys(tool.parameters).length === 0;
      return isEnough ? finished(next + tag.end.length) : BROKEN_CALL;
    }
    if (!block.startsWith(tag.key, next)) {
      const isOpen = meets(block, next, tag.end) === 'maybe' || meets(block, next, tag.key) === 'maybe';
      if (!isOpen) return BROKEN_CALL;
      const isComplete = end === 'stopped' && texts.length > 0 && hasRequired(tool.parameters, texts);
      return isComplete ? finished(block.length) : unfinished();
    }
    const pair = readPair(block, next, tag);
    if (pair === null) return unfinished(watchFor([tag.keyEnd, tag.valueEnd], block));
    if (pair === 'wrong') return BROKEN_CALL;
    texts.push([pair.key, pair.text]);
    place = pair.at;
  }
}

type Pair = { readonly key: string; readonly text: string; readonly at: number };

/** A key and its value; null when its end has not come. */
function readPair(block: string, at: number, tag: Tags): Pair | 'wrong' | null {
  const keyStart = at + tag.key.length;
  const keyEnd = block.indexOf(tag.keyEnd, keyStart);
  // As long as the key is at least, which must not depend on how much of what follows has come.
  const length = keyEnd < 0 ? block.length - keyStart - tag.keyEnd.length + 1 : keyEnd - keyStart;
  if (length > KEY_CHARACTERS_MAX) return 'wrong';
  if (keyEnd < 0) return null;
  const key = block.slice(keyStart, keyEnd).trim();
  const valueAt = skipWhite(block, keyEnd + tag.keyEnd.length);
  if (!block.startsWith(tag.value, valueAt)) return meets(block, valueAt, tag.value) === 'maybe' ? null : 'wrong';
  const textStart = valueAt + tag.value.length;
  let close = block.indexOf(tag.valueEnd, textStart);
  // A value that speaks of this format contains the tag; the true one is that after which the call goes on or ends.
  while (close >= 0) {
    const after = close + tag.valueEnd.length;
    const next = skipWhite(block, after);
    const goesOn = meets(block, next, tag.key) !== 'no' || meets(block, next, tag.end) !== 'no';
    if (goesOn) return { key, text: withoutFrame(block.slice(textStart, close)), at: after };
    close = block.indexOf(tag.valueEnd, after);
  }
  return null;
}
