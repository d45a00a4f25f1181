/** `<minimax:tool_call><invoke name="…">…</invoke></minimax:tool_call>`: MiniMax M2; M3 names keys by its tags. */
import { type InvokeTags, readInvokes } from './invoke-xml.ts';
import type { Offered } from './offered.ts';
import {
  type CallSyntax,
  meets,
  meetsAny,
  NOT_A_CALL,
  type Reading,
  skipWhite,
  TOO_SHORT,
  unfinished,
  type WrittenCall,
  watchFor,
  withoutFrame,
} from './reading.ts';
import { typedTexts } from './typed-values.ts';

const OPENER = '<minimax:tool_call>';
const TAGS: InvokeTags = {
  call: '<invoke name=',
  callEnd: '</invoke>',
  parameter: '<parameter name=',
  parameterEnd: '</parameter>',
  blockEnd: '</minimax:tool_call>',
};

/** What M3 puts before each of its tags, so that no value can look like one. */
const SPACE = ']<]minimax[>[';
const SPACED_OPENER = `${SPACE}<tool_call>`;
const SPACED_END = `${SPACE}</tool_call>`;
const SPACED_INVOKE = `${SPACE}<invoke name=`;
const SPACED_INVOKE_END = `${SPACE}</invoke>`;
const TAG_MAX = 200;

export const minimax: CallSyntax = {
  format: 'minimax',
  label: 'in MiniMax’s tags',
  openers: [OPENER],
  isWholeAnswer: false,
  read(block, opener, offered, end) {
    return readInvokes(block, opener.length, TAGS, offered, end);
  },
};

/**
 * M3: keys are the tags themselves. Objects and lists inside it are JSON or not understood. It begins with a bracket
 * with which many words end, so it is looked for only in models whose template teaches MiniMax's format.
 */
export const minimaxSpaced: CallSyntax = {
  format: 'minimax',
  label: 'in MiniMax’s spaced tags',
  openers: [SPACED_OPENER],
  isWholeAnswer: false,
  read(block, opener, offered, end) {
    const calls: WrittenCall[] = [];
    let done = opener.length;
    for (;;) {
      const place = skipWhite(block, done);
      const next = meetsAny(block, place, [SPACED_INVOKE, SPACED_END]);
      if (next === 'maybe') {
        if (calls.length === 0) return TOO_SHORT;
        return end === 'stopped' ? { kind: 'calls', calls, length: block.length } : unfinished();
      }
      const isEnd = next !== 'no' && block.startsWith(SPACED_END, place);
      if (calls.length > 0 && (isEnd || next === 'no')) {
        return { kind: 'calls', calls, length: isEnd ? place + SPACED_END.length : done };
      }
      if (isEnd || next === 'no') return NOT_A_CALL;
      const read = readSpaced(block, place + SPACED_INVOKE.length, offered);
      if ('settled' in read) return read.settled;
      calls.push(read.call);
      done = read.at;
    }
  },
};

type CallRead = { readonly call: WrittenCall; readonly at: number } | { readonly settled: Reading };

/** One call from its name on. */
function readSpaced(block: string, at: number, offered: Offered): CallRead {
  const opening = /^"([^"\n<>]*)"\s*>/.exec(block.slice(at, at + offered.nameLengthMax));
  const tool = opening && offered.find(opening[1] ?? '');
  if (!opening) return { settled: /^"?[^"\n<>]*"?$/.test(block.slice(at)) ? TOO_SHORT : NOT_A_CALL };
  if (!tool) return { settled: NOT_A_CALL };
  const texts: [string, string][] = [];
  let place = at + opening[0].length;
  for (;;) {
    const next = skipWhite(block, place);
    const isEnd = meets(block, next, SPACED_INVOKE_END);
    if (isEnd === 'yes') {
      const writtenName = opening[1] === tool.name ? null : (opening[1] ?? '');
      const call = { name: tool.name, arguments: typedTexts(tool.parameters, texts), writtenName };
      return { call, at: next + SPACED_INVOKE_END.length };
    }
    if (isEnd === 'maybe') return { settled: unfinished() };
    const tag = /^<([^<>/\s]+)>/.exec(block.slice(next + SPACE.length, next + SPACE.length + TAG_MAX));
    if (!block.startsWith(SPACE, next)) return { settled: NOT_A_CALL };
    if (!tag) return { settled: block.indexOf('>', next + SPACE.length) < 0 ? unfinished() : NOT_A_CALL };
    const from = next + SPACE.length + tag[0].length;
    const closer = `${SPACE}</${tag[1]}>`;
    const close = block.indexOf(closer, from);
    if (close < 0) return { settled: unfinished(watchFor([closer], block)) };
    const text = block.slice(from, close);
    // What is nested has tags of its own, which are not text.
    if (text.includes(SPACE)) return { settled: NOT_A_CALL };
    texts.push([tag[1] ?? '', withoutFrame(text)]);
    place = close + closer.length;
  }
}
