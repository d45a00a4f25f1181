/**
 * Records of a period, read in small parts: no part holds up an answer, however many records there are. What is drawn
 * from them is gathered in one pass by `tally.ts`.
 */
import type { ModelId } from '#src/models/model.ts';
import type { Store } from '#src/store/open.ts';
import type { RepairKind, RequestRow } from '#src/store/schema.ts';
import type { RecordWriter } from '#src/store/writer.ts';
import { type PeriodTally, Tally } from './tally.ts';

export type PeriodParts = {
  readonly store: Store;
  readonly writer: Pick<RecordWriter, 'flush'>;
  /** For how long a result is good enough. */
  readonly monotonicMs: () => number;
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

/** One record, only what is drawn from it. */
export type TallyRow = readonly [
  id: number,
  startedAtMs: number,
  modelId: string | null,
  client: string | null,
  outcome: string,
  termination: string,
  errorKind: string | null,
  queueMs: number | null,
  loadMs: number | null,
  ttftMs: number | null,
  durationMs: number,
  inputTokens: number | null,
  cachedTokens: number | null,
  outputTokens: number | null,
  tokensPerS: number | null,
  prefillTokensPerS: number | null,
  route: string,
  calledTools: boolean,
  /** Of those that did not complete. */
  errorMessage: string | null,
];

/** 2,000 rows take some 4 ms, which nobody feels. */
const ROWS_PER_READ = 2_000;
const ROWS_MAX = 3_000_000;
const LOADS_MAX = 500;
const REPAIRS_MAX = 20_000;
const FRESH_MS = 3_000;
const KEPT_MAX = 16;

const READ = `SELECT id, started_at_ms, model_id, client, outcome, termination, error_kind, queue_ms, load_ms, ttft_ms,
  duration_ms, input_tokens, cached_tokens, output_tokens, decode_tokens_per_s, prefill_tokens_per_s,
  route, finish_reason IN ('tool_calls', 'tool_use'), CASE outcome WHEN 'completed' THEN NULL ELSE error_message END
  FROM requests WHERE (started_at_ms, id) > (?, ?) AND started_at_ms < ?
  ORDER BY started_at_ms, id LIMIT ${ROWS_PER_READ}`;

type Kept = { readonly madeMs: number; readonly tally: Promise<PeriodTally> };

/** Figures over periods. Whoever asks for the same within seconds gets the same, made once. */
export class Periods {
  readonly #parts: PeriodParts;
  readonly #kept = new Map<string, Kept>();

  constructor(parts: PeriodParts) {
    this.#parts = parts;
  }

  /** Everything that is drawn from a period, in `buckets` parts of equal length. */
  tally(period: Period, filter: PeriodFilter, buckets: number): Promise<PeriodTally> {
    const key = JSON.stringify([period, filter, buckets]);
    const nowMs = this.#parts.monotonicMs();
    const known = this.#kept.get(key);
    if (known && nowMs - known.madeMs < FRESH_MS) return known.tally;
    const tally = this.#read(period, filter, buckets);
    this.#kept.delete(key);
    this.#kept.set(key, { madeMs: nowMs, tally });
    // A failure is told to those who wait for it, and tried again by the next.
    tally.catch(() => this.#kept.delete(key));
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= KEPT_MAX) break;
      this.#kept.delete(oldest);
    }
    return tally;
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

  async #read({ fromMs, untilMs }: Period, filter: PeriodFilter, buckets: number): Promise<PeriodTally> {
    this.#parts.writer.flush();
    const tally = new Tally({ fromMs, untilMs }, filter, buckets);
    const statement = this.#parts.store.$client.query<unknown, [number, number, number]>(READ);
    let after: readonly [number, number] = [fromMs - 1, Number.MAX_SAFE_INTEGER];
    for (let rows = 0; rows < ROWS_MAX; rows += ROWS_PER_READ) {
      const found = statement.values(...after, untilMs);
      for (const row of found) tally.add(tallyRow(row));
      const last = found.at(-1);
      if (found.length < ROWS_PER_READ || !last) break;
      after = [Number(last[1]), Number(last[0])];
      // Tokens go first.
      await Bun.sleep(0);
    }
    return tally.result();
  }
}

const textOf = (value: unknown): string | null => (typeof value === 'string' ? value : null);
const numberOf = (value: unknown): number | null => (typeof value === 'number' ? value : null);

function tallyRow(row: readonly unknown[]): TallyRow {
  return [
    Number(row[0]),
    Number(row[1]),
    textOf(row[2]),
    textOf(row[3]),
    textOf(row[4]) ?? '',
    textOf(row[5]) ?? '',
    textOf(row[6]),
    numberOf(row[7]),
    numberOf(row[8]),
    numberOf(row[9]),
    Number(row[10]),
    numberOf(row[11]),
    numberOf(row[12]),
    numberOf(row[13]),
    numberOf(row[14]),
    numberOf(row[15]),
    textOf(row[16]) ?? '',
    row[17] === 1,
    textOf(row[18]),
  ];
}
