/** How much each model was used of late, for its row in a list. Bounded: a million records cost no more than some. */
import type { Clock } from '#src/clock.ts';
import type { ModelId } from '#src/models/model.ts';
import type { Store } from '#src/store/open.ts';

export type ModelUsage = {
  readonly requests: number;
  /** Mean over the completed ones; null when no engine told. */
  readonly tokensPerS: number | null;
  /** Mean time from the engine being asked to its first token, over the completed ones; null when none streamed. */
  readonly firstTokenMs: number | null;
  /** End of the last one, ms since 1970. */
  readonly lastUsedAtMs: number;
};

export type ModelUsagesParts = { readonly store: Store; readonly clock: Pick<Clock, 'monotonicMs' | 'wallMs'> };

/** Days that count as of late. */
const USAGE_DAYS = 30;
const ROWS_MAX = 20_000;
const FRESH_MS = 10_000;

type Row = {
  modelId: string;
  requests: number;
  tokensPerS: number | null;
  firstTokenMs: number | null;
  lastUsedAtMs: number;
};

const QUERY = `
  SELECT model_id AS modelId, count(*) AS requests, max(ended_at_ms) AS lastUsedAtMs,
    avg(CASE WHEN outcome = 'completed' THEN decode_tokens_per_s END) AS tokensPerS,
    avg(CASE WHEN outcome = 'completed' THEN engine_ttft_ms END) AS firstTokenMs
  FROM requests
  WHERE id > (SELECT coalesce(max(id), 0) FROM requests) - ${ROWS_MAX} AND started_at_ms >= ? AND model_id IS NOT NULL
  GROUP BY model_id`;

/** Reads the newest records at most once in ten seconds. */
export class ModelUsages {
  readonly #parts: ModelUsagesParts;
  #usages: ReadonlyMap<ModelId, ModelUsage> = new Map();
  #readMs = Number.NEGATIVE_INFINITY;

  constructor(parts: ModelUsagesParts) {
    this.#parts = parts;
  }

  /** By model; a model that was not used of late is missing. Never throws: a list is shown without numbers too. */
  all(): ReadonlyMap<ModelId, ModelUsage> {
    const { store, clock } = this.#parts;
    const nowMs = clock.monotonicMs();
    if (nowMs - this.#readMs < FRESH_MS) return this.#usages;
    this.#readMs = nowMs;
    try {
      const sinceMs = clock.wallMs() - USAGE_DAYS * 86_400_000;
      const rows = store.$client.query<Row, [number]>(QUERY).all(sinceMs);
      this.#usages = new Map(rows.map(({ modelId, ...usage }) => [modelId, usage]));
    } catch {
      // A database in trouble is told of elsewhere.
    }
    return this.#usages;
  }
}
