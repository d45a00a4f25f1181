/** How much is recorded, and how much room it takes on the disk. */
import type { Store } from './open.ts';

/** Counts are exact but for gaps in the numbering; `isOfAll` when only the size of the whole database is known. */
export type RecordsSize = {
  readonly requests: number;
  readonly marks: number;
  readonly samples: number;
  readonly bytes: number;
  readonly isOfAll: boolean;
};

const TABLES = "'requests', 'loads', 'marks', 'memory_samples', 'repairs'";
/** Telling tables apart reads them whole: 76 ms for 80 MB (measured), which others would wait for. */
const TOLD_APART_MAX_BYTES = 32e6;
const FRESH_MS = 600_000;

/** Looks at most every ten minutes. */
export class RecordSizes {
  readonly #store: Store;
  readonly #monotonicMs: () => number;
  #bytes: Pick<RecordsSize, 'bytes' | 'isOfAll'> | null = null;
  #lookedMs = 0;

  constructor(parts: { readonly store: Store; readonly monotonicMs: () => number }) {
    this.#store = parts.store;
    this.#monotonicMs = parts.monotonicMs;
  }

  now(): RecordsSize {
    const nowMs = this.#monotonicMs();
    if (this.#bytes === null || nowMs - this.#lookedMs > FRESH_MS) {
      this.#bytes = this.#look();
      this.#lookedMs = nowMs;
    }
    const requests = this.#spanOf('requests');
    const marks = this.#spanOf('marks') + this.#spanOf('loads');
    // Thinning leaves more gaps than rows, but never many rows.
    return { requests, marks, samples: this.#number('SELECT count(*) AS value FROM memory_samples'), ...this.#bytes };
  }

  #look(): Pick<RecordsSize, 'bytes' | 'isOfAll'> {
    const all = this.#number('SELECT page_count * page_size AS value FROM pragma_page_count(), pragma_page_size()');
    const whole = { bytes: all, isOfAll: true };
    if (all > TOLD_APART_MAX_BYTES) return whole;
    try {
      const bytes = this.#number(
        `SELECT sum(pgsize) AS value FROM dbstat WHERE aggregate = TRUE AND name IN (
           SELECT name FROM sqlite_schema WHERE tbl_name IN (${TABLES}))`,
      );
      return { bytes, isOfAll: false };
    } catch {
      // Not every build of SQLite can tell.
      return whole;
    }
  }

  #spanOf(table: string): number {
    return this.#number(`SELECT coalesce(max(id) - min(id) + 1, 0) AS value FROM
      (SELECT (SELECT min(id) FROM ${table}) AS id UNION ALL SELECT (SELECT max(id) FROM ${table}))`);
  }

  #number(query: string): number {
    return this.#store.$client.query<{ value: number | null }, []>(query).get()?.value ?? 0;
  }
}
