/**
 * Thoughts that came as text. An engine that knows a model's template parses thoughts itself; others, and engines with
 * another template than the model was made for, leave the tags in the text, often only the closing one, since the
 * prompt already held the opening one.
 */
import type { StreamEvent } from '#src/dialects/stream-event.ts';
import type { RepairKind } from '#src/requests/request.ts';
import { CodeSpans } from './calls/code-spans.ts';
import { partialEnd } from './calls/reading.ts';
import type { RepairContext, Sink, Stage } from './stage.ts';
import { mayBeginTag, type ThoughtTag, tagAt } from './thought-tags.ts';

type TextEvent = Extract<StreamEvent, { type: 'text' }>;

/** Blanks at the end of a thought are held back, as far as this: they may stand before the closing tag. */
const BLANKS_MAX = 256;
const SAMPLE_CHARACTERS_MAX = 2_000;
/** An answer that was taken for a thought is told once more at its end, if it is not longer. */
const KEPT_CHARACTERS_MAX = 1 << 20;
const NEWLINE = 10;

/**
 * For models that think; everything else passes.
 *
 *   answer := expected? (text | '<think>' thought '</think>')*
 *
 * A tag counts where a model would put it: an opening one at the beginning of a line, a closing one at the end of one,
 * none within code. What cannot be known at once is where an answer begins that lacks the opening tag:
 * - The thought is expected to be open when the template opens it and the engine is not known to parse thoughts, or
 *   when an earlier answer of this model had a closing tag alone. Then text is thought from its first character, as
 *   vLLM and SGLang do it. If no closing tag comes and the model stops by itself, the text was the answer after all:
 *   it is told once more, as text, and is not expected any longer.
 * - Otherwise it is text, as it streams. A closing tag that comes then is left out, and is a lesson for the next time.
 * Text that follows a thought may speak of tags: there a closing one counts on a line of its own, and what follows an
 * opening one that is never closed is told once more, as text.
 */
export function thinkTags(context: RepairContext, next: Sink): Stage {
  return new ThinkTags(context, next);
}

/** Whether the stage has anything to look for. */
export function mayHaveThoughts({ traits, seen, switches }: RepairContext): boolean {
  if (switches.think_tags === false) return false;
  return traits.thinks || seen.has('orphan-thought') || seen.has('think-tags');
}

class ThinkTags implements Stage {
  readonly #context: RepairContext;
  readonly #next: Sink;
  readonly #code = new CodeSpans();
  #mode: 'text' | 'expected' | 'thought';
  /** The tag that opened the thought; null in an expected one. */
  #tag: ThoughtTag | null = null;
  /** May be the beginning of a tag, or blanks before one. */
  #held = '';
  #isLineStart = true;
  /** Blanks at this place belong to the tags around them. */
  #dropsBlanks = false;
  #hasText = false;
  #hasEngineThought = false;
  /** A thought, or the end of one, was found in the text. */
  #hasThought = false;
  #hasCall = false;
  /** The thought at hand, for the record. */
  #sample = '';
  /** Of an expected thought and of one amid text, all of it: it may have been the answer. */
  #kept = '';
  #isKept: boolean;
  #usage: StreamEvent | null = null;

  constructor(context: RepairContext, next: Sink) {
    this.#context = context;
    this.#next = next;
    this.#mode = expectsThought(context) ? 'expected' : 'text';
    this.#dropsBlanks = this.#mode === 'expected';
    this.#isKept = this.#mode === 'expected';
  }

  push(event: StreamEvent): void {
    switch (event.type) {
      case 'text':
        if (this.#mode === 'text' && this.#held === '' && !this.#dropsBlanks) this.#passText(event);
        else this.#read(this.#held + event.text, null);
        return;
      case 'prompt':
        this.#next(event);
        return;
      case 'usage':
        // What is told at the end comes before the counts.
        this.#usage = event;
        return;
      case 'thinking':
        this.#hasEngineThought = true;
        this.#interrupt();
        break;
      case 'tool-start':
      case 'tool-arguments':
        this.#hasCall = true;
        this.#interrupt();
        break;
      default:
        this.#end(event);
        return;
    }
    this.#next(event);
  }

  /** Text, as nearly all of it is: without a tag, handed on as it came. */
  #passText(event: TextEvent): void {
    const { text } = event;
    if (isPlain(text)) {
      this.#seePlain(text);
      this.#next(event);
      return;
    }
    for (let at = 0; at < text.length; at += 1) {
      const code = text.charCodeAt(at);
      if (mayBeginTag(code) && !this.#code.isCode() && tagAt(text, at) !== null) {
        this.#read(text, event, at);
        return;
      }
      this.#seeText(code);
    }
    this.#next(event);
  }

  /** Text in which nothing begins or ends. */
  #seePlain(text: string): void {
    const isWhite = firstInk(text) === text.length;
    this.#code.plain(isWhite);
    if (isWhite) return;
    this.#isLineStart = false;
    this.#hasText = true;
  }

  #seeText(code: number): void {
    this.#code.see(code);
    if (code === NEWLINE) this.#isLineStart = true;
    else if (code > 32) {
      this.#isLineStart = false;
      this.#hasText = true;
    }
  }

  /** Reads text of which some may be a tag; of `original`, the part before `from` was seen as text. */
  #read(text: string, original: TextEvent | null, from = 0): void {
    this.#held = '';
    let rest = text;
    let seen = from;
    while (rest !== '') {
      const left = this.#mode === 'text' ? this.#readText(rest, original, seen) : this.#readThought(rest);
      if (left === null) return;
      rest = left;
      seen = 0;
    }
  }

  /** Up to the next tag; what follows it, or null when all is read. */
  #readText(text: string, original: TextEvent | null, seen: number): string | null {
    const start = this.#dropsBlanks ? firstInk(text) : 0;
    if (start === text.length) return null;
    this.#dropsBlanks = false;
    for (let at = Math.max(start, seen); at < text.length; at += 1) {
      const code = text.charCodeAt(at);
      if (mayBeginTag(code) && !this.#code.isCode()) {
        const found = this.#tagIn(text, at);
        if (found === 'wait') {
          this.#tell(text.slice(start, at));
          this.#held = text.slice(at);
          return null;
        }
        if (found) {
          this.#tell(text.slice(start, at));
          return this.#passTag(found, text, at);
        }
      }
      this.#seeText(code);
    }
    if (original && original.text === text && start === 0) this.#next(original);
    else this.#tell(text.slice(start));
    return null;
  }

  /** The tag at this place, if it stands where a model puts it; `wait` when more must come first. */
  #tagIn(text: string, at: number): { kind: 'opener' | 'closer'; tag: ThoughtTag; length: number } | 'wait' | null {
    const found = tagAt(text, at);
    if (!found) return null;
    if (found.kind === 'partial') return 'wait';
    if (found.kind === 'opener') return this.#isLineStart ? found : null;
    const after = at + found.length;
    if (after === text.length) return 'wait';
    const endsLine = text.charCodeAt(after) === NEWLINE;
    const isEnd = this.#isSaid ? this.#isLineStart && endsLine : this.#isLineStart || endsLine;
    return isEnd ? found : null;
  }

  /** The answer proper has begun: what looks like a tag in it may be spoken of. */
  get #isSaid(): boolean {
    return this.#hasText && (this.#hasThought || this.#hasEngineThought);
  }

  #passTag(found: { kind: 'opener' | 'closer'; tag: ThoughtTag; length: number }, text: string, at: number): string {
    const rest = text.slice(at + found.length);
    if (found.kind === 'closer') this.#leaveOut(found.tag.closer);
    else {
      this.#mode = 'thought';
      this.#tag = found.tag;
      this.#dropsBlanks = true;
      this.#sample = '';
      this.#isKept = this.#hasText;
      this.#kept = this.#isKept ? found.tag.opener : '';
    }
    return rest;
  }

  /** A closing tag alone. */
  #leaveOut(closer: string): void {
    const isLesson = !this.#hasEngineThought && !this.#hasThought && this.#hasText && !this.#context.isThinkingOff;
    this.#report(
      isLesson ? 'orphan-thought' : 'think-tags',
      'a closing tag of a thought without an opening one was left out',
      closer,
      '',
    );
    this.#hasThought = true;
    if (!this.#hasText) this.#dropsBlanks = true;
  }

  /** Up to the closing tag; what follows it, or null when all is read. */
  #readThought(text: string): string | null {
    const start = this.#dropsBlanks ? firstInk(text) : 0;
    this.#keep(text.slice(0, start));
    if (start === text.length) return null;
    if (this.#mode === 'expected' && this.#dropsBlanks && mayBeginTag(text.charCodeAt(start))) {
      // Some models open the thought once more.
      const found = tagAt(text, start);
      if (found?.kind === 'partial') {
        this.#held = text.slice(start);
        return null;
      }
      if (found?.kind === 'opener') {
        this.#tag = found.tag;
        return text.slice(start + found.length);
      }
    }
    const closing = this.#closing(text, start);
    if (closing !== null) {
      this.#think(text.slice(start, lastInk(text, start, closing.at)));
      this.#close(closing.closer);
      return text.slice(closing.at + closing.closer.length);
    }
    const end = lastInk(text, start, this.#partialAt(text));
    if (end > start) this.#dropsBlanks = false;
    this.#think(text.slice(start, end));
    this.#held = text.slice(end);
    return null;
  }

  #closing(text: string, from: number): { at: number; closer: string } | null {
    if (this.#tag) {
      const at = text.indexOf(this.#tag.closer, from);
      return at < 0 ? null : { at, closer: this.#tag.closer };
    }
    for (let at = from; at < text.length; at += 1) {
      if (!mayBeginTag(text.charCodeAt(at))) continue;
      const found = tagAt(text, at);
      if (found?.kind === 'closer') return { at, closer: found.tag.closer };
    }
    return null;
  }

  /** Where a closing tag may have begun. */
  #partialAt(text: string): number {
    if (this.#tag) return text.length - partialEnd(text, 0, this.#tag.closer);
    for (let at = Math.max(0, text.length - 24); at < text.length; at += 1) {
      if (mayBeginTag(text.charCodeAt(at)) && tagAt(text, at)?.kind === 'partial') return at;
    }
    return text.length;
  }

  #close(closer: string): void {
    const opener = this.#tag?.opener ?? '';
    const { length } = this.#sample;
    const note = length === 0 ? 'an empty thought was left out' : 'a thought that came as text became a thought';
    this.#report('think-tags', note, `${opener}${this.#sample}${closer}`, this.#sample);
    this.#mode = 'text';
    this.#tag = null;
    this.#kept = '';
    this.#hasThought = true;
    this.#dropsBlanks = true;
    this.#isLineStart = true;
    this.#code.newLine();
  }

  #tell(text: string): void {
    if (text !== '') this.#next({ type: 'text', text });
  }

  #think(text: string): void {
    if (text === '') return;
    if (this.#sample.length < SAMPLE_CHARACTERS_MAX) this.#sample += text.slice(0, SAMPLE_CHARACTERS_MAX);
    this.#keep(text);
    this.#next({ type: 'thinking', text });
  }

  #keep(text: string): void {
    if (this.#isKept && this.#kept.length <= KEPT_CHARACTERS_MAX) this.#kept += text;
  }

  /** Something that is no text: what was held is what it looked like. */
  #interrupt(): void {
    const held = this.#held;
    this.#held = '';
    if (held !== '') {
      if (this.#mode === 'text') this.#readLast(held);
      else this.#think(held);
    }
    if (this.#mode === 'text') return;
    this.#mode = 'text';
    this.#tag = null;
    // A call or a thought of the engine's own after it: nobody waits for an answer in it.
    this.#kept = '';
    this.#dropsBlanks = false;
  }

  /** Held text after which nothing follows: a closing tag at the very end is one. */
  #readLast(held: string): void {
    const found = tagAt(held, 0);
    const mayEnd = this.#isLineStart || !this.#isSaid;
    if (found?.kind === 'closer' && found.length === held.length && mayEnd) {
      this.#leaveOut(found.tag.closer);
      return;
    }
    for (let at = 0; at < held.length; at += 1) this.#seeText(held.charCodeAt(at));
    this.#tell(held);
  }

  #end(event: StreamEvent): void {
    const isExpected = this.#mode === 'expected';
    const isOpen = this.#mode !== 'text' && this.#isKept && event.type === 'finish' && event.reason === 'stop';
    const kept = isOpen ? this.#kept + this.#held : '';
    this.#interrupt();
    if (kept.trim() !== '' && !this.#hasCall && kept.length <= KEPT_CHARACTERS_MAX) {
      this.#report(
        isExpected ? 'unclosed-thought' : 'think-tags',
        'what was taken for a thought was the answer',
        '',
        kept,
      );
      this.#tell(kept);
    }
    if (this.#usage) this.#next(this.#usage);
    this.#usage = null;
    this.#next(event);
  }

  #report(kind: RepairKind, note: string, before: string, after: string): void {
    const [start, end] = [before, after].map((text) => text.slice(0, SAMPLE_CHARACTERS_MAX));
    this.#context.report({ kind, note, before: start ?? '', after: end ?? '' });
  }
}

function expectsThought({ traits, seen, splitsThoughts, isThinkingOff }: RepairContext): boolean {
  if (isThinkingOff) return false;
  return seen.has('orphan-thought') || (traits.opensThought && !splitsThoughts);
}

/** Without a mark of code, a line's end or the beginning of a tag. */
function isPlain(text: string): boolean {
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === NEWLINE || code === 96 || code === 126 || mayBeginTag(code)) return false;
  }
  return true;
}

/** Index of the first character that is not blank; the length when there is none. */
function firstInk(text: string): number {
  let at = 0;
  while (at < text.length && text.charCodeAt(at) <= 32) at += 1;
  return at;
}

/** End of the text before the blanks that stand before `to`; a flood of them is more than blanks. */
function lastInk(text: string, from: number, to: number): number {
  const least = Math.max(from, to - BLANKS_MAX);
  let at = to;
  while (at > least && text.charCodeAt(at - 1) <= 32) at -= 1;
  return at;
}
