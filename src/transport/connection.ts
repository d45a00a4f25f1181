/** One TCP connection to an engine, for one exchange at a time. */
import type { Socket } from 'bun';
import { Fault } from '#src/faults.ts';

/** Whoever the connection's arrivals belong to at the moment. */
export interface Receiver {
  received(bytes: Uint8Array): void;
  /** The connection is gone; nothing follows. */
  disconnected(): void;
}

/** Where an engine listens. With `tls`, only a certificate for that name is taken. */
export type Address = { readonly hostname: string; readonly port: number; readonly tls?: Tls };

export type Tls = {
  readonly serverName: string;
  /** Authorities to trust instead of the system's, as PEM; for tests. */
  readonly ca?: string;
};

/** Of a long text so many characters are encoded at a time, as the engine takes them. */
const SLICE_CHARACTERS = 1 << 20;

/** A loopback dial takes microseconds; more than this means that the machine or the engine is stuck. */
const CONNECT_TIMEOUT_MS = 3_000;

/** Made by `Connection.open`. Idle ones do not keep the process alive. */
export class Connection {
  #socket: Socket<Connection> | null = null;
  #receiver: Receiver | null = null;
  #unsent: Uint8Array | null = null;
  /** What follows `#unsent`, and how much of it was encoded. */
  #text = '';
  #encoded = 0;
  #isPaused = false;

  /**
   * Dials. Throws Fault('engine-unreachable') when nothing accepts within 3 s, or shows a certificate that is not
   * trusted.
   */
  static open(address: Address): Promise<Connection> {
    const connection = new Connection();
    return new Promise((resolve, reject) => {
      const { hostname, port, tls } = address;
      const place = `${tls?.serverName ?? hostname}:${port}`;
      let isLate = false;
      /** Connected, but its certificate is not known yet. */
      let shaking: Socket<Connection> | null = null;
      const deadline = setTimeout(() => {
        isLate = true;
        shaking?.terminate();
        reject(unreachable(place, `did not accept within ${CONNECT_TIMEOUT_MS} ms`, null));
      }, CONNECT_TIMEOUT_MS);
      const handlers = {
        data: (_socket: Socket<Connection>, bytes: Uint8Array) => connection.#receiver?.received(bytes),
        drain: () => connection.#drain(),
        close: () => connection.#gone(),
        error: () => connection.close(),
        connectError: () => {},
      };
      const opened = (socket: Socket<Connection>) => {
        clearTimeout(deadline);
        connection.#socket = socket;
        if (isLate) connection.close();
        else resolve(connection);
      };
      // Nothing is sent before the certificate was found good: the first bytes may hold a key.
      const handshake = (socket: Socket<Connection>, isTrusted: boolean, trouble: Error | null) => {
        if (isTrusted && trouble === null) return opened(socket);
        clearTimeout(deadline);
        // First: closing it is told at once, and says less.
        reject(untrusted(place, trouble));
        socket.terminate();
      };
      const close = () => {
        connection.#gone();
        clearTimeout(deadline);
        // Harmless after it was opened.
        reject(unreachable(place, 'closed the connection at once', null));
      };
      const secure = tls && { tls: { rejectUnauthorized: true, ...tls }, socket: { ...handlers, close, handshake } };
      Bun.connect({ hostname, port, socket: handlers, data: connection, ...secure }).then(
        (socket) => {
          if (!tls) opened(socket);
          else if (isLate) socket.terminate();
          else shaking = socket;
        },
        (cause) => {
          clearTimeout(deadline);
          reject(unreachable(place, 'accepts no connection', cause));
        },
      );
    });
  }

  get isOpen(): boolean {
    return this.#socket !== null;
  }

  /** All of the request has been handed to the kernel. */
  get isSent(): boolean {
    return this.#unsent === null;
  }

  /** Begins an exchange: what arrives from now on goes to `receiver`. `text` follows, encoded as it leaves. */
  send(bytes: Uint8Array, receiver: Receiver, text = ''): void {
    this.#receiver = receiver;
    this.#socket?.ref();
    this.#unsent = bytes;
    this.#text = text;
    this.#encoded = 0;
    this.#drain();
  }

  /** Ends an exchange; until the next one, anything that arrives is a fault and closes it. */
  rest(onGone: () => void): void {
    this.resume();
    this.#receiver = { received: () => this.close(), disconnected: onGone };
    this.#socket?.unref();
  }

  pause(): void {
    if (this.#isPaused) return;
    this.#isPaused = true;
    this.#socket?.pause();
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#socket?.resume();
  }

  /** Closes at once; what was not sent is dropped. Harmless when closed. */
  close(): void {
    const socket = this.#socket;
    this.#gone();
    socket?.terminate();
  }

  /** Bun's `write` takes what the kernel's buffer takes; the rest waits for `drain`. */
  #drain(): void {
    while (this.#unsent && this.#socket) {
      const written = this.#socket.write(this.#unsent);
      if (written < 0) this.close();
      else if (written === this.#unsent.length) this.#unsent = this.#nextSlice();
      else {
        this.#unsent = this.#unsent.subarray(written);
        return;
      }
    }
  }

  #nextSlice(): Uint8Array | null {
    const from = this.#encoded;
    if (from >= this.#text.length) {
      this.#text = '';
      return null;
    }
    const end = from + SLICE_CHARACTERS;
    // A pair of surrogates is one character, and each half alone would be sent as none.
    const isCut = end < this.#text.length && (this.#text.charCodeAt(end - 1) & 0xfc00) === 0xd800;
    this.#encoded = isCut ? end + 1 : end;
    return Buffer.from(this.#text.slice(from, this.#encoded));
  }

  #gone(): void {
    const receiver = this.#receiver;
    this.#socket = null;
    this.#receiver = null;
    this.#unsent = null;
    this.#text = '';
    receiver?.disconnected();
  }
}

function untrusted(place: string, trouble: Error | null): Fault {
  const why = trouble === null ? '' : ` (${trouble.message.slice(0, 200)})`;
  return new Fault('engine-unreachable', `The certificate of ${place} is not trusted${why}.`, {
    hint: 'Give the name that stands in the certificate, or make its authority known with NODE_EXTRA_CA_CERTS.',
  });
}

function unreachable(place: string, what: string, cause: unknown): Fault {
  return new Fault('engine-unreachable', `The engine at ${place} ${what}.`, { cause });
}
