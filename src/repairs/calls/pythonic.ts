/**
 * Calls as Python writes them: `[name(key="value")]` as the whole answer (Llama 4, Gemma 3), between
 * `<|tool_call_start|>` and `<|tool_call_end|>` (LFM2), and `<|python_tag|>name.call(key="value")` (Llama 3.1).
 */
import { callOf } from './json-calls.ts';
import { LooseReader, objectOf } from './loose-values.ts';
import type { Offered } from './offered.ts';
import {
  BROKEN_CALL,
  type CallSyntax,
  NOT_A_CALL,
  type Reading,
  type TextEnd,
  TOO_SHORT,
  unfinished,
  type WrittenCall,
  watchFor,
} from './reading.ts';
import { fitsSchema } from './typed-values.ts';
import { isOnlyTrailers, NEVER } from './whole-answer.ts';

const MARK = '<|tool_call_start|>';
const MARK_END = '<|tool_call_end|>';
/** The first name and its bracket, as far as they have come. */
const HEAD = /^\s*\[?\s*([A-Za-z_][\w.:/-]*)?\s*(\()?/;

/** The bare list. Where nobody said that the model writes so, its calls must also fit the tools' schemas. */
export function pythonicAnswer(isExpected: boolean): CallSyntax {
  return {
    format: 'pythonic',
    label: 'as Python writes calls',
    openers: ['['],
    isWholeAnswer: true,
    read: (block, _opener, offered, end) => readAnswer(block, offered, end, isExpected),
  };
}

export const pythonicMarked: CallSyntax = {
  format: 'pythonic',
  label: 'as Python writes calls',
  openers: [MARK],
  isWholeAnswer: false,
  read(block, opener, offered, end) {
    const head = headKnown(block.slice(opener.length), offered);
    if (head !== 'yes') return head === 'no' ? NOT_A_CALL : TOO_SHORT;
    const read = readCalls(block, opener.length, offered);
    if (read === 'broken') return BROKEN_CALL;
    const after = read === 'cut' ? null : new LooseReader(block, read.at);
    if (read !== 'cut' && after?.takes(MARK_END)) return { kind: 'calls', calls: read.calls, length: after.at };
    if (read !== 'cut' && end === 'stopped' && after?.isAtEnd()) {
      return { kind: 'calls', calls: read.calls, length: block.length };
    }
    return unfinished(watchFor([MARK_END], block));
  },
};

/** After the mark nothing but the call follows, so it is read when the answer ends. */
export const pythonTag: CallSyntax = {
  format: 'pythonic',
  label: 'after <|python_tag|>',
  openers: ['<|python_tag|>'],
  isWholeAnswer: false,
  read(block, opener, offered, end) {
    const head = headKnown(block.slice(opener.length), offered);
    if (head !== 'yes') return head === 'no' ? NOT_A_CALL : TOO_SHORT;
    const read = readCalls(block, opener.length, offered);
    if (read === 'broken') return BROKEN_CALL;
    if (end === 'open' || read === 'cut') return unfinished(NEVER);
    return isOnlyTrailers(block.slice(read.at))
      ? { kind: 'calls', calls: read.calls, length: block.length }
      : NOT_A_CALL;
  },
};

function readAnswer(block: string, offered: Offered, end: TextEnd, isExpected: boolean): Reading {
  const head = headKnown(block, offered);
  if (head !== 'yes') return head === 'no' ? NOT_A_CALL : TOO_SHORT;
  const read = readCalls(block, 0, offered);
  if (read === 'broken') return NOT_A_CALL;
  const isAll = read !== 'cut' && isOnlyTrailers(block.slice(read.at));
  if (read !== 'cut' && !isAll && end === 'open' && !/^\s*(?:<[^>]*)?$/.test(block.slice(read.at))) return NOT_A_CALL;
  if (end === 'open') return { kind: 'partial', isCall: true, watch: read === 'cut' ? NEVER : null };
  if (read === 'cut') return unfinished();
  const isMeant = isExpected || read.calls.every((call) => fits(call, offered));
  return isAll && isMeant ? { kind: 'calls', calls: read.calls, length: block.length } : NOT_A_CALL;
}

function fits({ name, arguments: args }: WrittenCall, offered: Offered): boolean {
  return fitsSchema(offered.find(name)?.parameters, args);
}

function headKnown(block: string, offered: Offered): 'yes' | 'no' | 'unknown' {
  const match = HEAD.exec(block);
  const name = match?.[1];
  if (!match || (name ?? '').length > offered.nameLengthMax) return 'no';
  if (match[2] === undefined) return match[0].length === block.length ? 'unknown' : 'no';
  return name !== undefined && toolOf(name, offered) !== null ? 'yes' : 'no';
}

/** Llama calls a method of the tool. */
function toolOf(written: string, offered: Offered): string | null {
  if (offered.find(written)) return written;
  const bare = written.replace(/\.call$/, '');
  return offered.find(bare) ? bare : null;
}

type CallsRead = { readonly calls: readonly WrittenCall[]; readonly at: number };

/** What a number may go on with; a text ends with it or with nothing where more is needed. */
const NUMBER_BEGUN = /^(?:[eE][-+]?|[-+]?\.?)$/;

/** One call or a list of them; `cut` while they are not complete, `broken` when nothing could complete them. */
function readCalls(text: string, at: number, offered: Offered): CallsRead | 'cut' | 'broken' {
  const reader = new LooseReader(text, at);
  const read = callsFrom(reader, offered);
  if (read) return read;
  reader.skipSpace();
  const left = text.slice(reader.at);
  return left.length < 3 && NUMBER_BEGUN.test(left) ? 'cut' : 'broken';
}

function callsFrom(reader: LooseReader, offered: Offered): CallsRead | null {
  const isList = reader.takes('[');
  const calls: WrittenCall[] = [];
  for (;;) {
    const call = readCall(reader, offered);
    if (!call) return null;
    calls.push(call);
    if (!isList) return { calls, at: reader.at };
    const hasMore = reader.takes(',');
    if (reader.takes(']')) return { calls, at: reader.at };
    if (!hasMore) return null;
  }
}

function readCall(reader: LooseReader, offered: Offered): WrittenCall | null {
  const written = reader.name();
  const name = written === null ? null : toolOf(written, offered);
  if (name === null || !reader.takes('(')) return null;
  const entries: [string, unknown][] = [];
  while (!reader.takes(')')) {
    const key = reader.word();
    if (key === null || !reader.takes('=')) return null;
    const value = reader.value(0);
    if (!value) return null;
    entries.push([key, value.value]);
    if (reader.takes(',')) continue;
    if (!reader.takes(')')) return null;
    break;
  }
  return callOf(name, objectOf(entries), offered);
}
