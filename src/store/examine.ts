/** Looks at the database without changing it: for `flow doctor`, also while Flow runs. */
import { Database } from 'bun:sqlite';
import { existsSync } from 'node:fs';
import { openAsItIs } from './as-it-is.ts';
import { MIGRATIONS } from './migrations.ts';
import { isBroken } from './open.ts';

/** What was found, in words where there are words for it. */
export type Examination =
  | { readonly state: 'absent' }
  | { readonly state: 'sound'; readonly schema: number }
  /** Written by a newer Flow; this one refuses it. */
  | { readonly state: 'newer'; readonly schema: number }
  | { readonly state: 'broken'; readonly reason: string }
  /** Neither good nor bad is known: locked, not readable for this user. */
  | { readonly state: 'unreadable'; readonly reason: string };

const PATIENCE_MS = 1_000;

/** Opens it for reading, checks its pages (about 1 ms per MB) and closes it. Never throws. */
export function examineStore(path: string): Examination {
  if (!existsSync(path)) return { state: 'absent' };
  let client: Database | null = null;
  try {
    client = open(path);
    client.run(`PRAGMA busy_timeout = ${PATIENCE_MS}`);
    const verdict = client.query<{ quick_check: string }, []>('PRAGMA quick_check(1)').get()?.quick_check;
    if (verdict !== 'ok') return { state: 'broken', reason: verdict ?? 'the check gave no answer' };
    const schema = client.query<{ user_version: number }, []>('PRAGMA user_version').get()?.user_version ?? 0;
    return { state: schema > MIGRATIONS.length ? 'newer' : 'sound', schema };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    return { state: isBroken(cause) ? 'broken' : 'unreadable', reason };
  } finally {
    client?.close(false);
  }
}

/** Nobody writes when there is no log beside it; then even the reader's own side files can be done without. */
function open(path: string): Database {
  if (existsSync(`${path}-wal`)) return new Database(path, { readonly: true });
  return openAsItIs(path);
}
