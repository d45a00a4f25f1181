/** Flow's own chat templates as files in the data directory, where engines may read them. */
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageFile } from '#src/package-files.ts';
import { writeWhole } from '#src/whole-file.ts';

/** Where they come from: the package itself. */
const SOURCE = packageFile('src/behaviour/templates');

/** The texts of all of Flow's own templates, by file name. */
export function ownTemplates(): ReadonlyMap<string, string> {
  const names = readdirSync(SOURCE).filter((name) => name.endsWith('.jinja'));
  return new Map(names.map((name) => [name, readFileSync(join(SOURCE, name), 'utf8')]));
}

/**
 * Puts them into a folder, where they are not there or from another edition of Flow. Each file is whole or absent.
 * Throws the error of the file system.
 */
export function writeTemplates(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  for (const [name, text] of ownTemplates()) {
    const path = join(folder, name);
    if (textOrNull(path) !== text) writeWhole(path, text);
  }
}

function textOrNull(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}
