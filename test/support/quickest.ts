/** Times that hold on a busy machine. */

const TRIES = 8;

/**
 * The shortest of several tries, in milliseconds: during any one of them other programs, or the collector, may have
 * held the machine. Ends with the first that was quick enough; `work` has to be the same each time.
 */
export function quickestMs(enoughMs: number, work: () => void): number {
  let quickest = Number.POSITIVE_INFINITY;
  for (let tries = 0; tries < TRIES && quickest > enoughMs; tries += 1) {
    const startedMs = performance.now();
    work();
    quickest = Math.min(quickest, performance.now() - startedMs);
  }
  return quickest;
}

/** The same for work that waits. */
export async function quickestWaitMs(enoughMs: number, work: () => Promise<unknown>): Promise<number> {
  let quickest = Number.POSITIVE_INFINITY;
  for (let tries = 0; tries < TRIES && quickest > enoughMs; tries += 1) {
    const startedMs = performance.now();
    await work();
    quickest = Math.min(quickest, performance.now() - startedMs);
  }
  return quickest;
}
