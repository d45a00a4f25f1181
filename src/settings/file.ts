/** Reads and writes `settings.json` so that at no moment a half-written one can be found. */
import { chmod, open, readFile, realpath, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Fault, systemCodeOf } from '#src/faults.ts';
import { isObject, type JsonObject } from '#src/json.ts';

export type FileReading =
  | { readonly kind: 'absent' }
  | { readonly kind: 'good'; readonly text: string; readonly values: JsonObject }
  | { readonly kind: 'bad'; readonly text: string; readonly reason: string }
  | { readonly kind: 'unreadable'; readonly reason: string };

/** Reads a JSON object from `path`. Never throws. A byte order mark is forgiven. */
export async function readSettingsFile(path: string): Promise<FileReading> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    return systemCodeOf(cause) === 'ENOENT' ? { kind: 'absent' } : { kind: 'unreadable', reason: messageOf(cause) };
  }
  try {
    const values: unknown = JSON.parse(text.replace(/^\uFEFF/, ''));
    return isObject(values) ? { kind: 'good', text, values } : { kind: 'bad', text, reason: 'it holds no JSON object' };
  } catch (cause) {
    return { kind: 'bad', text, reason: text.trim() === '' ? 'it is empty' : messageOf(cause) };
  }
}

/**
 * Replaces the file at `path`: temporary file, sync, rename, sync of the folder; readable by the owner alone. A link
 * is followed, so that it stays one. Throws Fault('disk-full') or Fault('conflict') that says why; then nothing
 * changed.
 */
export async function replaceFile(path: string, text: string): Promise<void> {
  try {
    const target = await realpath(path).catch(() => path);
    const temporary = `${target}.tmp`;
    const file = await open(temporary, 'w', 0o600);
    try {
      // The mode of `open` does nothing to a file that a killed process left behind.
      await file.chmod(0o600);
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, target);
    await syncFolder(dirname(target));
  } catch (cause) {
    throw writeFault(path, cause);
  }
}

/** Moves a bad file out of the way; null when that was impossible. */
export async function setAside(path: string, nowMs: number): Promise<string | null> {
  const aside = `${path}.bad-${nowMs}`;
  try {
    await rename(path, aside);
    await chmod(aside, 0o600);
    return aside;
  } catch {
    return null;
  }
}

/**
 * So that a power cut right now does not bring the former file back. The new one is in its place already, so whoever
 * cannot do this (some file systems cannot) must not say that nothing was saved.
 */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r').catch(() => null);
  await folder?.sync().catch(() => {});
  await folder?.close().catch(() => {});
}

function writeFault(path: string, cause: unknown): Fault {
  if (systemCodeOf(cause) === 'ENOSPC' || systemCodeOf(cause) === 'EDQUOT') {
    return new Fault('disk-full', `${path} could not be written: the disk is full.`, { cause });
  }
  const message = `${path} cannot be written (${systemCodeOf(cause) ?? messageOf(cause)}); the settings are as they were.`;
  return new Fault('conflict', message, { hint: 'Make the file and its folder writable for this user.', cause });
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
