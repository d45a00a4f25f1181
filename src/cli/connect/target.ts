/** A file of the user's: read whole, replaced whole, links followed, its mode kept. */
import {
  closeSync,
  existsSync,
  fchmodSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  readlinkSync,
  renameSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { Fault, systemCodeOf } from '#src/faults.ts';

/** What was found at a place. `text` is null when there is no file. */
export type Found = { readonly path: string; readonly text: string | null; readonly mode: number | null };

const SIZE_BYTES_MAX = 4 << 20;
const LINKS_MAX = 40;
/** Bits of group and others. */
const OTHERS = 0o077;
const WRITABLE = 0o222;
const PRIVATE_MODE = 0o600;

/**
 * Where a path leads in the end: a link stays a link, and what it points to need not be there yet. Throws
 * Fault('conflict') for one that leads nowhere.
 */
export function finalPath(path: string): string {
  let place = resolve(path);
  try {
    for (let hops = 0; hops < LINKS_MAX; hops += 1) {
      const look = lstatSync(place, { throwIfNoEntry: false });
      if (!look?.isSymbolicLink()) return place;
      place = resolve(dirname(place), readlinkSync(place));
    }
  } catch (cause) {
    // A folder on the way that is none, may not be entered, or is a link in a circle itself.
    throw new Fault('conflict', `${place} cannot be reached (${systemCodeOf(cause) ?? String(cause)}).`, { cause });
  }
  throw new Fault('conflict', `${path} is a link that leads in a circle.`);
}

/** Reads it. Throws Fault('unprocessable') for what is not a text of usual size, Fault('conflict') when it may not. */
export function find(path: string): Found {
  const place = finalPath(path);
  try {
    const look = statSync(place, { throwIfNoEntry: false });
    if (!look) return { path: place, text: null, mode: null };
    if (!look.isFile() || look.size > SIZE_BYTES_MAX) {
      throw new Fault('unprocessable', `${place} is no text file of a usual size.`);
    }
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(readFileSync(place));
    return { path: place, text, mode: look.mode & 0o777 };
  } catch (cause) {
    if (cause instanceof Fault) throw cause;
    const reason =
      cause instanceof TypeError ? 'is not UTF-8' : `cannot be read (${systemCodeOf(cause) ?? String(cause)})`;
    throw new Fault(cause instanceof TypeError ? 'unprocessable' : 'conflict', `${place} ${reason}.`, { cause });
  }
}

/** Throws Fault('conflict') for a file that nobody may write: replacing it would work, but somebody has meant it so. */
export function refuseReadOnly({ path, mode }: Found): void {
  if (mode === null || (mode & WRITABLE) !== 0) return;
  throw new Fault('conflict', `${path} is read-only, and left as it is.`, {
    hint: 'Make it writable, or see with --print what to write by hand.',
  });
}

/** The mode that a file gets: as it was, without others when there is a key in it, and private when it is new. */
export function modeFor(former: number | null, hasKey: boolean): number {
  if (former === null) return PRIVATE_MODE;
  return hasKey ? former & ~OTHERS : former;
}

/** Makes the folders above a file; returns those that were not there, outermost first. Throws Fault('conflict'). */
export function makeFolders(path: string): string[] {
  const made: string[] = [];
  for (let folder = dirname(path); !existsSync(folder); folder = dirname(folder)) made.unshift(folder);
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  } catch (cause) {
    const reason = systemCodeOf(cause) ?? String(cause);
    throw new Fault('conflict', `${dirname(path)} could not be made (${reason}).`, { cause });
  }
  return made;
}

/** Replaces a file, never to be read half. Throws Fault('conflict' | 'disk-full'); then nothing changed. */
export function write(path: string, text: string, mode: number): void {
  const temporary = join(dirname(path), `.flow-${process.pid}-${crypto.randomUUID()}`);
  try {
    writeSynced(temporary, text, mode);
    renameSync(temporary, path);
  } catch (cause) {
    discard(temporary);
    const kind = systemCodeOf(cause) === 'ENOSPC' || systemCodeOf(cause) === 'EDQUOT' ? 'disk-full' : 'conflict';
    throw new Fault(kind, `${path} could not be written (${systemCodeOf(cause) ?? String(cause)}).`, { cause });
  }
}

/** Writes a copy of the text beside the file, under a name that nothing has yet, and returns its path. */
export function backUp(path: string, text: string, mode: number): string {
  for (let number = 1; ; number += 1) {
    const copy = `${path}.flow-backup${number === 1 ? '' : `-${number}`}`;
    try {
      writeSynced(copy, text, mode);
      return copy;
    } catch (cause) {
      if (systemCodeOf(cause) === 'EEXIST') continue;
      // Half a copy would be taken for one.
      discard(copy);
      throw new Fault('conflict', `${copy} could not be written (${systemCodeOf(cause) ?? String(cause)}).`, { cause });
    }
  }
}

/** Removes a file; one that is gone already is fine. */
export function discard(path: string): void {
  try {
    unlinkSync(path);
  } catch (cause) {
    if (systemCodeOf(cause) !== 'ENOENT') throw new Fault('conflict', `${path} could not be removed.`, { cause });
  }
}

function writeSynced(path: string, text: string, mode: number): void {
  const file = openSync(path, 'wx', PRIVATE_MODE);
  try {
    writeFileSync(file, text);
    fchmodSync(file, mode);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
