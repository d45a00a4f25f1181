/** The many formats that differ in little more than their marks. */

import { type InvokeTags, readInvokes } from './invoke-xml.ts';
import { type JsonBlock, readJsonBlock } from './json-block.ts';
import { headBetween, type NamedJson, readNamedJson } from './named-json.ts';
import { type CallSyntax, NOT_A_CALL } from './reading.ts';

/** JSON between marks: the opener, and what closes it. */
const JSON_MARKS: ReadonlyMap<string, JsonBlock> = new Map([
  ['<TOOLCALL>', { closers: ['</TOOLCALL>'], isMarked: false }],
  ['<tool_calls>', { closers: ['</tool_calls>'], isMarked: false }],
  ['<function_call>', { closers: ['</function_call>'], isMarked: false }],
  ['<functioncall>', { closers: ['</functioncall>'], isMarked: false }],
  ['<tools>', { closers: ['</tools>'], isMarked: false }],
  ['<|START_ACTION|>', { closers: ['<|END_ACTION|>'], isMarked: true }],
  ['<|tools_prefix|>', { closers: ['<|tools_suffix|>'], isMarked: true }],
  ['<|tool_call|>', { closers: ['<|/tool_call|>'], isMarked: true }],
  ['<|function_call|>', { closers: [], isMarked: true }],
  ['<|action_start|><|plugin|>', { closers: ['<|action_end|>'], isMarked: true }],
]);

export const jsonBetweenTags: CallSyntax = {
  format: 'other-tags',
  label: 'as JSON between tags',
  openers: [...JSON_MARKS.keys()],
  isWholeAnswer: false,
  read(block, opener, offered, end) {
    const marks = JSON_MARKS.get(opener);
    if (!marks) return NOT_A_CALL;
    return readJsonBlock(block, opener.length, marks, offered, end);
  },
};

/** Firefunction. Its mark is a word of Python, and its first letter ends many others. */
export const functools: CallSyntax = {
  format: 'other-tags',
  label: 'after functools',
  openers: ['functools['],
  isWholeAnswer: true,
  read(block, opener, offered, end) {
    // The list's own bracket belongs to the value.
    return readJsonBlock(block, opener.length - 1, { closers: [], isMarked: true }, offered, end);
  },
};

/** Names before JSON: Functionary 3.1, Solar. */
const NAMED_MARKS: ReadonlyMap<string, NamedJson> = new Map([
  [
    '<function=',
    { head: (block, at) => headBetween(block, at, '<function=', ['>']), callEnds: ['</function>'], blockEnds: [] },
  ],
  [
    '<|tool_call:begin|>',
    {
      head: (block, at) => {
        const id = headBetween(block, at, '<|tool_call:begin|>', ['<|tool_call:name|>']);
        if (typeof id === 'string') return id;
        return headBetween(block, id.at, '', ['<|tool_call:args|>']);
      },
      callEnds: ['<|tool_call:end|>'],
      blockEnds: [],
    },
  ],
]);

export const jsonAfterName: CallSyntax = {
  format: 'other-tags',
  label: 'as a name and JSON',
  openers: [...NAMED_MARKS.keys()],
  isWholeAnswer: false,
  read(block, opener, offered, end) {
    const marks = NAMED_MARKS.get(opener);
    return marks ? readNamedJson(block, 0, marks, offered, end) : NOT_A_CALL;
  },
};

const PROMPT: NamedJson = { head: (block, at) => headBetween(block, at, '>>>', ['\n']), callEnds: [], blockEnds: [] };

/** Functionary 3.2. Its mark is Python's prompt. */
export const jsonAfterPrompt: CallSyntax = {
  format: 'other-tags',
  label: 'after >>>',
  openers: ['>>>'],
  isWholeAnswer: true,
  read(block, _opener, offered, end) {
    return readNamedJson(block, 0, PROMPT, offered, end);
  },
};

const INVOKE: Omit<InvokeTags, 'blockEnd'> = {
  call: '<invoke name=',
  callEnd: '</invoke>',
  parameter: '<parameter name=',
  parameterEnd: '</parameter>',
};
const ATEM: Omit<InvokeTags, 'blockEnd'> = {
  call: '<atem:invoke name=',
  callEnd: '</atem:invoke>',
  parameter: '<atem:parameter name=',
  parameterEnd: '</atem:parameter>',
};
const PARAM: Omit<InvokeTags, 'blockEnd'> = {
  call: '<function name=',
  callEnd: '</function>',
  parameter: '<param name=',
  parameterEnd: '</param>',
};

/** Named parameters in tags: MiniCPM, Muse, and models that imitate others. */
const INVOKES: ReadonlyMap<string, InvokeTags> = new Map([
  ['<function_calls>', { ...INVOKE, blockEnd: '</function_calls>' }],
  ['<invoke name=', { ...INVOKE, blockEnd: null }],
  ['<atem:function_calls>', { ...ATEM, blockEnd: '</atem:function_calls>' }],
  ['<atem:invoke name=', { ...ATEM, blockEnd: null }],
  ['<function name=', { ...PARAM, blockEnd: null }],
]);

export const namedParameters: CallSyntax = {
  format: 'other-tags',
  label: 'as named parameters',
  openers: [...INVOKES.keys()],
  isWholeAnswer: false,
  read(block, opener, offered, end) {
    const tags = INVOKES.get(opener);
    if (!tags) return NOT_A_CALL;
    return readInvokes(block, tags.blockEnd === null ? 0 : opener.length, tags, offered, end);
  },
};
