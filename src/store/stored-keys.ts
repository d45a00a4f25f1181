/** Whether somebody was given a key, for who looks at the database from outside: Flow may run or not. */
import { Database } from 'bun:sqlite';
import { existsSync } from 'node:fs';
import { openAsItIs } from './as-it-is.ts';

/** False also where the database is not there, not readable, or of a Flow without keys. */
export function hasStoredKeys(path: string, nowMs: number): boolean {
  let client: Database | null = null;
  try {
    // What a Flow that runs has written last is in its log; where there is none, a plain look would leave one behind.
    client = existsSync(`${path}-wal`) ? new Database(path, { readonly: true }) : openAsItIs(path);
    const live = 'SELECT 1 FROM api_keys WHERE expires_at_ms IS NULL OR expires_at_ms > ?1 LIMIT 1';
    return client.query(live).get(nowMs) !== null;
  } catch {
    return false;
  } finally {
    client?.close(false);
  }
}
