/** The one file that makes a service of Flow: whole or absent, and never written over somebody else's. */
import { lstatSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { Fault } from '#src/faults.ts';
import { writeWhole } from '#src/whole-file.ts';

/** By this line Flow knows its own files again. */
export const MARK = 'Written by "flow service install"; "flow service uninstall" removes it.';

/** What stands at the path. */
export type Standing = { readonly kind: 'absent' } | { readonly kind: 'ours' | 'foreign'; readonly text: string };

/** Looks without changing anything. What cannot be read, or is no plain file, is somebody else's. */
export function standingAt(path: string): Standing {
  const status = lstatSync(path, { throwIfNoEntry: false });
  if (status === undefined) return { kind: 'absent' };
  if (!status.isFile()) return { kind: 'foreign', text: '' };
  try {
    const text = readFileSync(path, 'utf8');
    return { kind: text.includes(MARK) ? 'ours' : 'foreign', text };
  } catch {
    return { kind: 'foreign', text: '' };
  }
}

/**
 * Writes it: a file beside it, synced, renamed. Throws Fault('conflict') for one that Flow did not write, and
 * Fault('disk-full') when it cannot be written.
 */
export function writeService(path: string, text: string): void {
  refuseForeign(path);
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
    writeWhole(path, text);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new Fault('disk-full', `${path} could not be written: ${why}.`, { cause });
  }
}

/** Removes it, if it is there and ours. Throws Fault('conflict') for one that Flow did not write. */
export function removeService(path: string): void {
  refuseForeign(path);
  rmSync(path, { force: true });
}

/** Throws Fault('conflict') for a file that Flow did not write. */
export function refuseForeign(path: string): void {
  if (standingAt(path).kind !== 'foreign') return;
  const hint =
    'Move it away if Flow shall have its place, or print what Flow would write: flow service install --dry-run';
  throw new Fault('conflict', `${path} is there and was not written by Flow; it is left as it is.`, { hint });
}
