/** Which key a request was let in with, from the guard to whoever answers it. */
import type { HeldKey } from './held-key.ts';

/** Filled by the guard alone. A request that is not in it was let in as its owner's, or asked by Flow itself. */
export class Callers {
  readonly #keys = new WeakMap<Request, HeldKey>();

  /** This very request was let in with a key. */
  note(request: Request, key: HeldKey): void {
    this.#keys.set(request, key);
  }

  /** The key that a request was let in with; null = whoever asks may do everything. */
  keyOf(request: Request): HeldKey | null {
    return this.#keys.get(request) ?? null;
  }
}
