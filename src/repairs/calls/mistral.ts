/**
 * `[TOOL_CALLS][{"name": …, "arguments": {…}}]`: Mistral up to Nemo; `[TOOL_CALLS]name[ARGS]{…}`, with `[CALL_ID]id`
 * between them or with nothing: Mistral Small 3.2, Devstral, Ministral 3, Magistral.
 */
import { type JsonBlock, readJsonBlock } from './json-block.ts';
import { type Head, type NamedJson, readNamedJson } from './named-json.ts';
import type { Offered } from './offered.ts';
import { type CallSyntax, NOT_A_CALL, skipWhite, TOO_SHORT } from './reading.ts';

const OPENER = '[TOOL_CALLS]';
const LIST: JsonBlock = { closers: [], isMarked: true };
const NAMED: NamedJson = { head: readHead, callEnds: [], blockEnds: [] };
/** The name, an id that says nothing outside the model, and the mark of the arguments, which some leave out. */
const HEAD = /^([^\s[{"'<>]+)(?:\[CALL_ID\][^\s[{]*)?(?:\[ARGS\])?\s*(?=\{)/;
/** Each part is told from the next by its bracket alone: where parts overlap, a hostile head takes for ever. */
const HEAD_SO_FAR = /^[^\s[{"'<>]*(?:\[[^\s[{]*)*\s*$/;
const HEAD_ROOM = 100;

export const mistral: CallSyntax = {
  format: 'mistral',
  label: 'after [TOOL_CALLS]',
  openers: [OPENER],
  isWholeAnswer: false,
  read(block, opener, offered, end) {
    const start = skipWhite(block, opener.length);
    if (start >= block.length) return end === 'open' ? TOO_SHORT : NOT_A_CALL;
    const isList = block[start] === '[' || block[start] === '{';
    if (isList) return readJsonBlock(block, start, LIST, offered, end);
    return readNamedJson(block, start, NAMED, offered, end);
  },
};

function readHead(block: string, at: number, offered: Offered): Head {
  const room = offered.nameLengthMax + HEAD_ROOM;
  const text = block.slice(at, at + room);
  const match = HEAD.exec(text);
  if (match) return { name: match[1] ?? '', at: at + match[0].length };
  return text.length < room && HEAD_SO_FAR.test(text) ? 'maybe' : 'no';
}
