/** Walks folders of other programs: bounded, abortable, and safe from links in circles, pipes and what vanishes. */
import { readdir, realpath, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { systemCodeOf } from '#src/faults.ts';
import { CONFIG_NAME, weightNames } from '#src/mlx/folder.ts';
import type { Passed } from './found-model.ts';

/** A file with a model's ending; links are followed for its size. */
export type WalkedFile = { readonly name: string; readonly path: string; readonly sizeBytes: number };

/** What a folder holds of models. */
export type WalkedFolder = {
  readonly path: string;
  readonly gguf: readonly WalkedFile[];
  /** The weights of the MLX model that the folder is; none when it is none. */
  readonly mlx: readonly WalkedFile[];
};

export type WalkOptions = {
  readonly depthMax: number;
  readonly signal: AbortSignal;
  /** Shared by all walks of one discovery. */
  readonly budget: { entries: number };
};

/** How many files and folders one discovery looks at, in all places together. */
export const ENTRIES_MAX = 100_000;

/** Whether a file's name is that of a GGUF file. */
function isGgufName(name: string): boolean {
  return /\.gguf$/i.test(name);
}

/**
 * Calls `visit` once for each folder from `root` down that holds GGUF files or is an MLX model. Opens
 * nothing; a root that is not there holds none. Throws the signal's reason when it is aborted.
 */
export async function walkModels(
  root: string,
  options: WalkOptions,
  visit: (folder: WalkedFolder) => void,
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
      const held = await filesOf(folder, { ...options, passed, next, isRoot: folder === root });
      if (held.gguf.length > 0 || held.mlx.length > 0) visit(held);
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

async function filesOf(folder: string, { passed, next, budget, isRoot }: Step): Promise<WalkedFolder> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((cause: unknown) => {
    const code = systemCodeOf(cause) ?? 'unreadable';
    if (!(isRoot && code === 'ENOENT')) passed.push({ path: folder, reason: `The folder cannot be read (${code}).` });
    return [];
  });
  const gguf: WalkedFile[] = [];
  const others = new Map<string, WalkedFile>();
  for (const entry of entries) {
    budget.entries += 1;
    if (budget.entries > ENTRIES_MAX) break;
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      if (!entry.name.startsWith('.')) next.push(path);
      continue;
    }
    const isOther = isMlxName(entry.name);
    if (!entry.isSymbolicLink() && !isGgufName(entry.name) && !isOther) continue;
    const target = await stat(path).catch(() => null);
    if (target?.isDirectory()) next.push(path);
    else if (!isGgufName(entry.name) && !isOther) continue;
    else if (target?.isFile()) {
      const file = { name: entry.name, path, sizeBytes: target.size };
      if (isOther) others.set(entry.name, file);
      else gguf.push(file);
    } else passed.push({ path, reason: target ? 'It is not a regular file.' : 'The link leads nowhere.' });
  }
  const weights = others.has(CONFIG_NAME) ? weightNames([...others.keys()]) : [];
  return { path: folder, gguf, mlx: weights.flatMap((name) => others.get(name) ?? []) };
}

function isMlxName(name: string): boolean {
  return name === CONFIG_NAME || name.endsWith('.safetensors');
}
