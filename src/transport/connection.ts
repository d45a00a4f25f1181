/** One TCP connection to an engine, for one exchange at a time. */
import type { Socket } from 'bun';
import { Fault } from '#src/faults.ts';

/** Whoever the connection's arrivals belong to at the moment. */
export interface Receiver {
  received(bytes: Uint8Array): void;
  /** The connection is gone; nothing follows. */
  disconnected(): void;
}

/** Where an engine listens. */
export type Address = { readonly hostname: string; readonly port: number };

/** A loopback dial takes microseconds; more than this means that the machine or the engine is stuck. */
const CONNECT_TIMEOUT_MS = 3_000;

/** Made by `Connection.open`. Idle ones do not keep the process alive. */
export class Connection {
  #socket: Socket<Connection> | null = null;
  #receiver: Receiver | null = null;
  #unsent: Uint8Array | null = null;
  #isPaused = false;

  /** Dials. Throws Fault('engine-unreachable') when nothing accepts within 3 s. */
  static open(address: Address): Promise<Connection> {
    const connection = new Connection();
    return new Promise((resolve, reject) => {
      const place = `${address.hostname}:${address.port}`;
      let isLate = false;
      const deadline = setTimeout(() => {
        isLate = true;
        reject(unreachable(place, `did not accept within ${CONNECT_TIMEOUT_MS} ms`, null));
      }, CONNECT_TIMEOUT_MS);
      const handlers = {
        data: (_socket: Socket<Connection>, bytes: Uint8Array) => connection.#receiver?.received(bytes),
        drain: () => connection.#drain(),
        close: () => connection.#gone(),
        error: () => connection.close(),
        connectError: () => {},
      };
      Bun.connect({ ...address, socket: handlers, data: connection }).then(
        (socket) => {
          clearTimeout(deadline);
          connection.#socket = socket;
          if (isLate) connection.close();
          else resolve(connection);
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

  /** Begins an exchange: what arrives from now on goes to `receiver`. */
  send(bytes: Uint8Array, receiver: Receiver): void {
    this.#receiver = receiver;
    this.#socket?.ref();
    this.#unsent = bytes;
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
    if (!this.#unsent || !this.#socket) return;
    const written = this.#socket.write(this.#unsent);
    if (written < 0) this.close();
    else if (written === this.#unsent.length) this.#unsent = null;
    else this.#unsent = this.#unsent.subarray(written);
  }

  #gone(): void {
    const receiver = this.#receiver;
    this.#socket = null;
    this.#receiver = null;
    this.#unsent = null;
    receiver?.disconnected();
  }
}

function unreachable(place: string, what: string, cause: unknown): Fault {
  return new Fault('engine-unreachable', `The engine at ${place} ${what}.`, { cause });
}
