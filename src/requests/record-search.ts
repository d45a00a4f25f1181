/** Pages of records by time, model, client and outcome. Each read looks at a bounded number of rows. */
import { and, desc, eq, gte, lt } from 'drizzle-orm';
import type { Store } from '#src/store/open.ts';
import { type RequestRow, requests } from '#src/store/schema.ts';
import type { RecordWriter } from '#src/store/writer.ts';
import type { Period, PeriodFilter } from './period.ts';
import type { RecordPage } from './telemetry.ts';

export type RecordSearchParts = { readonly store: Store; readonly writer: Pick<RecordWriter, 'flush'> };

/** A rare client among many records must not make a page read them all: then it ends early, with a way on. */
const ROWS_LOOKED_AT_MAX = 20_000;

/** Reads records; whoever wants them all asks again with `nextBefore`. */
export class RecordSearch {
  readonly #parts: RecordSearchParts;

  constructor(parts: RecordSearchParts) {
    this.#parts = parts;
  }

  /** Newest first, ids below `before` (null = from the newest). May hold fewer than `limit` and still have a next. */
  page(period: Period, filter: PeriodFilter, limit: number, before: number | null): RecordPage {
    const { store, writer } = this.#parts;
    writer.flush();
    const lowest = this.#lowestId(period.fromMs);
    const top = Math.min(before ?? Number.MAX_SAFE_INTEGER, this.#highestId() + 1);
    const floor = Math.max(lowest, top - ROWS_LOOKED_AT_MAX);
    const found = store
      .select()
      .from(requests)
      .where(
        and(
          lt(requests.id, top),
          gte(requests.id, floor),
          gte(requests.startedAtMs, period.fromMs),
          lt(requests.startedAtMs, period.untilMs),
          ...(filter.modelId === null ? [] : [eq(requests.modelId, filter.modelId)]),
          ...(filter.outcome === null ? [] : [eq(requests.outcome, filter.outcome)]),
          ...(filter.client === null ? [] : [eq(requests.client, filter.client)]),
          ...(filter.route === null ? [] : [eq(requests.route, filter.route)]),
          ...(filter.termination === null ? [] : [eq(requests.termination, filter.termination)]),
          ...(filter.errorKind === null ? [] : [eq(requests.errorKind, filter.errorKind)]),
        ),
      )
      .orderBy(desc(requests.id))
      .limit(limit + 1)
      .all();
    const records = found.slice(0, limit);
    if (found.length > limit) return { records, nextBefore: records.at(-1)?.id ?? null };
    return { records, nextBefore: floor > lowest ? floor : null };
  }

  /** One record by its number in the database; null when there is none. */
  find(id: number): RequestRow | null {
    this.#parts.writer.flush();
    return this.#parts.store.select().from(requests).where(eq(requests.id, id)).get() ?? null;
  }

  /** The record of a request by its id; null when there is none. */
  findByRequest(requestId: string): RequestRow | null {
    this.#parts.writer.flush();
    const { store } = this.#parts;
    return (
      store.select().from(requests).where(eq(requests.requestId, requestId)).orderBy(desc(requests.id)).get() ?? null
    );
  }

  /** How many records are kept, but for gaps. */
  get count(): number {
    const first = this.#first('SELECT min(id) AS id FROM requests');
    return first === null ? 0 : this.#highestId() - first + 1;
  }

  #lowestId(sinceMs: number): number {
    const found = this.#parts.store.$client
      .query<{ id: number | null }, [number]>(
        'SELECT min(id) AS id FROM (SELECT id FROM requests WHERE started_at_ms >= ? ORDER BY started_at_ms LIMIT 1000)',
      )
      .get(sinceMs);
    return found?.id ?? Number.MAX_SAFE_INTEGER;
  }

  #highestId(): number {
    return this.#first('SELECT max(id) AS id FROM requests') ?? 0;
  }

  #first(query: string): number | null {
    return this.#parts.store.$client.query<{ id: number | null }, []>(query).get()?.id ?? null;
  }
}
