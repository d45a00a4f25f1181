/**
 * Streams of engines that are not llama-server, made such as llama-server would give them: what clients stumble over is
 * put right here, so that everything behind it reads one kind of stream. Measured on mlx_lm 0.31 and 0.32,
 * mlx-openai-server 1.8 and mlx-vlm 0.7.
 */
import { isObject, type JsonObject, jsonOrNull, numberOrNull, stringOrNull } from '#src/json.ts';
import { encodeFrame, type Frame, FrameReader } from '#src/stream/frames.ts';
import { errorObject } from './engine-word.ts';

export type ForeignParts = {
  readonly requestId: string;
  /** What the answer calls its model, whatever the engine calls it. */
  readonly modelId: string;
  readonly createdS: number;
  /** The limit of the answer that the engine was sent; null = none. */
  readonly limitTokens: number | null;
  /** The counts come in a frame of their own, as `include_usage` wants them; else beside the finish. */
  readonly wantsUsage: boolean;
  /** Says what was put right, where the model or the engine had lost something. */
  readonly report: (note: string) => void;
};

/** mlx_lm's word on the prompt: tokens read, of those that were not in its cache. */
const KEEPALIVE = /^ ?keepalive (\d{1,9})\/(\d{1,9})$/;
const TOOL_CALLS_MAX = 128;

type OpenCall = { readonly id: string; readonly index: number };

/**
 * Takes the engine's bytes and gives frames. The finish waits for the counts, which some give beside it and some after
 * it: only then is it known whether the limit ended the answer. What follows an error is no part of the answer.
 */
export class ForeignFrames {
  readonly #parts: ForeignParts;
  readonly #frames = new FrameReader((comment) => this.#comment(comment));
  readonly #calls = new Map<number, OpenCall>();
  #nextIndex = 0;
  #text = '';
  #envelope: JsonObject = {};
  #hasRole = false;
  #finish: string | null = null;
  #usage: JsonObject | null = null;
  #timings: JsonObject | null = null;
  #isOver = false;

  constructor(parts: ForeignParts) {
    this.#parts = parts;
  }

  /** The frames that these bytes complete; empty for none. */
  push(bytes: Uint8Array): string {
    this.#text = '';
    for (const frame of this.#frames.push(bytes)) this.#take(frame);
    return this.#text;
  }

  /** What is left when the engine has closed: a finish without `[DONE]` is a finish, nothing else is made up. */
  end(): string {
    this.#text = '';
    for (const frame of this.#frames.end()) this.#take(frame);
    if (!this.#isOver) this.#finished();
    return this.#text;
  }

  #comment(comment: string): void {
    const progress = KEEPALIVE.exec(comment);
    if (!progress || this.#hasRole || this.#isOver) return;
    const [, processed, total] = progress;
    const prompt_progress = { total: Number(total), cache: 0, processed: Number(processed), time_ms: 0 };
    this.#write({ choices: [{ index: 0, delta: {}, finish_reason: null }], prompt_progress });
  }

  #take({ data }: Frame): void {
    if (this.#isOver) return;
    if (data.trim() === '[DONE]') {
      this.#finished();
      this.#text += encodeFrame({ data: '[DONE]' });
      this.#isOver = true;
      return;
    }
    const chunk = jsonOrNull(data);
    if (!isObject(chunk)) return;
    const error = errorObject(chunk);
    if (error) {
      this.#text += encodeFrame({ data: JSON.stringify({ error }) });
      this.#isOver = true;
      return;
    }
    const { choices, usage, timings, ...envelope } = chunk;
    if (isObject(usage)) this.#usage = wireUsage(usage);
    if (isObject(timings)) this.#timings = timings;
    this.#envelope = envelope;
    const choice: unknown = Array.isArray(choices) ? choices.find(isFirst) : null;
    if (isObject(choice)) this.#takeChoice(choice);
  }

  #takeChoice({ delta, finish_reason, text, ...choice }: JsonObject): void {
    const said = isObject(delta) ? this.#delta(delta) : {};
    if (typeof text === 'string' && text !== '') this.#write({ choices: [{ ...choice, index: 0, text }] });
    else if (Object.keys(said).length > 0) {
      const role = this.#hasRole ? {} : { role: 'assistant' };
      this.#hasRole = true;
      this.#write({ choices: [{ ...choice, index: 0, delta: { ...role, ...said }, finish_reason: null }] });
    }
    this.#finish = stringOrNull(finish_reason) || this.#finish;
  }

  /** What a delta says, under the names that clients look for; one that says nothing is empty. */
  #delta({ role: _role, content, reasoning, reasoning_content, tool_calls, ...rest }: JsonObject): JsonObject {
    const thinking = stringOrNull(reasoning_content) || stringOrNull(reasoning);
    const calls: readonly unknown[] = Array.isArray(tool_calls) ? tool_calls : [];
    const told = calls.filter(isObject).flatMap((call, place) => this.#call(call, place) ?? []);
    return {
      ...Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== null)),
      ...(thinking ? { reasoning_content: thinking } : {}),
      ...(typeof content === 'string' && content !== '' ? { content } : {}),
      ...(told.length > 0 ? { tool_calls: told } : {}),
    };
  }

  /** A call, or more of one, under an index of its own: some engines give none, some the same to all. */
  #call(call: JsonObject, place: number): JsonObject | null {
    const said = isObject(call.function) ? call.function : {};
    const id = stringOrNull(call.id) || null;
    const name = stringOrNull(said.name) || null;
    const index = numberOrNull(call.index);
    const key = index ?? (name === null ? this.#nextIndex - 1 : this.#nextIndex + place);
    const open = this.#calls.get(key);
    const json = isObject(said.arguments) ? JSON.stringify(said.arguments) : (stringOrNull(said.arguments) ?? '');
    if (open && (name === null || id === null || id === open.id)) {
      return json === '' ? null : { index: open.index, function: { arguments: json } };
    }
    if (name === null || this.#nextIndex >= TOOL_CALLS_MAX) return null;
    const begun = { id: id ?? `call_${this.#parts.requestId}_${this.#nextIndex}`, index: this.#nextIndex };
    this.#nextIndex += 1;
    this.#calls.set(key, begun);
    return { index: begun.index, id: begun.id, type: 'function', function: { name, arguments: json } };
  }

  get #isText(): boolean {
    return this.#envelope.object === 'text_completion';
  }

  /** The finish that waited, and the counts. */
  #finished(): void {
    if (this.#finish === null) return;
    const usage = this.#usage ?? undefined;
    const timings = this.#timings ?? undefined;
    const { wantsUsage } = this.#parts;
    // Clients refuse an answer of which no chunk names the role, also one that says nothing.
    const delta = this.#hasRole || this.#isText ? {} : { role: 'assistant', content: '' };
    const last = { index: 0, delta, finish_reason: this.#reason(this.#finish) };
    this.#write({ choices: [last], ...(wantsUsage ? {} : { usage }), timings });
    if (wantsUsage && usage) this.#write({ choices: [], usage });
    this.#finish = null;
  }

  #reason(reason: string): string {
    const { limitTokens, report } = this.#parts;
    const outputTokens = numberOrNull(this.#usage?.completion_tokens);
    // mlx-openai-server never says `length`.
    if (reason === 'stop' && limitTokens !== null && outputTokens !== null && outputTokens >= limitTokens) {
      return 'length';
    }
    if (reason !== 'tool_calls' || this.#calls.size > 0) return reason;
    report("the engine's parser lost a tool call that it could not read");
    return 'stop';
  }

  #write(chunk: JsonObject): void {
    const { requestId, modelId, createdS } = this.#parts;
    const object = this.#isText ? 'text_completion' : 'chat.completion.chunk';
    const named = {
      ...this.#envelope,
      // The engine's own may change within an answer, and the progress of the prompt comes before it.
      id: `chatcmpl-${requestId}`,
      object,
      created: numberOrNull(this.#envelope.created) ?? createdS,
      model: modelId,
    };
    this.#text += encodeFrame({ data: JSON.stringify({ ...named, ...chunk }) });
  }
}

/** A whole answer of such an engine under the name of our model. */
export function namedAnswer(answer: JsonObject, modelId: string): JsonObject {
  return Object.hasOwn(answer, 'model') ? { ...answer, model: modelId } : answer;
}

function isFirst(choice: unknown): boolean {
  return isObject(choice) && (choice.index === undefined || choice.index === null || choice.index === 0);
}

/** Counts under OpenAI's names: mlx-vlm before 0.7 has Anthropic's. */
function wireUsage(usage: JsonObject): JsonObject {
  const { input_tokens, output_tokens, ...rest } = usage;
  if (usage.prompt_tokens !== undefined || numberOrNull(input_tokens) === null) return usage;
  return { ...rest, prompt_tokens: input_tokens, completion_tokens: output_tokens };
}
