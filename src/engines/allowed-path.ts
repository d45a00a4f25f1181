/** Which files an engine may be told to read: only those below folders that hold models or Flow's own data. */
import { realpathSync } from 'node:fs';
import { isAbsolute, sep } from 'node:path';
import { Fault } from '#src/faults.ts';

/**
 * The file's real path, when it lies below one of the roots after every symbolic link is followed.
 * `purpose` names the setting or flag in the sentence. Throws Fault('invalid-request') otherwise.
 */
export function allowedPath(path: string, roots: readonly string[], purpose: string): string {
  if (!isAbsolute(path)) {
    throw new Fault('invalid-request', `${purpose} needs an absolute path, not \`${path}\`.`);
  }
  const real = realPath(path);
  if (real === null) throw new Fault('invalid-request', `${purpose} names \`${path}\`, which does not exist.`);
  const isInside = roots.map(realPath).some((root) => root !== null && real.startsWith(root + sep));
  if (!isInside) {
    throw new Fault('invalid-request', `${purpose} names \`${path}\`, which is outside the folders engines may read.`, {
      hint: `Put the file below one of: ${roots.join(', ')}.`,
    });
  }
  return real;
}

function realPath(path: string): string | null {
  try {
    return realpathSync(path);
  } catch {
    return null;
  }
}
