/**
 * The trash of a models folder: `<modelsDir>/.trash/<time>-<label>/`, on the same disk, so that a move is one rename.
 * What is moved is named by the opened folder it lies in, never by a path that somebody could bend meanwhile.
 */
import { closeSync, constants, lstatSync, mkdirSync, openSync, realpathSync, renameSync, rmdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { basename, dirname, join, sep } from 'node:path';
import { assert } from '#src/assert.ts';
import { Fault, systemCodeOf } from '#src/faults.ts';
import { namesIn } from './file-look.ts';

/** How long what was removed can be had back. */
export const TRASH_KEPT_MS = 600_000;

/** What was moved: a folder of the trash, and the names in it as they were in the folder they came from. */
export type Trashed = { readonly entry: string; readonly folder: string; readonly names: readonly string[] };

const TRASH = '.trash';
const ENTRY = /^\d{1,16}-/;
const LABEL_LENGTH_MAX = 80;

/**
 * Moves files, or whole folders, that lie in one folder into a new entry of the trash: all or none. Null when none of
 * them is there any more. Throws Fault('conflict') for whatever is not a plain file or folder really inside
 * `modelsDir`, Fault('disk-full') where the disk takes no new folder.
 */
export function moveToTrash(paths: readonly string[], modelsDir: string, label: string, nowMs: number): Trashed | null {
  const [first] = paths;
  if (first === undefined) return null;
  const folder = dirname(first);
  assert(
    paths.every((path) => dirname(path) === folder),
    'files of one folder',
  );
  try {
    return moved(
      folder,
      paths.map((path) => basename(path)),
      modelsDir,
      label,
      nowMs,
    );
  } catch (cause) {
    throw cause instanceof Fault ? cause : diskFault(cause, modelsDir);
  }
}

function moved(folder: string, wanted: readonly string[], modelsDir: string, label: string, nowMs: number) {
  if (lookOrNull(folder) === null) return null;
  using from = openFolder(folder);
  using root = openFolder(modelsDir);
  const names = wanted.filter((name) => lookOrNull(from.at(name)) !== null);
  if (names.length === 0) return null;
  const isInside = from.real === root.real || from.real.startsWith(root.real + sep);
  const wrong = names.find((name) => !isInside || name.startsWith('.') || !isPlain(from.at(name)));
  if (wrong !== undefined) throw outside(wrong);
  using trash = madeFolder(root, TRASH);
  const entryName = freeName(trash, `${nowMs}-${label.replace(/[^\w.-]/g, '_').slice(0, LABEL_LENGTH_MAX)}`);
  {
    using entry = madeFolder(trash, entryName);
    moveAll(names, from, entry);
  }
  removeEmpty(from.real, root.real);
  return { entry: join(modelsDir, TRASH, entryName), folder, names };
}

/** One rename each; what was moved before one of them was refused goes back. */
function moveAll(names: readonly string[], from: OpenFolder, to: OpenFolder): void {
  const done: string[] = [];
  try {
    for (const name of names) {
      const stat = lstatSync(from.at(name));
      renameSync(from.at(name), to.at(name));
      done.push(name);
      const now = lstatSync(to.at(name));
      // Somebody put another thing in its place between the look and the move: put back what was not meant.
      if (now.ino !== stat.ino || now.dev !== stat.dev) throw outside(name);
    }
  } catch (cause) {
    for (const name of done) quietly(() => renameSync(to.at(name), from.at(name)));
    quietly(() => rmdirSync(to.real));
    throw cause;
  }
}

/**
 * Puts what an entry of the trash holds back where it was, and never over anything: all or none. Throws
 * Fault('conflict') when something lies there now, or Fault('not-found') when the entry is gone.
 */
export function putBack({ entry, folder, names }: Trashed, modelsDir: string): void {
  if (!names.every((name) => lookOrNull(join(entry, name)))) {
    throw new Fault('not-found', 'The files are no longer in the trash, so they cannot be put back.');
  }
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    using from = openFolder(entry);
    using to = openFolder(folder);
    using root = openFolder(modelsDir);
    const isInside = to.real === root.real || to.real.startsWith(root.real + sep);
    if (!isInside) throw outside(folder);
    const taken = names.find((name) => lookOrNull(to.at(name)) !== null);
    if (taken !== undefined) {
      throw new Fault('conflict', `There is a new ${taken} in ${folder}, so the old one was not put back.`, {
        hint: 'Move the new one away, then undo.',
      });
    }
    moveAll(names, from, to);
  } catch (cause) {
    throw cause instanceof Fault ? cause : diskFault(cause, modelsDir);
  }
  quietly(() => rmdirSync(entry));
}

/** Deletes entries for good; never throws, and what cannot be deleted stays. Answers how many are gone. */
export async function purgeTrash(modelsDir: string, isDue: (movedAtMs: number) => boolean): Promise<number> {
  const trash = join(modelsDir, TRASH);
  if (!isRealFolder(trash)) return 0;
  const due = namesIn(trash).filter((name) => ENTRY.test(name) && isDue(Number.parseInt(name, 10)));
  let count = 0;
  for (const name of due) {
    const entry = join(trash, name);
    if (!isRealFolder(entry)) continue;
    // Links inside are deleted as links; where they lead nothing changes.
    await rm(entry, { recursive: true, force: true }).catch(() => {});
    if (lookOrNull(entry) === null) count += 1;
  }
  return count;
}

/** A folder that stays the same however its path is bent: on Linux by its descriptor, elsewhere by its real path. */
type OpenFolder = Disposable & { readonly real: string; at(name: string): string };

function openFolder(path: string, flags = 0): OpenFolder {
  const file = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY | flags);
  const own = `/proc/self/fd/${file}`;
  // What was moved is moved, whatever a disk says about letting go of a folder.
  const close = (): void => quietly(() => closeSync(file));
  try {
    const isOwn = process.platform === 'linux' && lookOrNull(own) !== null;
    const real = realpathSync(isOwn ? own : path);
    return { real, at: (name) => join(isOwn ? own : real, name), [Symbol.dispose]: close };
  } catch (cause) {
    close();
    throw cause;
  }
}

/** Opens a folder in another, made when it is not there; a link in its place is refused. */
function madeFolder(parent: OpenFolder, name: string): OpenFolder {
  const path = parent.at(name);
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (cause) {
    if (systemCodeOf(cause) !== 'EEXIST') throw cause;
  }
  if (!isRealFolder(path)) throw outside(name);
  return openFolder(path, constants.O_NOFOLLOW);
}

function freeName(folder: OpenFolder, wish: string): string {
  for (let number = 1; ; number += 1) {
    const name = number === 1 ? wish : `${wish}-${number}`;
    if (lookOrNull(folder.at(name)) === null) return name;
  }
}

function isRealFolder(path: string): boolean {
  return lookOrNull(path)?.isDirectory() ?? false;
}

function isPlain(path: string): boolean {
  const stat = lookOrNull(path);
  return stat !== null && (stat.isFile() || stat.isDirectory());
}

/** What is there itself, a link included; null when nothing is, or it cannot be told. */
function lookOrNull(path: string) {
  try {
    return lstatSync(path);
  } catch {
    return null;
  }
}

function outside(name: string): Fault {
  return new Fault(
    'conflict',
    `${basename(name)} is not a plain file in the models folder, so Flow does not delete it.`,
    { hint: 'Remove the model from the list, and the file by hand.' },
  );
}

/** A disk that takes no change, in words. */
function diskFault(cause: unknown, modelsDir: string): Fault {
  const code = systemCodeOf(cause) ?? 'unreadable';
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    const hint = 'Empty the trash (DELETE /api/trash), or make some room by hand.';
    return new Fault('disk-full', 'The disk is too full even for moving files to the trash.', { hint, cause });
  }
  const words: Readonly<Record<string, string>> = {
    EROFS: 'The disk is read-only, so nothing on it can be moved.',
    EACCES: `Flow may not change ${modelsDir}.`,
    EPERM: `Flow may not change ${modelsDir}.`,
    EXDEV: 'The files lie on another disk than the models folder, so they cannot go to its trash.',
    ENOENT: 'The models folder is not there.',
  };
  return new Fault('conflict', words[code] ?? `The files cannot be moved (${code}).`, {
    hint: 'Remove the model from the list instead, and the files by hand.',
    cause,
  });
}

/** Folders that a download made, and that are empty now. */
function removeEmpty(folder: string, root: string): void {
  try {
    for (let at = folder; at.startsWith(root + sep); at = dirname(at)) rmdirSync(at);
  } catch {
    return;
  }
}

function quietly(act: () => void): void {
  try {
    act();
  } catch {
    return;
  }
}
