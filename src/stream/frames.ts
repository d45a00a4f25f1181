/**
 * Server-sent events: bytes to frames and back. Follows the WHATWG grammar (CR, LF or CRLF; comments; several data
 * lines; an optional space after the colon; a BOM at the start), but gives a last frame that lacks its empty line too:
 * engines end streams so.
 */
import { Fault } from '#src/faults.ts';

/** One message. `data` without its line end; `event` and `id` null when the message names none. */
export type Frame = { readonly event: string | null; readonly id: string | null; readonly data: string };

/** Longest line, in characters; an engine that sends more has lost its mind. */
export const LINE_CHARACTERS_MAX = 32 << 20;

/** Takes bytes however they are cut (also inside a UTF-8 character) and gives complete frames. */
export class FrameReader {
  readonly #onComment: ((comment: string) => void) | null;
  readonly #decoder = new TextDecoder();
  #rest = '';
  /** Where the search for a line end goes on: what was searched once is not searched again. */
  #searched = 0;
  #endedOnReturn = false;
  #event: string | null = null;
  #id: string | null = null;
  #data: string | null = null;

  /** `onComment` is told what stands behind the colon of each comment. */
  constructor(onComment: ((comment: string) => void) | null = null) {
    this.#onComment = onComment;
  }

  /** The frames that these bytes complete. Throws Fault('engine-refused') on a line of more than 32 Mi characters. */
  push(bytes: Uint8Array): Frame[] {
    return this.#read(this.#decoder.decode(bytes, { stream: true }));
  }

  /** The frame that the end of the bytes completes, if any. */
  end(): Frame[] {
    const frames = this.#read(this.#decoder.decode());
    if (this.#rest !== '') this.#line(this.#rest);
    this.#rest = '';
    const last = this.#dispatch();
    if (last) frames.push(last);
    return frames;
  }

  #read(arrived: string): Frame[] {
    const frames: Frame[] = [];
    if (arrived === '') return frames;
    // A CRLF may be cut in the middle: its CR has ended the line, so its LF ends none.
    const text = this.#endedOnReturn && arrived.startsWith('\n') ? arrived.slice(1) : arrived;
    this.#endedOnReturn = arrived.endsWith('\r');
    const all = this.#rest === '' ? text : this.#rest + text;
    let from = 0;
    let searchFrom = this.#searched;
    const hasReturns = text.includes('\r');
    for (;;) {
      const end = hasReturns ? lineEnd(all, searchFrom) : all.indexOf('\n', searchFrom);
      if (end < 0) break;
      if (end === from) {
        const frame = this.#dispatch();
        if (frame) frames.push(frame);
      } else if (this.#data === null && all.startsWith('data: ', from) && end - from <= LINE_CHARACTERS_MAX) {
        // Nearly all lines.
        this.#data = all.slice(from + 'data: '.length, end);
      } else {
        this.#line(all.slice(from, end));
      }
      from = all.charCodeAt(end) === 13 && all.charCodeAt(end + 1) === 10 ? end + 2 : end + 1;
      searchFrom = from;
    }
    this.#rest = from === 0 ? all : all.slice(from);
    this.#searched = this.#rest.length;
    if (this.#rest.length > LINE_CHARACTERS_MAX) throw tooLong();
    return frames;
  }

  #line(line: string): void {
    if (line.length > LINE_CHARACTERS_MAX) throw tooLong();
    const colon = line.indexOf(':');
    if (colon === 0) {
      this.#onComment?.(line.slice(1));
      return;
    }
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(line.charCodeAt(colon + 1) === 32 ? colon + 2 : colon + 1);
    if (name === 'data') {
      this.#data = this.#data === null ? value : `${this.#data}\n${value}`;
      if (this.#data.length > LINE_CHARACTERS_MAX) throw tooLong();
    } else if (name === 'event') this.#event = value;
    else if (name === 'id' && !value.includes('\0')) this.#id = value;
  }

  #dispatch(): Frame | null {
    const frame = this.#data === null ? null : { event: this.#event, id: this.#id, data: this.#data };
    this.#event = null;
    this.#id = null;
    this.#data = null;
    return frame;
  }
}

/** A frame as text for the wire; line ends inside `data` make several data lines. */
export function encodeFrame(frame: { event?: string; id?: string; data: string }): string {
  const event = frame.event === undefined ? '' : `event: ${oneLine(frame.event)}\n`;
  const id = frame.id === undefined ? '' : `id: ${oneLine(frame.id)}\n`;
  const data = /[\r\n]/.test(frame.data) ? frame.data.replace(/\r\n|\r|\n/g, '\ndata: ') : frame.data;
  return `${event}${id}data: ${data}\n\n`;
}

/**
 * Index after the last complete frame in `bytes`, or 0 when there is none: what lies behind it is half a frame, and
 * nothing may be written into its middle. The bytes before `from` are known to hold no end of a frame.
 */
export function endOfFrames(bytes: Uint8Array, from = 0): number {
  for (let at = bytes.length - 1; at > 0 && at >= from; at -= 1) {
    const byte = bytes[at];
    if (byte !== LINE_FEED && byte !== CARRIAGE_RETURN) continue;
    const before = bytes[at - 1];
    if (before === byte) return at + 1;
    const isCrlfCrlf = byte === LINE_FEED && before === CARRIAGE_RETURN && bytes[at - 2] === LINE_FEED;
    if (isCrlfCrlf) return at + 1;
  }
  return 0;
}

const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;

function lineEnd(text: string, from: number): number {
  const lineFeed = text.indexOf('\n', from);
  const carriageReturn = text.indexOf('\r', from);
  if (lineFeed < 0) return carriageReturn;
  return carriageReturn < 0 ? lineFeed : Math.min(lineFeed, carriageReturn);
}

function oneLine(value: string): string {
  return value.replace(/[\r\n]+/g, ' ');
}

function tooLong(): Fault {
  return new Fault(
    'engine-refused',
    `The engine sent one line of more than ${LINE_CHARACTERS_MAX >> 20} Mi characters.`,
  );
}
