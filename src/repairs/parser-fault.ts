/** Recovers answers on which the engine's own parser of tool calls gave up. */
import type { StreamEvent } from '#src/dialects/stream-event.ts';
import type { Fault } from '#src/faults.ts';
import { JsonProgress } from './json-progress.ts';
import type { RepairContext, Sink, Stage } from './stage.ts';

/**
 * llama-server's words for it, through the years: `Failed to parse input at pos 184: <the rest>`, `The model produced
 * output that does not match the expected peg-native format`, and its grammar's `Unexpected empty grammar stack after
 * accepting piece: …`.
 */
const WORDS = [
  /^failed to parse input at pos \d+/i,
  /model produced output that does not match the expected .{0,60}format/i,
  /^unexpected empty grammar stack after accepting piece/i,
  // mlx-vlm, of a call without its end.
  /^generation ended with an incomplete tool call/i,
  // mlx-vlm: Python's words for JSON that it could not read, in the middle of the answer.
  /^(?:expecting|unterminated string|invalid (?:control|\\escape)|extra data)\b.{0,80}\(char \d+\)/i,
];
/** What follows is what the model wrote and the parser could not read. */
const UNREAD = /^failed to parse input at pos \d+: /i;
/** So much of the text is kept to see where the unread rest begins. */
const OVERLAP_CHARACTERS_MAX = 4_096;
const SAMPLE_CHARACTERS_MAX = 4_000;

/** Whether the engine failed on what its model wrote, and not on what it was asked. */
export function isParserFault({ kind, status, message }: Fault): boolean {
  return kind === 'engine-refused' && status >= 500 && WORDS.some((words) => words.test(message));
}

/**
 * What was received stays. The rest that the engine quotes is handed on as text, in which the next stages find the
 * calls; then the answer ends as what has come allows. Without a word or a call received, the fault stays a fault.
 */
export function parserRecovery(context: RepairContext, next: Sink): Stage {
  return new ParserRecovery(context, next);
}

class ParserRecovery implements Stage {
  readonly #context: RepairContext;
  readonly #next: Sink;
  readonly #calls = new Map<number, JsonProgress>();
  #text = '';

  constructor(context: RepairContext, next: Sink) {
    this.#context = context;
    this.#next = next;
  }

  push(event: StreamEvent): void {
    switch (event.type) {
      case 'text':
        this.#text += event.text;
        if (this.#text.length > 2 * OVERLAP_CHARACTERS_MAX) this.#text = this.#text.slice(-OVERLAP_CHARACTERS_MAX);
        break;
      case 'tool-start':
        this.#calls.set(event.index, new JsonProgress());
        break;
      case 'tool-arguments':
        this.#calls.get(event.index)?.see(event.json);
        break;
      case 'fault':
        if (isParserFault(event.fault) && this.#recover(event.fault)) return;
        break;
      default:
    }
    this.#next(event);
  }

  #recover({ message }: Fault): boolean {
    const calls = [...this.#calls.values()];
    const hasOpenCall = calls.some((json) => !json.isWhole);
    // The rest of a call that was begun is in the model's own writing, which its arguments are not.
    const rest = hasOpenCall ? '' : this.#news(message.replace(UNREAD, ''), UNREAD.test(message));
    if (rest === '' && calls.length === 0 && this.#text.trim() === '') return false;
    const reason = hasOpenCall ? 'length' : calls.length > 0 ? 'tool-calls' : 'stop';
    this.#context.report({
      kind: 'engine-parser',
      note: "the engine's parser gave up on the answer; what had come was kept",
      before: message.slice(0, SAMPLE_CHARACTERS_MAX),
      after: rest === '' ? reason : rest.slice(0, SAMPLE_CHARACTERS_MAX),
    });
    if (rest !== '') this.#next({ type: 'text', text: rest });
    this.#next({ type: 'finish', reason, stopSequence: null });
    return true;
  }

  /** What of the quoted rest was not received before. */
  #news(quoted: string, isQuoted: boolean): string {
    if (!isQuoted) return '';
    const most = Math.min(quoted.length, this.#text.length);
    for (let length = most; length > 0; length -= 1) {
      if (this.#text.endsWith(quoted.slice(0, length))) return quoted.slice(length);
    }
    return quoted;
  }
}
