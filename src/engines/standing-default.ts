/**
 * Which engine of a folder stays the default when nobody has chosen one: what is put beside it later does not take its
 * place. A file beside that folder, since it is true of it whatever becomes of settings and database.
 */
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { writeWhole } from '#src/whole-file.ts';

const fileOf = (installDir: string): string => `${installDir}.default`;

/** The id of the engine that stays the default; null when none is to. */
export function readStanding(installDir: string): string | null {
  try {
    return readFileSync(fileOf(installDir), 'utf8').trim() || null;
  } catch {
    return null;
  }
}

/** Keeps the id. Throws what the file system says. */
export function writeStanding(installDir: string, id: string): void {
  mkdirSync(dirname(installDir), { recursive: true, mode: 0o700 });
  writeWhole(fileOf(installDir), `${id}\n`);
}

/** From now on the first found is the default. */
export function forgetStanding(installDir: string): void {
  rmSync(fileOf(installDir), { force: true });
}
