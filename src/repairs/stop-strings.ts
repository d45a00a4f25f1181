/** Ends an answer at the client's stop strings, for engines that only stop at tokens, or not at all. */
import type { StreamEvent } from '#src/dialects/stream-event.ts';
import type { Sink, Stage } from './stage.ts';

/** Looks for the strings in text, however they are cut into tokens; holds back what may still become one. */
export function stopStrings(strings: readonly string[], next: Sink): Stage {
  return new StopStrings(strings, next);
}

type Hit = { readonly at: number; readonly string: string };

class StopStrings implements Stage {
  readonly #strings: readonly string[];
  readonly #next: Sink;
  /** Text that is the beginning of a stop string. */
  #held = '';
  #hasCall = false;
  #isOver = false;

  constructor(strings: readonly string[], next: Sink) {
    this.#strings = strings;
    this.#next = next;
  }

  push(event: StreamEvent): void {
    if (this.#isOver) return;
    if (event.type === 'text') {
      this.#take(event);
      return;
    }
    if (event.type === 'tool-start') this.#hasCall = true;
    if (event.type !== 'prompt') this.#let(this.#held, '');
    this.#next(event);
  }

  #take(event: Extract<StreamEvent, { type: 'text' }>): void {
    const text = this.#held === '' ? event.text : this.#held + event.text;
    const hit = firstHit(text, this.#strings);
    if (hit) {
      this.#let(text.slice(0, hit.at), '');
      this.#isOver = true;
      this.#next({ type: 'finish', reason: this.#hasCall ? 'tool-calls' : 'stop', stopSequence: hit.string });
      return;
    }
    const held = heldLength(text, this.#strings);
    if (held === 0 && this.#held === '') this.#next(event);
    else this.#let(text.slice(0, text.length - held), text.slice(text.length - held));
  }

  #let(text: string, held: string): void {
    this.#held = held;
    if (text !== '') this.#next({ type: 'text', text });
  }
}

/** The stop string that begins first; of two at the same place the longer one. */
function firstHit(text: string, strings: readonly string[]): Hit | null {
  let first: Hit | null = null;
  for (const string of strings) {
    const at = text.indexOf(string);
    if (at < 0) continue;
    const isSooner = first === null || at < first.at || (at === first.at && string.length > first.string.length);
    if (isSooner) first = { at, string };
  }
  return first;
}

/** How much of the text's end may be the beginning of a stop string. */
function heldLength(text: string, strings: readonly string[]): number {
  let longest = 0;
  for (const string of strings) {
    for (let length = Math.min(string.length - 1, text.length); length > longest; length -= 1) {
      if (text.endsWith(string.slice(0, length))) longest = length;
    }
  }
  return longest;
}
