/** What streamed and whole answers say alike: why they stopped, and what they cost. */
import type { AnswerHead } from '#src/dialects/dialect.ts';
import type { FinishReason, StreamEvent } from '#src/dialects/stream-event.ts';
import type { JsonObject } from '#src/json.ts';
import type { Usage } from '#src/requests/request.ts';

export type Finish = Extract<StreamEvent, { readonly type: 'finish' }>;

/** The id of an answer. */
export function messageId(head: AnswerHead): string {
  return `msg_${head.requestId}`;
}

/** The fields of an answer that tell why it stopped. */
export type Stop = { readonly stop_reason: string; readonly stop_sequence: string | null };

/**
 * Why it stopped. Agents act on `tool_use` alone, so calls decide over an engine that says `stop`, and the reverse. A
 * stop sequence is named only when it is one of `stops`, those of the request: chat templates have some of their own.
 */
export function stopOf(finish: Finish, hasCalls: boolean, stops: readonly string[]): Stop {
  const met = finish.stopSequence !== null && stops.includes(finish.stopSequence) ? finish.stopSequence : null;
  return { stop_reason: reasonOf(finish, hasCalls, met), stop_sequence: met };
}

function reasonOf(finish: Finish, hasCalls: boolean, met: string | null): string {
  const reasons: { readonly [Reason in FinishReason]: string } = {
    stop: met === null ? 'end_turn' : 'stop_sequence',
    'tool-calls': 'end_turn',
    length: 'max_tokens',
    filtered: 'refusal',
  };
  const isWhole = finish.reason === 'stop' || finish.reason === 'tool-calls';
  return hasCalls && isWhole ? 'tool_use' : reasons[finish.reason];
}

/**
 * A signature for a thought. It proves nothing, but must not be empty: pi sends a thought without one back as text.
 * Deterministic, so that the streamed and the whole answer are the same.
 */
export function signatureOf(head: AnswerHead, index: number): string {
  return btoa(`flow:${head.requestId}:${index}`);
}

/** Counts what an answer costs. */
export class Tally {
  #prompt: { readonly promptTokens: number; readonly cachedTokens: number } | null = null;
  #usage: Usage | null = null;
  #pieces = 0;

  /** The engine's first word on the prompt: exact, and before the first token. */
  prompt(promptTokens: number, cachedTokens: number): void {
    this.#prompt = { promptTokens, cachedTokens };
  }

  /** One piece of content, for engines that never count: it is about one token. */
  piece(): void {
    this.#pieces += 1;
  }

  usage(usage: Usage): void {
    this.#usage = usage;
  }

  /** As known when the answer begins. `output_tokens` is 1 there, as Anthropic has it. */
  begun(): JsonObject {
    return { ...this.#input(), output_tokens: 1 };
  }

  /** As known when it is complete. */
  complete(): JsonObject {
    const thinkingTokens = this.#usage?.thinkingTokens ?? null;
    return {
      ...this.#input(),
      output_tokens: this.#usage?.outputTokens ?? this.#pieces,
      ...(thinkingTokens === null ? {} : { output_tokens_details: { thinking_tokens: thinkingTokens } }),
    };
  }

  // Anthropic's input_tokens leave out what came from the cache, OpenAI's and the engines' counts include it.
  #input(): JsonObject {
    const promptTokens = this.#usage?.inputTokens ?? this.#prompt?.promptTokens ?? 0;
    const cachedTokens = this.#usage?.cachedTokens ?? this.#prompt?.cachedTokens ?? 0;
    return {
      input_tokens: Math.max(0, promptTokens - cachedTokens),
      cache_creation_input_tokens: 0,
      cache_read_input_tokens: cachedTokens,
    };
  }
}
