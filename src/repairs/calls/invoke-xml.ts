/**
 * `<invoke name="…"><parameter name="…">…</parameter></invoke>` and its relatives: MiniMax M2, DeepSeek from V3.2 on,
 * MiniCPM, Muse. Values are text, typed by the tool's schema.
 */
import type { Offered, OfferedTool } from './offered.ts';
import {
  BROKEN_CALL,
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

/** The words of one relative. */
export type InvokeTags = {
  /** What opens a call, up to its name: `<invoke name=`. */
  readonly call: string;
  readonly callEnd: string;
  /** What opens a parameter, up to its key: `<parameter name=`. */
  readonly parameter: string;
  readonly parameterEnd: string;
  /** What ends the whole block; null = a call is a block of its own. */
  readonly blockEnd: string | null;
};

type Named = { readonly name: string; readonly attributes: string; readonly at: number };
type CallRead = { readonly call: WrittenCall; readonly at: number } | { readonly settled: Reading };
type ValueRead = { readonly key: string; readonly text: string; readonly at: number };

const ATTRIBUTES_MAX = 400;

/** Reads calls from `at` on. */
export function readInvokes(block: string, at: number, tags: InvokeTags, offered: Offered, end: TextEnd): Reading {
  const calls: WrittenCall[] = [];
  let done = at;
  for (;;) {
    const place = skipWhite(block, done);
    const closes = tags.blockEnd === null || calls.length === 0 ? 'no' : meets(block, place, tags.blockEnd);
    if (closes === 'yes') return { kind: 'calls', calls, length: place + (tags.blockEnd ?? '').length };
    const opens = meets(block, place, tags.call);
    const isOver = tags.blockEnd === null || (opens === 'no' && closes === 'no');
    if (calls.length > 0 && isOver) return { kind: 'calls', calls, length: done };
    if (opens !== 'yes') {
      if (calls.length === 0) return opens === 'maybe' ? TOO_SHORT : NOT_A_CALL;
      return end === 'stopped' ? { kind: 'calls', calls, length: block.length } : unfinished();
    }
    const read = readCall(block, place, tags, offered, end);
    if ('settled' in read) return read.settled;
    calls.push(read.call);
    done = read.at;
  }
}

function readCall(block: string, at: number, tags: InvokeTags, offered: Offered, end: TextEnd): CallRead {
  const opening = readNamed(block, at + tags.call.length);
  if (typeof opening === 'string') return { settled: opening === 'maybe' ? TOO_SHORT : NOT_A_CALL };
  const tool = offered.find(opening.name);
  if (!tool) return { settled: NOT_A_CALL };
  const texts: [string, string][] = [];
  let place = opening.at;
  for (;;) {
    const next = skipWhite(block, place);
    if (block.startsWith(tags.callEnd, next)) {
      const isEnough = texts.length > 0 || requiredKeys(tool.parameters).length === 0;
      return isEnough ? finished(tool, opening.name, texts, next + tags.callEnd.length) : { settled: BROKEN_CALL };
    }
    if (tags.blockEnd !== null && texts.length > 0 && block.startsWith(tags.blockEnd, next)) {
      return finished(tool, opening.name, texts, next);
    }
    if (!block.startsWith(tags.parameter, next)) {
      const isOpen = [tags.callEnd, tags.parameter, tags.blockEnd ?? tags.callEnd].some(
        (tag) => meets(block, next, tag) === 'maybe',
      );
      if (!isOpen) return { settled: BROKEN_CALL };
      const isComplete = end === 'stopped' && texts.length > 0 && hasRequired(tool.parameters, texts);
      return isComplete ? finished(tool, opening.name, texts, block.length) : { settled: unfinished() };
    }
    const value = readParameter(block, next, tags);
    if (value === 'no') return { settled: BROKEN_CALL };
    if (value === 'maybe') return { settled: unfinished(watchFor([tags.parameterEnd, tags.callEnd], block)) };
    texts.push([value.key, value.text]);
    place = value.at;
  }
}

function finished(
  tool: OfferedTool,
  written: string,
  texts: readonly (readonly [string, string])[],
  at: number,
): CallRead {
  const args = typedTexts(tool.parameters, texts);
  return { call: { name: tool.name, arguments: args, writtenName: written === tool.name ? null : written }, at };
}

/** A name in quotes or bare, then any attributes, up to the `>`. */
function readNamed(block: string, at: number): Named | 'maybe' | 'no' {
  const close = block.indexOf('>', at);
  const inside = block.slice(at, close < 0 ? undefined : close);
  if (inside.length > ATTRIBUTES_MAX || /[\n<{]/.test(inside)) return 'no';
  if (close < 0) return 'maybe';
  const match = /^\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))(.*)$/.exec(inside);
  if (!match) return 'no';
  return { name: (match[1] ?? match[2] ?? match[3] ?? '').trim(), attributes: match[4] ?? '', at: close + 1 };
}

/** A value ends at the first closing tag after which the call goes on or ends: it may contain that tag itself. */
function readParameter(block: string, at: number, tags: InvokeTags): ValueRead | 'maybe' | 'no' {
  const opening = readNamed(block, at + tags.parameter.length);
  if (typeof opening === 'string') return opening;
  let close = block.indexOf(tags.parameterEnd, opening.at);
  while (close >= 0) {
    const after = close + tags.parameterEnd.length;
    const next = skipWhite(block, after);
    const goesOn = [tags.parameter, tags.callEnd, tags.blockEnd ?? tags.callEnd].some(
      (tag) => meets(block, next, tag) !== 'no',
    );
    if (goesOn) return { key: opening.name, text: withoutFrame(block.slice(opening.at, close)), at: after };
    close = block.indexOf(tags.parameterEnd, after);
  }
  return 'maybe';
}
