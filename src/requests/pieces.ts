/**
 * The records of the last looks, kept as columns in pieces of an hour, so that another look reads only what is new.
 *
 * What is kept stays true because rows are numbered in the order in which they are written (`#lastId` is the last that
 * was taken over: later ones are put where they belong, however long ago they began), because Flow deletes from the
 * oldest on (`#oldest`), and because SQLite tells when somebody else has written (`data_version`).
 */
import type { Store } from '#src/store/open.ts';
import type { RecordWriter } from '#src/store/writer.ts';
import type { Period } from './period.ts';
import { Kinds, RECORD_COLUMNS, RecordColumns } from './record-columns.ts';

export type PiecesParts = {
  readonly store: Store;
  readonly writer: Pick<RecordWriter, 'flush'>;
  /** Lets others have their turn. */
  readonly turn: () => Promise<void>;
  /** Rows that are kept at most; each takes 52 bytes. */
  readonly rowsMax?: number;
};

type Piece = { readonly columns: RecordColumns; readonly look: number };
type Reading = { readonly columns: RecordColumns; readonly isDone: Promise<void> };
type Moment = { readonly startedAtMs: number; readonly id: number };

const PIECE_MS = 3_600_000;
/** 2,000 rows take some 4 ms, which nobody feels. */
const ROWS_PER_READ = 2_000;
/** Two months of 10,000 requests a day fit, in 39 MB. */
const ROWS_KEPT_MAX = 750_000;
/** Eight pages: each looks at a period and at another beside it. */
const LOOKS_OF_LATE = 16;
/** What a piece costs beside its rows, in rows. */
const PIECE_ROWS = 10;
/** An hour with more is counted in parts, and not kept. */
const PIECE_ROWS_MAX = 200_000;
/** More kinds than this are some client's doing: then all begins anew. */
const KINDS_MAX = 10_000;
/** More new rows than this are not worth being sorted in. */
const NEW_ROWS_MAX = 100_000;

const READ_PERIOD = `SELECT ${RECORD_COLUMNS} FROM requests
  WHERE (started_at_ms, id) > (?, ?) AND started_at_ms < ? AND id <= ?
  ORDER BY started_at_ms, id LIMIT ${ROWS_PER_READ}`;
const READ_NEW = `SELECT ${RECORD_COLUMNS} FROM requests WHERE id > ? ORDER BY id LIMIT ${ROWS_PER_READ}`;
// The plus keeps SQLite from going by id and sorting them all.
const OLDEST = `SELECT started_at_ms AS startedAtMs, id FROM requests WHERE +id <= ?
  ORDER BY started_at_ms, id LIMIT 1`;

/** Keeps at most 750,000 rows (39 MB): the newest of those that were looked at of late. */
export class Pieces {
  readonly #parts: PiecesParts;
  /** In the order of their last use. */
  readonly #kept = new Map<number, Piece>();
  readonly #reading = new Map<number, Reading>();
  #kinds = new Kinds();
  #keptRows = 0;
  #lastId = 0;
  #oldest: Moment | null = null;
  #dataVersion = 0;
  #looks = 0;

  constructor(parts: PiecesParts) {
    this.#parts = parts;
  }

  /** Rows that are kept, and what their pieces cost beside. */
  get keptRows(): number {
    return this.#keptRows;
  }

  /** The rows of a period and some before and after it, in the order of time. Use each part before asking for more. */
  async *read({ fromMs, untilMs }: Period): AsyncGenerator<RecordColumns> {
    this.#parts.writer.flush();
    this.#forgetDeleted();
    await this.#catchUp();
    this.#looks += 1;
    const look = this.#looks;
    const last = pieceOf(untilMs - 1);
    let piece = Math.max(pieceOf(fromMs), pieceOf(this.#oldest?.startedAtMs ?? untilMs));
    while (piece <= last) {
      const kept = this.#use(piece, look);
      const reading = this.#reading.get(piece);
      if (kept) {
        yield kept;
        piece += 1;
      } else if (reading) {
        await reading.isDone;
      } else {
        const end = this.#endOfRun(piece, last);
        yield* this.#readRun(piece, end, look);
        piece = end + 1;
      }
    }
  }

  #use(piece: number, look: number): RecordColumns | null {
    const kept = this.#kept.get(piece);
    if (!kept) return null;
    this.#kept.delete(piece);
    this.#kept.set(piece, { columns: kept.columns, look });
    return kept.columns;
  }

  /** The last of the pieces from `first` on that nobody has, and nobody reads. */
  #endOfRun(first: number, last: number): number {
    let end = first;
    while (end < last && !this.#kept.has(end + 1) && !this.#reading.has(end + 1)) end += 1;
    return end;
  }

  async *#readRun(first: number, last: number, look: number): AsyncGenerator<RecordColumns> {
    const { store, turn } = this.#parts;
    const { promise: isDone, resolve } = Promise.withResolvers<void>();
    const own = new Map<number, Reading>();
    for (let piece = first; piece <= last; piece += 1) {
      own.set(piece, { columns: new RecordColumns(this.#kinds), isDone });
    }
    for (const [piece, reading] of own) this.#reading.set(piece, reading);
    // What is written from now on comes by `#catchUp`.
    const upToId = this.#lastId;
    const statement = store.$client.query<unknown, [number, number, number, number]>(READ_PERIOD);
    let after: readonly [number, number] = [first * PIECE_MS - 1, Number.MAX_SAFE_INTEGER];
    let piece = first;
    try {
      for (;;) {
        const found = statement.values(...after, (last + 1) * PIECE_MS, upToId);
        for (const row of found) {
          for (; piece < pieceOf(Number(row[1])); piece += 1) yield this.#ended(piece, own, look);
          const columns = own.get(piece)?.columns;
          columns?.insert(row);
          if (columns && columns.count >= PIECE_ROWS_MAX) yield this.#broken(piece, own);
        }
        await turn();
        const end = found.at(-1);
        if (found.length < ROWS_PER_READ || !end) break;
        after = [Number(end[1]), Number(end[0])];
      }
      for (; piece <= last; piece += 1) yield this.#ended(piece, own, look);
    } finally {
      for (const [at, reading] of own) if (this.#reading.get(at) === reading) this.#reading.delete(at);
      resolve();
    }
  }

  /** A piece that is read to its end: kept, unless rows of it may have been deleted since. */
  #ended(piece: number, own: Map<number, Reading>, look: number): RecordColumns {
    const reading = own.get(piece);
    const columns = reading?.columns ?? new RecordColumns(this.#kinds);
    own.delete(piece);
    if (reading === undefined || this.#reading.get(piece) !== reading) return columns;
    this.#reading.delete(piece);
    columns.trim();
    this.#kept.set(piece, { columns, look });
    this.#keptRows += columns.count + PIECE_ROWS;
    if (this.#kinds.list.length > KINDS_MAX) this.#forgetAll();
    else this.#fit(look);
    return columns;
  }

  /** What there is of a piece that is too large to be kept; the rest follows. */
  #broken(piece: number, own: Map<number, Reading>): RecordColumns {
    const reading = own.get(piece);
    const columns = reading?.columns ?? new RecordColumns(this.#kinds);
    if (reading && this.#reading.get(piece) === reading) this.#reading.delete(piece);
    own.set(piece, { columns: new RecordColumns(this.#kinds), isDone: Promise.resolve() });
    return columns;
  }

  /** Gives up what no look of late has used, then the oldest hours: new ones are looked at again most often. */
  #fit(look: number): void {
    const rowsMax = this.#parts.rowsMax ?? ROWS_KEPT_MAX;
    if (this.#keptRows <= rowsMax) return;
    for (const [piece, kept] of this.#kept) {
      if (this.#keptRows <= rowsMax || kept.look >= look - LOOKS_OF_LATE) break;
      this.#drop(piece);
    }
    while (this.#keptRows > rowsMax && this.#kept.size > 0) {
      let oldest = Number.POSITIVE_INFINITY;
      for (const piece of this.#kept.keys()) oldest = Math.min(oldest, piece);
      this.#drop(oldest);
    }
  }

  #drop(piece: number): void {
    const kept = this.#kept.get(piece);
    if (!kept) return;
    this.#kept.delete(piece);
    this.#keptRows -= kept.columns.count + PIECE_ROWS;
  }

  /** Takes over what was written since the last look. */
  async #catchUp(): Promise<void> {
    const { store, turn } = this.#parts;
    const statement = store.$client.query<unknown, [number]>(READ_NEW);
    const newest = store.$client.query<{ id: number | null }, []>('SELECT max(id) AS id FROM requests').get()?.id ?? 0;
    const isNothingKept = this.#kept.size === 0 && this.#reading.size === 0;
    if (isNothingKept || newest - this.#lastId > NEW_ROWS_MAX) this.#beginAt(newest);
    while (this.#lastId < newest) {
      const found = statement.values(this.#lastId);
      for (const row of found) this.#takeIn(row);
      if (found.length < ROWS_PER_READ) break;
      await turn();
    }
    this.#fit(this.#looks);
  }

  #takeIn(row: readonly unknown[]): void {
    const [id, startedAtMs] = [Number(row[0]), Number(row[1])];
    const piece = pieceOf(startedAtMs);
    const kept = this.#kept.get(piece);
    if (kept) this.#keptRows += 1;
    (kept ?? this.#reading.get(piece))?.columns.insert(row);
    this.#lastId = id;
    if (this.#oldest === null || startedAtMs < this.#oldest.startedAtMs) this.#oldest = { startedAtMs, id };
  }

  #beginAt(lastId: number): void {
    this.#forgetAll();
    this.#lastId = lastId;
    this.#oldest = this.#oldestNow();
  }

  #forgetAll(): void {
    this.#kept.clear();
    // Whoever reads goes on, but keeps nothing.
    this.#reading.clear();
    this.#kinds = new Kinds();
    this.#keptRows = 0;
  }

  #forgetDeleted(): void {
    const dataVersion = this.#parts.store.$client
      .query<{ version: number }, []>('SELECT data_version AS version FROM pragma_data_version()')
      .get()?.version;
    if (dataVersion !== this.#dataVersion) this.#beginAt(this.#lastId);
    this.#dataVersion = dataVersion ?? 0;
    const oldest = this.#oldestNow();
    if (oldest?.id === this.#oldest?.id) return;
    const upTo = oldest === null ? Number.POSITIVE_INFINITY : pieceOf(oldest.startedAtMs);
    for (const piece of [...this.#kept.keys()]) if (piece <= upTo) this.#drop(piece);
    for (const piece of [...this.#reading.keys()]) if (piece <= upTo) this.#reading.delete(piece);
    this.#oldest = oldest;
  }

  #oldestNow(): Moment | null {
    if (this.#lastId === 0) return null;
    return this.#parts.store.$client.query<Moment, [number]>(OLDEST).get(this.#lastId);
  }
}

const pieceOf = (ms: number): number => Math.floor(ms / PIECE_MS);
