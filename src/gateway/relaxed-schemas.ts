/** The schemas of a request as the engine's grammar can take them, and the words for what was relaxed. */
import type { ChatRequest, ChatTool } from '#src/dialects/chat-request.ts';
import { isObject, type Json, type JsonObject } from '#src/json.ts';
import { relaxAnswerSchema, relaxTools } from '#src/repairs/relax-tools.ts';

/** What relaxing does to a request. */
export type RelaxedSchemas = {
  /** Fields of the request that change. */
  readonly set: JsonObject;
  readonly headers: Readonly<Record<string, string>>;
  readonly notes: readonly string[];
  /** The schemas, by tool name, as the client sent them. */
  readonly originals: ReadonlyMap<string, Json>;
};

/** Nothing had to be relaxed. */
export const NOTHING_RELAXED: RelaxedSchemas = { set: {}, headers: {}, notes: [], originals: new Map() };

/** Longest value of the header; proxies refuse answers with a head of more than 8 KiB. */
const HEADER_CHARACTERS_MAX = 1_000;
/** Names of properties may be of any length, and a note is kept with the request. */
const NOTE_CHARACTERS_MAX = 1_000;

/** Relaxes the schemas of the function tools among the request's, and that of the answer itself. */
export function relaxedSchemas(request: ChatRequest, offered: readonly ChatTool[]): RelaxedSchemas {
  const { tools, originals, relaxations } = relaxTools(offered);
  const answer = relaxedAnswer(request);
  const all = [...relaxations, ...answer.relaxations];
  const changed = new Map<unknown, unknown>(offered.map((tool, at) => [tool, tools[at]]));
  // What is no function tool stays where it is, for the engine to refuse.
  const list: readonly unknown[] = Array.isArray(request.tools) ? request.tools : [];
  const replaced = list.map((tool) => changed.get(tool) ?? tool);
  return {
    set: { ...(tools === offered ? {} : { tools: replaced }), ...answer.set },
    headers: all.length === 0 ? {} : { 'x-flow-relaxed': headerText(all) },
    notes: all.length === 0 ? [] : [noteText(all)],
    originals,
  };
}

type RelaxedAnswer = { readonly set: JsonObject; readonly relaxations: readonly string[] };

/** `response_format` in OpenAI's shape and in llama.cpp's, and llama.cpp's `json_schema`. */
function relaxedAnswer({ response_format: format, json_schema: bare }: ChatRequest): RelaxedAnswer {
  if (isObject(format) && isObject(format.json_schema)) {
    const { schema, relaxations } = relaxAnswerSchema(format.json_schema.schema, 'response_format');
    if (schema === format.json_schema.schema) return { set: {}, relaxations: [] };
    return { set: { response_format: { ...format, json_schema: { ...format.json_schema, schema } } }, relaxations };
  }
  if (isObject(format) && isObject(format.schema)) {
    const { schema, relaxations } = relaxAnswerSchema(format.schema, 'response_format');
    return { set: schema === format.schema ? {} : { response_format: { ...format, schema } }, relaxations };
  }
  const { schema, relaxations } = relaxAnswerSchema(bare, 'json_schema');
  return { set: schema === bare ? {} : { json_schema: schema }, relaxations };
}

function noteText(relaxations: readonly string[]): string {
  const told = relaxations.slice(0, 10).join('; ');
  return `schemas were relaxed for the engine's grammar: ${told}`.slice(0, NOTE_CHARACTERS_MAX).toWellFormed();
}

/** Whole entries, as many as fit, in the characters that a header may have. */
function headerText(relaxations: readonly string[]): string {
  const entries = relaxations.map((entry) => entry.replace(/[^ -~]/g, '?'));
  let text = '';
  for (const [at, entry] of entries.entries()) {
    const more = `; and ${entries.length - at} more`;
    const longer = at === 0 ? entry : `${text}; ${entry}`;
    if (longer.length + more.length > HEADER_CHARACTERS_MAX) return `${text.slice(0, HEADER_CHARACTERS_MAX)}${more}`;
    text = longer;
  }
  return text;
}
