/** Writes small files of Flow so that nobody ever finds half of one, whenever the disk or the machine gives up. */
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs';

const PRIVATE_MODE = 0o600;

/**
 * Puts `text` in the place of whatever is at `path`, readable by this user alone: written to `<path>.new`, synced,
 * renamed. The folder exists, and nobody else writes that file at the same time. Throws what the file system says; then
 * the file is as it was.
 */
export function writeWhole(path: string, text: string): void {
  const temporary = `${path}.new`;
  try {
    // What a killed Flow left there would keep its mode; a link in its place would lead elsewhere.
    rmSync(temporary, { force: true });
    const file = openSync(temporary, 'wx', PRIVATE_MODE);
    try {
      // Not `writeSync`: where the last room is used up it writes a part and throws nothing.
      writeFileSync(file, text);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, path);
  } catch (cause) {
    discard(temporary);
    throw cause;
  }
}

/** Removes a file of which nothing hangs, if that can be; what stays is found by its name. Never throws. */
export function discard(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // The next writing removes it.
  }
}
