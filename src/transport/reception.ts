/** One response while it arrives: head, then a body whose reader sets the pace. */
import { Fault } from '#src/faults.ts';
import type { Connection, Receiver } from './connection.ts';
import type { ExchangeResponse } from './exchange.ts';
import { readText } from './read-text.ts';
import { ResponseParser } from './response-parser.ts';

/** Unread bytes before the socket is paused. */
const UNREAD_BYTES_MAX = 1 << 20;

/** What the reader may be waiting for. */
type Waiting = { resolve(piece: Uint8Array | null): void; reject(fault: Fault): void };

/** Parses what a connection receives and hands it out. */
export class Reception implements ExchangeResponse, Receiver {
  /** Resolves with this when the head is there. */
  readonly begun: Promise<Reception>;
  readonly #parser: ResponseParser;
  readonly #connection: Connection;
  readonly #onEnd: (isReusable: boolean) => void;
  readonly #begun = Promise.withResolvers<Reception>();
  #unread: Uint8Array[] = [];
  #unreadBytes = 0;
  #waiting: Waiting | null = null;
  #fault: Fault | null = null;
  #hasEnded = false;
  #hasArrivals = false;

  /** `onEnd` is called once; a reusable connection may carry the next exchange. */
  constructor(connection: Connection, method: string, onEnd: (isReusable: boolean) => void) {
    this.#connection = connection;
    this.#parser = new ResponseParser(method);
    this.#onEnd = onEnd;
    this.begun = this.#begun.promise;
    // Whoever lets go early never looks at the promise; its rejection must not end the process.
    this.begun.catch(() => {});
  }

  /** Whether any byte of an answer came. */
  get hasArrivals(): boolean {
    return this.#hasArrivals;
  }

  get status(): number {
    return this.#parser.head?.status ?? 0;
  }

  get headers(): Readonly<Record<string, string>> {
    return this.#parser.head?.headers ?? {};
  }

  received(bytes: Uint8Array): void {
    this.#hasArrivals = true;
    const hadHead = this.#parser.head !== null;
    try {
      const piece = this.#parser.push(bytes);
      if (piece.length > 0) this.#offer(piece);
    } catch (cause) {
      this.#break(cause instanceof Fault ? cause : new Fault('internal', 'A response could not be read.', { cause }));
      return;
    }
    if (!hadHead && this.#parser.head) this.#begun.resolve(this);
    if (this.#parser.isComplete) this.#complete();
  }

  disconnected(): void {
    if (this.#hasEnded) return;
    if (this.#parser.end()) this.#complete();
    else this.#break(new Fault('engine-died', 'The engine closed the connection before its answer was complete.'));
  }

  /** The caller does not want it any more: closes the connection, so that the engine frees its slot. */
  abort(): void {
    this.#break(new Fault('cancelled', 'The client went away before the answer was complete.'));
  }

  read(): Promise<Uint8Array | null> {
    if (this.#unread.length > 0) return Promise.resolve(this.#take());
    if (this.#fault) return Promise.reject(this.#fault);
    if (this.#hasEnded) return Promise.resolve(null);
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
    });
  }

  text(bytesMax?: number): Promise<string> {
    return readText(this, bytesMax);
  }

  close(): void {
    if (!this.#hasEnded) this.abort();
    this.#unread = [];
    this.#unreadBytes = 0;
  }

  #offer(piece: Uint8Array): void {
    if (this.#waiting) {
      const waiting = this.#waiting;
      this.#waiting = null;
      waiting.resolve(piece);
      return;
    }
    this.#unread.push(piece);
    this.#unreadBytes += piece.length;
    if (this.#unreadBytes > UNREAD_BYTES_MAX) this.#connection.pause();
  }

  #take(): Uint8Array {
    const pieces = this.#unread;
    this.#unread = [];
    this.#unreadBytes = 0;
    if (!this.#hasEnded) this.#connection.resume();
    const first = pieces[0];
    return pieces.length === 1 && first ? first : Buffer.concat(pieces);
  }

  #complete(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    const isReusable = this.#parser.head?.isKeptAlive === true && !this.#parser.hasExcess && this.#connection.isSent;
    this.#begun.resolve(this);
    this.#waiting?.resolve(null);
    this.#waiting = null;
    this.#onEnd(isReusable && this.#connection.isOpen);
  }

  #break(fault: Fault): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#fault = fault;
    this.#begun.reject(fault);
    this.#waiting?.reject(fault);
    this.#waiting = null;
    this.#onEnd(false);
  }
}
