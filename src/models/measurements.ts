/** What loads really took, per file, flags and engine build; and from that, or from the formula, what the next will. */
import { eq } from 'drizzle-orm';
import type { Clock } from '#src/clock.ts';
import type { Store } from '#src/store/open.ts';
import { measurements } from '#src/store/schema.ts';
import { footprint } from './footprint.ts';
import { type FileStamp, type HeaderCache, stampOf } from './header-cache.ts';
import type { Footprint, LaunchSettings, Model, ModelId } from './model.ts';

/** What an engine's own words say it has taken, in bytes. */
export type EngineWord = {
  readonly weightsBytes: number;
  readonly kvCacheBytes: number;
  readonly computeBytes: number;
};

export type MeasurementsParts = {
  readonly store: Store;
  readonly clock: Clock;
  readonly headers: HeaderCache;
  /** Version of the engine that would serve this model now; null when unknown. */
  readonly engineVersion: (model: Model) => string | null;
  /** What all models together may take: no failure teaches that a model needs more than that. Absent = no bound. */
  readonly budgetBytes?: () => number;
};

type Row = typeof measurements.$inferSelect;
type Source = Row['source'];

/**
 * Below this share of the formula, resident memory is not the whole truth: weights on a GPU do not show in it, and
 * mapped ones only once they were touched.
 */
const PLAUSIBLE_RATIO = 0.75;
/** What a load that ran out of memory is given the next time, of what it was given. */
const SHORTAGE_RATIO = 1.25;

/** Knows what a load takes. Rows are read once and answered from memory. */
export class Measurements {
  readonly #parts: MeasurementsParts;
  readonly #rows: Map<string, Row>;

  constructor(parts: MeasurementsParts) {
    this.#parts = parts;
    this.#rows = new Map(
      parts.store
        .select()
        .from(measurements)
        .all()
        .map((row) => [row.key, row]),
    );
  }

  /**
   * What a load with these complete settings takes: measured before, else the engine's own word, else the formula; and
   * more than what was once too little. Synchronous and cheap. Throws a Fault when it cannot be told, because the file
   * is gone or damaged.
   */
  needOf(model: Model, launch: LaunchSettings): Footprint {
    const need = this.#knownNeed(model, launch);
    const short = this.#find(model, launch, 'short');
    if (short === null) return need;
    // Never so much that nobody would dare to try again: what was short may have been somebody else's doing.
    const totalBytes = Math.min(short.totalBytes, this.#parts.budgetBytes?.() ?? Number.POSITIVE_INFINITY);
    return totalBytes <= need.totalBytes ? need : { ...need, totalBytes, source: 'measured' };
  }

  #knownNeed(model: Model, launch: LaunchSettings): Footprint {
    const estimate = this.formulaOf(model, launch);
    const said = this.#find(model, launch, 'engine');
    const measured = this.#find(model, launch, 'measured');
    const floor = said ? fromWord(said, estimate) : estimate;
    if (measured && measured.totalBytes >= floor.totalBytes * PLAUSIBLE_RATIO) {
      return { ...floor, totalBytes: measured.totalBytes, source: 'measured' };
    }
    return floor;
  }

  /** Keeps the sizes that a ready engine reported. Never throws. */
  recordEngineWord(model: Model, launch: LaunchSettings, word: EngineWord): void {
    if (word.weightsBytes + word.kvCacheBytes <= 0) return;
    this.#record(model, launch, 'engine', {
      ...word,
      totalBytes: word.weightsBytes + word.kvCacheBytes + word.computeBytes,
    });
  }

  /** Keeps the most memory that a running engine was seen to hold; less than known is no news. Never throws. */
  recordResident(model: Model, launch: LaunchSettings, residentBytes: number): void {
    const known = this.#find(model, launch, 'measured');
    if (residentBytes <= (known?.totalBytes ?? 0)) return;
    this.#record(model, launch, 'measured', {
      weightsBytes: 0,
      kvCacheBytes: 0,
      computeBytes: 0,
      totalBytes: residentBytes,
    });
  }

  /** A load that was given so much ran out of memory: the next one is to be given more. Never throws. */
  recordShortage(model: Model, launch: LaunchSettings, givenBytes: number): void {
    const totalBytes = Math.ceil(givenBytes * SHORTAGE_RATIO);
    this.#record(model, launch, 'short', { weightsBytes: 0, kvCacheBytes: 0, computeBytes: 0, totalBytes });
  }

  /** Forgets a model that was removed. Never throws. */
  forget(modelId: ModelId): void {
    for (const [key, row] of this.#rows) if (row.modelId === modelId) this.#rows.delete(key);
    quietly(() => this.#parts.store.delete(measurements).where(eq(measurements.modelId, modelId)).run());
  }

  /** The formula alone, whatever was measured. Throws as `needOf` does. */
  formulaOf(model: Model, launch: LaunchSettings): Footprint {
    const { headers } = this.#parts;
    const facts = headers.factsOf(model.path);
    return footprint(facts, launch, {
      weightsBytes: facts.splitCount > 1 ? model.sizeBytes : facts.tensors.bytes,
      projectorBytes: launch.mmproj_path === '' ? 0 : (stampOf(launch.mmproj_path)?.sizeBytes ?? 0),
      draft: launch.draft_model_path === '' ? null : headers.factsOf(launch.draft_model_path),
    });
  }

  #find(model: Model, launch: LaunchSettings, source: Source): Row | null {
    const stamp = stampOf(model.path);
    if (!stamp) return null;
    return this.#rows.get(measurementKey(model.path, stamp, launch, this.#parts.engineVersion(model), source)) ?? null;
  }

  #record(model: Model, launch: LaunchSettings, source: Source, sizes: EngineWord & { totalBytes: number }): void {
    const stamp = stampOf(model.path);
    if (!stamp) return;
    const row: Row = {
      ...sizes,
      key: measurementKey(model.path, stamp, launch, this.#parts.engineVersion(model), source),
      modelId: model.id,
      source,
      engineCacheBytes: 0,
      measuredAtMs: this.#parts.clock.wallMs(),
    };
    this.#rows.set(row.key, row);
    const insert = this.#parts.store.insert(measurements).values(row);
    quietly(() => insert.onConflictDoUpdate({ target: measurements.key, set: row }).run());
  }
}

/** Settings that change no sizes. */
const UNDECIDING = new Set([
  'num_draft_tokens',
  'threads',
  'chat_template_file',
  'mlx_reasoning_parser',
  'mlx_tool_call_parser',
  'mlx_trust_remote_code',
]);
/** Settings that came later, with their usual values: what was measured before them still counts. */
const LATER: ReadonlyMap<string, unknown> = new Map<string, unknown>([
  ['mlx_engine', ''],
  ['mlx_prompt_cache_size', 10],
  ['mlx_kv_bits', 0],
  ['draft_mtp', false],
]);

/** Names a file's state, the flags that change memory, and the engine build. */
export function measurementKey(
  path: string,
  stamp: FileStamp,
  launch: LaunchSettings,
  engineVersion: string | null,
  source: Source,
): string {
  const flags = Object.entries(launch)
    .filter(([name, value]) => !UNDECIDING.has(name) && LATER.get(name) !== value)
    .sort(([a], [b]) => a.localeCompare(b, 'en'));
  const text = JSON.stringify([path, stamp.sizeBytes, stamp.modifiedMs, flags, engineVersion]);
  return `${source}:${new Bun.CryptoHasher('sha256').update(text).digest('hex').slice(0, 32)}`;
}

/** The engine's word for what it has allocated; what it says nothing about stays as the formula has it. */
function fromWord(row: Row, estimate: Footprint): Footprint {
  const parts = {
    // A word about parts of the weights (some builds name only one device) must not shrink them.
    weightsBytes: Math.max(row.weightsBytes, estimate.parts.weightsBytes),
    kvCacheBytes: row.kvCacheBytes,
    computeBytes: row.computeBytes,
    engineCacheBytes: estimate.parts.engineCacheBytes,
  };
  const totalBytes = Object.values(parts).reduce((sum, part) => sum + part, 0);
  return { totalBytes, source: 'engine', parts };
}

/** A record that cannot be written now is only missed at the next start of Flow. */
function quietly(write: () => void): void {
  try {
    write();
  } catch {
    return;
  }
}
