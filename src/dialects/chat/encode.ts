/** Events as OpenAI chat chunks: for what Flow has mended of an answer whose other frames pass untouched. */
import type { AnswerHead } from '#src/dialects/dialect.ts';
import type { FinishReason, StreamEvent } from '#src/dialects/stream-event.ts';
import { isObject, type JsonObject, jsonOrNull } from '#src/json.ts';

const REASONS: { readonly [Reason in FinishReason]: string } = {
  stop: 'stop',
  length: 'length',
  'tool-calls': 'tool_calls',
  filtered: 'content_filter',
};

/** The protocol's word for how an answer ended. */
export const chatFinishReason = (reason: FinishReason): string => REASONS[reason];

/** Writes chunks that look like the engine's own: with its id, its time and its name of the model. */
export class ChunkEncoder {
  #envelope: JsonObject;
  /** A frame of the engine's whose envelope is to be taken over; null before the first, and when that is done. */
  #sample: string | null = null;
  #isLearnt = false;
  #hasRole = false;

  constructor(head: AnswerHead) {
    this.#envelope = {
      id: `chatcmpl-${head.requestId}`,
      object: 'chat.completion.chunk',
      created: head.createdS,
      model: head.modelId,
    };
  }

  /** Takes the envelope from a frame of the engine; the first one is enough, and is read when a chunk is written. */
  learn(data: string): void {
    if (this.#sample === null && !this.#isLearnt && data.includes('"choices"')) this.#sample = data;
  }

  /** A frame of the engine went to the client as it was. */
  passed(data: string): void {
    this.#hasRole ||= data.includes('"role"');
  }

  /** The frame with the counts, after the finish. */
  usageChunk(usage: JsonObject): JsonObject {
    return { ...this.#learnt(), choices: [], usage };
  }

  /** A chunk of a second answer, under the name of the first: clients take one answer for one id. */
  renamed(chunk: JsonObject): JsonObject {
    const { id, created } = this.#learnt();
    return { ...chunk, id, created };
  }

  /** The chunk of one event; null for what has none. */
  chunk(event: StreamEvent): JsonObject | null {
    switch (event.type) {
      case 'text':
        return this.#delta({ content: event.text });
      case 'thinking':
        return this.#delta({ reasoning_content: event.text });
      case 'tool-start':
        return this.#delta({
          tool_calls: [
            { index: event.index, id: event.id, type: 'function', function: { name: event.name, arguments: '' } },
          ],
        });
      case 'tool-arguments':
        return this.#delta({ tool_calls: [{ index: event.index, function: { arguments: event.json } }] });
      case 'finish':
        return { ...this.#learnt(), choices: [{ index: 0, delta: {}, finish_reason: REASONS[event.reason] }] };
      default:
        return null;
    }
  }

  #learnt(): JsonObject {
    const chunk = this.#sample === null ? null : jsonOrNull(this.#sample);
    this.#sample = null;
    if (!isObject(chunk) || !Array.isArray(chunk.choices)) return this.#envelope;
    this.#isLearnt = true;
    const { choices: _choices, usage: _usage, timings: _timings, prompt_progress: _progress, ...envelope } = chunk;
    this.#envelope = { ...this.#envelope, ...envelope };
    return this.#envelope;
  }

  #delta(delta: JsonObject): JsonObject {
    // Clients refuse an answer of which no chunk names the role.
    const role = this.#hasRole ? {} : { role: 'assistant' };
    this.#hasRole = true;
    return { ...this.#learnt(), choices: [{ index: 0, delta: { ...role, ...delta }, finish_reason: null }] };
  }
}

/** Whether a frame tells thoughts under mlx_lm's name alone, which OpenAI's clients do not look for. */
export function hasForeignThoughts(data: string): boolean {
  return data.includes('"reasoning":') && !data.includes('"reasoning_content":');
}

/**
 * Whether an answer, streamed or whole, that holds calls ends with a word that hides them: agents that go by the finish
 * alone would take it for the last.
 */
export function hidesCalls(answer: unknown): boolean {
  const choices: readonly unknown[] = isObject(answer) && Array.isArray(answer.choices) ? answer.choices : [];
  return choices.some((choice) => isObject(choice) && choice.finish_reason === REASONS.stop);
}

/** A frame of the engine with another word for how the answer ended; all else stays, but the delta of a `bare` one. */
export function withFinish(data: string, reason: FinishReason, { isBare }: { isBare: boolean }): string {
  const chunk = jsonOrNull(data);
  if (!isObject(chunk) || !Array.isArray(chunk.choices)) return data;
  const choices = chunk.choices.map((choice: unknown) => {
    if (!isObject(choice) || typeof choice.finish_reason !== 'string') return choice;
    return { ...choice, ...(isBare ? { delta: {} } : {}), finish_reason: REASONS[reason] };
  });
  return JSON.stringify({ ...chunk, choices });
}
