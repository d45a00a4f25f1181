/**
 * What clients of OpenAI chat write about tools, as llama-server understands it: the functions of before there were
 * tools, and choices of single tools, which it would silently take for `auto`.
 */
import { Fault } from '#src/faults.ts';
import { isObject, type JsonObject, stringOrNull } from '#src/json.ts';

/** How a body's fields differ from what was sent, and why. */
export type ChatFields = {
  readonly set: JsonObject;
  readonly drop: readonly string[];
  readonly notes: readonly string[];
};

const NOTHING: ChatFields = { set: {}, drop: [], notes: [] };
const WORDS: readonly string[] = ['auto', 'none', 'required'];
const AS_TOOLS = 'functions were sent as tools: the calls of the answer are tool_calls';

/**
 * Reads the fields of a chat body that speak of tools. Throws Fault('invalid-request') for a choice of no tool, and for
 * tools of free text, whose calls would come in another shape than the client waits for.
 */
export function toolFields(body: JsonObject): ChatFields {
  const usable = usableTools(body.tools);
  if (usable === null) return functionFields(body);
  const { set, drop, notes } = functionFields({ ...body, tools: usable.tools });
  const noTools = usable.tools.length === 0 ? ['tools', 'tool_choice'] : [];
  return {
    set: { ...(noTools.length > 0 ? {} : { tools: usable.tools }), ...set },
    drop: [...drop, ...noTools],
    notes: [...usable.notes, ...notes],
  };
}

/** The list without tools that no local engine has (it would answer 500); null when nothing is to be left out. */
function usableTools(tools: unknown): { readonly tools: readonly unknown[]; readonly notes: readonly string[] } | null {
  if (!Array.isArray(tools)) return null;
  const custom = tools.findIndex((tool) => isObject(tool) && tool.type === 'custom');
  if (custom >= 0) {
    const sentence = `tools.${custom}.type: custom tools are not known to local engines; define it as a function.`;
    throw new Fault('invalid-request', sentence, { details: { path: `tools.${custom}.type` } });
  }
  const kept = tools.filter((tool) => !isForeign(tool));
  if (kept.length === tools.length) return null;
  const types = new Set(tools.filter(isForeign).map((tool) => tool.type));
  return {
    tools: kept,
    notes: [...types].map((type) => `tools of type ${type} were left out: no local engine has them`),
  };
}

function isForeign(tool: unknown): tool is { readonly type: string } {
  return isObject(tool) && typeof tool.type === 'string' && tool.type !== 'function' && !isObject(tool.function);
}

function functionFields(body: JsonObject): ChatFields {
  const { functions, function_call: legacyChoice } = body;
  if (!Array.isArray(functions) || body.tools !== undefined) return chosen(body);
  const tools = functions.map((each: unknown) => ({ type: 'function', function: each }));
  const name = isObject(legacyChoice) ? legacyChoice.name : undefined;
  const tool_choice = name === undefined ? legacyChoice : { type: 'function', function: { name } };
  const { set } = chosen({ tools, ...(tool_choice === undefined ? {} : { tool_choice }) });
  const given = { tools, ...(tool_choice === undefined ? {} : { tool_choice }), ...set };
  return { set: given, drop: ['functions', 'function_call'], notes: [AS_TOOLS] };
}

/** The tools of a body with only those that its choice allows, and a choice that every engine knows. */
function chosen({ tools, tool_choice: choice }: JsonObject): ChatFields {
  if (!isObject(choice)) return NOTHING;
  const word = stringOrNull(choice.type) ?? '';
  // Other protocols put the word into an object, and some clients write it so here.
  if (WORDS.includes(word) && nameOf(choice) === null) return { set: { tool_choice: word }, drop: [], notes: [] };
  const offered: readonly unknown[] = Array.isArray(tools) ? tools : [];
  const { mode, names } = readChoice(choice);
  const allowed = offered.filter((tool) => names.includes(nameOf(tool) ?? ''));
  const missing = names.find((name) => !allowed.some((tool) => nameOf(tool) === name));
  if (names.length === 0 || missing !== undefined) {
    const found =
      missing === undefined ? 'names no tool' : `names ${JSON.stringify(missing)}, which is not among the tools`;
    throw new Fault('invalid-request', `tool_choice ${found}.`, { details: { path: 'tool_choice' } });
  }
  return { set: { tools: allowed, tool_choice: mode }, drop: [], notes: [] };
}

function readChoice(choice: JsonObject): { readonly mode: string; readonly names: readonly string[] } {
  if (choice.type === 'allowed_tools' && isObject(choice.allowed_tools)) {
    const { mode, tools } = choice.allowed_tools;
    const listed: readonly unknown[] = Array.isArray(tools) ? tools : [];
    return { mode: mode === 'required' ? 'required' : 'auto', names: listed.flatMap((tool) => nameOf(tool) ?? []) };
  }
  const name = nameOf(choice);
  return { mode: 'required', names: name === null ? [] : [name] };
}

/** The name in a tool or a choice; Responses writes it one level higher. */
function nameOf(tool: unknown): string | null {
  if (!isObject(tool)) return null;
  return stringOrNull(isObject(tool.function) ? tool.function.name : tool.name);
}
