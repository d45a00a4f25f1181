/** Which of two versions is the newer. Pure. */

/**
 * Whether `latest` is newer than `present`, for build numbers (`b11434`) and for numbers with dots (`0.32.2`). False
 * when either is unknown, or when they are not of the same kind: a commit is neither older nor newer than a release.
 */
export function isNewer(latest: string | null, present: string | null): boolean {
  const [newest, held] = [numbersOf(latest), numbersOf(present)];
  if (newest === null || held === null || newest.prefix !== held.prefix) return false;
  for (let place = 0; place < Math.max(newest.numbers.length, held.numbers.length); place += 1) {
    const difference = (newest.numbers[place] ?? 0) - (held.numbers[place] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return false;
}

function numbersOf(version: string | null): { readonly prefix: string; readonly numbers: readonly number[] } | null {
  // What comes after the number (`b11434-cuda`) says how it was built, not when.
  const match = /^([a-z]*)(\d+(?:\.\d+)*)(?=$|[-_+])/.exec(version ?? '');
  if (!match) return null;
  const [, prefix = '', digits = ''] = match;
  return { prefix, numbers: digits.split('.').map(Number) };
}
