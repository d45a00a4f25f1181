/** Looks at files that may not be there, or not be ours to look at: a volume that vanished answers in many ways. */
import { readdirSync, type Stats, statSync } from 'node:fs';

/** What a path leads to; null when it leads nowhere, or the system will not say. Follows symbolic links. */
export function statOrNull(path: string): Stats | null {
  try {
    return statSync(path);
  } catch {
    return null;
  }
}

/** The names in a folder; none when it cannot be read. */
export function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
