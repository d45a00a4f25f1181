/** Writes records: rows are queued and flushed together, so that no request ever waits for the disk. */
import type { Database, Statement } from 'bun:sqlite';
import { getTableColumns, getTableName } from 'drizzle-orm';
import type { SQLiteTable } from 'drizzle-orm/sqlite-core';
import type { Clock, Timer } from '#src/clock.ts';
import type { Bus } from '#src/events.ts';
import type { Store } from './open.ts';
import {
  loads,
  marks,
  memorySamples,
  type NewLoadRow,
  type NewMarkRow,
  type NewMemorySampleRow,
  type NewRepairRow,
  type NewRequestRow,
  repairs,
  requests,
} from './schema.ts';
import { type Retention, Sweeper } from './sweeper.ts';
import { storeFault } from './trouble.ts';

export type RecordWriterParts = {
  readonly store: Store;
  readonly clock: Clock;
  readonly bus: Bus;
  /** Asked at each sweep. */
  readonly retention: () => Retention;
};

/** One statement and its values, ready to run. */
type PendingRow = { readonly insert: Insert; readonly values: readonly Bound[] };
type Bound = string | number | bigint | null | Uint8Array;
type Insert = { readonly statement: Statement; values(row: Readonly<Record<string, unknown>>): readonly Bound[] };

const FLUSH_DELAY_MS = 200;
const RETRY_DELAY_MAX_MS = 5_000;
/** A lock of a moment, by a backup or a look into the file, is nobody's concern. */
const FAILURES_BEFORE_NOTICE = 3;
const QUEUED_ROWS_MAX = 10_000;
/** A flush of this many rows took 8 ms (measured), which nobody feels. */
const FLUSH_ROWS_MAX = 1_000;

/**
 * The only writer of rows that tell what happened. Never throws and never waits: what cannot be written now is tried
 * again later, and beyond 10,000 waiting rows the oldest are dropped and counted. Says so once when writing stops to
 * work, and once when it works again. `close` flushes what it can; nothing is accepted after it.
 */
export class RecordWriter {
  readonly #client: Database;
  readonly #parts: RecordWriterParts;
  readonly #insertRequest: Insert;
  readonly #insertLoad: Insert;
  readonly #insertRepair: Insert;
  readonly #insertMark: Insert;
  readonly #insertMemory: Insert;
  #queue: PendingRow[] = [];
  #timer: Timer | null = null;
  readonly #sweeper: Sweeper;
  #failures = 0;
  #droppedRows = 0;
  #isClosed = false;

  constructor(parts: RecordWriterParts) {
    this.#parts = parts;
    this.#client = parts.store.$client;
    this.#insertRequest = insertInto(this.#client, requests);
    this.#insertLoad = insertInto(this.#client, loads);
    this.#insertRepair = insertInto(this.#client, repairs);
    this.#insertMark = insertInto(this.#client, marks);
    this.#insertMemory = insertInto(this.#client, memorySamples);
    this.#sweeper = new Sweeper({ client: this.#client, clock: parts.clock, retention: parts.retention });
  }

  writeRequest(row: NewRequestRow): void {
    this.#add({ insert: this.#insertRequest, values: this.#insertRequest.values(row) });
  }

  writeLoad(row: NewLoadRow): void {
    this.#add({ insert: this.#insertLoad, values: this.#insertLoad.values(row) });
  }

  writeRepair(row: NewRepairRow): void {
    this.#add({ insert: this.#insertRepair, values: this.#insertRepair.values(row) });
  }

  writeMark(row: NewMarkRow): void {
    this.#add({ insert: this.#insertMark, values: this.#insertMark.values(row) });
  }

  writeMemory(row: NewMemorySampleRow): void {
    this.#add({ insert: this.#insertMemory, values: this.#insertMemory.values(row) });
  }

  /** Writes what is queued, as far as the database allows; then a reader sees it. */
  flush(): void {
    while (this.#queue.length > 0 && this.#flushSome());
  }

  /** Rows that wait to be written. */
  get queuedRows(): number {
    return this.#queue.length;
  }

  /** Rows lost since the start because the database would not take them. */
  get droppedRows(): number {
    return this.#droppedRows;
  }

  /** Flushes and stops. Call before the database is closed. */
  close(): void {
    this.flush();
    this.#droppedRows += this.#queue.length;
    this.#queue = [];
    this.#isClosed = true;
    this.#timer?.[Symbol.dispose]();
    this.#sweeper[Symbol.dispose]();
  }

  #add(row: PendingRow): void {
    if (this.#isClosed) {
      this.#droppedRows += 1;
      return;
    }
    this.#queue.push(row);
    // A tenth at a time: dropping single rows from the front of a full array would cost a copy each.
    if (this.#queue.length > QUEUED_ROWS_MAX) {
      this.#droppedRows += this.#queue.splice(0, QUEUED_ROWS_MAX / 10).length;
    }
    this.#arm();
  }

  #arm(): void {
    if (this.#timer !== null || this.#isClosed) return;
    const delayMs = Math.min(FLUSH_DELAY_MS * 2 ** Math.min(this.#failures, 10), RETRY_DELAY_MAX_MS);
    this.#timer = this.#parts.clock.after(delayMs, () => {
      this.#timer = null;
      this.#flushSome();
      if (this.#queue.length > 0) this.#arm();
    });
  }

  /** One transaction of the oldest rows. False when the database would not take them: they stay queued. */
  #flushSome(): boolean {
    const rows = this.#queue.slice(0, FLUSH_ROWS_MAX);
    try {
      this.#client
        .transaction(() => {
          for (const { insert, values } of rows) insert.statement.run(...values);
        })
        .immediate();
    } catch (cause) {
      if (storeFault(cause) !== null) {
        this.#noteFailure(cause);
        return false;
      }
      // Not the database's trouble but a row's: it must not hold up all that come after it, for ever.
      this.#flushSingly(rows);
    }
    this.#queue.splice(0, rows.length);
    this.#sweeper.noteRows(rows.length);
    this.#noteSuccess();
    return true;
  }

  #flushSingly(rows: readonly PendingRow[]): void {
    for (const { insert, values } of rows) {
      try {
        insert.statement.run(...values);
      } catch {
        this.#droppedRows += 1;
      }
    }
  }

  #noteFailure(cause: unknown): void {
    this.#failures += 1;
    if (this.#failures !== FAILURES_BEFORE_NOTICE) return;
    const reason = cause instanceof Error ? cause.message : String(cause);
    const text = `Records of requests cannot be written (${reason}); serving goes on, and the latest ${QUEUED_ROWS_MAX} are kept in memory.`;
    this.#parts.bus.publish({ type: 'notice', tone: 'warning', text });
  }

  #noteSuccess(): void {
    if (this.#failures >= FAILURES_BEFORE_NOTICE) {
      this.#parts.bus.publish({ type: 'notice', tone: 'info', text: 'Records of requests are written again.' });
    }
    this.#failures = 0;
  }
}

/**
 * Drizzle's own statements cost ten times as much as SQLite's (70 µs to 8 µs a row, measured), so only its columns are
 * used.
 */
function insertInto(client: Database, table: SQLiteTable): Insert {
  const columns = Object.entries(getTableColumns(table)).filter(([key]) => key !== 'id');
  const names = columns.map(([, column]) => column.name).join(', ');
  const places = columns.map(() => '?').join(', ');
  const statement = client.prepare(`INSERT INTO ${getTableName(table)} (${names}) VALUES (${places})`);
  return {
    statement,
    values: (row) =>
      columns.map(([key, column]) => {
        const value = row[key] ?? null;
        return value === null ? null : bound(column.mapToDriverValue(value));
      }),
  };
}

/** What SQLite can bind; a type that it does not know would throw at every flush and so block the queue. */
function bound(value: unknown): Bound {
  if (typeof value === 'boolean') return value ? 1 : 0;
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint' ? value : null;
}
