/** Bodies of Ollama's `/api/chat` and `/api/generate`, as what an engine is asked. */
import type { ChatMessage, ChatRequest, ContentPart } from '#src/dialects/chat-request.ts';
import { invalid, stringAt } from '#src/dialects/invalid.ts';
import { isGiven, type JsonObject } from '#src/json.ts';
import { readImages } from './images.ts';
import { readMessages, readTools } from './messages.ts';
import { noteUnserved, readFormat, readOptions, readStream, readThink } from './options.ts';

/** What a body of `/api/chat`, or one of `/api/generate` in words, says. */
export type OllamaRequest = {
  readonly request: ChatRequest;
  readonly wantsStream: boolean;
  readonly notes: readonly string[];
};

/**
 * What a body of `/api/generate` asks of an engine without a chat template: to go on with a text, or to fill the gap
 * between two.
 */
export type PlainRequest = {
  readonly kind: 'completion' | 'infill';
  /** The fields of `/v1/completions`. */
  readonly fields: JsonObject;
  readonly wantsStream: boolean;
  readonly notes: readonly string[];
};

const UNSERVED = {
  logprobs: 'Flow gives no probabilities in this protocol',
  top_logprobs: 'Flow gives no probabilities in this protocol',
};
const UNSERVED_IN_GENERATE = {
  ...UNSERVED,
  context: 'the conversation itself must be sent; /api/chat does that',
  template: "templates are programs; a model's template is configured in Flow",
};

/** Reads a body of `/api/chat`. Throws Fault('invalid-request') that names the place. */
export function readChat(body: JsonObject): OllamaRequest {
  const tools = readTools(body.tools);
  return common(body, readMessages(body.messages), UNSERVED, tools.length === 0 ? {} : { tools });
}

/** Reads a body of `/api/generate` that goes through the model's template. */
export function readGenerate(body: JsonObject): OllamaRequest {
  const system = isGiven(body.system) ? stringAt(body.system, 'system') : '';
  const prompt = isGiven(body.prompt) ? stringAt(body.prompt, 'prompt') : '';
  const images = readImages(body.images, 'images');
  const text: readonly ContentPart[] = prompt === '' ? [] : [{ type: 'text', text: prompt }];
  const messages: readonly ChatMessage[] = [
    ...(system === '' ? [] : [{ role: 'system', content: system }]),
    { role: 'user', content: images.length === 0 ? prompt : [...text, ...images] },
  ];
  return common(body, messages, UNSERVED_IN_GENERATE);
}

/** Reads a body of `/api/generate` that is raw or has a suffix; null for one that goes through the template. */
export function readPlain(body: JsonObject): PlainRequest | null {
  const suffix = isGiven(body.suffix) ? stringAt(body.suffix, 'suffix') : '';
  if (body.raw !== true && suffix === '') return null;
  const notes = new Set<string>();
  if (readImages(body.images, 'images').length > 0) {
    throw invalid('images', 'a raw prompt and a suffix cannot hold images');
  }
  const unserved = { system: 'a raw prompt and a suffix go past the template', think: 'it goes past the template' };
  noteUnserved(body, { ...UNSERVED_IN_GENERATE, ...unserved }, notes);
  const prompt = isGiven(body.prompt) ? stringAt(body.prompt, 'prompt') : '';
  const fields = {
    prompt,
    ...(suffix === '' ? {} : { suffix }),
    ...readOptions(body.options, notes),
    ...readFormat(body.format),
  };
  const kind = suffix === '' ? 'completion' : 'infill';
  return { kind, fields, wantsStream: readStream(body.stream), notes: [...notes] };
}

function common(
  body: JsonObject,
  messages: readonly ChatMessage[],
  unserved: Readonly<Record<string, string>>,
  tools: Pick<ChatRequest, 'tools'> = {},
): OllamaRequest {
  const notes = new Set<string>();
  const wantsStream = readStream(body.stream);
  const options = readOptions(body.options, notes);
  noteUnserved(body, unserved, notes);
  const request: ChatRequest = {
    ...(isGiven(body.model) ? { model: stringAt(body.model, 'model') } : {}),
    messages,
    ...tools,
    ...options,
    ...readThink(body.think),
    ...readFormat(body.format),
    stream: wantsStream,
  };
  return { request, wantsStream, notes: [...notes] };
}
