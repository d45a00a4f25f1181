/** An OpenAI Responses request as the canonical chat request. */
import type { ChatMessage, ChatRequest } from '#src/dialects/chat-request.ts';
import { invalid, nameAt, objectAt, stringAt } from '#src/dialects/invalid.ts';
import { thinkingSwitch } from '#src/dialects/thinking-switch.ts';
import { isGiven, isObject, type JsonObject, stringOrNull } from '#src/json.ts';
import type { ResponseMemory } from '#src/responses/memory.ts';
import { Conversation } from './conversation.ts';
import { chainBefore, finder, isReference, itemsOf } from './history.ts';
import { type Reading, readInput } from './items.ts';
import { chooseTools } from './tool-choice.ts';
import { type Offer, readSchema, readToolList, ToolBook } from './tools.ts';

/** What a body of `/v1/responses` says, and what its answer needs to know of it. */
export type ResponsesRequest = {
  readonly request: ChatRequest;
  readonly wantsStream: boolean;
  readonly notes: readonly string[];
  readonly asked: Asked;
};

/** What the answer repeats and keeps of the request. */
export type Asked = {
  readonly body: JsonObject;
  readonly previousId: string | null;
  /** The items of its own input, as they came. */
  readonly input: readonly JsonObject[];
  readonly book: ToolBook;
  /** Null: in memory only, since the client has not said. */
  readonly store: boolean | null;
};

/** Fields that promise something no local engine does, with what they promise. */
const UNKEPT_PROMISES: readonly (readonly [field: string, isAsked: (value: unknown) => boolean, words: string])[] = [
  ['truncation', (value) => value === 'auto', 'truncation was left out: Flow never shortens a conversation'],
  ['context_management', isGiven, 'context_management was left out: Flow never shortens a conversation'],
  ['top_logprobs', (value) => typeof value === 'number' && value > 0, 'top_logprobs was left out'],
  ['max_tool_calls', isGiven, 'max_tool_calls was left out: it counts calls of built-in tools'],
];

/** Reads a body. Throws a Fault that names the place. Unknown fields are ignored, never refused. */
export function readRequest(body: JsonObject, memory: ResponseMemory): ResponsesRequest {
  refuseUnserved(body);
  const notes = new Set<string>();
  const offers: Offer[] = [...readToolList(body.tools, 'tools', notes)];
  const previousId = isGiven(body.previous_response_id)
    ? nameAt(body.previous_response_id, 'previous_response_id')
    : null;
  const before = chainBefore(previousId, memory).flatMap(itemsOf);
  const sent = inputItems(body.input);
  const referred = finder([...before, ...sent], memory);
  // What is kept must not hang on an answer that may be forgotten before it.
  const input = sent.map((item, index) => (isReference(item) ? meant(item, `input[${index}]`, referred) : item));
  const messages = readConversation(body, { before, input, reading: { notes, offers, referred } });
  for (const [field, isAsked, words] of UNKEPT_PROMISES) if (isAsked(body[field])) notes.add(words);
  const wantsStream = readFlag(body.stream, 'stream') === true;
  const request: ChatRequest = {
    ...(isGiven(body.model) ? { model: nameAt(body.model, 'model') } : {}),
    messages,
    ...chooseTools(offers, body, notes),
    ...readLimit(body.max_output_tokens),
    ...readNumbers(body),
    ...readReasoning(body.reasoning),
    ...readFormat(body.text),
    stream: wantsStream,
  };
  const asked = { body, previousId, input, book: new ToolBook(offers), store: readFlag(body.store, 'store') };
  return { request, wantsStream, notes: [...notes], asked };
}

type Sources = {
  /** Items of the answers that are gone on with. */
  readonly before: readonly JsonObject[];
  readonly input: readonly JsonObject[];
  readonly reading: Omit<Reading, 'conversation'>;
};

/** The system text, the conversation before, and what is new. Instructions of earlier answers do not carry over. */
function readConversation(body: JsonObject, sources: Sources): readonly ChatMessage[] {
  const { before, input } = sources;
  const conversation = new Conversation();
  const reading = { ...sources.reading, conversation };
  if (typeof body.instructions === 'string') conversation.say('system', [{ type: 'text', text: body.instructions }]);
  else if (isGiven(body.instructions)) readInput(body.instructions, 'instructions', reading);
  readInput(before, 'previous_response_id', reading);
  readInput(input, 'input', reading);
  const messages = conversation.messages();
  if (messages.length === 0) throw invalid('input', 'a text or at least one message is required');
  return messages;
}

/** The item that a reference stands for. */
function meant(reference: JsonObject, path: string, referred: Reading['referred']): JsonObject {
  if (typeof reference.id !== 'string' && !isGiven(reference.type)) {
    throw invalid(`${path}.type`, 'the type of an item is required');
  }
  return referred(nameAt(reference.id, `${path}.id`), `${path}.id`);
}

function inputItems(input: unknown): readonly JsonObject[] {
  if (!isGiven(input)) return [];
  if (typeof input === 'string') {
    return [{ type: 'message', role: 'user', content: [{ type: 'input_text', text: input }] }];
  }
  if (!Array.isArray(input)) throw invalid('input', 'a text or a list of items is required');
  return input.map((item: unknown, index) => objectAt(item, `input[${index}]`));
}

/** What would mean another answer than the one that was asked for is refused, not left out. */
function refuseUnserved(body: JsonObject): void {
  if (body.background === true) {
    throw invalid('background', 'false is required; Flow answers while the client waits, streamed or not');
  }
  if (isGiven(body.conversation)) {
    throw invalid('conversation', 'Flow keeps no conversations; use previous_response_id, or send the conversation');
  }
  if (isGiven(body.prompt)) {
    throw invalid('prompt', 'Flow keeps no prompt templates; send instructions and input');
  }
}

function readFlag(value: unknown, path: string): boolean | null {
  if (!isGiven(value)) return null;
  if (typeof value !== 'boolean') throw invalid(path, 'true or false is required');
  return value;
}

function readLimit(value: unknown): JsonObject {
  if (!isGiven(value)) return {};
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 1) {
    throw invalid('max_output_tokens', 'a whole number of at least 1 is required');
  }
  return { max_tokens: value };
}

const NUMBERS = ['temperature', 'top_p', 'presence_penalty', 'frequency_penalty'] as const;

function readNumbers(body: JsonObject): JsonObject {
  const given = NUMBERS.filter((field) => isGiven(body[field]));
  return Object.fromEntries(
    given.map((field) => {
      const value = body[field];
      if (typeof value !== 'number' || !Number.isFinite(value)) throw invalid(field, 'a number is required');
      return [field, value];
    }),
  );
}

/**
 * Effort is a switch and a level: templates know the one, the other, or both. Without a word about it the model does
 * as it usually does: Codex names no effort for models that it does not know.
 */
function readReasoning(value: unknown): JsonObject {
  const effort = isObject(value) ? stringOrNull(value.effort) : null;
  switch (effort) {
    case null:
      return {};
    case 'none':
    case 'minimal':
      return thinkingSwitch(false);
    case 'low':
    case 'medium':
    case 'high':
      return { ...thinkingSwitch(true), reasoning_effort: effort };
    // Templates know three levels; what is more than high is high.
    default:
      return { ...thinkingSwitch(true), reasoning_effort: 'high' };
  }
}

/** Structured output. */
function readFormat(text: unknown): JsonObject {
  const format = isObject(text) ? text.format : null;
  if (!isGiven(format)) return {};
  const own = objectAt(format, 'text.format');
  switch (own.type) {
    case 'text':
      return {};
    case 'json_object':
      return { response_format: { type: 'json_object' } };
    case 'json_schema': {
      const schema = readSchema(own.schema, 'text.format.schema');
      const name = isGiven(own.name) ? stringAt(own.name, 'text.format.name') : 'out';
      const strict = own.strict === true ? { strict: true } : {};
      return { response_format: { type: 'json_schema', json_schema: { name, schema, ...strict } } };
    }
    default:
      throw invalid('text.format.type', 'text, json_object or json_schema is required');
  }
}
