/** `<tool_call>{"name": …, "arguments": {…}}</tool_call>`: Hermes, Qwen 2.5 and 3, Granite 4 and many more. */
import { type JsonBlock, readJsonBlock } from './json-block.ts';
import type { CallSyntax } from './reading.ts';

const MARKS: JsonBlock = { closers: ['</tool_call>'], isMarked: false };

export const hermesJson: CallSyntax = {
  format: 'hermes-json',
  label: 'as JSON in <tool_call>',
  openers: ['<tool_call>'],
  isWholeAnswer: false,
  read(block, opener, offered, end) {
    return readJsonBlock(block, opener.length, MARKS, offered, end);
  },
};
