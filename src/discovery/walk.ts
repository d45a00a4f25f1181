/** Walks folders of other programs: bounded, abortable, and safe from links in circles, pipes and what vanishes. */
import { readdir, realpath, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { systemCodeOf } from '#src/faults.ts';
import type { Passed } from './found-model.ts';

/** A file with a model's ending; links are followed for its size. */
export type WalkedFile = { readonly name: string; readonly path: string; readonly sizeBytes: number };

export type WalkOptions = {
  readonly depthMax: number;
  readonly signal: AbortSignal;
  /** Shared by all walks of one discovery. */
  readonly budget: { entries: number };
};

/** How many files and folders one discovery looks at, in all places together. */
export const ENTRIES_MAX = 100_000;

/** Whether a file's name is that of a GGUF file. */
export function isGgufName(name: string): boolean {
  return /\.gguf$/i.test(name);
}

/**
 * Calls `visit` once for each folder below `root` that holds GGUF files, itself included. Opens nothing; a root that is
 * not there holds none. Throws the signal's reason when it is aborted.
 */
export async function walkGguf(
  root: string,
  options: WalkOptions,
  visit: (folder: string, files: readonly WalkedFile[]) => void,
): Promise<readonly Passed[]> {
  const passed: Passed[] = [];
  const visited = new Set<string>();
  let level = [root];
  for (let depth = 0; depth < options.depthMax && level.length > 0; depth++) {
    const next: string[] = [];
    for (const folder of level) {
      options.signal.throwIfAborted();
      const real = await realpath(folder).catch(() => null);
      // A link to a folder above would lead through everything again.
      if (real === null || visited.has(real) || (depth > 0 && isAbove(real, root))) continue;
      visited.add(real);
      const files = await filesOf(folder, { ...options, passed, next, isRoot: folder === root });
      if (files.length > 0) visit(folder, files);
      if (options.budget.entries > ENTRIES_MAX) {
        return [
          ...passed,
          { path: root, reason: `Only the first ${ENTRIES_MAX.toLocaleString('en')} files were seen.` },
        ];
      }
    }
    level = next;
  }
  return passed;
}

function isAbove(folder: string, root: string): boolean {
  return root === folder || root.startsWith(folder.endsWith(sep) ? folder : folder + sep);
}

type Step = WalkOptions & { readonly passed: Passed[]; readonly next: string[]; readonly isRoot: boolean };

async function filesOf(folder: string, { passed, next, budget, isRoot }: Step): Promise<WalkedFile[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((cause: unknown) => {
    const code = systemCodeOf(cause) ?? 'unreadable';
    if (!(isRoot && code === 'ENOENT')) passed.push({ path: folder, reason: `The folder cannot be read (${code}).` });
    return [];
  });
  const files: WalkedFile[] = [];
  for (const entry of entries) {
    budget.entries += 1;
    if (budget.entries > ENTRIES_MAX) break;
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      if (!entry.name.startsWith('.')) next.push(path);
      continue;
    }
    if (!entry.isSymbolicLink() && !isGgufName(entry.name)) continue;
    const target = await stat(path).catch(() => null);
    if (target?.isDirectory()) next.push(path);
    else if (!isGgufName(entry.name)) continue;
    else if (target?.isFile()) files.push({ name: entry.name, path, sizeBytes: target.size });
    else passed.push({ path, reason: target ? 'It is not a regular file.' : 'The link leads nowhere.' });
  }
  return files;
}
