/** Deletes model files in two steps: into a trash folder on the same disk first, for good some minutes later. */
import { lstatSync, mkdirSync, realpathSync, renameSync, rmdirSync, type Stats, unlinkSync } from 'node:fs';
import { basename, dirname, join, sep } from 'node:path';
import { Fault } from '#src/faults.ts';
import { namesIn } from './file-look.ts';

/** How long deleted files can still be taken back by hand. */
export const TRASH_KEPT_MS = 600_000;
const TRASH = '.trash';

/**
 * Moves files of one model to `<modelsDir>/.trash/<time>-<label>/`. Files that are gone are passed over. Refuses, with
 * Fault('conflict'), whatever is not a regular file really inside `modelsDir`: nothing outside may ever change.
 */
export function moveToTrash(files: readonly string[], modelsDir: string, label: string, nowMs: number): void {
  const checked = files.flatMap((file) => {
    const stat = lstatSync(file, { throwIfNoEntry: false });
    return stat ? [{ file, stat: insideOnly(file, stat, modelsDir) }] : [];
  });
  if (checked.length === 0) return;
  const trash = join(modelsDir, TRASH);
  mkdirSync(trash, { recursive: true, mode: 0o700 });
  if (!isRealFolder(trash)) throw outside(trash);
  const folder = join(trash, `${nowMs}-${label.replace(/[^\w.-]/g, '_').slice(0, 80)}`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  for (const { file, stat } of checked) {
    const moved = join(folder, basename(file));
    renameSync(file, moved);
    const now = lstatSync(moved);
    // Somebody swapped a folder for a link between the check and the move: put back what was not meant.
    if (now.ino !== stat.ino || now.dev !== stat.dev) {
      renameSync(moved, file);
      throw outside(file);
    }
    removeEmpty(dirname(file), modelsDir);
  }
}

/** Deletes for good what has been in the trash for `TRASH_KEPT_MS`. Never throws; what cannot be deleted stays. */
export function purgeTrash(modelsDir: string, nowMs: number): void {
  const trash = join(modelsDir, TRASH);
  if (!isRealFolder(trash)) return;
  for (const name of namesIn(trash)) {
    const movedAtMs = Number.parseInt(name, 10);
    if (!Number.isFinite(movedAtMs) || nowMs - movedAtMs < TRASH_KEPT_MS) continue;
    const folder = join(trash, name);
    if (!isRealFolder(folder)) continue;
    for (const file of namesIn(folder)) quietly(() => unlinkSync(join(folder, file)));
    quietly(() => rmdirSync(folder));
  }
}

function isRealFolder(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

function insideOnly(file: string, stat: Stats, modelsDir: string): Stats {
  const root = realPathOrNull(modelsDir);
  const parent = realPathOrNull(dirname(file));
  const isInside = root !== null && parent !== null && (parent === root || parent.startsWith(root + sep));
  if (stat.isFile() && isInside) return stat;
  throw outside(file);
}

/** Null when it cannot be told: the setting may name a folder that was never made. */
function realPathOrNull(path: string): string | null {
  try {
    return realpathSync(path);
  } catch {
    return null;
  }
}

function outside(file: string): Fault {
  return new Fault(
    'conflict',
    `${basename(file)} is not a plain file in the models folder, so Flow does not delete it.`,
    {
      hint: 'Remove the model from the list, and the file by hand.',
    },
  );
}

/** Folders that a download made, and that are empty now. */
function removeEmpty(folder: string, modelsDir: string): void {
  if (realpathSync(folder) === realpathSync(modelsDir)) return;
  quietly(() => rmdirSync(folder));
}

function quietly(act: () => void): void {
  try {
    act();
  } catch {
    return;
  }
}
