/** Memory that is held, for tests that share their process with others: what is resident says when a collector ran. */
import { heapStats } from 'bun:jsc';

const LOOKS = 8;

/** The least of a few looks, in bytes: what is just passing through at one of them is not held. */
export async function heldBytes(): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let looks = 0; looks < LOOKS; looks += 1) {
    Bun.gc(true);
    const { heapSize, extraMemorySize } = heapStats();
    least = Math.min(least, heapSize + extraMemorySize);
    await Bun.sleep(20);
  }
  return least;
}
