/** Tool schemas and answer schemas as an engine's grammar can take them. Pure. */
import type { ChatTool } from '#src/dialects/chat-request.ts';
import { isObject, type Json, type JsonObject } from '#src/json.ts';
import { ownNames } from './schemas/own-names.ts';
import { relaxSchema } from './schemas/relax-schema.ts';

/** Tools for the engine, and what was relaxed in them. */
export type Relaxed = {
  /** The same object when nothing had to be relaxed. */
  readonly tools: readonly ChatTool[];
  /** The original schemas of those tools that were relaxed, by name; none for a name that several tools have. */
  readonly originals: ReadonlyMap<string, Json>;
  /** One short entry each, for the header: `edit.path: pattern`. */
  readonly relaxations: readonly string[];
};

const NO_ARGUMENTS: JsonObject = { type: 'object', properties: {} };

/**
 * Relaxes what llama.cpp's grammar refuses or takes wrongly. A schema that only had to be written otherwise, without
 * loss, is not listed. What is no schema at all takes no arguments.
 */
export function relaxTools(tools: readonly ChatTool[]): Relaxed {
  const originals = new Map<string, Json>();
  const relaxations: string[] = [];
  const relaxedTools = tools.map((tool) => relaxTool(tool, originals, relaxations));
  forgetTwins(tools, originals);
  const apart = ownNames(relaxedTools);
  const isUnchanged = apart.every((tool, at) => tool === tools[at]);
  return { tools: isUnchanged ? tools : apart, originals, relaxations };
}

/** As `relaxTools`, for the schema that the whole answer has to follow. `path` names it in the relaxations. */
export function relaxAnswerSchema(
  schema: unknown,
  path: string,
): { readonly schema: unknown; readonly relaxations: readonly string[] } {
  const { schema: relaxed, relaxations } = relaxSchema(schema, { isArguments: false });
  return { schema: relaxed, relaxations: relaxations.map((what) => `${path}.${what}`) };
}

/** Of two tools with one name nobody can tell which was called, so no call of theirs is held against a schema. */
function forgetTwins(tools: readonly ChatTool[], originals: Map<string, Json>): void {
  const seen = new Set<string>();
  for (const { function: called } of tools) {
    if (seen.has(called.name)) originals.delete(called.name);
    seen.add(called.name);
  }
}

function relaxTool(tool: ChatTool, originals: Map<string, Json>, relaxations: string[]): ChatTool {
  const { parameters, description, ...rest } = tool.function;
  const isSchema = parameters === undefined || parameters === null || isObject(parameters);
  const { schema, relaxations: found } = relaxSchema(isSchema ? parameters : NO_ARGUMENTS, { isArguments: true });
  // The engine takes `null` for neither a text nor its absence.
  const hasOddDescription = description !== undefined && typeof description !== 'string';
  if (schema === parameters && !hasOddDescription) return tool;
  if (found.length > 0 && parameters !== undefined) originals.set(tool.function.name, parameters);
  for (const what of found) relaxations.push(`${tool.function.name}.${what}`);
  const described = typeof description === 'string' ? { description } : {};
  const changed = isObject(schema) ? { parameters: schema } : {};
  return { ...tool, function: { ...rest, ...described, ...changed } };
}
