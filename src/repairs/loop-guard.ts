/** Stops an answer that repeats itself word for word without end: small models do, until their context is full. */
import type { StreamEvent } from '#src/dialects/stream-event.ts';
import { type RepetitionBounds, RepetitionWatch } from './repetition.ts';
import type { RepairContext, Sink, Stage } from './stage.ts';

/** Nobody asks for a thought: at 50 tokens a second a loop is stopped after some 20 s. */
const THOUGHT: RepetitionBounds = { repeatsMin: 24, charactersMin: 4_000, shortPeriod: 16, shortCharactersMin: 16_000 };
/** A sentence two hundred times may be what was asked for; a loop goes on until the context is full. */
const PROSE: RepetitionBounds = { ...THOUGHT, charactersMin: 8_000 };
/** What people ask for repeats itself too: maps of zeros, empty rows of tables, test data, zeros in base64. */
const DATA: RepetitionBounds = { ...PROSE, repeatsMin: 32, charactersMin: 16_000 };
/** Files are written by calls, and files may well be monotonous. */
const CALLS: RepetitionBounds = { repeatsMin: 96, charactersMin: 16_000, shortPeriod: 16, shortCharactersMin: 64_000 };
/** Data has more marks than sentences have, or hardly a letter. */
const DATA_MARKS_SHARE = 0.05;
const DATA_LETTERS_SHARE = 0.3;
const MARKS = /[^\p{L}\p{M}\p{N}\s.,!?'’]/gu;
const LETTERS = /\p{L}/gu;
const SAMPLE_CHARACTERS_MAX = 500;

/** Watches text, thoughts and arguments, each for itself; at a loop it ends the answer with `length`. */
export function loopGuard(context: RepairContext, next: Sink): Stage {
  return new LoopGuard(context, next);
}

class LoopGuard implements Stage {
  readonly #context: RepairContext;
  readonly #next: Sink;
  #text: RepetitionWatch | null = null;
  #thinking: RepetitionWatch | null = null;
  /** Of the call that is being written; calls that interleave are watched as one text, which repeats less. */
  #call: RepetitionWatch | null = null;
  #isOver = false;

  constructor(context: RepairContext, next: Sink) {
    this.#context = context;
    this.#next = next;
  }

  push(event: StreamEvent): void {
    if (this.#isOver) return;
    switch (event.type) {
      case 'text':
        this.#text ??= new RepetitionWatch(boundsOfText);
        this.#watch(this.#text, event, event.text);
        return;
      case 'thinking':
        this.#thinking ??= new RepetitionWatch(() => THOUGHT);
        this.#watch(this.#thinking, event, event.text);
        return;
      case 'tool-arguments':
        this.#call ??= new RepetitionWatch(() => CALLS);
        this.#watch(this.#call, event, event.json);
        return;
      case 'tool-start':
        this.#call = null;
        this.#next(event);
        return;
      default:
        this.#next(event);
    }
  }

  #watch(watch: RepetitionWatch, event: StreamEvent, piece: string): void {
    const end = watch.see(piece);
    if (end < 0) {
      this.#next(event);
      return;
    }
    this.#isOver = true;
    this.#next(end === piece.length ? event : shortened(event, end));
    const found = watch.repetition;
    const [period, repeats] = [found?.period ?? 0, found?.repeats ?? 0];
    this.#context.report({
      kind: 'loop',
      note: `the answer was stopped: the same ${period} characters came ${repeats} times in a row`,
      before: found?.block.slice(0, SAMPLE_CHARACTERS_MAX) ?? '',
      after: '',
    });
    this.#next({ type: 'finish', reason: 'length', stopSequence: null });
  }
}

function boundsOfText(block: string): RepetitionBounds {
  // Nobody asks for blanks.
  if (block.trim() === '') return THOUGHT;
  const isData =
    countOf(block, MARKS) > block.length * DATA_MARKS_SHARE ||
    countOf(block, LETTERS) < block.length * DATA_LETTERS_SHARE;
  return isData ? DATA : PROSE;
}

function countOf(text: string, pattern: RegExp): number {
  return text.match(pattern)?.length ?? 0;
}

/** The same event with only the beginning of its piece. */
function shortened(event: StreamEvent, length: number): StreamEvent {
  if (event.type === 'text' || event.type === 'thinking') return { ...event, text: event.text.slice(0, length) };
  return event.type === 'tool-arguments' ? { ...event, json: event.json.slice(0, length) } : event;
}
