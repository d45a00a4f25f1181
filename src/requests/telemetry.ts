/** Reads what was recorded: pages of requests, totals, usual load times. */
import { and, desc, eq, gte, lt, type SQL, sql } from 'drizzle-orm';
import type { ModelId } from '#src/models/model.ts';
import type { Store } from '#src/store/open.ts';
import { loads, type NewLoadRow, type RequestRow, requests } from '#src/store/schema.ts';
import type { RecordWriter } from '#src/store/writer.ts';

export type TelemetryParts = {
  readonly store: Store;
  readonly writer: Pick<RecordWriter, 'flush' | 'writeLoad'>;
};

/** Which rows are meant; null = all. */
export type RecordFilter = {
  readonly modelId: ModelId | null;
  readonly outcome: RequestRow['outcome'] | null;
  /** Began at or after this, ms since 1970. */
  readonly sinceMs: number | null;
};

export type RecordPage = {
  /** Newest first. */
  readonly records: readonly RequestRow[];
  /** `before` of the next page; null when this is the last. */
  readonly nextBefore: number | null;
};

/** Sums over a filter. Tokens that an engine did not tell count as none. */
export type RecordTotals = {
  readonly requests: number;
  readonly completed: number;
  readonly failed: number;
  readonly cancelled: number;
  readonly inputTokens: number;
  readonly cachedTokens: number;
  readonly outputTokens: number;
  readonly meanTtftMs: number | null;
  readonly meanTokensPerS: number | null;
};

export const RECORDS_PER_PAGE_MAX = 1_000;
const USUAL_LOADS = 10;

/** The records, read. Rows still queued are written first, so that what has ended can be seen. */
export class Telemetry {
  readonly #parts: TelemetryParts;
  /** The last ready loads of each model, newest first: asked for with every snapshot of the fleet. */
  readonly #recentLoadMs = new Map<ModelId, readonly number[]>();

  constructor(parts: TelemetryParts) {
    this.#parts = parts;
  }

  /** One page, newest first, of rows with an id below `before` (null = from the newest). `limit` 1 to 1000. */
  page(filter: RecordFilter, limit: number, before: number | null): RecordPage {
    this.#parts.writer.flush();
    const conditions = [...this.#conditions(filter), ...(before === null ? [] : [lt(requests.id, before)])];
    const wanted = Math.min(Math.max(1, Math.trunc(limit)), RECORDS_PER_PAGE_MAX);
    const found = this.#parts.store
      .select()
      .from(requests)
      .where(and(...conditions))
      .orderBy(desc(requests.id))
      .limit(wanted + 1)
      .all();
    const records = found.slice(0, wanted);
    return { records, nextBefore: found.length > wanted ? (records.at(-1)?.id ?? null) : null };
  }

  totals(filter: RecordFilter): RecordTotals {
    this.#parts.writer.flush();
    const ended = (outcome: string) => sql<number>`coalesce(sum(${requests.outcome} = ${outcome}), 0)`;
    const row = this.#parts.store
      .select({
        requests: sql<number>`count(*)`,
        completed: ended('completed'),
        failed: ended('failed'),
        cancelled: ended('cancelled'),
        inputTokens: sql<number>`coalesce(sum(${requests.inputTokens}), 0)`,
        cachedTokens: sql<number>`coalesce(sum(${requests.cachedTokens}), 0)`,
        outputTokens: sql<number>`coalesce(sum(${requests.outputTokens}), 0)`,
        meanTtftMs: sql<number | null>`avg(${requests.ttftMs})`,
        meanTokensPerS: sql<number | null>`avg(${requests.decodeTokensPerS})`,
      })
      .from(requests)
      .where(and(...this.#conditions(filter)))
      .get();
    return row ?? NO_TOTALS;
  }

  /** Every model that has a record, for filters. */
  modelIds(): readonly ModelId[] {
    const rows = this.#parts.store.selectDistinct({ modelId: requests.modelId }).from(requests).all();
    return rows.flatMap((row) => (row.modelId === null ? [] : [row.modelId])).sort();
  }

  /** Keeps how long a load took and how it went. Never throws. */
  recordLoad(load: NewLoadRow): void {
    if (load.outcome === 'ready') {
      this.#recentLoadMs.set(load.modelId, [load.loadMs, ...this.#recent(load.modelId)].slice(0, USUAL_LOADS));
    }
    this.#parts.writer.writeLoad(load);
  }

  /** Median of the last ten loads that ended ready, in ms; null before the first. Never throws. */
  usualLoadMs(modelId: ModelId): number | null {
    const sorted = [...this.#recent(modelId)].sort((left, right) => left - right);
    return sorted[Math.floor((sorted.length - 1) / 2)] ?? null;
  }

  #recent(modelId: ModelId): readonly number[] {
    const known = this.#recentLoadMs.get(modelId) ?? this.#recorded(modelId);
    this.#recentLoadMs.set(modelId, known);
    return known;
  }

  #recorded(modelId: ModelId): readonly number[] {
    try {
      const rows = this.#parts.store
        .select({ loadMs: loads.loadMs })
        .from(loads)
        .where(and(eq(loads.modelId, modelId), eq(loads.outcome, 'ready')))
        .orderBy(desc(loads.id))
        .limit(USUAL_LOADS)
        .all();
      return rows.map((row) => row.loadMs);
    } catch {
      // A database in trouble costs an estimate, never a load.
      return [];
    }
  }

  #conditions({ modelId, outcome, sinceMs }: RecordFilter): SQL[] {
    const conditions: SQL[] = [];
    if (modelId !== null) conditions.push(eq(requests.modelId, modelId));
    if (outcome !== null) conditions.push(eq(requests.outcome, outcome));
    if (sinceMs !== null) {
      conditions.push(gte(requests.startedAtMs, sinceMs));
      // Pages go by descending id: without a lowest id a page with few matches would read to the very first row.
      const lowest = this.#parts.store.$client
        .query<{ id: number | null }, [number]>('SELECT min(id) AS id FROM requests WHERE started_at_ms >= ?')
        .get(sinceMs);
      conditions.push(gte(requests.id, lowest?.id ?? Number.MAX_SAFE_INTEGER));
    }
    return conditions;
  }
}

const NO_TOTALS: RecordTotals = {
  requests: 0,
  completed: 0,
  failed: 0,
  cancelled: 0,
  inputTokens: 0,
  cachedTokens: 0,
  outputTokens: 0,
  meanTtftMs: null,
  meanTokensPerS: null,
};
