/** Whether somebody was given a key, for who looks at the database from outside: Flow may run or not. */
import { Database } from 'bun:sqlite';
import { existsSync } from 'node:fs';
import { isObject } from '#src/json.ts';
import { openAsItIs } from './as-it-is.ts';

/** False also where the database is not there, not readable, or of a Flow without keys. */
export function hasStoredKeys(path: string, nowMs: number): boolean {
  const live = 'SELECT 1 FROM api_keys WHERE expires_at_ms IS NULL OR expires_at_ms > ?1 LIMIT 1';
  return found(path, live, nowMs).length > 0;
}

/** Names of keys that count no longer; none where the database cannot be read. */
export function expiredKeyNames(path: string, nowMs: number): readonly string[] {
  const rows = found(path, 'SELECT name FROM api_keys WHERE expires_at_ms <= ?1 ORDER BY name LIMIT 100', nowMs);
  return rows.flatMap((row) => (isObject(row) && typeof row.name === 'string' ? [row.name] : []));
}

function found(path: string, query: string, nowMs: number): readonly unknown[] {
  let client: Database | null = null;
  try {
    // What a Flow that runs has written last is in its log; where there is none, a plain look would leave one behind.
    client = existsSync(`${path}-wal`) ? new Database(path, { readonly: true }) : openAsItIs(path);
    return client.query(query).all(nowMs);
  } catch {
    return [];
  } finally {
    client?.close(false);
  }
}
