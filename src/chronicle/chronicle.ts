/**
 * Writes down the moments that explain a chart: what was unloaded and for whom, what crashed, which engine and which
 * settings were changed, when Flow started. Loads are recorded by themselves (`requests/telemetry.ts`).
 */
import type { Clock } from '#src/clock.ts';
import type { Bus, FlowEvent } from '#src/events.ts';
import type { Model, ModelId } from '#src/models/model.ts';
import type { EndRecord } from '#src/scheduling/fleet-needs.ts';
import type { Store } from '#src/store/open.ts';
import type { MarkRow, NewMarkRow } from '#src/store/schema.ts';
import type { RecordWriter } from '#src/store/writer.ts';

export type ChronicleParts = {
  readonly store: Store;
  readonly writer: Pick<RecordWriter, 'writeMark' | 'flush'>;
  readonly bus: Bus;
  readonly clock: Clock;
};

/** What is compared with what it was. */
export type Watched = {
  readonly version: string;
  readonly models: () => readonly Model[];
  readonly findModel: (modelId: ModelId) => Model | null;
  /** The version of an engine that would be started now; null when there is none, or none is known yet. Cheap. */
  readonly engineVersion: (engine: StartedEngine) => string | null;
};

/** From the first millisecond up to, but not including, the last; ms since 1970. */
export type Stretch = { readonly fromMs: number; readonly untilMs: number };

/** How often what happened in a stretch of time. */
export type MarkCounts = { readonly swaps: number; readonly crashes: number };

/** The latest marks, and how many there were in all. */
export type Marks = { readonly marks: readonly MarkRow[]; readonly total: number };

type StartedEngine = (typeof ENGINES)[number];
type Mark = Omit<NewMarkRow, 'startedAtMs'>;

const ENGINES = ['llama.cpp', 'mlx-lm', 'mlx-openai-server', 'mlx-vlm'] as const;
const DETAIL_CHARACTERS_MAX = 300;
/** A model's own marks, and those that concern every model. */
const ABOUT = `started_at_ms >= ?1 AND started_at_ms < ?2
  AND (?3 IS NULL OR subject = ?3 OR kind IN ('engine', 'settings', 'start', 'stop'))`;
const COLUMNS = 'id, kind, subject, cause, detail, started_at_ms AS startedAtMs';

/** Keeps the marks. Nothing here throws but the reading of a database in trouble. */
export class Chronicle {
  readonly #parts: ChronicleParts;
  readonly #models = new Map<ModelId, Model>();
  readonly #engineVersions = new Map<string, string>();
  readonly #unsubscribe: () => void;
  #watched: Watched | null = null;
  #count = 0;

  constructor(parts: ChronicleParts) {
    this.#parts = parts;
    this.#unsubscribe = parts.bus.subscribe((event) => this.#hear(event));
  }

  /** How many were written since Flow started; grows before whoever subscribed later hears of the cause. */
  get count(): number {
    return this.#count;
  }

  /** Marks the start, and begins to compare. To be called once, when Flow listens. */
  begin(watched: Watched): void {
    const last = this.#latest("kind IN ('start', 'stop')", null);
    this.#write({
      kind: 'start',
      subject: null,
      cause: last?.kind === 'start' ? 'after-crash' : null,
      detail: watched.version,
    });
    for (const engine of ENGINES) {
      const known = this.#latest("kind = 'engine' AND subject = ?1", engine)?.detail;
      if (known) this.#engineVersions.set(engine, known);
    }
    for (const model of watched.models()) this.#models.set(model.id, model);
    this.#watched = watched;
    this.#lookAtEngines(watched);
  }

  /** Takes the end of a loaded model. */
  recordEnd(end: EndRecord): void {
    const { modelId: subject } = end;
    if (end.kind === 'crash') {
      this.#write({ kind: 'crash', subject, cause: end.crashKind, detail: end.message });
    } else {
      this.#write({ kind: 'unload', subject, cause: end.reason, detail: end.madeRoomFor });
    }
  }

  /** Marks the end of Flow, when it was begun. Nothing is written after it. */
  close(): void {
    this.#unsubscribe();
    if (this.#watched === null) return;
    this.#watched = null;
    this.#write({ kind: 'stop', subject: null, cause: null, detail: null });
  }

  /** Those of a stretch of time, the newest `limit` of them, oldest first. Of one model also what concerns them all. */
  list({ fromMs, untilMs }: Stretch, modelId: ModelId | null, limit: number): Marks {
    this.#parts.writer.flush();
    const { $client } = this.#parts.store;
    const values = [fromMs, untilMs, modelId] as const;
    const marks = $client
      .query<MarkRow, [number, number, string | null, number]>(
        `SELECT ${COLUMNS} FROM marks WHERE ${ABOUT} ORDER BY started_at_ms DESC, id DESC LIMIT ?4`,
      )
      .all(...values, limit);
    const counted = $client.query<{ total: number }, [number, number, string | null]>(
      `SELECT count(*) AS total FROM marks WHERE ${ABOUT}`,
    );
    return { marks: marks.toReversed(), total: counted.get(...values)?.total ?? 0 };
  }

  /** Models unloaded for another one, and engines that ended by themselves after their load. */
  counts({ fromMs, untilMs }: Stretch, modelId: ModelId | null): MarkCounts {
    this.#parts.writer.flush();
    const counted = this.#parts.store.$client.query<MarkCounts, [number, number, string | null]>(
      `SELECT coalesce(sum(kind = 'unload' AND cause = 'eviction'), 0) AS swaps,
         coalesce(sum(kind = 'crash'), 0) AS crashes FROM marks WHERE ${ABOUT}`,
    );
    return counted.get(fromMs, untilMs, modelId) ?? { swaps: 0, crashes: 0 };
  }

  #hear(event: FlowEvent): void {
    const watched = this.#watched;
    if (watched === null) return;
    switch (event.type) {
      case 'settings-changed':
        this.#write({ kind: 'settings', subject: null, cause: null, detail: event.keys.join(', ') });
        return;
      case 'model-added':
        this.#follow(event.modelId, watched, 'added');
        return;
      case 'model-removed':
        if (!this.#models.delete(event.modelId)) return;
        this.#write({ kind: 'model', subject: event.modelId, cause: 'removed', detail: null });
        return;
      case 'model-changed':
        this.#compare(event.modelId, watched);
        // A search for engines is not told when it finds what was there before Flow looked.
        this.#lookAtEngines(watched);
        return;
      case 'engine-install-changed':
        this.#lookAtEngines(watched);
        return;
      default:
    }
  }

  #follow(modelId: ModelId, { findModel }: Watched, cause: string): void {
    const model = findModel(modelId);
    if (model === null) return;
    this.#models.set(model.id, model);
    this.#write({ kind: 'model', subject: model.id, cause, detail: null });
  }

  /** Most changes are of what a model does, and leave what it is the very same object. */
  #compare(modelId: ModelId, { findModel }: Watched): void {
    const model = findModel(modelId);
    if (model === null) return;
    const before = this.#models.get(model.id);
    if (before === model) return;
    this.#models.set(model.id, model);
    if (before === undefined) return;
    const names = changedNames(before, model);
    if (names.length === 0) return;
    this.#write({ kind: 'model', subject: model.id, cause: 'configured', detail: names.join(', ') });
  }

  #lookAtEngines({ engineVersion }: Watched): void {
    for (const engine of ENGINES) {
      const version = engineVersion(engine);
      const known = this.#engineVersions.get(engine);
      if (version === null || version === known) continue;
      this.#engineVersions.set(engine, version);
      this.#write({
        kind: 'engine',
        subject: engine,
        cause: known === undefined ? 'found' : 'changed',
        detail: version,
      });
    }
  }

  #write({ detail, ...mark }: Mark): void {
    this.#count += 1;
    this.#parts.writer.writeMark({
      ...mark,
      detail: detail === null ? null : detail.slice(0, DETAIL_CHARACTERS_MAX),
      startedAtMs: this.#parts.clock.wallMs(),
    });
  }

  #latest(condition: string, value: string | null): MarkRow | null {
    try {
      this.#parts.writer.flush();
      const query = `SELECT ${COLUMNS} FROM marks WHERE ${condition} ORDER BY id DESC LIMIT 1`;
      const { $client } = this.#parts.store;
      return value === null
        ? $client.query<MarkRow, []>(query).get()
        : $client.query<MarkRow, [string]>(query).get(value);
    } catch {
      // A database in trouble costs the comparison with the last run, never the start.
      return null;
    }
  }
}

/** Names of what was configured anew, never its values: `launch.ctx_size`, `is_pinned`. */
export function changedNames(before: Model, after: Model): readonly string[] {
  const config = differing(before.config, after.config).flatMap((name) =>
    name === 'launch' ? differing(before.config.launch, after.config.launch) : [name],
  );
  return Bun.deepEquals(before.aliases, after.aliases) ? config : [...config, 'aliases'];
}

function differing(before: object, after: object): readonly string[] {
  const held = new Map<string, unknown>(Object.entries(before));
  const wanted = new Map<string, unknown>(Object.entries(after));
  return [...new Set([...held.keys(), ...wanted.keys()])].filter(
    (name) => !Bun.deepEquals(held.get(name), wanted.get(name)),
  );
}
