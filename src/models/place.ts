/** Which paths may be registered by whom: over the network only below folders that somebody has named for models. */
import { realpathSync } from 'node:fs';
import { isAbsolute, resolve, sep } from 'node:path';
import { Fault } from '#src/faults.ts';

/**
 * Checks that a path lies below one of the roots, both as it is written and after every link; gives it without `..`.
 * Throws Fault('forbidden') with the same words whether there is anything or not, so that nobody learns what is on
 * this machine; Fault('invalid-request') for a path that is none. What is not there below a root is left to the reader.
 */
export function checkedPlace(path: string, roots: readonly string[]): string {
  if (!isAbsolute(path) || path.includes('\0')) {
    throw new Fault('invalid-request', 'The path must be absolute, as in /home/me/models/model.gguf.');
  }
  const written = resolve(path);
  const real = realOrNull(written);
  const reals = roots.map(realOrNull);
  const isWrittenInside = roots.some((root) => isBelow(written, resolve(root)));
  const isReallyInside = real !== null && reals.some((root) => root !== null && isBelow(real, root));
  if (isReallyInside || (real === null && isWrittenInside)) return written;
  throw new Fault('forbidden', 'The path lies outside the folders that models may be registered from.', {
    hint: 'Run "flow add PATH" on this machine, or name its folder in the setting model_roots.',
  });
}

function isBelow(path: string, root: string): boolean {
  return path.startsWith(root.endsWith(sep) ? root : root + sep);
}

function realOrNull(path: string): string | null {
  try {
    return realpathSync(path);
  } catch {
    return null;
  }
}
