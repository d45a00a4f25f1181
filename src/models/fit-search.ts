/** Whether something fits into the memory for models, and how much of it would. Pure. */

/** `tight`: it can be loaded, and little else beside it. `too-big`: a load would be refused. */
export type Verdict = 'fits' | 'tight' | 'too-big';

/** Up to this share of the budget there is room for another, small one. */
const FITS_RATIO = 0.8;

/** What a need means against a budget. */
export function verdictOf(needBytes: number, budgetBytes: number): Verdict {
  if (needBytes <= budgetBytes * FITS_RATIO) return 'fits';
  return needBytes <= budgetBytes ? 'tight' : 'too-big';
}

/**
 * The largest multiple of `step` up to `most` that is possible, or `most` itself; 0 = none. What is possible must be
 * possible for everything smaller.
 */
export function largestWhere(isPossible: (size: number) => boolean, most: number, step: number): number {
  if (isPossible(most)) return most;
  let possible = 0;
  let beyond = Math.ceil(most / step);
  while (beyond - possible > 1) {
    const middle = Math.floor((possible + beyond) / 2);
    if (isPossible(middle * step)) possible = middle;
    else beyond = middle;
  }
  return possible * step;
}
