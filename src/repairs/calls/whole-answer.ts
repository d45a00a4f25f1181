/** Calls that are the whole answer, or its whole rest: they are read when it ends. */
import type { Watch } from './reading.ts';

/** What is read at the end only. */
export const NEVER: Watch = { rings: () => false };

/** Whether nothing follows but white space and the marks that end a turn. */
export function isOnlyTrailers(text: string): boolean {
  return /^\s*(?:<\|?[\w▁｜|]*\|?>\s*)*$/.test(text);
}
