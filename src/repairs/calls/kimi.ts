/** `<|tool_calls_section_begin|><|tool_call_begin|>functions.name:0<|tool_call_argument_begin|>{…}…`: Kimi K2. */
import { headBetween, type NamedJson, readNamedJson } from './named-json.ts';
import type { CallSyntax } from './reading.ts';

const SECTION = '<|tool_calls_section_begin|>';
const CALL = '<|tool_call_begin|>';

const MARKS: NamedJson = {
  head(block, at) {
    const head = headBetween(block, at, CALL, ['<|tool_call_argument_begin|>']);
    if (typeof head === 'string') return head;
    return { name: head.name.replace(/^functions\./, '').replace(/:\d+$/, ''), at: head.at };
  },
  callEnds: ['<|tool_call_end|>'],
  blockEnds: ['<|tool_calls_section_end|>'],
};

export const kimi: CallSyntax = {
  format: 'kimi',
  label: 'in Kimi’s marks',
  openers: [SECTION, CALL],
  isWholeAnswer: false,
  read(block, opener, offered, end) {
    return readNamedJson(block, opener === SECTION ? SECTION.length : 0, MARKS, offered, end);
  },
};
