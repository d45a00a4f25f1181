/** Lets others have their turn while many models are gone through. */

/** Longest time that others wait. */
const TURN_MS = 10;

/** One walk over many things, each of which holds up the event loop for some milliseconds, as reading a header does. */
export class Turns {
  #lastMs = performance.now();

  /** To be awaited before each of them. */
  async take(): Promise<void> {
    if (performance.now() - this.#lastMs < TURN_MS) return;
    await Bun.sleep(0);
    this.#lastMs = performance.now();
  }
}
