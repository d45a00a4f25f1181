/** TCP ports for engines: probed by binding, and lent to one engine at a time. */
import { ENGINE_PORTS_MAX } from '#src/config.ts';
import { Fault } from '#src/faults.ts';

/** A port that nobody else gets until it is disposed of. Disposing twice is harmless. */
export type PortLease = Disposable & { readonly port: number };

export const FIRST_PORT = 8081;
/** MLX servers get theirs from here upwards, where people have always found them. */
export const FIRST_MLX_PORT = 8100;
/** Loopback answers in well under a millisecond. */
const CONNECT_MS = 250;

export type PortsOptions = {
  readonly first?: number;
  readonly last?: number;
  /** Whether nobody listens there; binds and lets go. */
  readonly isFree?: (port: number) => boolean;
  /** Whether somebody answers there although it can be bound. */
  readonly isAnswered?: (port: number) => Promise<boolean>;
};

/** Lends loopback ports: a thousand from 8081 upwards, unless it is told others. */
export class Ports {
  readonly #first: number;
  readonly #last: number;
  readonly #isFree: (port: number) => boolean;
  readonly #isAnswered: (port: number) => Promise<boolean>;
  readonly #lent = new Set<number>();

  constructor({ first = FIRST_PORT, last, isFree = canBind, isAnswered = hidden }: PortsOptions = {}) {
    this.#first = first;
    this.#last = last ?? first + ENGINE_PORTS_MAX - 1;
    this.#isFree = isFree;
    this.#isAnswered = isAnswered;
  }

  /** As `reserve`, but passes over a port where somebody answers although it could be bound. */
  async claim(avoid: ReadonlySet<number>, first: number = this.#first): Promise<PortLease> {
    const passed = new Set(avoid);
    for (;;) {
      const lease = this.reserve(passed, first);
      if (!(await this.#isAnswered(lease.port))) return lease;
      lease[Symbol.dispose]();
      passed.add(lease.port);
    }
  }

  /**
   * The lowest free port from `first` on that is neither lent nor to be avoided. Throws Fault('load-failed') when all
   * are taken.
   */
  reserve(avoid: ReadonlySet<number> = new Set(), first: number = this.#first): PortLease {
    const lowest = Math.max(first, this.#first);
    for (let port = lowest; port <= this.#last; port += 1) {
      if (this.#lent.has(port) || avoid.has(port) || !this.#isFree(port)) continue;
      this.#lent.add(port);
      return this.#lease(port);
    }
    throw new Fault('load-failed', `All ports from ${lowest} to ${this.#last} are taken.`, {
      hint: 'Stop a program that listens there.',
    });
  }

  #lease(port: number): PortLease {
    let isHeld = true;
    return {
      port,
      [Symbol.dispose]: () => {
        if (isHeld) this.#lent.delete(port);
        isHeld = false;
      },
    };
  }
}

/** Asks the system, by really binding to it. */
function canBind(port: number): boolean {
  try {
    const listener = Bun.listen({ hostname: '127.0.0.1', port, exclusive: true, socket: { data: () => {} } });
    listener.stop(true);
    return true;
  } catch {
    return false;
  }
}

/**
 * macOS binds 127.0.0.1 also while a program listens on all addresses (0.0.0.0, ::), which would lose whoever it served
 * here. Linux refuses that by itself.
 */
function hidden(port: number): Promise<boolean> {
  return process.platform === 'darwin' ? answers(port) : Promise.resolve(false);
}

/** Whether a connection to this port of 127.0.0.1 is taken, within a quarter of a second. Never rejects. */
export async function answers(port: number): Promise<boolean> {
  const { promise: late, resolve } = Promise.withResolvers<false>();
  const timer = setTimeout(() => resolve(false), CONNECT_MS);
  const connected = Bun.connect({ hostname: '127.0.0.1', port, socket: { data: () => {} } }).then(
    (socket) => {
      socket.terminate();
      return true;
    },
    () => false,
  );
  return await Promise.race([connected, late]).finally(() => clearTimeout(timer));
}
