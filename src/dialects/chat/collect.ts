/** Events as the message of a whole OpenAI chat completion: for answers that were mended. */
import type { FinishReason, StreamEvent } from '#src/dialects/stream-event.ts';
import { Fault } from '#src/faults.ts';
import type { JsonObject } from '#src/json.ts';
import type { Usage } from '#src/requests/request.ts';
import { NO_USAGE } from './engine-word.ts';

type Call = { readonly id: string; readonly name: string; json: string };

/** Gathers the message of one answer. */
export class MessageCollector {
  #text = '';
  #thinking = '';
  #finish: FinishReason | null = null;
  #fault: Fault | null = null;
  #usage: Usage = NO_USAGE;
  readonly #calls = new Map<number, Call>();

  push(event: StreamEvent): void {
    switch (event.type) {
      case 'text':
        this.#text += event.text;
        return;
      case 'thinking':
        this.#thinking += event.text;
        return;
      case 'tool-start':
        this.#calls.set(event.index, { id: event.id, name: event.name, json: '' });
        return;
      case 'tool-arguments': {
        const call = this.#calls.get(event.index);
        if (call) call.json += event.json;
        return;
      }
      case 'usage':
        this.#usage = event.usage;
        return;
      case 'finish':
        this.#finish ??= event.reason;
        return;
      case 'fault':
        this.#fault ??= event.fault;
        return;
      default:
    }
  }

  /** The engine's counts. */
  get usage(): Usage {
    return this.#usage;
  }

  /** How it ended. Throws the Fault that came as an event, or engine-died when no finish came. */
  get finish(): FinishReason {
    if (this.#finish !== null) return this.#finish;
    throw this.#fault ?? new Fault('engine-died', 'The engine ended its answer without a finish.');
  }

  /** The message; `content` is null beside calls without a word. */
  get message(): JsonObject {
    const calls = [...this.#calls.values()].map(({ id, name, json }) => ({
      id,
      type: 'function',
      function: { name, arguments: json === '' ? '{}' : json },
    }));
    const hasCalls = calls.length > 0;
    return {
      role: 'assistant',
      content: hasCalls && this.#text === '' ? null : this.#text,
      ...(this.#thinking === '' ? {} : { reasoning_content: this.#thinking }),
      ...(hasCalls ? { tool_calls: calls } : {}),
    };
  }
}
