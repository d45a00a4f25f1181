/** Reads small files of other programs: bounded, and never a pipe, which would wait for a writer. */
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { Fault, systemCodeOf } from '#src/faults.ts';

/**
 * The text of a regular file. Throws Fault('not-found'), or Fault('unprocessable') for what is no such file, may not be
 * read, or is larger than `bytesMax`.
 */
export function readSmallFile(path: string, bytesMax: number): string {
  let descriptor: number;
  try {
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (cause) {
    const code = systemCodeOf(cause);
    if (code === 'ENOENT' || code === 'ENOTDIR') throw new Fault('not-found', `There is no file ${path}.`, { cause });
    throw new Fault('unprocessable', `${path} cannot be read (${code ?? 'unreadable'}).`, { cause });
  }
  try {
    const stat = fstatSync(descriptor);
    if (!stat.isFile()) throw new Fault('unprocessable', `${path} is not a regular file.`);
    if (stat.size > bytesMax) {
      const most = Math.floor(bytesMax / 1000).toLocaleString('en');
      throw new Fault('unprocessable', `${basename(path)} has more than ${most} kB, so it is not what it should be.`);
    }
    return readFileSync(descriptor, 'utf8').replace(/^\uFEFF/, '');
  } finally {
    closeSync(descriptor);
  }
}

/** The same, or null where it throws. */
export function smallFileOrNull(path: string, bytesMax: number): string | null {
  try {
    return readSmallFile(path, bytesMax);
  } catch {
    return null;
  }
}
