/** File descriptors of this process: how many are open, and how many may be. */
import { readdirSync, readFileSync } from 'node:fs';

/** The hard limit, which the runtime raises its own to; null where there is no `/proc`. */
export function openFilesMax(): number | null {
  try {
    const limit = /^Max open files\s+\S+\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1];
    return limit === 'unlimited' ? Number.MAX_SAFE_INTEGER : Number(limit) || null;
  } catch {
    return null;
  }
}

/** How many descriptors this process has open; null where the system does not list them. */
export function openFiles(): number | null {
  try {
    return readdirSync('/dev/fd').length;
  } catch {
    return null;
  }
}
