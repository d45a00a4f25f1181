/**
 * Reads one HTTP/1.1 response from bytes, however they are cut. Pure. Strict where leniency would let two readers
 * disagree (smuggling): what is not plainly HTTP is refused.
 *
 *   response := interim* head body        body := fixed | chunked trailers | until the connection ends | none
 */
import { Fault } from '#src/faults.ts';

/** The head of a final (not 1xx) response. Names in lower case; repeated headers joined by ", ". */
export type ResponseHead = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** The server will keep the connection when the body has ended. */
  readonly isKeptAlive: boolean;
};

/** Where the body ends. */
type Framing = 'none' | 'fixed' | 'chunked' | 'until-close';
type Phase = 'head' | 'body' | 'size' | 'data-end' | 'trailers' | 'complete';

/** Largest head, all lines together; also the bound of trailers and of one line of chunk size. */
export const HEAD_BYTES_MAX = 64 * 1024;
const HEADERS_MAX = 256;
const INTERIM_MAX = 16;
const CHUNK_DIGITS_MAX = 13;
/** Of a chunk of up to 256 MB; a longer size is looked at more closely. */
const USUAL_DIGITS_MAX = 7;
const CARRIAGE_RETURN = 13;
const LINE_FEED = 10;
const NO_BYTES = new Uint8Array(0);

/** Takes the arrivals of one response and gives its body. One instance per response. */
export class ResponseParser {
  #phase: Phase = 'head';
  #framing: Framing = 'none';
  #head: ResponseHead | null = null;
  #remaining = 0;
  #line: Uint8Array = NO_BYTES;
  #interims = 0;
  #trailerBytes = 0;
  #hasExcess = false;
  readonly #isHeadRequest: boolean;

  constructor(method = 'GET') {
    this.#isHeadRequest = method === 'HEAD';
  }

  /** Null until the head is complete. */
  get head(): ResponseHead | null {
    return this.#head;
  }

  get isComplete(): boolean {
    return this.#phase === 'complete';
  }

  /** Bytes came after the end, so the connection must not be used again. */
  get hasExcess(): boolean {
    return this.#hasExcess;
  }

  /**
   * Takes what arrived and gives the part of it that is body, possibly empty. The payloads of several chunks are moved
   * together inside `bytes` (one piece per arrival), so the caller must own them. Throws Fault('engine-refused').
   */
  push(bytes: Uint8Array): Uint8Array {
    let at = 0;
    let written = 0;
    let first = -1;
    while (at < bytes.length) {
      switch (this.#phase) {
        case 'head':
          at = this.#takeHead(bytes, at);
          break;
        case 'body': {
          const length = Math.min(this.#remaining, bytes.length - at);
          if (first < 0) first = written = at;
          if (written !== at) bytes.copyWithin(written, at, at + length);
          written += length;
          at += length;
          this.#took(length);
          break;
        }
        case 'complete':
          this.#hasExcess = true;
          at = bytes.length;
          break;
        default:
          at = this.#skipUsualLine(bytes, at) ?? this.#takeLine(bytes, at);
      }
    }
    return first < 0 ? NO_BYTES : bytes.subarray(first, written);
  }

  /** The connection ended: true when that completes the response, false when something is missing. */
  end(): boolean {
    if (this.#phase === 'body' && this.#framing === 'until-close') this.#phase = 'complete';
    return this.#phase === 'complete';
  }

  #took(length: number): void {
    if (this.#framing === 'until-close') return;
    this.#remaining -= length;
    if (this.#remaining === 0) this.#phase = this.#framing === 'chunked' ? 'data-end' : 'complete';
  }

  /** Gathers head bytes until the empty line; returns where the rest begins. */
  #takeHead(bytes: Uint8Array, at: number): number {
    const before = this.#line.length;
    const all = before === 0 ? bytes.subarray(at) : joined(this.#line, bytes.subarray(at));
    const end = endOfHead(all, Math.max(0, before - 3));
    if ((end < 0 ? all.length : end) > HEAD_BYTES_MAX) throw refused(`a head of more than ${HEAD_BYTES_MAX} bytes`);
    if (end < 0) {
      this.#line = before === 0 ? all.slice() : all;
      return bytes.length;
    }
    this.#line = NO_BYTES;
    this.#begin(readHead(all.subarray(0, end)));
    return at + end - before;
  }

  #begin(parsed: ParsedHead): void {
    if (parsed.status < 200) {
      this.#interims += 1;
      if (parsed.status === 101) throw refused('a switch of protocols that nobody asked for');
      if (this.#interims > INTERIM_MAX) throw refused(`more than ${INTERIM_MAX} interim answers`);
      return;
    }
    const isBare = this.#isHeadRequest || parsed.status === 204 || parsed.status === 304;
    const framing = isBare ? 'none' : framingOf(parsed);
    const connection = (parsed.headers.connection ?? '').toLowerCase();
    const wantsClose = connection.includes('close') || (parsed.isHttp10 && !connection.includes('keep-alive'));
    this.#framing = framing;
    this.#remaining = framing === 'fixed' ? Number(parsed.headers['content-length']) : 0;
    if (framing === 'until-close') this.#remaining = Number.POSITIVE_INFINITY;
    this.#head = {
      status: parsed.status,
      headers: parsed.headers,
      isKeptAlive: !wantsClose && framing !== 'until-close',
    };
    if (framing === 'chunked') this.#phase = 'size';
    else this.#phase = framing === 'none' || this.#remaining === 0 ? 'complete' : 'body';
  }

  /**
   * Reads what stands between nearly all chunks (the end of one, or a plain size, in one arrival) where it lies: 40 ns
   * instead of 290 a chunk. Null, with nothing taken, for whatever is not quite that.
   */
  #skipUsualLine(bytes: Uint8Array, at: number): number | null {
    if (this.#line.length > 0) return null;
    let end = at;
    if (this.#phase === 'size') {
      let size = 0;
      for (let digit = hexDigit(bytes[end]); digit >= 0; digit = hexDigit(bytes[end])) {
        size = size * 16 + digit;
        end += 1;
      }
      const isUsual = size > 0 && end - at <= USUAL_DIGITS_MAX && isLineEnd(bytes, end);
      if (!isUsual) return null;
      this.#remaining = size;
      this.#phase = 'body';
    } else {
      if (this.#phase !== 'data-end' || !isLineEnd(bytes, end)) return null;
      this.#phase = 'size';
    }
    return end + 2;
  }

  /** Gathers one short line of chunk framing; returns where the rest begins. */
  #takeLine(bytes: Uint8Array, at: number): number {
    const lineFeed = bytes.indexOf(LINE_FEED, at);
    const end = lineFeed < 0 ? bytes.length : lineFeed + 1;
    const part = bytes.subarray(at, end);
    const line = this.#line.length === 0 ? part : joined(this.#line, part);
    if (line.length > HEAD_BYTES_MAX) throw refused('a line of chunk framing without an end');
    if (lineFeed < 0) {
      this.#line = line.slice();
      return end;
    }
    this.#line = NO_BYTES;
    if (line.length < 2 || line[line.length - 2] !== CARRIAGE_RETURN) throw refused('a bare line feed in its framing');
    this.#followLine(line);
    return end;
  }

  #followLine(line: Uint8Array): void {
    const isEmpty = line.length === 2;
    if (this.#phase === 'data-end') {
      if (!isEmpty) throw refused('a chunk longer than its size');
      this.#phase = 'size';
    } else if (this.#phase === 'trailers') {
      this.#trailerBytes += line.length;
      if (this.#trailerBytes > HEAD_BYTES_MAX) throw refused('trailers without an end');
      if (isEmpty) this.#phase = 'complete';
    } else {
      this.#remaining = chunkSize(line);
      this.#phase = this.#remaining === 0 ? 'trailers' : 'body';
    }
  }
}

type ParsedHead = {
  readonly status: number;
  readonly isHttp10: boolean;
  readonly headers: Readonly<Record<string, string>>;
};

const STATUS_LINE = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: [^\r\n]*)?$/;
const HEADER_LINE = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*(.*?)[ \t]*$/;
const REPEATED_LENGTH = /^(\d{1,15})(?:, *\1)*$/;

function readHead(bytes: Uint8Array): ParsedHead {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length - 4).toString('latin1');
  if (text.includes('\0')) throw refused('a NUL in its head');
  const lines = text.split('\r\n');
  if (lines.length > HEADERS_MAX + 1) throw refused(`more than ${HEADERS_MAX} headers`);
  const status = STATUS_LINE.exec(lines[0] ?? '');
  if (!status) throw refused('something that is not an HTTP/1.1 status line');
  const headers: Record<string, string> = Object.create(null);
  for (const line of lines.slice(1)) {
    const header = /[\r\n]/.test(line) ? null : HEADER_LINE.exec(line);
    if (!header) throw refused('a malformed header');
    const name = (header[1] ?? '').toLowerCase();
    const value = header[2] ?? '';
    headers[name] = headers[name] === undefined ? value : `${headers[name]}, ${value}`;
  }
  return { status: Number(status[2]), isHttp10: status[1] === '0', headers };
}

function framingOf({ headers, isHttp10 }: ParsedHead): Framing {
  const coding = headers['transfer-encoding'];
  const length = headers['content-length'];
  if (coding !== undefined) {
    if (length !== undefined) throw refused('both a length and chunks');
    if (coding.toLowerCase() !== 'chunked' || isHttp10) throw refused(`the transfer coding ${JSON.stringify(coding)}`);
    return 'chunked';
  }
  if (length === undefined) return 'until-close';
  const same = REPEATED_LENGTH.exec(length);
  if (!same) throw refused(`the length ${JSON.stringify(length.slice(0, 40))}`);
  Object.assign(headers, { 'content-length': same[1] });
  return 'fixed';
}

function chunkSize(line: Uint8Array): number {
  const text = Buffer.from(line.buffer, line.byteOffset, line.length - 2).toString('latin1');
  const digits = /^([0-9A-Fa-f]+)[ \t]*(?:;[^\r\n]*)?$/.exec(text)?.[1]?.replace(/^0+(?=.)/, '');
  if (digits === undefined || digits.length > CHUNK_DIGITS_MAX) throw refused('a malformed chunk size');
  return Number.parseInt(digits, 16);
}

/** Value of a digit of a chunk's size; -1 for anything else. */
function hexDigit(byte: number | undefined): number {
  if (byte === undefined) return -1;
  if (byte >= 48 && byte <= 57) return byte - 48;
  const lower = byte | 32;
  return lower >= 97 && lower <= 102 ? lower - 87 : -1;
}

function isLineEnd(bytes: Uint8Array, at: number): boolean {
  return bytes[at] === CARRIAGE_RETURN && bytes[at + 1] === LINE_FEED;
}

/** Index after CR LF CR LF, or -1. */
function endOfHead(bytes: Uint8Array, from: number): number {
  for (let at = bytes.indexOf(LINE_FEED, from); at >= 0; at = bytes.indexOf(LINE_FEED, at + 1)) {
    if (at < 3) continue;
    if (bytes[at - 1] === CARRIAGE_RETURN && bytes[at - 2] === LINE_FEED && bytes[at - 3] === CARRIAGE_RETURN) {
      return at + 1;
    }
  }
  return -1;
}

function joined(left: Uint8Array, right: Uint8Array): Uint8Array {
  const all = new Uint8Array(left.length + right.length);
  all.set(left);
  all.set(right, left.length);
  return all;
}

function refused(what: string): Fault {
  return new Fault('engine-refused', `The engine's answer is not plain HTTP/1.1: it holds ${what}.`, {
    hint: 'See the engine’s log; another program may be listening on its port.',
  });
}
