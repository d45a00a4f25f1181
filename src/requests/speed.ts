/** Speed over the last seconds, from samples taken now and then, so that counting a token costs nothing. */

/** At ten samples a second this reaches back further than any window asked for. */
const SAMPLES_MAX = 64;

/** Remembers how far a count had come at past moments. Fixed size; times must not go backwards. */
export class SpeedWindow {
  readonly #timesMs = new Float64Array(SAMPLES_MAX);
  readonly #counts = new Float64Array(SAMPLES_MAX);
  #taken = 0;

  sample(nowMs: number, count: number): void {
    const slot = this.#taken % SAMPLES_MAX;
    this.#timesMs[slot] = nowMs;
    this.#counts[slot] = count;
    this.#taken += 1;
  }

  /** The newest sample at or before `atMs`; the oldest one known when all are younger; null before the first. */
  reading(atMs: number): { readonly atMs: number; readonly count: number } | null {
    const oldest = Math.max(0, this.#taken - SAMPLES_MAX);
    if (this.#taken === 0) return null;
    let index = this.#taken - 1;
    while (index > oldest && (this.#timesMs[index % SAMPLES_MAX] ?? 0) > atMs) index -= 1;
    return { atMs: this.#timesMs[index % SAMPLES_MAX] ?? 0, count: this.#counts[index % SAMPLES_MAX] ?? 0 };
  }
}

/** Count per second from `from` until now; null when so little time has passed that the number would mean nothing. */
export function perSecond(
  from: { readonly atMs: number; readonly count: number } | null,
  nowMs: number,
  count: number,
  elapsedMsMin: number,
): number | null {
  if (from === null || nowMs - from.atMs < elapsedMsMin) return null;
  return ((count - from.count) * 1000) / (nowMs - from.atMs);
}
