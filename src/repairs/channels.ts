/**
 * gpt-oss's channels that came as text: an engine that does not know them hands on the model's own writing,
 * `<|channel|>analysis<|message|>…<|end|><|start|>assistant<|channel|>final<|message|>…<|return|>`.
 */
import type { StreamEvent } from '#src/dialects/stream-event.ts';
import { meets, partialEnd, skipWhite } from './calls/reading.ts';
import type { RepairContext, Sink, Stage } from './stage.ts';

type TextEvent = Extract<StreamEvent, { type: 'text' }>;

const MESSAGE = '<|message|>';
const ENDS = ['<|end|>', '<|return|>'];
const STARTS = ['<|start|>', '<|channel|>'];
/** A message to the reader or to nobody. One to a tool is a call, which is left to who finds those. */
const HEAD = /^(?:<\|start\|>assistant)?<\|channel\|>(analysis|commentary|final)\s*(?:<\|constrain\|>\s*\w+\s*)?$/;
const HEAD_CHARACTERS_MAX = 120;
/** Between the end of a message and the start of the next; more is text. */
const BLANKS_MAX = 64;

/** Whether this model writes in channels. */
export function mayHaveChannels({ traits, switches }: RepairContext): boolean {
  return switches.think_tags !== false && (traits.callFormat === 'harmony' || traits.family === 'gpt-oss');
}

/**
 * answer := head text (end head text)* end?, and only where it begins with a head, so that text which speaks of
 * channels stays what it is. `analysis` is thought, what else is said is text; the marks are left out. From the first
 * message on that is neither, all is text as it came.
 */
export function channels(context: RepairContext, next: Sink): Stage {
  return new Channels(context, next);
}

class Channels implements Stage {
  readonly #context: RepairContext;
  readonly #next: Sink;
  /** `plain`: no message, or none that is known. */
  #mode: 'start' | 'head' | 'thinking' | 'text' | 'plain' = 'start';
  /** May be the beginning of a mark, or a head that is not complete. */
  #held = '';
  #hasMessage = false;
  #usage: StreamEvent | null = null;

  constructor(context: RepairContext, next: Sink) {
    this.#context = context;
    this.#next = next;
  }

  push(event: StreamEvent): void {
    switch (event.type) {
      case 'text':
        if (this.#mode === 'plain') this.#next(event);
        else this.#read(event);
        return;
      case 'prompt':
        this.#next(event);
        return;
      case 'usage':
        // What is still held comes before the counts.
        this.#usage = event;
        return;
      case 'thinking':
      case 'tool-start':
      case 'tool-arguments':
        // The engine reads the channels itself.
        this.#letGo();
        break;
      default:
        this.#end();
    }
    this.#next(event);
  }

  #read(event: TextEvent): void {
    const held = this.#held;
    let rest: string | null = held + event.text;
    this.#held = '';
    while (rest !== null && rest !== '') {
      if (this.#mode === 'start' && held === '' && this.#isNone(rest)) {
        this.#mode = 'plain';
        this.#next(event);
        return;
      }
      rest = this.#mode === 'start' || this.#mode === 'head' ? this.#readHead(rest) : this.#readMessage(rest);
    }
  }

  /** Nothing that begins a message. */
  #isNone(text: string): boolean {
    const at = skipWhite(text, 0);
    return at > BLANKS_MAX || STARTS.every((start) => meets(text, at, start) === 'no');
  }

  /** A head; what follows it, or null when all is read. */
  #readHead(text: string): string | null {
    if (this.#isNone(text)) return this.#giveUp(text);
    const at = text.indexOf(MESSAGE);
    if (at < 0) {
      if (text.length > HEAD_CHARACTERS_MAX) return this.#giveUp(text);
      this.#held = text;
      return null;
    }
    const head = text.slice(0, at).trim();
    const channel = HEAD.exec(head)?.[1];
    if (channel === undefined || at > HEAD_CHARACTERS_MAX - MESSAGE.length) return this.#giveUp(text);
    if (!this.#hasMessage) {
      const note = 'the channels of gpt-oss came as text and were told apart';
      this.#context.report({ kind: 'think-tags', note, before: `${head}${MESSAGE}`, after: '' });
    }
    this.#hasMessage = true;
    this.#mode = channel === 'analysis' ? 'thinking' : 'text';
    return text.slice(at + MESSAGE.length);
  }

  /** Up to the end of the message; what follows it, or null when all is read. */
  #readMessage(text: string): string | null {
    for (let at = text.indexOf('<'); at >= 0; at = text.indexOf('<', at + 1)) {
      const end = ENDS.find((mark) => text.startsWith(mark, at));
      if (end === undefined) continue;
      const place = skipWhite(text, at + end.length);
      if (place - at - end.length > BLANKS_MAX) continue;
      const follows = STARTS.map((start) => meets(text, place, start));
      if (follows.includes('maybe')) {
        this.#say(text.slice(0, at));
        this.#held = text.slice(at);
        return null;
      }
      if (!follows.includes('yes')) continue;
      this.#say(text.slice(0, at));
      this.#mode = 'head';
      return text.slice(place);
    }
    const kept = Math.max(...ENDS.map((mark) => partialEnd(text, 0, mark)));
    this.#say(text.slice(0, text.length - kept));
    this.#held = text.slice(text.length - kept);
    return null;
  }

  /** No head that is known: from here on all is text as it came. */
  #giveUp(text: string): null {
    this.#mode = 'plain';
    this.#next({ type: 'text', text });
    return null;
  }

  #say(text: string): void {
    if (text !== '') this.#next({ type: this.#mode === 'thinking' ? 'thinking' : 'text', text });
  }

  #letGo(): void {
    const held = this.#held;
    this.#held = '';
    this.#say(held);
    this.#mode = 'plain';
  }

  /** The answer is over: a mark at its end says no more than that. */
  #end(): void {
    const isMark = this.#mode === 'head' || ENDS.some((mark) => this.#held.startsWith(mark));
    if (this.#hasMessage && isMark) this.#held = '';
    this.#letGo();
    if (this.#usage) this.#next(this.#usage);
    this.#usage = null;
  }
}
