/** `tool_choice` in all its forms, and the list of tools that follows from it. */
import type { ChatTool } from '#src/dialects/chat-request.ts';
import { invalid, listAt, nameAt, objectAt } from '#src/dialects/invalid.ts';
import { isObject, type JsonObject, stringOrNull } from '#src/json.ts';
import { type Offer, ToolBook } from './tools.ts';

/** The fields of the chat request that speak of tools; none of them when no tool is left. */
export type ToolFields = {
  readonly tools?: readonly ChatTool[];
  readonly tool_choice?: 'auto' | 'required' | 'none';
  readonly parallel_tool_calls?: boolean;
};

/** What the model may call, as functions. Throws for a tool that is demanded and was not offered. */
export function chooseTools(offers: readonly Offer[], body: JsonObject, notes: Set<string>): ToolFields {
  const unique = uniquelyNamed(offers);
  const tools = unique.map((offer) => offer.tool);
  if (tools.length === 0) return {};
  const parallel =
    typeof body.parallel_tool_calls === 'boolean' ? { parallel_tool_calls: body.parallel_tool_calls } : {};
  const choice = body.tool_choice;
  if (choice === null || choice === undefined) return { tools, ...parallel };
  const form = typeof choice === 'string' ? { type: choice } : objectAt(choice, 'tool_choice');
  switch (form.type) {
    case 'auto':
    case 'required':
      return { tools, tool_choice: form.type, ...parallel };
    case 'none':
      return { tools, tool_choice: 'none' };
    case 'function':
    case 'custom':
      return { ...force(unique, form), ...parallel };
    case 'allowed_tools':
      return { ...allow(unique, form, notes), ...parallel };
    default:
      notes.add(`tool_choice ${String(form.type)} was taken as auto: a local model has no such tool`);
      return { tools, tool_choice: 'auto', ...parallel };
  }
}

// A tool may be listed and brought in again; templates would print it twice.
function uniquelyNamed(offers: readonly Offer[]): readonly Offer[] {
  const names = new Set<string>();
  return offers.filter(({ tool }) => {
    const isNew = !names.has(tool.function.name);
    names.add(tool.function.name);
    return isNew;
  });
}

/** llama-server takes a tool choice with a name for `auto`, so the one tool must be all there is to choose from. */
function force(offers: readonly Offer[], form: JsonObject): ToolFields {
  const own = isObject(form.function) ? form.function : form;
  const name = nameAt(own.name, 'tool_choice.name');
  const flat = new ToolBook(offers).flat(stringOrNull(own.namespace), name);
  const named = offers.filter(({ tool }) => tool.function.name === flat);
  if (named.length === 0) throw invalid('tool_choice.name', `the tool ${name} is not among the tools`);
  return { tools: named.map((offer) => offer.tool), tool_choice: 'required' };
}

function allow(offers: readonly Offer[], form: JsonObject, notes: Set<string>): ToolFields {
  const book = new ToolBook(offers);
  const allowed = new Set<string>();
  for (const [index, value] of listAt(form.tools, 'tool_choice.tools').entries()) {
    const path = `tool_choice.tools[${index}]`;
    const tool = objectAt(value, path);
    const name = stringOrNull(tool.name);
    const flat = name === null ? null : book.flat(stringOrNull(tool.namespace), name);
    if (flat === null) notes.add(`the allowed tool ${name ?? String(tool.type)} is not among the tools`);
    else allowed.add(flat);
  }
  const tools = offers.filter(({ tool }) => allowed.has(tool.function.name)).map((offer) => offer.tool);
  if (tools.length === 0) return {};
  return { tools, tool_choice: form.mode === 'required' ? 'required' : 'auto' };
}
