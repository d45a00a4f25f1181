/** What an answer costs, as Responses tells it. */
import type { StreamEvent } from '#src/dialects/stream-event.ts';
import type { JsonObject } from '#src/json.ts';
import type { Usage } from '#src/requests/request.ts';

type Prompt = Extract<StreamEvent, { readonly type: 'prompt' }>;

/** Counts pieces, for engines that never count: each is about one token. */
export class Counts {
  #prompt: Prompt | null = null;
  #usage: Usage | null = null;
  #pieces = 0;
  #thoughts = 0;

  prompt(event: Prompt): void {
    this.#prompt = event;
  }

  piece(isThought: boolean): void {
    this.#pieces += 1;
    if (isThought) this.#thoughts += 1;
  }

  usage(usage: Usage): void {
    this.#usage = usage;
  }

  /** As known at the end. `input_tokens` includes what came from the cache. */
  complete(): JsonObject {
    const inputTokens = this.#usage?.inputTokens ?? this.#prompt?.promptTokens ?? 0;
    const outputTokens = this.#usage?.outputTokens ?? this.#pieces;
    const thinkingTokens = this.#usage?.thinkingTokens ?? Math.min(outputTokens, this.#thoughts);
    return {
      input_tokens: inputTokens,
      input_tokens_details: {
        cached_tokens: this.#usage?.cachedTokens ?? this.#prompt?.cachedTokens ?? 0,
        cache_write_tokens: 0,
      },
      output_tokens: outputTokens,
      output_tokens_details: { reasoning_tokens: thinkingTokens },
      total_tokens: inputTokens + outputTokens,
    };
  }
}
