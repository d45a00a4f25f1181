/** Events as OpenAI's text completions: for what an engine answers in another shape, such as a filled gap. */
import { chatVoice } from '#src/dialects/chat/voice.ts';
import type { AnswerHead, Collector, Encoder } from '#src/dialects/dialect.ts';
import type { FinishReason, StreamEvent } from '#src/dialects/stream-event.ts';
import { Fault } from '#src/faults.ts';
import type { JsonObject } from '#src/json.ts';
import type { Usage } from '#src/requests/request.ts';
import { MessageCollector } from './collect.ts';
import { chatFinishReason } from './encode.ts';
import { NO_USAGE } from './engine-word.ts';

/** An encoder of one answer. `wantsUsage`: the counts come in a frame of their own before the end. */
export function completionEncoder(head: AnswerHead, { wantsUsage }: { wantsUsage: boolean }): Encoder {
  return new CompletionEncoder(head, wantsUsage);
}

class CompletionEncoder implements Encoder {
  readonly #head: AnswerHead;
  readonly #wantsUsage: boolean;
  #usage: Usage = NO_USAGE;
  #isOver = false;

  constructor(head: AnswerHead, wantsUsage: boolean) {
    this.#head = head;
    this.#wantsUsage = wantsUsage;
  }

  push(event: StreamEvent): string {
    if (this.#isOver) return '';
    switch (event.type) {
      case 'text':
        return frame({ ...envelope(this.#head), choices: [choiceOf(event.text, null)] });
      case 'usage':
        this.#usage = event.usage;
        return '';
      case 'finish':
        this.#isOver = true;
        return this.#finished(event.reason);
      case 'fault':
        this.#isOver = true;
        return chatVoice.failure(event.fault, this.#head.requestId);
      default:
        return '';
    }
  }

  end(): string {
    const fault = new Fault('engine-died', 'The engine ended its answer without a finish.');
    return this.#isOver ? '' : this.push({ type: 'fault', fault });
  }

  #finished(reason: FinishReason): string {
    const last = frame({ ...envelope(this.#head), choices: [choiceOf('', reason)] });
    const counts = this.#wantsUsage ? frame({ ...envelope(this.#head), choices: [], usage: usageOf(this.#usage) }) : '';
    return `${last}${counts}data: [DONE]\n\n`;
  }
}

/** A collector of one answer. */
export function completionCollector(head: AnswerHead): Collector {
  const gathered = new MessageCollector();
  return {
    push: (event) => gathered.push(event),
    result: () => {
      const { finish, message, usage } = gathered;
      const text = typeof message.content === 'string' ? message.content : '';
      return { ...envelope(head), choices: [choiceOf(text, finish)], usage: usageOf(usage) };
    },
  };
}

function envelope(head: AnswerHead): JsonObject {
  return { id: `cmpl-${head.requestId}`, object: 'text_completion', created: head.createdS, model: head.modelId };
}

function choiceOf(text: string, reason: FinishReason | null): JsonObject {
  return { text, index: 0, logprobs: null, finish_reason: reason === null ? null : chatFinishReason(reason) };
}

function usageOf(usage: Usage): JsonObject {
  const inputTokens = usage.inputTokens ?? 0;
  const outputTokens = usage.outputTokens ?? 0;
  return {
    prompt_tokens: inputTokens,
    completion_tokens: outputTokens,
    total_tokens: inputTokens + outputTokens,
    prompt_tokens_details: { cached_tokens: usage.cachedTokens ?? 0 },
  };
}

function frame(chunk: JsonObject): string {
  return `data: ${JSON.stringify(chunk)}\n\n`;
}
