/** Anthropic's tools and tool choice as OpenAI's. */
import type { ChatTool } from '#src/dialects/chat-request.ts';
import { invalid, listAt, nameAt, objectAt } from '#src/dialects/invalid.ts';
import { isObject, type Json, type JsonObject, stringOrNull } from '#src/json.ts';
import { clientTool } from './client-tools.ts';
import type { Findings } from './findings.ts';

/** The fields of the chat request that speak of tools; none of them when no tool is left. */
export type ToolFields = {
  readonly tools?: readonly ChatTool[];
  readonly tool_choice?: 'auto' | 'required' | 'none';
  readonly parallel_tool_calls?: false;
};

// Claude Code sends it so that the list of tools is never without a deferred one; its description says not to call it.
const PLACEHOLDER = 'DeferredToolPlaceholder';

/** The search that Anthropic runs over deferred tools: without it, nothing would ever bring them in. */
const TOOL_SEARCH = /^tool_search_tool_/;

type Offered = { readonly tool: ChatTool; readonly isDeferred: boolean };

/** Reads both fields, after the messages: what those mention decides which deferred tools take part. */
export function readTools(tools: unknown, choice: unknown, findings: Findings): ToolFields {
  const offered = [
    ...readList(tools ?? [], 'tools', findings),
    ...readList(findings.toolDefinitions, 'messages.tool_addition', findings),
  ].filter((offer) => !findings.removedTools.has(offer.tool.function.name));
  const isSearched = Array.isArray(tools) && tools.some(isToolSearch);
  const ready = offered.filter((offer) => isSearched || !offer.isDeferred).map((offer) => offer.tool);
  // Brought-in tools go to the end, in the order of their mention: in the middle they would cost the prefix cache.
  const called = [...findings.toolReferences].flatMap((name) =>
    offered.filter((offer) => offer.isDeferred && offer.tool.function.name === name).map((offer) => offer.tool),
  );
  return choose(uniquelyNamed([...ready, ...called]), choice);
}

function readList(value: unknown, path: string, findings: Findings): readonly Offered[] {
  return listAt(value, path).flatMap((item, index) => {
    const place = `${path}.${index}`;
    const tool = objectAt(item, place);
    const known = isTyped(tool) ? clientTool(tool) : null;
    if (known === null && isTyped(tool)) {
      findings.notes.add(leftOut(tool));
      return [];
    }
    const read = readTool(known ?? tool, place);
    return read.function.name === PLACEHOLDER ? [] : [{ tool: read, isDeferred: tool.defer_loading === true }];
  });
}

/** Anthropic's own tools have a type and no schema; llama-server would take them for functions without arguments. */
function isTyped(tool: JsonObject): boolean {
  const type = tool.type ?? 'custom';
  return type !== 'custom' && !isObject(tool.input_schema);
}

function isToolSearch(tool: unknown): boolean {
  return isObject(tool) && TOOL_SEARCH.test(String(tool.type));
}

function leftOut(tool: JsonObject): string {
  const type = String(tool.type);
  const name = stringOrNull(tool.name) ?? stringOrNull(tool.mcp_server_name) ?? type;
  if (TOOL_SEARCH.test(type)) return `the tool ${name} was left out, and all deferred tools are offered instead`;
  const why = /^(?:computer|browser)_/.test(type)
    ? 'only models trained on it can use it'
    : `${type} runs at Anthropic only`;
  return `the tool ${name} was left out: ${why}`;
}

function readTool(tool: JsonObject, path: string): ChatTool {
  const name = nameAt(tool.name, `${path}.name`);
  const description = stringOrNull(tool.description);
  const schema = readSchema(tool.input_schema ?? { type: 'object', properties: {} }, `${path}.input_schema`);
  // Arguments are always an object; templates and grammars that are not told so fail or allow anything.
  const parameters = isObject(schema) && schema.type === undefined ? { type: 'object', ...schema } : schema;
  return {
    type: 'function',
    function: {
      name,
      ...(description === null ? {} : { description }),
      parameters,
      ...(tool.strict === true ? { strict: true } : {}),
    },
  };
}

/** A JSON schema without `$schema`, which only costs tokens: templates print the whole schema. */
export function readSchema(value: unknown, path: string): Json {
  const { $schema, ...schema } = objectAt(value, path);
  return schema;
}

// A tool may be listed and added again; templates would print it twice.
function uniquelyNamed(tools: readonly ChatTool[]): readonly ChatTool[] {
  const names = new Set<string>();
  return tools.filter((tool) => {
    const isNew = !names.has(tool.function.name);
    names.add(tool.function.name);
    return isNew;
  });
}

function choose(tools: readonly ChatTool[], value: unknown): ToolFields {
  if (tools.length === 0) return {};
  if (value === null || value === undefined) return { tools };
  const choice = typeof value === 'string' ? { type: value } : objectAt(value, 'tool_choice');
  const parallel = choice.disable_parallel_tool_use === true ? { parallel_tool_calls: false as const } : {};
  switch (choice.type) {
    case 'auto':
      return { tools, tool_choice: 'auto', ...parallel };
    case 'any':
      return { tools, tool_choice: 'required', ...parallel };
    case 'none':
      return { tools, tool_choice: 'none' };
    case 'tool':
      return { ...force(tools, choice), ...parallel };
    default:
      throw invalid('tool_choice.type', 'auto, any, tool or none is required');
  }
}

/** llama-server takes a tool choice with a name for `auto`, so the one tool must be all there is to choose from. */
function force(tools: readonly ChatTool[], choice: JsonObject): ToolFields {
  const name = nameAt(choice.name, 'tool_choice.name');
  const named = tools.filter((tool) => tool.function.name === name);
  if (named.length === 0) throw invalid('tool_choice.name', `the tool ${name} is not among the tools`);
  return { tools: named, tool_choice: 'required' };
}
