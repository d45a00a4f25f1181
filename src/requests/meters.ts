/**
 * Counts what ended, since Flow started, for `/metrics`. Bounded: models only by their registered ids, and not without
 * end.
 */
import type { NewLoadRow, NewRequestRow } from '#src/store/schema.ts';

/** Upper bounds in seconds; the last bucket is open. */
const TTFT_BOUNDS_S: readonly number[] = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300];
const QUEUE_BOUNDS_S: readonly number[] = [0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600];
const DURATION_BOUNDS_S: readonly number[] = [0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800];

/** A histogram as Prometheus wants it; `counts` has one more entry than there are bounds. */
export type Histogram = { readonly boundsS: readonly number[]; readonly counts: number[]; sumS: number };

export type EndedCount = {
  readonly modelId: string;
  readonly outcome: string;
  readonly termination: string;
  count: number;
};
export type TokenCount = { readonly modelId: string; input: number; cached: number; output: number };
/** Loaded models that were unloaded, by reason, or whose engine ended by itself (`crash`). */
export type EndCount = { readonly reason: string; count: number };
export type LoadCount = { readonly modelId: string; readonly result: string; count: number; seconds: number };

const MODELS_MAX = 200;
/** What models beyond the bound, and requests that never got one, are counted under. */
const NO_MODEL = '';

/** The counters. Give it every row that goes to the records. */
export class Meters {
  readonly #models = new Set<string>();
  readonly #ended = new Map<string, EndedCount>();
  readonly #tokens = new Map<string, TokenCount>();
  readonly #loads = new Map<string, LoadCount>();
  readonly #ends = new Map<string, EndCount>();
  readonly queue = histogram(QUEUE_BOUNDS_S);
  readonly ttft = histogram(TTFT_BOUNDS_S);
  readonly duration = histogram(DURATION_BOUNDS_S);

  countRequest(row: NewRequestRow): void {
    const modelId = this.#label(row.modelId);
    const { outcome, termination } = row;
    entry(this.#ended, `${modelId}\n${outcome}\n${termination}`, {
      modelId,
      outcome,
      termination,
      count: 0,
    }).count += 1;
    const tokens = entry(this.#tokens, modelId, { modelId, input: 0, cached: 0, output: 0 });
    tokens.input += row.inputTokens ?? 0;
    tokens.cached += row.cachedTokens ?? 0;
    tokens.output += row.outputTokens ?? 0;
    if (row.ttftMs !== null) observe(this.ttft, row.ttftMs / 1000);
    if (row.queueMs !== null) observe(this.queue, row.queueMs / 1000);
    observe(this.duration, row.durationMs / 1000);
  }

  countLoad(load: Pick<NewLoadRow, 'modelId' | 'outcome' | 'loadMs'>): void {
    const modelId = this.#label(load.modelId);
    const count = entry(this.#loads, `${modelId}\n${load.outcome}`, {
      modelId,
      result: load.outcome,
      count: 0,
      seconds: 0,
    });
    count.count += 1;
    count.seconds += load.loadMs / 1000;
  }

  /** Counts the end of a loaded model; `reason` is one of a closed list. */
  countEnd(reason: string): void {
    entry(this.#ends, reason, { reason, count: 0 }).count += 1;
  }

  get ends(): readonly EndCount[] {
    return [...this.#ends.values()];
  }

  get ended(): readonly EndedCount[] {
    return [...this.#ended.values()];
  }

  get tokens(): readonly TokenCount[] {
    return [...this.#tokens.values()];
  }

  get loads(): readonly LoadCount[] {
    return [...this.#loads.values()];
  }

  #label(modelId: string | null): string {
    if (modelId === null) return NO_MODEL;
    if (this.#models.size >= MODELS_MAX && !this.#models.has(modelId)) return NO_MODEL;
    this.#models.add(modelId);
    return modelId;
  }
}

function histogram(boundsS: readonly number[]): Histogram {
  return { boundsS, counts: new Array(boundsS.length + 1).fill(0), sumS: 0 };
}

function observe(into: Histogram, seconds: number): void {
  const found = into.boundsS.findIndex((bound) => seconds <= bound);
  const bucket = found === -1 ? into.boundsS.length : found;
  into.counts[bucket] = (into.counts[bucket] ?? 0) + 1;
  into.sumS += seconds;
}

function entry<Value>(map: Map<string, Value>, key: string, fresh: Value): Value {
  const known = map.get(key);
  if (known !== undefined) return known;
  map.set(key, fresh);
  return fresh;
}
