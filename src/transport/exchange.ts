/**
 * One HTTP exchange with an engine on loopback. The client (`client.ts`) is our own over `Bun.connect`, because `fetch`
 * caps a process at 256 requests at a time, gives up after 300 s of silence, and wakes a second thread per token.
 */
export type ExchangeRequest = {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** Path and query, beginning with `/`. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Complete body; null for none. */
  readonly body: string | Uint8Array | null;
  /** Closes the connection, which makes the engine free its slot. */
  readonly signal: AbortSignal;
};

export interface ExchangeResponse {
  readonly status: number;
  /** Names in lower case; repeated headers joined by ", ". */
  readonly headers: Readonly<Record<string, string>>;
  /**
   * The next piece of the body as it came off the socket (chunked framing removed, several arrivals joined), or null at
   * its end. Throws Fault('engine-died') when the connection broke before the end, 'cancelled' after an abort.
   * The reader sets the pace: unread bytes are bounded, then the socket is paused. One call at a time.
   */
  read(): Promise<Uint8Array | null>;
  /** The rest of the body as text; at most `bytesMax` (default 64 MiB), else Fault('engine-died'). */
  text(bytesMax?: number): Promise<string>;
  /** Lets go of it early; harmless after the end. */
  close(): void;
}

/** Keeps connections to engines. */
export interface EngineClient {
  /**
   * Resolves when the response head is there. Throws Fault('engine-unreachable') when nothing listens, 'engine-died'
   * when the connection ended before the head. A connection that was idle and turns out closed within a second, before
   * any byte of the answer, is replaced once; llama-server closes each one after a streamed answer.
   */
  send(baseUrl: string, request: ExchangeRequest): Promise<ExchangeResponse>;
  /** Closes idle connections. */
  close(): void;
}
