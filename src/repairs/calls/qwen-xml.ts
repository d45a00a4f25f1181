/**
 * `<function=name><parameter=key>value</parameter></function>`, in `<tool_call>` or bare: Qwen3-Coder, Qwen3.5 and 3.6,
 * Nemotron 3, Step; in `<seed:tool_call>`: Seed-OSS.
 */
import type { Offered, OfferedTool } from './offered.ts';
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
import { hasRequired, typedTexts } from './typed-values.ts';

const FUNCTION = '<function=';
const FUNCTION_END = '</function>';
const PARAMETER = '<parameter=';
const PARAMETER_END = '</parameter>';
const KEY_CHARACTERS_MAX = 200;
/** What may end a function that came without the block around it: its opening tag is what engines eat first. */
const FORGOTTEN_WRAPPER_END = '</tool_call>';

export const qwenXml: CallSyntax = {
  format: 'qwen-xml',
  label: 'in Qwen’s XML',
  openers: ['<tool_call>', '<seed:tool_call>', FUNCTION],
  isWholeAnswer: false,
  read(block, opener, offered, end) {
    const wrapper = opener === FUNCTION ? null : `</${opener.slice(1)}`;
    return readFunctions(block, opener === FUNCTION ? 0 : opener.length, wrapper, offered, end);
  },
};

/** What one function is: a call that ends at `at`, or a reading that settles the block. */
type FunctionRead = { readonly call: WrittenCall; readonly at: number } | { readonly settled: Reading };

function readFunctions(block: string, at: number, wrapper: string | null, offered: Offered, end: TextEnd): Reading {
  const calls: WrittenCall[] = [];
  let done = at;
  for (;;) {
    const place = skipWhite(block, done);
    const closes = wrapper === null ? 'no' : meets(block, place, wrapper);
    if (calls.length > 0 && wrapper !== null && closes === 'yes') {
      return { kind: 'calls', calls, length: place + wrapper.length };
    }
    const opens = meets(block, place, FUNCTION);
    // A bare function is a block of its own; what follows it is looked at afresh.
    if (calls.length > 0 && (wrapper === null || (opens === 'no' && closes === 'no'))) {
      return { kind: 'calls', calls, length: done };
    }
    if (opens === 'no' && closes === 'no') return NOT_A_CALL;
    if (opens !== 'yes') {
      if (calls.length === 0) return TOO_SHORT;
      return end === 'stopped' ? { kind: 'calls', calls, length: block.length } : unfinished();
    }
    const read = readFunction(block, place, wrapper, offered, end);
    if ('settled' in read) return read.settled;
    calls.push(read.call);
    done = read.at;
  }
}

function readFunction(block: string, at: number, wrapper: string | null, offered: Offered, end: TextEnd): FunctionRead {
  const nameEnd = block.indexOf('>', at);
  const written = block.slice(at + FUNCTION.length, nameEnd < 0 ? undefined : nameEnd).trim();
  if (written.length > offered.nameLengthMax || /[\n<{]/.test(written)) return { settled: NOT_A_CALL };
  if (nameEnd < 0) return { settled: TOO_SHORT };
  const name = written.replace(/^["']|["']$/g, '');
  const tool = offered.find(name);
  if (!tool) return { settled: NOT_A_CALL };
  const texts: [string, string][] = [];
  const finished = (place: number): FunctionRead => ({ call: callFrom(tool, name, texts), at: place });
  const closer = wrapper ?? FORGOTTEN_WRAPPER_END;
  let place = nameEnd + 1;
  for (;;) {
    const next = skipWhite(block, place);
    if (block.startsWith(FUNCTION_END, next)) return finished(next + FUNCTION_END.length);
    // The function's own closing tag is forgotten sometimes; that of the block says the same.
    if (texts.length > 0 && block.startsWith(closer, next)) return finished(next);
    if (!block.startsWith(PARAMETER, next)) {
      const isOpen = [FUNCTION_END, PARAMETER, closer].some((tag) => meets(block, next, tag) === 'maybe');
      if (!isOpen) return { settled: BROKEN_CALL };
      const isComplete = end === 'stopped' && texts.length > 0 && hasRequired(tool.parameters, texts);
      return isComplete ? finished(block.length) : { settled: unfinished() };
    }
    const value = readParameter(block, next, closer);
    if (value === null) return { settled: unfinished(watchFor([PARAMETER_END, FUNCTION_END], block)) };
    if (value === 'wrong') return { settled: BROKEN_CALL };
    texts.push([value.key, value.text]);
    place = value.at;
  }
}

type ParameterRead = { readonly key: string; readonly text: string; readonly at: number };

/**
 * One parameter; null when its end has not come. A value may itself contain a closing tag, for instance in code that
 * speaks of this format, so it ends at the first `</parameter>` after which the call goes on or ends.
 */
function readParameter(block: string, at: number, closer: string): ParameterRead | 'wrong' | null {
  const keyEnd = block.indexOf('>', at);
  const key = block.slice(at + PARAMETER.length, keyEnd < 0 ? undefined : keyEnd).trim();
  if (key.length > KEY_CHARACTERS_MAX || /[\n<]/.test(key)) return 'wrong';
  if (keyEnd < 0) return null;
  let close = block.indexOf(PARAMETER_END, keyEnd);
  while (close >= 0) {
    const after = close + PARAMETER_END.length;
    const next = skipWhite(block, after);
    const goesOn = [PARAMETER, FUNCTION_END, closer].some((tag) => meets(block, next, tag) !== 'no');
    if (goesOn) {
      const text = withoutFrame(block.slice(keyEnd + 1, close));
      return { key: key.replace(/^["']|["']$/g, ''), text, at: after };
    }
    close = block.indexOf(PARAMETER_END, after);
  }
  return null;
}

function callFrom(tool: OfferedTool, written: string, texts: readonly (readonly [string, string])[]): WrittenCall {
  return {
    name: tool.name,
    arguments: typedTexts(tool.parameters, texts),
    writtenName: written === tool.name ? null : written,
  };
}
