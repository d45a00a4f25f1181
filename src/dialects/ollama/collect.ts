/** Events as one whole answer of Ollama's. */
import { impossible } from '#src/assert.ts';
import type { AnswerHead, Collector } from '#src/dialects/dialect.ts';
import type { FinishReason, StreamEvent } from '#src/dialects/stream-event.ts';
import { unfinished } from '#src/dialects/unfinished.ts';
import type { Fault } from '#src/faults.ts';
import type { JsonObject } from '#src/json.ts';
import { type AnswerShape, Counts, type Durations, ended, lineHead, said, type WholeCall } from './answer-lines.ts';
import { CallGatherer } from './call-gatherer.ts';

/** A collector for one answer; what it gathers is what the stream of the same events would have told. */
export function ollamaCollector(shape: AnswerShape, head: AnswerHead, durations: Durations | null): Collector {
  return new OllamaCollector(shape, head, durations);
}

class OllamaCollector implements Collector {
  readonly #shape: AnswerShape;
  readonly #head: AnswerHead;
  readonly #durations: Durations | null;
  readonly #gatherer = new CallGatherer();
  readonly #counts = new Counts();
  readonly #calls: WholeCall[] = [];
  #text = '';
  #thinking = '';
  #finish: FinishReason | null = null;
  #fault: Fault | null = null;

  constructor(shape: AnswerShape, head: AnswerHead, durations: Durations | null) {
    this.#shape = shape;
    this.#head = head;
    this.#durations = durations;
  }

  push(event: StreamEvent): void {
    if (this.#finish !== null || this.#fault !== null) return;
    switch (event.type) {
      case 'text':
        this.#counts.piece();
        this.#text += event.text;
        return;
      case 'thinking':
        this.#counts.piece();
        this.#thinking += event.text;
        return;
      case 'tool-start':
      case 'tool-arguments': {
        if (event.type === 'tool-arguments') this.#counts.piece();
        const call = this.#gatherer.push(event);
        if (call) this.#calls.push(call);
        return;
      }
      case 'usage':
        this.#counts.tell(event);
        return;
      case 'finish':
        this.#finish = event.reason;
        this.#calls.push(...this.#gatherer.rest(event.reason));
        return;
      case 'fault':
        this.#fault = event.fault;
        return;
      case 'prompt':
        this.#counts.prompt(event);
        return;
      default:
        impossible(event);
    }
  }

  result(): JsonObject {
    if (this.#fault !== null) throw this.#fault;
    if (this.#finish === null) throw unfinished();
    return {
      ...lineHead(this.#head),
      ...said(this.#shape, { text: this.#text, thinking: this.#thinking, calls: this.#calls }),
      ...ended(this.#finish, this.#counts, this.#durations),
    };
  }
}
