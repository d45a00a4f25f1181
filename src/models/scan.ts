/** Finds GGUF files under a folder. A walk of its own: Bun's and Node's either visit loops twice or give up on them. */
import { type Dirent, lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { isLaterShard, isProjectorName } from './local-file.ts';

const DEPTH_MAX = 8;
const ENTRIES_MAX = 100_000;
const TURN_ENTRIES = 500;

/**
 * Paths of all GGUF files that may be models, sorted: no projectors, no later parts, nothing hidden. Does not follow
 * links; a folder that cannot be read is passed over. Lets others have their turn on the event loop as it goes.
 */
export async function findGgufFiles(root: string): Promise<string[]> {
  const found: string[] = [];
  const visited = new Set<string>();
  let entries = 0;
  let level = [root];
  for (let depth = 0; depth < DEPTH_MAX && level.length > 0; depth++) {
    const next: string[] = [];
    for (const folder of level) {
      if (!isNew(folder, visited)) continue;
      for (const entry of listed(folder)) {
        if (++entries > ENTRIES_MAX) return found.sort();
        if (entries % TURN_ENTRIES === 0) await Bun.sleep(0);
        if (entry.name.startsWith('.')) continue;
        if (entry.isDirectory()) next.push(join(folder, entry.name));
        if (entry.isFile() && isModelName(entry.name)) found.push(join(folder, entry.name));
      }
    }
    level = next;
  }
  return found.sort();
}

function isModelName(name: string): boolean {
  return /\.gguf$/i.test(name) && !isLaterShard(name) && !isProjectorName(name);
}

/** A bind mount can hold its own parent. */
function isNew(folder: string, visited: Set<string>): boolean {
  const stat = lstatSync(folder, { throwIfNoEntry: false });
  const key = stat ? `${stat.dev}:${stat.ino}` : folder;
  if (visited.has(key)) return false;
  visited.add(key);
  return true;
}

function listed(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
}
