/**
 * The proof that a caller is the very user whom Flow runs for: a key in a file that only this user can read. With it
 * the command line may name any file that the user could open without Flow.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** The header in which the command line shows it. */
export const LOCAL_KEY_HEADER = 'x-flow-local-key';

const KEY = /^[0-9a-f]{64}$/;

/** The key in a data directory; null when there is none, or this user may not read it. */
export function readLocalKey(dataDir: string): string | null {
  try {
    const key = readFileSync(pathIn(dataDir), 'utf8').trim();
    return KEY.test(key) ? key : null;
  } catch {
    return null;
  }
}

/** The key in a data directory, made when there is none; null where nothing can be written: then nobody has it. */
export function ensureLocalKey(dataDir: string): string | null {
  const held = readLocalKey(dataDir);
  if (held !== null) return held;
  const key = randomBytes(32).toString('hex');
  const path = pathIn(dataDir);
  try {
    // What is there is no key; written over, it would keep its rights, or lead to wherever a link leads.
    rmSync(path, { force: true });
    writeFileSync(path, `${key}\n`, { mode: 0o600, flag: 'wx' });
    return key;
  } catch {
    return null;
  }
}

/** Compares without telling by its time how much was right. */
export function isLocalKey(shown: string | null, key: string | null): boolean {
  if (shown === null || key === null) return false;
  const [given, held] = [Buffer.from(shown), Buffer.from(key)];
  return given.length === held.length && timingSafeEqual(given, held);
}

function pathIn(dataDir: string): string {
  return join(dataDir, 'local-key');
}
