/** How fast bytes come, over the last seconds. */

const WINDOW_MS = 10_000;
/** Before that much is known, a speed is a guess. */
const KNOWN_AFTER_MS = 3_000;
const SAMPLE_INTERVAL_MS = 200;

/** A window over a count that grows. Times are monotonic. */
export class Speed {
  #samples: { readonly atMs: number; readonly bytes: number }[] = [];

  /** Notes how many bytes there are in all. */
  note(atMs: number, bytes: number): void {
    const last = this.#samples.at(-1);
    // A file that starts over goes back: what was measured before means nothing then.
    if (last && bytes < last.bytes) this.#samples = [];
    else if (last && atMs - last.atMs < SAMPLE_INTERVAL_MS) return;
    this.#samples.push({ atMs, bytes });
    while (this.#samples.length > 2 && (this.#samples[1]?.atMs ?? atMs) <= atMs - WINDOW_MS) this.#samples.shift();
  }

  /** Bytes per second; null while not known. */
  at(nowMs: number): number | null {
    const [first] = this.#samples;
    const last = this.#samples.at(-1);
    if (!first || !last || nowMs - first.atMs < KNOWN_AFTER_MS) return null;
    return ((last.bytes - first.bytes) * 1000) / (nowMs - first.atMs);
  }

  /** Forgets: nothing comes for now. */
  clear(): void {
    this.#samples = [];
  }
}
