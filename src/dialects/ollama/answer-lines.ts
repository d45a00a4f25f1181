/**
 * What Ollama's answers hold: of chat a `message`, of generate the fields themselves. Times are nanoseconds.
 *
 *   stream := piece* last          each one line of JSON; or, at any place, a line with `error` as the last
 *   piece  := text | thinking | one whole tool call
 */
import { NO_TIMINGS, NO_USAGE } from '#src/dialects/chat/engine-word.ts';
import type { AnswerHead } from '#src/dialects/dialect.ts';
import type { FinishReason } from '#src/dialects/stream-event.ts';
import { isObject, type JsonObject } from '#src/json.ts';
import type { EngineTimings, Usage } from '#src/requests/request.ts';

/** Which of the two answers is told. */
export type AnswerShape = 'chat' | 'generate';

/** How long things took, for whoever can measure it; asked when the answer is complete. */
export type Durations = {
  /** From the request's arrival until now, in ms. */
  readonly totalMs: () => number;
  /** Until the model was ready for it, in ms. */
  readonly loadMs: () => number;
};

/** One whole call. `input` is what the model gave as arguments, parsed. */
export type WholeCall = {
  readonly id: string;
  readonly index: number;
  readonly name: string;
  readonly input: JsonObject;
};

const NS_PER_MS = 1e6;

/** The fields that every line begins with. */
export function lineHead(head: AnswerHead): JsonObject {
  return { model: head.modelId, created_at: new Date(head.createdS * 1000).toISOString() };
}

/** What was said, or nothing, in the fields of its shape. */
export function said(shape: AnswerShape, parts: { text?: string; thinking?: string; calls?: readonly WholeCall[] }) {
  const { text = '', thinking = '', calls = [] } = parts;
  const more = {
    ...(thinking === '' ? {} : { thinking }),
    ...(calls.length === 0 ? {} : { tool_calls: calls.map(callOf) }),
  };
  return shape === 'chat' ? { message: { role: 'assistant', content: text, ...more } } : { response: text, ...more };
}

function callOf({ id, index, name, input }: WholeCall): JsonObject {
  return { id, function: { index, name, arguments: input } };
}

/** What is known of an answer's cost. An answer that Flow ends itself has no counts of the engine's. */
export class Counts {
  #prompt: { readonly promptTokens: number } | null = null;
  #told: { readonly usage: Usage; readonly timings: EngineTimings } = { usage: NO_USAGE, timings: NO_TIMINGS };
  #pieces = 0;

  prompt(progress: { readonly promptTokens: number }): void {
    this.#prompt = progress;
  }

  /** One piece of content: it is about one token. */
  piece(): void {
    this.#pieces += 1;
  }

  tell(told: { readonly usage: Usage; readonly timings: EngineTimings }): void {
    this.#told = told;
  }

  get inputTokens(): number {
    return this.#told.usage.inputTokens ?? this.#prompt?.promptTokens ?? 0;
  }

  get outputTokens(): number {
    return this.#told.usage.outputTokens ?? this.#pieces;
  }

  get timings(): EngineTimings {
    return this.#told.timings;
  }
}

/** How and after what it ended. */
export function ended(reason: FinishReason, counts: Counts, durations: Durations | null): JsonObject {
  const { timings } = counts;
  const readMs = timings.prefillMs ?? 0;
  const wroteMs = timings.decodeMs ?? 0;
  return {
    done: true,
    done_reason: reason === 'length' ? 'length' : 'stop',
    total_duration: nanoseconds(durations?.totalMs() ?? readMs + wroteMs),
    load_duration: nanoseconds(durations?.loadMs() ?? 0),
    prompt_eval_count: counts.inputTokens,
    prompt_eval_duration: nanoseconds(readMs),
    eval_count: counts.outputTokens,
    eval_duration: nanoseconds(wroteMs),
  };
}

/** Whole nanoseconds. */
export function nanoseconds(ms: number): number {
  return Math.max(0, Math.round(ms * NS_PER_MS));
}

/** The arguments of a call as an object, where they are one; null else. No arguments at all are an empty object. */
export function inputOf(json: string): JsonObject | null {
  if (json.trim() === '') return {};
  try {
    const input: unknown = JSON.parse(json);
    return isObject(input) ? input : null;
  } catch {
    return null;
  }
}
