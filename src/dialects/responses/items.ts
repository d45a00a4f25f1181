/**
 * Input items of a Responses request as a conversation. Items of tools that only OpenAI runs are kept where they say
 * something (a call and its result in words), and left out with a note where they do not.
 */
import type { ContentPart } from '#src/dialects/chat-request.ts';
import { invalid, listAt, nameAt, objectAt, stringAt } from '#src/dialects/invalid.ts';
import { isObject, type JsonObject, stringOrNull } from '#src/json.ts';
import { readContent, readTexts } from './content.ts';
import type { Conversation } from './conversation.ts';
import { isReference } from './history.ts';
import { flatName, type Offer, readToolList } from './tools.ts';

/** What items are read into. */
export type Reading = {
  readonly conversation: Conversation;
  readonly notes: Set<string>;
  /** Tools that the conversation itself brings in. */
  readonly offers: Offer[];
  /** Items (never references) that were answered or sent before. Throws a Fault for an id that is not known. */
  readonly referred: (id: string, path: string) => JsonObject;
};

/** Input is one text of the user, or a list of items. */
export function readInput(input: unknown, path: string, reading: Reading): void {
  if (typeof input === 'string') {
    reading.conversation.say('user', [{ type: 'text', text: input }]);
    return;
  }
  for (const [index, value] of listAt(input, path).entries()) {
    readItem(objectAt(value, `${path}[${index}]`), `${path}[${index}]`, reading);
  }
}

function readItem(item: JsonObject, path: string, reading: Reading): void {
  const { conversation, notes } = reading;
  const type = typeOf(item, path);
  switch (type) {
    case 'message':
      readMessage(item, path, reading);
      return;
    case 'reasoning':
      readThoughts(item, path, conversation);
      return;
    case 'function_call':
      readCall(item, argumentsOf(item.arguments, `${path}.arguments`), path, reading);
      return;
    case 'custom_tool_call':
      readCall(item, JSON.stringify({ input: stringAt(item.input ?? '', `${path}.input`) }), path, reading);
      return;
    case 'function_call_output':
    case 'custom_tool_call_output':
      conversation.result(stringOrNull(item.call_id), readContent(item.output, `${path}.output`, notes));
      return;
    case 'item_reference':
      readReference(item, path, reading);
      return;
    case 'additional_tools':
    case 'tool_search_output':
      readBroughtTools(item, type, path, reading);
      return;
    case 'compaction':
    case 'compaction_summary':
    case 'context_compaction':
      notes.add('a compacted part of the conversation was left out: only OpenAI can read it');
      return;
    default:
      readForeign(item, type, path, reading);
  }
}

/** A server that shows its thoughts has them in `content`; OpenAI's has summaries only. */
function readThoughts(item: JsonObject, path: string, conversation: Conversation): void {
  const thoughts = readTexts(item.content, `${path}.content`);
  conversation.think(thoughts.length > 0 ? thoughts : readTexts(item.summary, `${path}.summary`));
}

/** The short form of a message has no type, and a reference may have none either. */
function typeOf(item: JsonObject, path: string): string {
  if (item.type !== undefined && item.type !== null) return nameAt(item.type, `${path}.type`);
  if (!isReference(item)) return 'message';
  if (typeof item.id === 'string') return 'item_reference';
  throw invalid(`${path}.type`, 'the type of an item is required');
}

function readMessage(item: JsonObject, path: string, { conversation, notes }: Reading): void {
  const content = readContent(item.content, `${path}.content`, notes);
  switch (item.role) {
    case 'user':
    case 'system':
    case 'developer':
      conversation.say(item.role, content);
      return;
    case 'assistant':
      conversation.answer(content);
      return;
    default:
      throw invalid(`${path}.role`, 'user, assistant, system or developer is required');
  }
}

function readCall(item: JsonObject, json: string, path: string, { conversation }: Reading): void {
  const name = nameAt(item.name, `${path}.name`);
  const id = nameAt(item.call_id ?? item.id, `${path}.call_id`);
  conversation.call(id, flatName(stringOrNull(item.namespace), name), json);
}

/** JSON as text; some clients send the object. No arguments at all are an empty object. */
function argumentsOf(value: unknown, path: string): string {
  if (isObject(value)) return JSON.stringify(value);
  const json = stringAt(value ?? '', path);
  return json.trim() === '' ? '{}' : argumentsText(json);
}

function readReference(item: JsonObject, path: string, reading: Reading): void {
  const id = nameAt(item.id, `${path}.id`);
  readItem(reading.referred(id, `${path}.id`), path, reading);
}

/** Tools that join in during the conversation go to the end of the list, where they cost no prefix cache. */
function readBroughtTools(item: JsonObject, type: string, path: string, reading: Reading): void {
  const offers = readToolList(item.tools, `${path}.tools`, reading.notes);
  for (const offer of offers) reading.offers.push(offer);
  if (type !== 'tool_search_output') return;
  const id = stringOrNull(item.call_id);
  const names = offers.map(({ tool }) => `Tool ${tool.function.name} is now available.`);
  if (id !== null) reading.conversation.result(id, [textPart(names.join('\n') || 'No tool was found.')]);
}

/** How calls of tools that Flow does not offer are told to the model: which fields say what was asked. */
const ASKED_BY: { readonly [type: string]: readonly string[] } = {
  local_shell_call: ['action'],
  shell_call: ['action'],
  apply_patch_call: ['operation'],
  computer_call: ['action', 'actions'],
  tool_search_call: ['arguments'],
};

/** Calls that bring their own result. */
const ANSWERED_BY: { readonly [type: string]: readonly string[] } = {
  mcp_call: ['output', 'error'],
  code_interpreter_call: ['outputs'],
  file_search_call: ['results'],
};

function readForeign(item: JsonObject, type: string, path: string, reading: Reading): void {
  const asked = ASKED_BY[type];
  const answered = ANSWERED_BY[type];
  if (asked !== undefined) readForeignCall(item, type, asked, reading);
  else if (answered !== undefined) readWholeCall(item, type, answered, reading);
  else if (type.endsWith('_call_output')) readForeignResult(item, path, reading);
  else reading.notes.add(`an item of type ${type} was left out: it means nothing to a local model`);
}

function readForeignCall(item: JsonObject, type: string, fields: readonly string[], reading: Reading): void {
  const id = stringOrNull(item.call_id) ?? stringOrNull(item.id);
  if (id === null) {
    reading.notes.add(`an item of type ${type} was left out: it has no id`);
    return;
  }
  const [first] = fields.map((field) => item[field]).filter((value) => value !== undefined);
  const json =
    typeof first === 'string' ? argumentsText(first) : JSON.stringify(isObject(first) ? first : { actions: first });
  reading.conversation.call(id, type.replace(/_call$/, ''), json);
}

function readForeignResult(item: JsonObject, path: string, { conversation, notes }: Reading): void {
  const id = stringOrNull(item.call_id) ?? stringOrNull(item.id);
  const output = isObject(item.output) ? [item.output] : item.output;
  // The output of a shell call is a list of what each command wrote, and no parts.
  const isData = Array.isArray(output) && output.some((part: unknown) => isObject(part) && part.type === undefined);
  const content = isData ? [textPart(JSON.stringify(output))] : readContent(output, `${path}.output`, notes);
  conversation.result(id, content);
}

/** What somebody else's server was asked and answered, as a call and its result. */
function readWholeCall(item: JsonObject, type: string, fields: readonly string[], reading: Reading): void {
  const id = stringOrNull(item.id);
  if (id === null) return;
  const { id: _id, type: _type, status: _status, output: _o, outputs: _os, error: _e, results: _r, ...asked } = item;
  const name = stringOrNull(item.name) ?? type.replace(/_call$/, '');
  const json = typeof item.arguments === 'string' ? argumentsText(item.arguments) : JSON.stringify(asked);
  reading.conversation.call(id, name, json);
  const [answer] = fields.map((field) => item[field]).filter((value) => value !== undefined && value !== null);
  reading.conversation.result(id, [textPart(typeof answer === 'string' ? answer : JSON.stringify(answer ?? null))]);
}

/** Templates parse the arguments of old calls, so what is no JSON object becomes one. */
function argumentsText(text: string): string {
  try {
    return isObject(JSON.parse(text)) ? text : JSON.stringify({ input: text });
  } catch {
    return JSON.stringify({ input: text });
  }
}

function textPart(text: string): ContentPart {
  return { type: 'text', text };
}
