/** Finds models under a folder. A walk of its own: Bun's and Node's either visit loops twice or give up on them. */
import type { Dirent } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { systemCodeOf } from '#src/faults.ts';
import { hasMlxNames } from '#src/mlx/folder.ts';
import { statOrNull } from './file-look.ts';
import { isLaterShard, isProjectorName } from './local-file.ts';
import type { ModelFormat } from './model.ts';

const DEPTH_MAX = 8;
const ENTRIES_MAX = 100_000;
const TURN_ENTRIES = 500;

/** What a walk found. */
export type Findings = {
  /** GGUF files (no projectors, no later parts) and folders of MLX models, by path. Nothing hidden. */
  readonly models: readonly Candidate[];
  /** What has a model's name, or may hold models, and was not looked into; by path. */
  readonly skipped: readonly Skipped[];
};

/** What may be a model: a file for GGUF, a folder for MLX. */
export type Candidate = { readonly path: string; readonly format: ModelFormat };

export type Skipped = { readonly path: string; readonly reason: string };

const LINK = 'It is a link, and a scan follows none; register the file by its path.';
const NO_FILE = 'It is not a regular file.';
const NO_TEXT = 'Its name is no text that every program can read; rename it.';
const PIPELINE = 'It makes pictures: a folder of parts that work together, none of which is a model to talk to.';
const TOO_DEEP = `It lies more than ${DEPTH_MAX} folders deep.`;
const TOO_MANY = `The scan ended after ${ENTRIES_MAX.toLocaleString('en')} files and folders.`;
/** Programs and their libraries: thousands of files, and no model among them. */
const PROGRAMS: ReadonlySet<string> = new Set(['node_modules', '__pycache__', 'site-packages']);
/** What a name becomes when its bytes are no text. */
const REPLACED = '\uFFFD';

type Walk = {
  readonly root: string;
  readonly models: Candidate[];
  readonly skipped: Skipped[];
  readonly visited: Set<string>;
  entries: number;
};

/** Finds the models under a folder. Opens none of them, and lets others have their turn as it goes. */
export async function findModels(root: string): Promise<Findings> {
  const walk: Walk = { root, models: [], skipped: [], visited: new Set(), entries: 0 };
  let level = [root];
  for (let depth = 0; depth < DEPTH_MAX && level.length > 0; depth += 1) {
    const next: string[] = [];
    for (const folder of level) {
      if (isNew(folder, walk.visited)) await lookInto(folder, walk, next);
      if (walk.entries > ENTRIES_MAX) return ended(walk, [{ path: root, reason: TOO_MANY }]);
    }
    level = next;
  }
  return ended(
    walk,
    level.map((path) => ({ path, reason: TOO_DEEP })),
  );
}

function ended({ models, skipped }: Walk, more: readonly Skipped[]): Findings {
  const byPath = (a: { path: string }, b: { path: string }): number => (a.path < b.path ? -1 : 1);
  return { models: models.toSorted(byPath), skipped: [...skipped, ...more].toSorted(byPath) };
}

async function lookInto(folder: string, walk: Walk, next: string[]): Promise<void> {
  const entries = await listed(folder, walk);
  const names = entries.map(({ name }) => name);
  if (names.includes('pyvenv.cfg')) return;
  if (names.includes('model_index.json')) {
    walk.skipped.push({ path: folder, reason: PIPELINE });
    return;
  }
  if (hasMlxNames(names)) walk.models.push({ path: folder, format: 'mlx' });
  for (const entry of entries) {
    walk.entries += 1;
    if (walk.entries > ENTRIES_MAX) return;
    if (walk.entries % TURN_ENTRIES === 0) await Bun.sleep(0);
    if (!entry.name.startsWith('.')) sort(entry, join(folder, entry.name), walk, next);
  }
}

function sort(entry: Dirent, path: string, { models, skipped }: Walk, next: string[]): void {
  const isFolder = entry.isDirectory();
  if (isFolder ? PROGRAMS.has(entry.name) : !isModelName(entry.name)) return;
  if (entry.name.includes(REPLACED)) skipped.push({ path, reason: NO_TEXT });
  else if (isFolder) next.push(path);
  else if (entry.isFile()) models.push({ path, format: 'gguf' });
  else skipped.push({ path, reason: entry.isSymbolicLink() ? LINK : NO_FILE });
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
async function listed(folder: string, { root, skipped }: Walk): Promise<Dirent[]> {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (cause) {
    const code = systemCodeOf(cause) ?? 'unreadable';
    const isNotMade = folder === root && code === 'ENOENT';
    if (!isNotMade) skipped.push({ path: folder, reason: `The folder cannot be read (${code}).` });
    return [];
  }
}
