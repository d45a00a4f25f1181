/** All syntaxes of tool calls that are known, most frequent first. */
import type { RepairContext } from '../stage.ts';
import { glm } from './glm.ts';
import { hermesJson } from './hermes-json.ts';
import { qwenXml } from './qwen-xml.ts';
import type { CallSyntax } from './reading.ts';

export const SYNTAXES: readonly CallSyntax[] = [hermesJson, qwenXml, glm];

/** Those that may be looked for in an answer. Without marks of their own they say too little inside a thought. */
export function syntaxesFor(context: RepairContext, { isThought }: { isThought: boolean }): readonly CallSyntax[] {
  const allowed = context.switches.call_formats;
  return SYNTAXES.filter(
    ({ format, isWholeAnswer }) => !(isThought && isWholeAnswer) && (allowed === undefined || allowed.includes(format)),
  );
}
