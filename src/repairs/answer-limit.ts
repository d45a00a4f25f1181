/** Ends an answer after so many tokens of text and calls, where the engine's own limit also has to hold the thought. */
import type { StreamEvent } from '#src/dialects/stream-event.ts';
import type { Sink, Stage } from './stage.ts';

/** Hands on `tokensMax` events of text or arguments, then a finish of its own: an engine sends one a token. */
export function answerLimit(tokensMax: number, next: Sink): Stage {
  return new AnswerLimit(tokensMax, next);
}

class AnswerLimit implements Stage {
  readonly #next: Sink;
  #left: number;
  #isOver = false;

  constructor(tokensMax: number, next: Sink) {
    this.#left = tokensMax;
    this.#next = next;
  }

  push(event: StreamEvent): void {
    if (this.#isOver) return;
    this.#next(event);
    if (event.type !== 'text' && event.type !== 'tool-arguments') return;
    this.#left -= 1;
    if (this.#left > 0) return;
    this.#isOver = true;
    this.#next({ type: 'finish', reason: 'length', stopSequence: null });
  }
}
