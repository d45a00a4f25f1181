/** The engine's stream of OpenAI chat chunks as events. Unknown fields are ignored; only the first choice is read. */
import type { FinishReason, StreamEvent } from '#src/dialects/stream-event.ts';
import { Fault } from '#src/faults.ts';
import { isObject, type JsonObject, jsonOrNull, numberOrNull, stringOrNull } from '#src/json.ts';
import { errorObject, faultOfError, NO_TIMINGS, NO_USAGE, readTimings, readUsage } from './engine-word.ts';
import { type FrameShape, shapeOf, textBy } from './frame-shape.ts';

/** Tool calls in one answer; an index beyond it is nonsense from a broken engine. */
const TOOL_CALLS_MAX = 128;
const DELTA_KEYS = ['content', 'reasoning_content', 'reasoning'] as const;
type Shape = FrameShape & { readonly type: 'text' | 'thinking' };
type OpenCall = { readonly id: string; readonly name: string };

/** Reads the `data` of one frame after the other: most by their shape, the others by parsing. */
export class ChatDecoder {
  readonly #callIdPrefix: string;
  readonly #calls = new Map<number, OpenCall>();
  #shapes: Shape[] = [];
  #finish: FinishReason | null = null;
  #answer: JsonObject = {};
  #stopSequence: string | null = null;
  #hasFault = false;
  #isDone = false;

  /** `requestId` makes ids for tool calls to which the engine gave none. */
  constructor(requestId: string) {
    this.#callIdPrefix = `call_${requestId}_`;
  }

  /** `[DONE]` or an error came: whatever follows is not part of the answer. */
  get isDone(): boolean {
    return this.#isDone;
  }

  /** How the answer ended, as soon as a frame has said so; `end` tells it as an event. */
  get finish(): FinishReason | null {
    return this.#finish;
  }

  /** Events of one frame's data. Usage and finish wait for `end`, since usage comes after the finish on the wire. */
  push(data: string): readonly StreamEvent[] {
    if (this.#isDone) return [];
    for (const shape of this.#shapes) {
      const text = textBy(shape, data);
      if (text !== null) return [{ type: shape.type, text }];
    }
    return this.#parse(data);
  }

  /**
   * The last events: usage, then the finish; or a fault when the engine stopped without one (a cut connection cannot be
   * told from an end by its bytes, so only the protocol's own terminal counts).
   */
  end(): readonly StreamEvent[] {
    if (this.#hasFault) return [];
    const usage: StreamEvent = { type: 'usage', usage: readUsage(this.#answer), timings: readTimings(this.#answer) };
    const hasUsage = this.#answer.usage !== undefined || this.#answer.timings !== undefined;
    if (this.#finish) {
      const finish: StreamEvent = { type: 'finish', reason: this.#finish, stopSequence: this.#stopSequence };
      return hasUsage ? [usage, finish] : [{ type: 'usage', usage: NO_USAGE, timings: NO_TIMINGS }, finish];
    }
    return [{ type: 'fault', fault: new Fault('engine-died', 'The engine ended its answer without a finish.') }];
  }

  #parse(data: string): readonly StreamEvent[] {
    if (data.trim() === '[DONE]') {
      this.#isDone = true;
      return [];
    }
    const answer = jsonOrNull(data);
    // Something that is no JSON object carries nothing that could be told; whether the answer is whole, `end` decides.
    if (!isObject(answer)) return [];
    const error = errorObject(answer);
    if (error) {
      this.#isDone = true;
      this.#hasFault = true;
      return [{ type: 'fault', fault: faultOfError(error) }];
    }
    this.#remember(answer);
    const events: StreamEvent[] = [];
    if (isObject(answer.prompt_progress)) events.push(promptEvent(answer.prompt_progress));
    // llama-server's own `/infill` says its text so.
    const own = stringOrNull(answer.content);
    if (own) events.push({ type: 'text', text: own });
    const choice = Array.isArray(answer.choices) ? answer.choices.find(isFirst) : null;
    if (isObject(choice)) this.#readChoice(choice, events);
    // llama-server's own `/completion` and `/infill` end so.
    else if (answer.stop === true) this.#finish = answer.stop_type === 'limit' ? 'length' : 'stop';
    if (events.length === 1 && answer.usage === undefined && answer.timings === undefined) this.#learn(data, events[0]);
    return events;
  }

  #remember(answer: JsonObject): void {
    if (isObject(answer.usage)) this.#answer = { ...this.#answer, usage: answer.usage };
    if (isObject(answer.timings)) this.#answer = { ...this.#answer, timings: answer.timings };
    // Chat chunks do not tell which stop sequence was met; llama-server's own words beside them do, when asked for.
    const own = isObject(answer.__verbose) ? answer.__verbose : answer;
    this.#stopSequence = stringOrNull(own.stopping_word) || this.#stopSequence;
  }

  #readChoice(choice: JsonObject, events: StreamEvent[]): void {
    // An engine that answers whole although a stream was asked for gives `message` in place of `delta`.
    const delta = isObject(choice.delta) ? choice.delta : isObject(choice.message) ? choice.message : {};
    const thinking = stringOrNull(delta.reasoning_content) ?? stringOrNull(delta.reasoning);
    if (thinking) events.push({ type: 'thinking', text: thinking });
    // Completions have `text`.
    const text = stringOrNull(delta.content) ?? stringOrNull(choice.text);
    if (text) events.push({ type: 'text', text });
    const calls = Array.isArray(delta.tool_calls) ? delta.tool_calls : [];
    for (const [place, call] of calls.entries()) if (isObject(call)) this.#readCall(call, place, events);
    const reason = stringOrNull(choice.finish_reason);
    if (reason) this.#finish = this.#finishOf(reason);
  }

  #readCall(call: JsonObject, place: number, events: StreamEvent[]): void {
    const index = numberOrNull(call.index) ?? place;
    if (!Number.isInteger(index) || index < 0 || index >= TOOL_CALLS_MAX) return;
    const parts = isObject(call.function) ? call.function : {};
    const name = stringOrNull(parts.name);
    if (!this.#calls.has(index)) {
      // A call begins with its name; without one there is nothing to call yet.
      if (!name) return;
      const id = stringOrNull(call.id) || `${this.#callIdPrefix}${index}`;
      this.#calls.set(index, { id, name });
      events.push({ type: 'tool-start', index, id, name });
    }
    // mlx and some templates give arguments as an object, complete.
    const json = isObject(parts.arguments) ? JSON.stringify(parts.arguments) : stringOrNull(parts.arguments);
    if (json) events.push({ type: 'tool-arguments', index, json });
  }

  #finishOf(reason: string): FinishReason {
    if (reason === 'length') return 'length';
    if (reason === 'content_filter') return 'filtered';
    return this.#calls.size > 0 ? 'tool-calls' : 'stop';
  }

  #learn(data: string, event: StreamEvent | undefined): void {
    if (event?.type !== 'text' && event?.type !== 'thinking') return;
    if (this.#finish) return;
    const { type, text } = event;
    const names = DELTA_KEYS.filter((name) => (name === 'content') === (type === 'text'));
    const shape = names.map((name) => shapeOf(data, name, text)).find((found) => found !== null);
    if (shape) this.#shapes = [{ ...shape, type }, ...this.#shapes.filter((known) => known.type !== type)];
  }
}

function isFirst(choice: unknown): boolean {
  return isObject(choice) && (choice.index === undefined || choice.index === null || choice.index === 0);
}

function promptEvent(progress: JsonObject): StreamEvent {
  return {
    type: 'prompt',
    promptTokens: numberOrNull(progress.total) ?? 0,
    cachedTokens: numberOrNull(progress.cache) ?? 0,
    processedTokens: numberOrNull(progress.processed) ?? 0,
  };
}
