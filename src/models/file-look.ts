/** Looks at files that may not be there, or not be ours to look at: a volume that vanished answers in many ways. */
import { closeSync, constants, fstatSync, openSync, readdirSync, type Stats, statSync } from 'node:fs';
import { basename } from 'node:path';
import { Fault } from '#src/faults.ts';

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

/**
 * Opens a regular file, through links, and gives its descriptor, which the caller closes. Throws Fault('not-found') or
 * Fault('unprocessable'). Opening a pipe would wait for a writer, so it is opened without waiting and then looked at.
 */
export function openRegular(path: string): number {
  let descriptor: number;
  try {
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (cause) {
    throw unopenable(path, cause);
  }
  if (fstatSync(descriptor).isFile()) return descriptor;
  closeSync(descriptor);
  throw new Fault('unprocessable', `${basename(path)} is not a regular file.`);
}

function unopenable(path: string, cause: unknown): Fault {
  const code = cause instanceof Error && 'code' in cause ? cause.code : null;
  if (code === 'EACCES' || code === 'EPERM') {
    return new Fault('unprocessable', `${basename(path)} may not be read by this user.`, { cause });
  }
  return new Fault('not-found', `There is no file ${basename(path)} in that place.`, { cause });
}
