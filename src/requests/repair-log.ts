/** What was mended, when, in which answer: kept for people who wonder, and as a lesson for the next answers. */
import { and, desc, eq, sql } from 'drizzle-orm';
import type { Clock } from '#src/clock.ts';
import type { ModelId } from '#src/models/model.ts';
import type { Store } from '#src/store/open.ts';
import { type RepairRow, repairs } from '#src/store/schema.ts';
import type { RecordWriter } from '#src/store/writer.ts';
import type { RepairKind } from './request.ts';
import type { Mended } from './tracker.ts';

export type RepairLogParts = {
  readonly store: Store;
  readonly writer: Pick<RecordWriter, 'writeRepair' | 'flush'>;
  readonly clock: Clock;
  /** Whether what models wrote may be kept on disk; asked at each use. */
  readonly recordsTexts: () => boolean;
};

/** Which uses are meant; null = all. */
export type RepairFilter = { readonly modelId: ModelId | null; readonly requestId: string | null };

/** One use. The texts are null when they were not kept. */
export type RecordedRepair = Omit<RepairRow, 'id' | 'key'>;

/** How often each kind was used, by model; requests that came to no model under `''`. */
export type RepairCounts = Readonly<Record<ModelId, Readonly<Partial<Record<RepairKind, number>>>>>;

type Texts = { readonly key: string; readonly before: string; readonly after: string };

export const REPAIRS_PER_PAGE_MAX = 1_000;
const TEXT_CHARACTERS_MAX = 4_000;
const MEMORY_CHARACTERS_MAX = 1 << 20;
const NOTHING_SEEN: ReadonlySet<RepairKind> = new Set();

/**
 * Every use is counted and dated in the database; what was written before and after is held in memory, the latest
 * million characters, and goes into the database only by the user's wish, as it is a part of an answer.
 */
export class RepairLog {
  readonly #parts: RepairLogParts;
  readonly #seen = new Map<ModelId, ReadonlySet<RepairKind>>();
  /** Oldest first. */
  readonly #texts = new Map<string, Texts>();
  #textCharacters = 0;
  #count = 0;

  constructor(parts: RepairLogParts) {
    this.#parts = parts;
  }

  /** Takes a use of a repair. Neither throws nor waits. */
  record({ requestId, modelId, use }: Mended): void {
    const { clock, writer, recordsTexts } = this.#parts;
    this.#count += 1;
    const texts = {
      key: `${requestId}-${this.#count}`,
      before: use.before.slice(0, TEXT_CHARACTERS_MAX),
      after: use.after.slice(0, TEXT_CHARACTERS_MAX),
    };
    this.#remember(texts);
    const [before, after] = recordsTexts() ? [texts.before, texts.after] : [null, null];
    const { kind, note } = use;
    writer.writeRepair({ key: texts.key, requestId, modelId, kind, note, before, after, startedAtMs: clock.wallMs() });
    if (modelId !== null) this.#seen.set(modelId, withKind(this.seen(modelId), kind));
  }

  /** The kinds of repair that a model's answers needed; never throws. The set is never changed later. */
  seen(modelId: ModelId): ReadonlySet<RepairKind> {
    const known = this.#seen.get(modelId) ?? this.#recorded(modelId);
    this.#seen.set(modelId, known);
    return known;
  }

  /** Uses, newest first; `limit` 1 to 1000. Throws when the database cannot be read. */
  list({ modelId, requestId }: RepairFilter, limit: number): readonly RecordedRepair[] {
    this.#parts.writer.flush();
    const rows = this.#parts.store
      .select()
      .from(repairs)
      .where(
        and(
          ...(modelId === null ? [] : [eq(repairs.modelId, modelId)]),
          ...(requestId === null ? [] : [eq(repairs.requestId, requestId)]),
        ),
      )
      .orderBy(desc(repairs.id))
      .limit(Math.min(Math.max(1, Math.trunc(limit)), REPAIRS_PER_PAGE_MAX))
      .all();
    return rows.map(({ id: _id, key, ...row }) => {
      const texts = this.#texts.get(key);
      return texts ? { ...row, before: texts.before, after: texts.after } : row;
    });
  }

  /** Counts of all models. Throws when the database cannot be read. */
  counts(): RepairCounts {
    this.#parts.writer.flush();
    const rows = this.#parts.store
      .select({ modelId: repairs.modelId, kind: repairs.kind, uses: sql<number>`count(*)` })
      .from(repairs)
      .groupBy(repairs.modelId, repairs.kind)
      .all();
    const counts: Record<ModelId, Partial<Record<RepairKind, number>>> = Object.create(null);
    for (const { modelId, kind, uses } of rows) {
      const ofModel = counts[modelId ?? ''] ?? {};
      counts[modelId ?? ''] = { ...ofModel, [kind]: uses };
    }
    return counts;
  }

  /** A model is gone: another by its name starts afresh. Never throws. */
  forget(modelId: ModelId): void {
    this.#seen.delete(modelId);
    try {
      this.#parts.writer.flush();
      this.#parts.store.delete(repairs).where(eq(repairs.modelId, modelId)).run();
    } catch {
      // A database in trouble keeps what retention will take.
    }
  }

  #remember(texts: Texts): void {
    this.#texts.set(texts.key, texts);
    this.#textCharacters += texts.before.length + texts.after.length + texts.key.length;
    for (const [key, oldest] of this.#texts) {
      if (this.#textCharacters <= MEMORY_CHARACTERS_MAX) return;
      this.#texts.delete(key);
      this.#textCharacters -= oldest.before.length + oldest.after.length + key.length;
    }
  }

  /** In the order in which each kind was last used, so that a later one can take back an earlier one. */
  #recorded(modelId: ModelId): ReadonlySet<RepairKind> {
    try {
      const rows = this.#parts.store
        .select({ kind: repairs.kind, last: sql<number>`max(${repairs.id})` })
        .from(repairs)
        .where(eq(repairs.modelId, modelId))
        .groupBy(repairs.kind)
        .all();
      const kinds = rows.sort((left, right) => left.last - right.last).map(({ kind }) => kind);
      return kinds.reduce(withKind, NOTHING_SEEN);
    } catch {
      // A database in trouble costs a lesson, never an answer.
      return NOTHING_SEEN;
    }
  }
}

/** What is known with one use more. That a thought was none takes back that thoughts come unopened. */
function withKind(seen: ReadonlySet<RepairKind>, kind: RepairKind): ReadonlySet<RepairKind> {
  if (seen.has(kind) && kind !== 'unclosed-thought') return seen;
  const kinds = new Set(seen).add(kind);
  if (kind === 'unclosed-thought') kinds.delete('orphan-thought');
  return kinds;
}
