/** All syntaxes of tool calls that are known, most frequent first. */
import type { RepairContext } from '../stage.ts';
import { deepseek, deepseekMarkup } from './deepseek.ts';
import { escaped } from './escaped.ts';
import { gemma } from './gemma.ts';
import { glm } from './glm.ts';
import { harmony } from './harmony.ts';
import { hermesJson } from './hermes-json.ts';
import { kimi } from './kimi.ts';
import { llamaJson, pythonTagJson } from './llama-json.ts';
import { minimax, minimaxSpaced } from './minimax.ts';
import { mistral } from './mistral.ts';
import { functools, jsonAfterName, jsonAfterPrompt, jsonBetweenTags, namedParameters } from './other-tags.ts';
import { pythonicAnswer, pythonicMarked, pythonTag } from './pythonic.ts';
import { qwenXml } from './qwen-xml.ts';
import type { CallSyntax } from './reading.ts';

const MARKED: readonly CallSyntax[] = [
  hermesJson,
  qwenXml,
  glm,
  gemma,
  mistral,
  harmony,
  pythonTagJson,
  pythonTag,
  pythonicMarked,
  deepseek,
  deepseekMarkup,
  kimi,
  minimax,
  jsonBetweenTags,
  jsonAfterName,
  namedParameters,
];
const ESCAPED = MARKED.map(escaped).filter((syntax) => syntax !== null);

/** Those that may be looked for in an answer. Without marks of their own they say too little inside a thought. */
export function syntaxesFor(context: RepairContext, { isThought }: { isThought: boolean }): readonly CallSyntax[] {
  const { traits, seen, switches } = context;
  const isSeen = seen.has('leaked-call');
  const bare = [
    llamaJson(isSeen || traits.callFormat === 'llama-json'),
    pythonicAnswer(isSeen || traits.callFormat === 'pythonic'),
    functools,
    jsonAfterPrompt,
  ];
  const marked = traits.callFormat === 'minimax' ? [...MARKED, minimaxSpaced] : MARKED;
  const all = isThought ? [...marked, ...ESCAPED] : [...marked, ...bare, ...ESCAPED];
  const allowed = switches.call_formats;
  return allowed === undefined ? all : all.filter(({ format }) => allowed.includes(format));
}
