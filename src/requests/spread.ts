/** How values are spread, so that percentiles of any number of values cost the same. Pure. */

/** Each step is 2 % above the last: closer than anybody reads a chart. */
const STEP = Math.log(1.02);
/** Step 0 is all below 0.01; step 1 begins there. */
const FIRST = Math.round(Math.log(0.01) / STEP);
/** Up to 4e15; what is above counts as that. */
const STEPS = 2_048;

/** Stands for a value that is not known. */
export const NO_STEP = -1;

/** The step that a value lies in; `NO_STEP` for none. */
export function stepOf(value: number | null): number {
  if (value === null) return NO_STEP;
  return value < 0.01 ? 0 : Math.min(STEPS - 1, Math.round(Math.log(value) / STEP) - FIRST + 1);
}

/** Counts values by their steps. Takes 8 KiB. */
export class Spread {
  readonly #counts = new Uint32Array(STEPS);
  #count = 0;

  add(value: number): void {
    this.addStep(stepOf(value));
  }

  /** Counts a value whose step is known. */
  addStep(step: number): void {
    this.#counts[step] = (this.#counts[step] ?? 0) + 1;
    this.#count += 1;
  }

  /** Takes over what another has counted. */
  merge(other: Spread): void {
    if (other.#count === 0) return;
    for (let step = 0; step < STEPS; step += 1) {
      this.#counts[step] = (this.#counts[step] ?? 0) + (other.#counts[step] ?? 0);
    }
    this.#count += other.#count;
  }

  /** Forgets all it has counted. */
  clear(): void {
    if (this.#count > 0) this.#counts.fill(0);
    this.#count = 0;
  }

  /** The value that this share (0 to 1) of all values does not exceed, within 1 %; null without values. */
  at(share: number): number | null {
    if (this.#count === 0) return null;
    let left = Math.max(1, Math.ceil(share * this.#count));
    for (let step = 0; step < STEPS; step += 1) {
      left -= this.#counts[step] ?? 0;
      if (left <= 0) return step === 0 ? 0 : Math.exp((step - 1 + FIRST) * STEP);
    }
    return null;
  }
}
