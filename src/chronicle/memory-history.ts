/**
 * Remembers how the machine's memory was shared out: a sample every ten seconds while a model has a process, every
 * minute otherwise, and the fewer of them the longer ago.
 */
import type { Clock, Timer } from '#src/clock.ts';
import type { FleetSnapshot } from '#src/scheduling/lease.ts';
import type { Store } from '#src/store/open.ts';
import type { MemorySampleRow, NewMemorySampleRow } from '#src/store/schema.ts';
import type { RecordWriter } from '#src/store/writer.ts';

/** The machine's memory now, in bytes; `availableBytes` is what is free and the cache that would be given up. */
export type MachineMemory = {
  readonly totalBytes: number;
  readonly freeBytes: number;
  readonly availableBytes: number;
};

export type MemoryHistoryParts = {
  readonly store: Store;
  readonly writer: Pick<RecordWriter, 'writeMemory' | 'flush'>;
  readonly clock: Clock;
  readonly fleet: () => Pick<FleetSnapshot, 'models'>;
  readonly memory: () => MachineMemory;
};

/** What memory was used for; with what is free it makes up the whole. */
export type MemoryShares = Pick<NewMemorySampleRow, 'totalBytes' | 'modelsBytes' | 'appsBytes' | 'cacheBytes'>;

/** The fullest moment of a part of a period. */
export type MemoryPoint = MemoryShares & { readonly startedAtMs: number };

const INTERVAL_MS = 10_000;
const IDLE_INTERVAL_MS = 60_000;
/** How old the last sample before a moment may be to say anything about that moment. */
const NEAR_MS = 120_000;

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/**
 * The first sample of each of these steps is kept for so long: 10 s for two hours, a minute for two days, ten minutes
 * for a month, an hour for as long as records are kept at all.
 */
const STEPS = [
  { stepMs: HOUR_MS, keptMs: 3_650 * DAY_MS },
  { stepMs: 10 * MINUTE_MS, keptMs: 31 * DAY_MS },
  { stepMs: MINUTE_MS, keptMs: 2 * DAY_MS },
  { stepMs: 0, keptMs: 2 * HOUR_MS },
] as const;

/** Takes samples from `begin` until it is disposed. */
export class MemoryHistory implements Disposable {
  readonly #parts: MemoryHistoryParts;
  #timer: Timer | null = null;
  #lastAtMs: number | null = null;

  constructor(parts: MemoryHistoryParts) {
    this.#parts = parts;
  }

  /** Takes the first sample now. To be called once. */
  begin(): void {
    this.#lastAtMs = this.before(Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER)?.startedAtMs ?? null;
    this.#sample(this.#parts.fleet().models);
    this.#timer = this.#parts.clock.every(INTERVAL_MS, () => this.#tick());
  }

  /** The fullest sample of each of `buckets` equal parts of a period; null where there is none. */
  points({ fromMs, untilMs }: { fromMs: number; untilMs: number }, buckets: number): readonly (MemoryPoint | null)[] {
    this.#parts.writer.flush();
    // With one max() SQLite takes the other columns from the row that has it.
    const rows = this.#parts.store.$client
      .query<MemoryPoint & { bucket: number; fullest: number }, [number, number, number]>(
        `SELECT CAST((started_at_ms - ?1) / ?3 AS INTEGER) AS bucket, max(models_bytes + apps_bytes) AS fullest,
           started_at_ms AS startedAtMs, total_bytes AS totalBytes, models_bytes AS modelsBytes,
           apps_bytes AS appsBytes, cache_bytes AS cacheBytes
         FROM memory_samples WHERE started_at_ms >= ?1 AND started_at_ms < ?2 GROUP BY bucket`,
      )
      .all(fromMs, untilMs, (untilMs - fromMs) / buckets);
    const byBucket = new Map(rows.map(({ bucket, fullest: _fullest, ...point }) => [bucket, point]));
    return Array.from({ length: buckets }, (_, bucket) => byBucket.get(bucket) ?? null);
  }

  /** The last sample at or before a moment, when it is no older than `nearMs`; null also when it cannot be read. */
  before(atMs: number, nearMs = NEAR_MS): Pick<MemorySampleRow, 'startedAtMs' | 'byModel'> | null {
    try {
      const row = this.#parts.store.$client
        .query<{ startedAtMs: number; byModel: string }, [number, number]>(
          `SELECT started_at_ms AS startedAtMs, by_model AS byModel FROM memory_samples
           WHERE started_at_ms <= ?1 AND started_at_ms >= ?2 ORDER BY started_at_ms DESC LIMIT 1`,
        )
        .get(atMs, atMs - nearMs);
      return row === null ? null : { startedAtMs: row.startedAtMs, byModel: bytesByModel(row.byModel) };
    } catch {
      return null;
    }
  }

  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = null;
  }

  #tick(): void {
    const { models } = this.#parts.fleet();
    const sinceMs = this.#parts.clock.wallMs() - (this.#lastAtMs ?? 0);
    const isIdle = models.every((model) => heldBytes(model) === 0);
    // Half a tick of grace, since timers are never exact; a clock that was set back is a reason to go on as well.
    if (isIdle && sinceMs >= 0 && sinceMs < IDLE_INTERVAL_MS - INTERVAL_MS / 2) return;
    this.#sample(models);
  }

  #sample(models: FleetSnapshot['models']): void {
    const { clock, memory, writer } = this.#parts;
    const startedAtMs = clock.wallMs();
    const held = models.map((model) => [model.modelId, heldBytes(model)] as const).filter(([, bytes]) => bytes > 0);
    const modelsBytes = held.reduce((sum, [, bytes]) => sum + bytes, 0);
    writer.writeMemory({
      startedAtMs,
      expiresAtMs: startedAtMs + keptMs(startedAtMs, this.#lastAtMs),
      ...memoryShares(memory(), modelsBytes),
      byModel: Object.fromEntries(held),
    });
    this.#lastAtMs = startedAtMs;
  }
}

/** How long the sample of a moment is kept, by the steps it is the first of. Pure. */
export function keptMs(atMs: number, lastAtMs: number | null): number {
  const isFirst = (stepMs: number) =>
    lastAtMs === null || stepMs === 0 || Math.floor(atMs / stepMs) !== Math.floor(lastAtMs / stepMs);
  return STEPS.find(({ stepMs }) => isFirst(stepMs))?.keptMs ?? 0;
}

/**
 * The whole in parts. Mapped weights count as cache for the system and as ours for the engine: they are taken from the
 * cache, so that the parts sum to the whole. Pure.
 */
export function memoryShares({ totalBytes, freeBytes, availableBytes }: MachineMemory, held: number): MemoryShares {
  const total = Math.max(0, Math.round(totalBytes));
  const free = clamp(freeBytes, total);
  const modelsBytes = clamp(held, total - free);
  const cacheBytes = clamp(availableBytes - freeBytes, total - free - modelsBytes);
  return { totalBytes: total, modelsBytes, cacheBytes, appsBytes: total - free - modelsBytes - cacheBytes };
}

/** Measured where it was, else what is kept for it. */
function heldBytes({ measuredBytes, reserved }: FleetSnapshot['models'][number]): number {
  return measuredBytes ?? reserved?.totalBytes ?? 0;
}

function bytesByModel(text: string): Readonly<Record<string, number>> {
  const value: unknown = JSON.parse(text);
  if (typeof value !== 'object' || value === null) return {};
  return Object.fromEntries(Object.entries(value).filter(([, bytes]) => typeof bytes === 'number'));
}

function clamp(value: number, max: number): number {
  return Math.min(Math.max(0, Math.round(value)), Math.max(0, max));
}
