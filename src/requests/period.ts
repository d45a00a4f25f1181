/**
 * Figures of a period, gathered in one pass by `tally.ts` over the records that `pieces.ts` reads in small parts, or
 * still has: no part holds up an answer, however many records there are.
 */
import type { ModelId } from '#src/models/model.ts';
import type { Store } from '#src/store/open.ts';
import type { RepairKind, RequestRow } from '#src/store/schema.ts';
import type { RecordWriter } from '#src/store/writer.ts';
import { Pieces } from './pieces.ts';
import { type PeriodTally, Tally } from './tally.ts';

export type PeriodParts = {
  readonly store: Store;
  readonly writer: Pick<RecordWriter, 'flush'>;
  /** For how long a result is good enough. */
  readonly monotonicMs: () => number;
  /** Lets others have their turn between two reads; absent = at once. */
  readonly turn?: () => Promise<void>;
  /** Records that are kept in memory at most; absent = 750,000. */
  readonly rowsMax?: number;
};

/** From the first millisecond up to, but not including, the last; ms since 1970. */
export type Period = { readonly fromMs: number; readonly untilMs: number };

/** Which requests are meant; null = all. */
export type PeriodFilter = {
  readonly modelId: ModelId | null;
  readonly outcome: RequestRow['outcome'] | null;
  readonly client: string | null;
  readonly route: string | null;
  /** Two letters: who ended it, and when. */
  readonly termination: string | null;
  readonly errorKind: string | null;
};

/** Every request of a period. */
export const NO_FILTER: PeriodFilter = {
  modelId: null,
  outcome: null,
  client: null,
  route: null,
  termination: null,
  errorKind: null,
};

/** How often a kind of repair was used on a model's answers. */
export type PeriodRepair = {
  readonly modelId: ModelId;
  readonly kind: RepairKind;
  readonly requests: number;
  /** What was mended, of the last time. */
  readonly note: string;
};

/** A load that ended in the period. */
export type PeriodLoad = {
  readonly modelId: ModelId;
  readonly startedAtMs: number;
  readonly loadMs: number;
  readonly outcome: string;
  readonly crashKind: string | null;
};

/** A count that goes on, or has ended. */
export type Count = {
  readonly tally: Promise<PeriodTally>;
  /** Records looked at up to now. */
  readonly done: () => number;
  /** About how many there are. */
  readonly all: number;
};

/** Records that are counted between two turns of others: some 2 ms. */
const ROWS_PER_TURN = 20_000;
const LOADS_MAX = 500;
const REPAIRS_MAX = 20_000;
const FRESH_MS = 3_000;
const KEPT_MAX = 16;

const FIRST_ID = 'SELECT id FROM requests WHERE started_at_ms >= ? ORDER BY started_at_ms LIMIT 1';
const LAST_ID = 'SELECT id FROM requests WHERE started_at_ms < ? ORDER BY started_at_ms DESC LIMIT 1';
const MESSAGE = 'SELECT error_message AS text FROM requests WHERE id = ?';

/** `endedMs` is null while it goes on. */
type Kept = { endedMs: number | null; readonly count: Count };

/** Figures over periods. Whoever asks for the same within seconds gets the same, made once. */
export class Periods {
  readonly #parts: PeriodParts;
  readonly #pieces: Pieces;
  readonly #kept = new Map<string, Kept>();

  constructor(parts: PeriodParts) {
    this.#parts = parts;
    this.#pieces = new Pieces({ ...parts, turn: parts.turn ?? (() => Bun.sleep(0)) });
  }

  /** Everything that is drawn from a period, in `buckets` parts of equal length. */
  tally(period: Period, filter: PeriodFilter, buckets: number): Promise<PeriodTally> {
    return this.count(period, filter, buckets).tally;
  }

  /** The same, for those who want to know how far it is. */
  count(period: Period, filter: PeriodFilter, buckets: number): Count {
    const { modelId, outcome, client, route, termination, errorKind } = filter;
    const key = JSON.stringify([period, modelId, outcome, client, route, termination, errorKind, buckets]);
    const known = this.#kept.get(key);
    if (known && (known.endedMs === null || this.#parts.monotonicMs() - known.endedMs < FRESH_MS)) return known.count;
    const kept: Kept = { endedMs: null, count: this.#begin(period, filter, buckets) };
    this.#kept.delete(key);
    this.#kept.set(key, kept);
    kept.count.tally.then(
      () => {
        kept.endedMs = this.#parts.monotonicMs();
      },
      // A failure is told to those who wait for it, and tried again by the next.
      () => this.#kept.delete(key),
    );
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= KEPT_MAX) break;
      this.#kept.delete(oldest);
    }
    return kept.count;
  }

  /** The newest loads of a period, oldest first; at most 500. */
  loads({ fromMs, untilMs }: Period, modelId: ModelId | null): readonly PeriodLoad[] {
    this.#parts.writer.flush();
    // Loads are few and numbered as they end: the newest are read, not searched for.
    const rows = this.#parts.store.$client
      .query<PeriodLoad, [string | null, string | null, number, number]>(
        `SELECT model_id AS modelId, started_at_ms AS startedAtMs, load_ms AS loadMs, outcome, crash_kind AS crashKind
         FROM (SELECT * FROM loads ORDER BY id DESC LIMIT 20000)
         WHERE (? IS NULL OR model_id = ?) AND started_at_ms >= ? AND started_at_ms < ? LIMIT ${LOADS_MAX}`,
      )
      .all(modelId, modelId, fromMs, untilMs);
    return rows.reverse();
  }

  /** What was mended of each model's answers, of the newest 20,000 uses of a period. */
  repairs({ fromMs, untilMs }: Period, modelId: ModelId | null): readonly PeriodRepair[] {
    this.#parts.writer.flush();
    // With one max() SQLite takes the other columns from the row that has it.
    return this.#parts.store.$client
      .query<PeriodRepair, [number, number, string | null]>(
        `SELECT model_id AS modelId, kind, count(DISTINCT request_id) AS requests, note, max(id)
         FROM (SELECT * FROM repairs WHERE started_at_ms >= ?1 AND started_at_ms < ?2
           ORDER BY started_at_ms DESC LIMIT ${REPAIRS_MAX})
         WHERE model_id IS NOT NULL AND (?3 IS NULL OR model_id = ?3)
         GROUP BY model_id, kind ORDER BY requests DESC`,
      )
      .all(fromMs, untilMs, modelId);
  }

  #begin(period: Period, filter: PeriodFilter, buckets: number): Count {
    const tally = new Tally(period, filter, buckets);
    return { tally: this.#read(period, tally), done: () => tally.rows, all: this.#about(period) };
  }

  async #read(period: Period, tally: Tally): Promise<PeriodTally> {
    let rows = 0;
    for await (const records of this.#pieces.read(period)) {
      tally.add(records);
      rows += records.count;
      if (rows < ROWS_PER_TURN) continue;
      rows = 0;
      // Tokens go first.
      await Bun.sleep(0);
    }
    const message = this.#parts.store.$client.query<{ text: string | null }, [number]>(MESSAGE);
    return tally.result((id) => message.get(id)?.text ?? null);
  }

  /** How many records a period has, but for gaps: they are numbered. */
  #about({ fromMs, untilMs }: Period): number {
    const id = (query: string, ms: number) =>
      this.#parts.store.$client.query<{ id: number }, [number]>(query).get(ms)?.id ?? null;
    const [first, last] = [id(FIRST_ID, fromMs), id(LAST_ID, untilMs)];
    return first === null || last === null ? 0 : Math.max(0, last - first + 1);
  }
}
