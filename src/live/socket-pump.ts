/** Carries a stream over a WebSocket, no faster than the other end reads. */

/** What is needed of a socket. */
export interface Sink {
  /** Bytes sent; -1 when they wait in the socket, 0 when they were dropped. */
  send(bytes: Uint8Array): number;
  close(): void;
}

/** One socket's way, from its opening until either end closes. */
export class SocketPump {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #sink: Sink;
  #onDrained: (() => void) | null = null;
  #isClosed = false;

  constructor(stream: ReadableStream<Uint8Array>, sink: Sink) {
    this.#reader = stream.getReader();
    this.#sink = sink;
    void this.#carry();
  }

  /** The other end has read what was sent. */
  drained(): void {
    this.#onDrained?.();
    this.#onDrained = null;
  }

  /** The other end is gone. */
  closed(): void {
    this.#isClosed = true;
    this.drained();
    void this.#reader.cancel();
  }

  async #carry(): Promise<void> {
    while (!this.#isClosed) {
      const { done, value } = await this.#reader.read();
      if (done) break;
      if (this.#sink.send(value) <= 0 && !this.#isClosed) await this.#drain();
    }
    this.#sink.close();
  }

  #drain(): Promise<void> {
    return new Promise((resolve) => {
      this.#onDrained = resolve;
    });
  }
}
