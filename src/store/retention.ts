/**
 * Deletes old rows, a little at a time: 300,000 at once held the loop for 546 ms, batches of 500 for 8 ms (measured).
 */
import type { Database } from 'bun:sqlite';

const EXPIRED_ROWS_PER_BATCH = 500;
/** Pages given back to the file system at a time, of 4 KiB: 1.2 ms (measured). */
const VACUUM_PAGES = 256;
/** Free pages that are left for the rows to come. */
const SPARE_PAGES = 64;
/** What a turn takes beyond its texts, as a factor: pages that are not full, and its index. */
const TURN_OVERHEAD = 1.05;

const TABLES = ['requests', 'loads', 'responses', 'repairs', 'marks', 'memory_samples'] as const;

/**
 * Deletes at most one batch of each table's rows that began before `beforeMs`. True when there may be more. A database
 * that is locked or full is left for the next time, here and below.
 */
export function deleteExpired(client: Database, beforeMs: number): boolean {
  return tried(() => {
    const deleted = TABLES.map((table) => deleteBatch(client, table, 'started_at_ms', beforeMs));
    return Math.max(...deleted) === EXPIRED_ROWS_PER_BATCH;
  });
}

/** Deletes at most one batch of the memory samples that are no longer needed so close to each other; as above. */
export function thinSamples(client: Database, nowMs: number): boolean {
  return tried(() => deleteBatch(client, 'memory_samples', 'expires_at_ms', nowMs) === EXPIRED_ROWS_PER_BATCH);
}

/** Deletes at most one batch of each table's oldest rows: those before the time at which the first batch is full. */
export function deleteOldest(client: Database): boolean {
  return tried(() => {
    const ends = TABLES.flatMap((table) => batchEndMs(client, table) ?? []);
    if (ends.length === 0) return false;
    const beforeMs = Math.min(...ends) + 1;
    const deleted = TABLES.map((table) => deleteBatch(client, table, 'started_at_ms', beforeMs));
    return Math.max(...deleted) > 0;
  });
}

/** Gives some of the free pages back to the file system. True when there are more that nobody needs soon. */
export function giveBack(client: Database): boolean {
  return tried(() => {
    const spare = pragma(client, 'freelist_count') - SPARE_PAGES;
    if (spare <= 0) return false;
    client.run(`PRAGMA incremental_vacuum(${Math.min(spare, VACUUM_PAGES)})`);
    return spare > VACUUM_PAGES;
  });
}

/** Bytes of the whole database that hold something. */
export function usedBytes(client: Database): number {
  return (pragma(client, 'page_count') - pragma(client, 'freelist_count')) * pragma(client, 'page_size');
}

/** About how many bytes conversations take: they are no records, and stay. Reads no text, only how long each is. */
export function conversationBytes(client: Database): number {
  const sizes = ['content', 'reasoning', 'images', 'calls', 'figures'].map(
    (name) => `coalesce(octet_length(${name}), 0)`,
  );
  const query = client.query<{ bytes: number | null }, []>(`SELECT sum(${sizes.join(' + ')}) AS bytes FROM turns`);
  return Math.ceil((query.get()?.bytes ?? 0) * TURN_OVERHEAD);
}

function tried(act: () => boolean): boolean {
  try {
    return act();
  } catch {
    return false;
  }
}

function pragma(client: Database, name: 'page_count' | 'freelist_count' | 'page_size'): number {
  return client.query<{ value: number }, []>(`SELECT ${name} AS value FROM pragma_${name}()`).get()?.value ?? 0;
}

/** When the last row of the oldest batch began; null for an empty table. */
function batchEndMs(client: Database, table: string): number | null {
  const batch = `SELECT started_at_ms FROM ${table} ORDER BY started_at_ms LIMIT ?1`;
  const query = client.query<{ ms: number | null }, [number]>(`SELECT max(started_at_ms) AS ms FROM (${batch})`);
  return query.get(EXPIRED_ROWS_PER_BATCH)?.ms ?? null;
}

function deleteBatch(client: Database, table: string, time: string, beforeMs: number): number {
  const oldest = `SELECT id FROM ${table} WHERE ${time} < ?1 ORDER BY ${time} LIMIT ?2`;
  return client.query(`DELETE FROM ${table} WHERE id IN (${oldest})`).run(beforeMs, EXPIRED_ROWS_PER_BATCH).changes;
}
