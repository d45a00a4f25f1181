/**
 * Finds calls in streamed text. Text that cannot be one goes on at once, as the same event; only what may still become
 * a call is held back, from the first character of its opener on.
 */
import type { StreamEvent } from '#src/dialects/stream-event.ts';
import { CodeSpans } from './code-spans.ts';
import type { Offered } from './offered.ts';
import type { OpenerTable } from './openers.ts';
import {
  type CallSyntax,
  isWhite,
  meets,
  NOT_A_CALL,
  partialEnd,
  type Reading,
  type TextEnd,
  type Watch,
  type WrittenCall,
} from './reading.ts';
import { TRAILERS } from './trailers.ts';

export type TextEvent = Extract<StreamEvent, { type: 'text' | 'thinking' }>;

/** Who listens to a scanner. */
export interface ScannerOutlet {
  text(event: TextEvent): void;
  /** `raw` is what the calls were written as. */
  calls(calls: readonly WrittenCall[], raw: string, syntax: CallSyntax): void;
}

/** A block this short is read with every piece, so that prose is let go at its first wrong character. */
const SHORT_CHARACTERS = 256;
/** A longer one is read again when it has grown by this factor, so that all readings together stay linear. */
const GROWTH = 1.5;
/** Beyond this length a block that rings is read again only when it has grown by one part in so many. */
const LONG_CHARACTERS = 16_384;
const LONG_SHARE = 64;

/** How one syntax stands towards the held block. */
type Reader = { readonly syntax: CallSyntax; readonly opener: string; watch: Watch | null };
type Candidate = {
  /** Where in the held text the block begins. */
  from: number;
  readers: Reader[];
  /** As long as the block was when it was read last. */
  readLength: number;
  /** A watch has rung since then. */
  hasRung: boolean;
  /** What opened the block for the syntax that found a broken call in it; null = none did. */
  brokenOpener: string | null;
};
type Held = { readonly event: TextEvent; readonly length: number };

/**
 * Scans one stream of text. What it holds is `#pending`, which is the text of the `#held` events but for what of the
 * first has gone already.
 */
export class CallScanner {
  /** The call inside which the text ended; null = none. */
  cut: string | null = null;
  readonly #openers: OpenerTable;
  readonly #offered: Offered;
  readonly #outlet: ScannerOutlet;
  readonly #code = new CodeSpans();
  #held: Held[] = [];
  #goneOfFirst = 0;
  #pending = '';
  /** Up to here it is known that no block begins. */
  #at = 0;
  #candidate: Candidate | null = null;
  /** What ends the broken call that is being passed over; null = none is. */
  #quoteEnd: string | null = null;
  /** Where white text stands: at the answer's start, directly after a call, or in the midst of text. */
  #edge: 'start' | 'call' | 'text' = 'start';

  constructor(openers: OpenerTable, offered: Offered, outlet: ScannerOutlet) {
    this.#openers = openers;
    this.#offered = offered;
    this.#outlet = outlet;
  }

  push(event: TextEvent): void {
    const { text } = event;
    if (this.#edge === 'text' && this.#held.length === 0 && this.#quoteEnd === null && this.#openers.isPlain(text)) {
      this.#code.plain(isAllWhite(text));
      this.#outlet.text(event);
      return;
    }
    this.#held.push({ event, length: text.length });
    this.#pending += text;
    if (this.#candidate && !this.#isWorthReading(this.#candidate, text)) return;
    this.#scan('open');
  }

  /** Decides on all that is held. */
  end(end: 'stopped' | 'cut'): void {
    if (this.#pending !== '') this.#scan(end);
    this.#release(this.#pending.length);
  }

  #isWorthReading(candidate: Candidate, piece: string): boolean {
    let rings = false;
    for (const { watch } of candidate.readers) if (!watch || watch.rings(piece)) rings = true;
    if (rings) candidate.hasRung = true;
    const length = this.#pending.length - candidate.from;
    // A value full of closing tags rings all the time.
    const isDue = candidate.hasRung && length - candidate.readLength >= candidate.readLength / LONG_SHARE;
    return (
      (rings && length <= LONG_CHARACTERS) ||
      isDue ||
      length <= SHORT_CHARACTERS ||
      length > candidate.readLength * GROWTH
    );
  }

  #scan(end: TextEnd): void {
    for (;;) {
      if (this.#candidate) {
        if (!this.#decide(this.#candidate, end)) return;
      } else if (!this.#seek(end)) return;
    }
  }

  /** Goes on to the next place where a block may begin; false when the text gives out before. */
  #seek(end: TextEnd): boolean {
    if (this.#quoteEnd !== null && !this.#passQuote(this.#quoteEnd, end)) return false;
    if (this.#edge === 'call' && !this.#dropTrailers(end)) return false;
    const text = this.#pending;
    for (let at = this.#at; at < text.length; at += 1) {
      const found = this.#openers.at(text, at, this.#edge === 'start');
      if (found.length > 0 && !this.#code.isCode()) {
        const readers = found.map(({ opener, syntax }) => ({ syntax, opener, watch: null }));
        this.#at = at;
        if (this.#edge === 'text') this.#release(this.#wholeBefore(at));
        this.#candidate = { from: this.#at, readers, readLength: 0, hasRung: false, brokenOpener: null };
        return true;
      }
      const code = text.charCodeAt(at);
      if (this.#edge !== 'text' && !isWhite(code)) this.#edge = 'text';
      this.#code.see(code);
    }
    this.#at = text.length;
    if (this.#edge === 'text') this.#release(text.length);
    return false;
  }

  /** Reads the block; false when it has to wait for more. */
  #decide(candidate: Candidate, end: TextEnd): boolean {
    const block = this.#pending.slice(candidate.from);
    candidate.readLength = block.length;
    candidate.hasRung = false;
    let best: { reading: Extract<Reading, { kind: 'calls' }>; syntax: CallSyntax } | null = null;
    let isCall = false;
    const open: Reader[] = [];
    for (const reader of candidate.readers) {
      const reading = this.#read(reader, block, end);
      if (reading.kind === 'calls') {
        if (!best || reading.length < best.reading.length) best = { reading, syntax: reader.syntax };
      } else if (reading.kind === 'partial') {
        isCall ||= reading.isCall;
        reader.watch = reading.watch;
        open.push(reader);
      } else if (reading.isBroken) candidate.brokenOpener = reader.opener;
    }
    const hasOpened = open.some(({ opener }) => opener.length <= block.length);
    if (this.#edge === 'text' && (best || (hasOpened && end === 'open'))) this.#releaseBefore(candidate);
    if (best) this.#take(best.reading, best.syntax);
    else if (open.length === 0) this.#letGo(candidate);
    else if (end === 'open') candidate.readers = open;
    else if (isCall) this.#endInCall();
    else this.#letGo(candidate);
    return this.#candidate === null && this.#pending !== '';
  }

  #read({ syntax, opener }: Reader, block: string, end: TextEnd): Reading {
    switch (meets(block, 0, opener)) {
      case 'yes':
        return syntax.read(block, opener, this.#offered, end);
      case 'maybe':
        return { kind: 'partial', isCall: false, watch: null };
      default:
        return NOT_A_CALL;
    }
  }

  #take({ calls, length }: Extract<Reading, { kind: 'calls' }>, syntax: CallSyntax): void {
    const from = this.#candidate?.from ?? 0;
    const raw = this.#pending.slice(from, from + length);
    this.#candidate = null;
    this.#drop(from + length);
    this.#edge = 'call';
    this.#code.newLine();
    this.#outlet.calls(calls, raw, syntax);
  }

  /**
   * It was no call: its first character is text, and the rest is looked at again. But what a broken call has in its
   * arguments is quoted and not said, so that is not looked at until the call's own closing tag, or the line, has come.
   */
  #letGo({ from, brokenOpener }: Candidate): void {
    this.#candidate = null;
    this.#edge = 'text';
    this.#at = from + 1;
    this.#code.see(this.#pending.charCodeAt(from));
    if (brokenOpener !== null) this.#quoteEnd = closerOf(brokenOpener);
  }

  /** Passes over what a broken call quotes; false when its end has not come. */
  #passQuote(quoteEnd: string, end: TextEnd): boolean {
    const found = this.#pending.indexOf(quoteEnd, this.#at);
    if (found >= 0) {
      this.#quoteEnd = null;
      this.#goOn(found + quoteEnd.length);
      return true;
    }
    // The end itself may have begun.
    const kept = end === 'open' ? partialEnd(this.#pending, this.#at, quoteEnd) : 0;
    this.#goOn(this.#pending.length - kept);
    this.#release(this.#wholeBefore(this.#at));
    return false;
  }

  /** Moves to a place, with all before it seen as text. */
  #goOn(place: number): void {
    for (let at = this.#at; at < place; at += 1) this.#code.see(this.#pending.charCodeAt(at));
    this.#at = place;
  }

  /** How much of what is held are whole events that end before `at`: none is divided for what may be nothing. */
  #wholeBefore(at: number): number {
    let whole = 0;
    let end = -this.#goneOfFirst;
    for (const { length } of this.#held) {
      end += length;
      if (end > at) break;
      whole = end;
    }
    return whole;
  }

  /** An opener stands there in full: what precedes it has waited long enough. */
  #releaseBefore(candidate: Candidate): void {
    this.#release(candidate.from);
    candidate.from = 0;
  }

  /** A call without its end. Nothing inside it is looked at: what stands in its arguments is not said, but quoted. */
  #endInCall(): void {
    this.cut = this.#pending.slice(this.#candidate?.from ?? 0);
    this.#candidate = null;
    this.#edge = 'text';
    this.#release(this.#pending.length);
  }

  /** Drops what templates put after a call; false when the text gives out before it is certain. */
  #dropTrailers(end: TextEnd): boolean {
    for (;;) {
      let at = 0;
      while (at < this.#pending.length && isWhite(this.#pending.charCodeAt(at))) at += 1;
      this.#drop(at);
      if (this.#pending === '') return false;
      const trailers = TRAILERS.map((trailer) => ({ trailer, met: meets(this.#pending, 0, trailer) }));
      const whole = trailers.find(({ met }) => met === 'yes');
      if (whole) this.#drop(whole.trailer.length);
      else if (end === 'open' && trailers.some(({ met }) => met === 'maybe')) return false;
      else return true;
    }
  }

  /** Hands on what is held as it is, without deciding on it: something else is said now. */
  flush(): void {
    this.#candidate = null;
    if (this.#held.length > 0) this.#edge = 'text';
    this.#release(this.#pending.length);
  }

  /** Hands on the first characters that are held: whole events as they came. */
  #release(length: number): void {
    this.#pass(length, (event) => this.#outlet.text(event));
  }

  /** Lets the first characters that are held vanish. */
  #drop(length: number): void {
    this.#pass(length, null);
  }

  #pass(length: number, to: ((event: TextEvent) => void) | null): void {
    let rest = length;
    let whole = 0;
    for (const { event, length: eventLength } of this.#held) {
      const gone = whole === 0 ? this.#goneOfFirst : 0;
      const left = eventLength - gone;
      if (left > rest) {
        if (rest > 0) to?.(part(event, gone, gone + rest));
        this.#goneOfFirst = gone + rest;
        rest = -1;
        break;
      }
      to?.(gone === 0 ? event : part(event, gone, eventLength));
      this.#goneOfFirst = 0;
      whole += 1;
      rest -= left;
    }
    if (whole > 0) this.#held.splice(0, whole);
    this.#forget(length);
  }

  #forget(length: number): void {
    this.#pending = length >= this.#pending.length ? '' : this.#pending.slice(length);
    this.#at = Math.max(0, this.#at - length);
  }
}

/** `</name>` for `<name>`, as it was written; a line's end where a block has no closing tag. */
function closerOf(opener: string): string {
  if (/^<[\w:]+>$/.test(opener)) return `</${opener.slice(1)}`;
  if (/^&lt;[\w:]+&gt;$/.test(opener)) return `&lt;/${opener.slice(4)}`;
  return opener === '<function=' ? '</function>' : '\n';
}

function part(event: TextEvent, from: number, to: number): TextEvent {
  return { type: event.type, text: event.text.slice(from, to) };
}

function isAllWhite(text: string): boolean {
  for (let at = 0; at < text.length; at += 1) if (!isWhite(text.charCodeAt(at))) return false;
  return true;
}
