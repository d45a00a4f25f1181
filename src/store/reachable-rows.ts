/** Reads a broken database row by row, so that what is damaged costs only itself. */
import type { Database } from 'bun:sqlite';

/**
 * The numbers of the rows that can be reached, from both ends. Each is then read by itself, so that a damaged page, or
 * one value that is no JSON any more, does not cost the others. None where there is no such table, as in an earlier
 * Flow's database.
 */
export function reachable(broken: Database, table: string, most: number): readonly number[] {
  const ids = new Set<number>();
  for (const order of ['ASC', 'DESC']) {
    try {
      const query = broken.query<{ rowid: number }, []>(
        `SELECT rowid FROM ${table} ORDER BY rowid ${order} LIMIT ${most}`,
      );
      for (const { rowid } of query.iterate()) ids.add(rowid);
    } catch {
      // What lies behind the damage is reached from the other end.
    }
  }
  return [...ids].sort((a, b) => a - b);
}

/** One row; null when there is none, or it cannot be read. */
export function rowOrNull<Row>(read: () => Row | null | undefined): Row | null {
  try {
    return read() ?? null;
  } catch {
    return null;
  }
}
