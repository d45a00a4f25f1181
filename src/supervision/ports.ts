/** TCP ports for engines: probed by binding, and lent to one engine at a time. */
import { Fault } from '#src/faults.ts';

/** A port that nobody else gets until it is disposed of. Disposing twice is harmless. */
export type PortLease = Disposable & { readonly port: number };

export const FIRST_PORT = 8081;
/** MLX servers get theirs from here upwards, where people have always found them. */
export const FIRST_MLX_PORT = 8100;
const LAST_PORT = 9080;

export type PortsOptions = {
  readonly first?: number;
  readonly last?: number;
  /** Whether nobody listens there; binds and lets go. */
  readonly isFree?: (port: number) => boolean;
};

/** Lends loopback ports from 8081 upwards. */
export class Ports {
  readonly #first: number;
  readonly #last: number;
  readonly #isFree: (port: number) => boolean;
  readonly #lent = new Set<number>();

  constructor({ first = FIRST_PORT, last = LAST_PORT, isFree = canBind }: PortsOptions = {}) {
    this.#first = first;
    this.#last = last;
    this.#isFree = isFree;
  }

  /**
   * The lowest free port from `first` on that is neither lent nor to be avoided. Throws Fault('load-failed') when all
   * are taken.
   */
  reserve(avoid: ReadonlySet<number> = new Set(), first: number = this.#first): PortLease {
    for (let port = Math.max(first, this.#first); port <= this.#last; port += 1) {
      if (this.#lent.has(port) || avoid.has(port) || !this.#isFree(port)) continue;
      this.#lent.add(port);
      return this.#lease(port);
    }
    throw new Fault('load-failed', `All ports from ${this.#first} to ${this.#last} are taken.`, {
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
