/** Finds GGUF files under a folder. A walk of its own: Bun's and Node's either visit loops twice or give up on them. */
import { type Dirent, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { statOrNull } from './file-look.ts';
import { isLaterShard, isProjectorName } from './local-file.ts';

const DEPTH_MAX = 8;
const ENTRIES_MAX = 100_000;
const TURN_ENTRIES = 500;

/** What a walk found. */
export type Findings = {
  /** Paths of files that may be models, sorted: no projectors, no later parts, nothing hidden. */
  readonly files: readonly string[];
  /** What has a model's name, or may hold models, and was not looked into; sorted. */
  readonly skipped: readonly Skipped[];
};

export type Skipped = { readonly path: string; readonly reason: string };

const LINK = 'It is a link, and a scan follows none; register the file by its path.';
const NO_FILE = 'It is not a regular file.';
const TOO_DEEP = `It lies more than ${DEPTH_MAX} folders deep.`;
const TOO_MANY = `The scan ended after ${ENTRIES_MAX.toLocaleString('en')} files and folders.`;

/** Finds the GGUF files under a folder. Opens none of them, and lets others have their turn as it goes. */
export async function findGgufFiles(root: string): Promise<Findings> {
  const files: string[] = [];
  const skipped: Skipped[] = [];
  const visited = new Set<string>();
  let entries = 0;
  let level = [root];
  for (let depth = 0; depth < DEPTH_MAX && level.length > 0; depth++) {
    const next: string[] = [];
    for (const folder of level) {
      if (!isNew(folder, visited)) continue;
      for (const entry of listed(folder, root, skipped)) {
        const path = join(folder, entry.name);
        if (++entries > ENTRIES_MAX) return sorted(files, [...skipped, { path: root, reason: TOO_MANY }]);
        if (entries % TURN_ENTRIES === 0) await Bun.sleep(0);
        if (entry.name.startsWith('.')) continue;
        if (entry.isDirectory()) next.push(path);
        else if (!isModelName(entry.name)) continue;
        else if (entry.isFile()) files.push(path);
        else skipped.push({ path, reason: entry.isSymbolicLink() ? LINK : NO_FILE });
      }
    }
    level = next;
  }
  return sorted(files, [...skipped, ...level.map((path) => ({ path, reason: TOO_DEEP }))]);
}

function sorted(files: readonly string[], skipped: readonly Skipped[]): Findings {
  return { files: files.toSorted(), skipped: skipped.toSorted((a, b) => (a.path < b.path ? -1 : 1)) };
}

function isModelName(name: string): boolean {
  return /\.gguf$/i.test(name) && !isLaterShard(name) && !isProjectorName(name);
}

/** A bind mount can hold its own parent. */
function isNew(folder: string, visited: Set<string>): boolean {
  const stat = statOrNull(folder);
  const key = stat ? `${stat.dev}:${stat.ino}` : folder;
  if (visited.has(key)) return false;
  visited.add(key);
  return true;
}

/** A models folder that was not made yet is an empty one; any other that cannot be read is told. */
function listed(folder: string, root: string, skipped: Skipped[]): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unreadable';
    const isNotMade = folder === root && code === 'ENOENT';
    if (!isNotMade) skipped.push({ path: folder, reason: `The folder cannot be read (${code}).` });
    return [];
  }
}
