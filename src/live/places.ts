/** How many connections may stay open: pages, listeners to events, sockets. */
import { Fault } from '#src/faults.ts';
import type { HeldKey } from '#src/keys/held-key.ts';

/** Of one kind, from everybody. */
export const PLACES_MAX = 256;
/** Of these, for one key: so that one program that never hangs up does not keep all others out. */
export const PLACES_PER_KEY_MAX = 64;

/** The places of one kind of connection. */
export class Places {
  readonly #what: string;
  readonly #ofKey = new Map<string, number>();
  #taken = 0;

  /** `what` names them in the plural, for a refusal. */
  constructor(what: string) {
    this.#what = what;
  }

  get taken(): number {
    return this.#taken;
  }

  /** Throws Fault('queue-full') when there is none for this key; null = the owner. */
  refuseIfFull(key: HeldKey | null): void {
    if (this.#taken >= PLACES_MAX) {
      throw new Fault('queue-full', `${PLACES_MAX} ${this.#what} are open already.`, {
        hint: 'Close some of them.',
        retryAfterS: 5,
      });
    }
    if (key === null || (this.#ofKey.get(key.id) ?? 0) < PLACES_PER_KEY_MAX) return;
    const words = `The key "${key.rules.name}" has ${PLACES_PER_KEY_MAX} ${this.#what} open already.`;
    throw new Fault('queue-full', words, { hint: 'Close some of them.', retryAfterS: 5 });
  }

  /** Takes one, to be given back once; whether there is one is asked before. */
  take(key: HeldKey | null): Disposable {
    this.#count(key, 1);
    let isHeld = true;
    return {
      [Symbol.dispose]: () => {
        if (isHeld) this.#count(key, -1);
        isHeld = false;
      },
    };
  }

  #count(key: HeldKey | null, more: 1 | -1): void {
    this.#taken += more;
    if (key === null) return;
    const left = (this.#ofKey.get(key.id) ?? 0) + more;
    if (left === 0) this.#ofKey.delete(key.id);
    else this.#ofKey.set(key.id, left);
  }
}
