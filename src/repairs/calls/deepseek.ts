/**
 * DeepSeek. R1: `<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>name` and a fenced JSON; V3.1: the name
 * before the separator and JSON after it; from V3.2 on `<｜DSML｜invoke name="…">` with parameters.
 */
import { type InvokeTags, readInvokes } from './invoke-xml.ts';
import { type Head, headBetween, type NamedJson, readNamedJson } from './named-json.ts';
import { type CallSyntax, meets } from './reading.ts';

const SECTION = '<｜tool▁calls▁begin｜>';
const CALL = '<｜tool▁call▁begin｜>';
const SEPARATOR = '<｜tool▁sep｜>';
const FENCE = '\n```json\n';
const DSML_SECTIONS = ['<｜DSML｜function_calls>', '<｜DSML｜tool_calls>'];
const DSML_CALL = '<｜DSML｜invoke name=';

const MARKS: NamedJson = {
  head: readHead,
  callEnds: ['```<｜tool▁call▁end｜>', '```\n<｜tool▁call▁end｜>', '<｜tool▁call▁end｜>', '```'],
  blockEnds: ['<｜tool▁calls▁end｜>'],
};

export const deepseek: CallSyntax = {
  format: 'deepseek',
  label: 'in DeepSeek’s marks',
  openers: [SECTION, CALL],
  isWholeAnswer: false,
  read(block, opener, offered, end) {
    return readNamedJson(block, opener === SECTION ? SECTION.length : 0, MARKS, offered, end);
  },
};

export const deepseekMarkup: CallSyntax = {
  format: 'deepseek',
  label: 'in DeepSeek’s markup',
  openers: [...DSML_SECTIONS, DSML_CALL],
  isWholeAnswer: false,
  read(block, opener, offered, end) {
    const isBare = opener === DSML_CALL;
    const tags: InvokeTags = {
      call: DSML_CALL,
      callEnd: '</｜DSML｜invoke>',
      parameter: '<｜DSML｜parameter name=',
      parameterEnd: '</｜DSML｜parameter>',
      blockEnd: isBare ? null : `</${opener.slice(1)}`,
    };
    return readInvokes(block, isBare ? 0 : opener.length, tags, offered, end);
  },
};

function readHead(block: string, at: number): Head {
  const head = headBetween(block, at, CALL, [SEPARATOR]);
  if (typeof head === 'string' || head.name !== 'function') return head;
  // R1: what stands before the separator is the kind, and the name follows up to the fence.
  const newline = block.indexOf('\n', head.at);
  const fence = newline < 0 ? 'maybe' : meets(block, newline, FENCE);
  return fence === 'yes' ? { name: block.slice(head.at, newline).trim(), at: newline + FENCE.length } : fence;
}
