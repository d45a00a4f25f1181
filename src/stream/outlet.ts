/** The writing end of a streamed response. */
import type { DirectUnderlyingSource } from 'bun';

/**
 * A response body that is written to. Nothing is buffered beyond what the socket takes: `write` gives a promise while
 * the client is slow, and whoever does not await it grows the memory without limit.
 *
 * A direct stream, because it was the cheapest of three shapes measured side by side (32 streams flat out, medians of
 * three interleaved rounds, CPU seconds of the gateway per million tokens): direct 1.8, pull stream 1.9, async
 * generator 1.9; paced at one token per write all three took 13 µs a token. Of the engine's
 * own speed, 0.7 to 0.95 came through.
 */
export class Outlet {
  /** To be returned in a Response, once. */
  readonly body: ReadableStream<Uint8Array>;
  readonly #onGone: () => void;
  readonly #finished = Promise.withResolvers<void>();
  #controller: ReadableStreamDirectController | null = null;
  #early: (string | Uint8Array)[] = [];
  #release: (() => void) | null = null;
  #isEnded = false;
  #isStalled = false;

  /** `onGone` hears that the client does not read any more; it may be called more than once, and after the end. */
  constructor(onGone: () => void) {
    this.#onGone = onGone;
    const source: DirectUnderlyingSource<Uint8Array> = {
      type: 'direct',
      pull: (controller) => this.#attach(controller),
      cancel: () => this.#gone(),
    };
    // The DOM's types, which come first, do not know Bun's direct streams.
    this.body = Reflect.construct(ReadableStream, [source]);
  }

  /** A write has not been taken yet. */
  get isStalled(): boolean {
    return this.#isStalled;
  }

  /** Null when it was taken; else a promise that settles (never rejects) when the client has caught up or is gone. */
  write(piece: string | Uint8Array): Promise<void> | null {
    if (this.#isEnded) return null;
    if (!this.#controller) {
      this.#early.push(piece);
      return this.#until(null);
    }
    const taken: unknown = this.#controller.write(piece);
    if (!(taken instanceof Promise)) {
      this.#controller.flush();
      return null;
    }
    return this.#until(taken);
  }

  /** Ends the body; harmless when ended. */
  end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    if (this.#controller) this.#close();
  }

  /** Lets a writer that waits go on: the response was never read and never will be. */
  abandon(): void {
    this.#isEnded = true;
    this.#early = [];
    this.#released();
    this.#close();
  }

  #attach(controller: ReadableStreamDirectController): Promise<void> {
    this.#controller = controller;
    for (const piece of this.#early.splice(0)) controller.write(piece);
    // The flush sends the head of the response at once, also when there is no piece yet.
    controller.flush();
    this.#released();
    if (this.#isEnded) this.#close();
    return this.#finished.promise;
  }

  #close(): void {
    this.#controller?.close();
    this.#finished.resolve();
  }

  #gone(): void {
    this.#isEnded = true;
    this.#early = [];
    this.#released();
    this.#finished.resolve();
    this.#onGone();
  }

  #until(taken: Promise<unknown> | null): Promise<void> {
    this.#isStalled = true;
    return new Promise((resolve) => {
      this.#release = resolve;
      const released = () => this.#released();
      taken?.then(released, released);
    });
  }

  #released(): void {
    this.#isStalled = false;
    this.#release?.();
    this.#release = null;
  }
}
