/** What an engine on trial is asked, in the protocol that all engines speak, and what is to be said of its answers. */
import type { Speech } from '#src/engines/speech.ts';
import { Fault } from '#src/faults.ts';
import { isObject, type JsonObject, numberOrNull, stringOrNull } from '#src/json.ts';
import type { Frame } from '#src/stream/frames.ts';

/** How an engine is reached. Throws Faults; an answer that is no success is one, in the engine's own words. */
export interface Asker {
  readonly speech: Speech;
  /** What `model` must say. */
  readonly modelName: string;
  post(path: string, body: JsonObject): Promise<JsonObject>;
  stream(path: string, body: JsonObject): Promise<readonly Frame[]>;
}

const CHAT_PATH = '/v1/chat/completions';
/** Enough for a sentence; a trial on a slow machine is to end while somebody watches. */
const ANSWER_TOKENS = 48;
/** A call takes more, and models like to think before it. */
const CALL_TOKENS = 256;
const QUESTION = { role: 'user', content: 'Hello! Please answer with one short sentence.' };
const TOOL = {
  type: 'function',
  function: {
    name: 'get_weather',
    description: 'Tells the weather of a city',
    parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  },
};

/** A whole answer has text, an end, and counts. */
export async function askChat(asker: Asker, canThink: boolean): Promise<string> {
  const answer = await asker.post(CHAT_PATH, chatBody(asker, canThink ? false : null));
  const { text, finish } = choiceOf(answer);
  needText(text);
  if (finish === null) throw wrong('the answer has no finish_reason');
  return `${countsOf(answer)}, finished by ${finish}.`;
}

/** A streamed one comes in frames, with the counts and `[DONE]` at its end. */
export async function askStream(asker: Asker, canThink: boolean): Promise<string> {
  const body = { ...chatBody(asker, canThink ? false : null), stream: true, stream_options: { include_usage: true } };
  const frames = await asker.stream(CHAT_PATH, body);
  const chunks = frames.filter(({ data }) => data !== '[DONE]').map(({ data }) => parsed(data));
  const failure = chunks.find((chunk) => isGiven(chunk.error));
  if (failure) throw wrong(`the stream broke off: ${wordsOf(failure)}`);
  needText(chunks.map(deltaText).join(''));
  if (!chunks.some((chunk) => firstChoice(chunk).finish_reason)) throw wrong('the stream has no finish_reason');
  const counted = chunks.findLast(({ usage }) => isObject(usage));
  if (!counted) throw wrong('the stream does not count its tokens');
  if (frames.at(-1)?.data !== '[DONE]') throw wrong('the stream does not end in [DONE]');
  return `${frames.length} frames; ${countsOf(counted)}.`;
}

/** A tool is offered. A small model need not call it, but a call must be whole, and its result must be taken. */
export async function askTools(asker: Asker, canThink: boolean): Promise<string> {
  const question = { role: 'user', content: 'What is the weather in Paris? Use the tool get_weather.' };
  const body = { ...chatBody(asker, canThink ? false : null), tools: [TOOL], max_tokens: CALL_TOKENS };
  const answer = await asker.post(CHAT_PATH, { ...body, messages: [question] });
  const { text, finish, calls } = choiceOf(answer);
  const [call] = calls;
  if (!call) {
    needText(text);
    return 'No call came, but an answer did.';
  }
  const called = isObject(call.function) ? call.function : {};
  const name = stringOrNull(called.name) ?? '';
  if (finish === 'length') return `The call of ${name} was cut by the limit of the trial.`;
  if (!isJsonObject(stringOrNull(called.arguments))) throw wrong(`the arguments of the call of ${name} are not JSON`);
  const result = { role: 'tool', tool_call_id: stringOrNull(call.id) ?? 'call_1', content: '{"sky":"clear"}' };
  const asked = { role: 'assistant', content: text, tool_calls: [call] };
  const after = choiceOf(await asker.post(CHAT_PATH, { ...body, messages: [question, asked, result] }));
  if (after.text.trim() === '' && after.calls.length === 0) throw wrong('nothing is said to the result of a call');
  return `${name} was called, and its result was answered.`;
}

/** The switch is taken in both positions. What a model does with it is the model's affair. */
export async function askThinking(asker: Asker): Promise<string> {
  const off = choiceOf(await asker.post(CHAT_PATH, chatBody(asker, false)));
  const on = choiceOf(await asker.post(CHAT_PATH, chatBody(asker, true)));
  needText(off.text);
  needText(on.text);
  return `Thoughts are ${on.thought === '' ? 'not told apart' : 'told apart'} when switched on.`;
}

/** The engine renders a prompt and counts it. */
export async function askCount(asker: Asker): Promise<string> {
  const rendered = await asker.post('/apply-template', { messages: [QUESTION] });
  const content = stringOrNull(rendered.prompt);
  if (content === null || content === '') throw wrong('the prompt is not shown');
  const { tokens } = await asker.post('/tokenize', { content, add_special: true, parse_special: true });
  if (!Array.isArray(tokens) || tokens.length === 0) throw wrong('the prompt has no tokens');
  return `The prompt has ${tokens.length} tokens.`;
}

/** An embedding is a vector of finite numbers that are not all nought. */
export async function askEmbeddings(asker: Asker): Promise<string> {
  const { data } = await asker.post('/v1/embeddings', { model: asker.modelName, input: 'A short text.' });
  const [first]: readonly unknown[] = Array.isArray(data) ? data : [];
  const vector: unknown = isObject(first) ? first.embedding : null;
  if (!Array.isArray(vector) || vector.length === 0) throw wrong('no vector came');
  const numbers = vector.map(numberOrNull);
  if (numbers.includes(null)) throw wrong('the vector holds what is no number');
  if (numbers.every((number) => number === 0)) throw wrong('the vector is all noughts');
  return `A vector of ${vector.length} numbers.`;
}

/**
 * Whether a text is what broken kernels write: one or two characters again and again, or bytes that are no text. Short
 * answers are never judged.
 */
export function isGibberish(text: string): boolean {
  const characters = [...text.replace(/\s/g, '')];
  if (characters.length < 16) return false;
  const broken = characters.filter((character) => character < ' ' || character === '\uFFFD');
  return new Set(characters).size <= 2 || broken.length > characters.length / 10;
}

/** `thinks` null leaves the switch out. */
function chatBody({ speech, modelName }: Asker, thinks: boolean | null): JsonObject {
  const body = { model: modelName, messages: [QUESTION], max_tokens: ANSWER_TOKENS, temperature: 0 };
  if (thinks === null) return body;
  if (speech.thinkingPlace === 'body') return { ...body, enable_thinking: thinks };
  return { ...body, chat_template_kwargs: { enable_thinking: thinks } };
}

type Said = {
  /** Answer and thought together. */
  readonly text: string;
  readonly thought: string;
  readonly finish: string | null;
  readonly calls: readonly JsonObject[];
};

function choiceOf(answer: JsonObject): Said {
  const choice = firstChoice(answer);
  const message = isObject(choice.message) ? choice.message : {};
  const thought = thoughtOf(message);
  const calls = Array.isArray(message.tool_calls) ? message.tool_calls.filter(isObject) : [];
  const text = thought + (stringOrNull(message.content) ?? '');
  return { text, thought, finish: stringOrNull(choice.finish_reason), calls };
}

function firstChoice({ choices }: JsonObject): JsonObject {
  const [first]: readonly unknown[] = Array.isArray(choices) ? choices : [];
  return isObject(first) ? first : {};
}

function deltaText(chunk: JsonObject): string {
  const { delta } = firstChoice(chunk);
  if (!isObject(delta)) return '';
  // An empty content may stand beside a thought.
  return (stringOrNull(delta.content) ?? '') + thoughtOf(delta);
}

/** Some say it under both names, and the same under each. */
function thoughtOf({ reasoning_content, reasoning }: JsonObject): string {
  return stringOrNull(reasoning_content) ?? stringOrNull(reasoning) ?? '';
}

function needText(text: string): void {
  if (text.trim() === '') throw wrong('the answer is empty');
  if (isGibberish(text)) throw wrong(`the answer makes no sense: ${JSON.stringify(text.slice(0, 40))}`);
}

/** What was counted, in words. Throws when nothing was. */
function countsOf({ usage }: JsonObject): string {
  const read = isObject(usage) ? numberOrNull(usage.prompt_tokens) : null;
  const written = isObject(usage) ? numberOrNull(usage.completion_tokens) : null;
  if (!read || !written) throw wrong('the tokens are not counted');
  return `${read} tokens read, ${written} written`;
}

/** The engine's own words of an error. */
export function wordsOf(body: JsonObject): string {
  const { error } = body;
  const message = isObject(error) ? stringOrNull(error.message) : stringOrNull(error);
  return (message ?? stringOrNull(body.detail) ?? 'without a word').slice(0, 300);
}

function parsed(text: string): JsonObject {
  try {
    const value: unknown = JSON.parse(text);
    if (isObject(value)) return value;
  } catch {
    throw wrong(`a frame is not JSON: ${JSON.stringify(text.slice(0, 40))}`);
  }
  throw wrong('a frame is not a JSON object');
}

function isJsonObject(text: string | null): boolean {
  try {
    return isObject(JSON.parse(text ?? ''));
  } catch {
    return false;
  }
}

function wrong(what: string): Fault {
  return new Fault('engine-refused', `It was asked, but ${what}.`);
}

const isGiven = (value: unknown): boolean => value !== undefined && value !== null;
