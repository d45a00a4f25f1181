/** When each model last served a request, as far back as records are kept. */
import type { Clock } from '#src/clock.ts';
import type { ModelId } from '#src/models/model.ts';
import type { Store } from '#src/store/open.ts';

export type LastUsesParts = { readonly store: Store; readonly clock: Pick<Clock, 'monotonicMs'> };

const FRESH_MS = 60_000;
const QUERY = 'SELECT ended_at_ms AS endedAtMs FROM requests WHERE model_id = ? ORDER BY id DESC LIMIT 1';

/** Asks by the index for one record a model, at most once a minute. */
export class LastUses {
  readonly #parts: LastUsesParts;
  readonly #known = new Map<ModelId, { readonly atMs: number; readonly lastUsedAtMs: number | null }>();

  constructor(parts: LastUsesParts) {
    this.#parts = parts;
  }

  /** End of the last request, ms since 1970; null when no record tells. Never throws. */
  of(modelId: ModelId): number | null {
    const { store, clock } = this.#parts;
    const nowMs = clock.monotonicMs();
    const known = this.#known.get(modelId);
    if (known && nowMs - known.atMs < FRESH_MS) return known.lastUsedAtMs;
    let lastUsedAtMs = known?.lastUsedAtMs ?? null;
    try {
      lastUsedAtMs = store.$client.query<{ endedAtMs: number }, [string]>(QUERY).get(modelId)?.endedAtMs ?? null;
    } catch {
      // A database in trouble is told of elsewhere.
    }
    this.#known.set(modelId, { atMs: nowMs, lastUsedAtMs });
    return lastUsedAtMs;
  }
}
