/** How the first run went, measured by what happened: engine, model, first answer. Kept, since it happens once. */
import { and, asc, eq, gt } from 'drizzle-orm';
import type { Clock } from '#src/clock.ts';
import type { Downloads } from '#src/downloads/downloads.ts';
import type { InstallWatch } from '#src/engines/install-source.ts';
import type { FlowEvent } from '#src/events.ts';
import { isObject, numberOrNull, stringOrNull } from '#src/json.ts';
import type { RequestView, Tracker } from '#src/requests/request.ts';
import type { Lender } from '#src/scheduling/lease.ts';
import type { Store } from '#src/store/open.ts';
import { facts, requests } from '#src/store/schema.ts';

/** The first answer that a client got. */
export type FirstAnswer = {
  readonly modelId: string;
  readonly client: string | null;
  readonly tokensPerS: number | null;
  /** From the request's arrival to its end, with the load if there was one. */
  readonly tookMs: number;
};

/** Null = that did not happen, or not while Flow looked. */
export type Milestones = {
  readonly engineMs: number | null;
  readonly model: { readonly name: string; readonly tookMs: number; readonly by: 'download' | 'load' } | null;
  readonly answer: FirstAnswer | null;
  /** The demo is enough for now. */
  readonly isDemoChosen: boolean;
  /** Nobody wants to be led on the Monitor. */
  readonly isSkipped: boolean;
};

export type FirstRunParts = {
  readonly store: Store;
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly installer: Pick<InstallWatch, 'progress' | 'isRunning'>;
  readonly downloads: Pick<Downloads, 'find'>;
  readonly tracker: Pick<Tracker, 'find'>;
  readonly lender: Pick<Lender, 'model'>;
};

const KEY = 'first-run';
const NOTHING: Milestones = { engineMs: null, model: null, answer: null, isDemoChosen: false, isSkipped: false };
/** Fewer bytes, or a shorter time, tell nothing about a line. */
const TELLING_BYTES = 1e6;
const TELLING_MS = 500;

type Sample = { readonly atMs: number; readonly bytes: number };

/** Hears every event and notes what is the first of its kind. */
export class FirstRun {
  readonly #parts: FirstRunParts;
  #milestones: Milestones;
  #installBeganMs: number | null = null;
  #fetched: { readonly first: Sample; readonly last: Sample } | null = null;
  #latest: RequestView | null = null;
  #answeredId: string | null = null;

  constructor(parts: FirstRunParts) {
    this.#parts = parts;
    const kept = readMilestones(parts.store);
    // Somebody who used Flow before this was measured is no newcomer.
    this.#milestones = kept.answer === null ? { ...kept, answer: answerOnRecord(parts.store) } : kept;
  }

  get milestones(): Milestones {
    return this.#milestones;
  }

  /** Whether nothing has ever been answered here, and nobody said that he wants no guide. */
  get isFresh(): boolean {
    return this.#milestones.answer === null && !this.#milestones.isSkipped;
  }

  /** The request that came or moved last in this run of Flow, as it was then; null once that is the first answer. */
  get latest(): RequestView | null {
    return this.#latest?.id === this.#answeredId ? null : this.#latest;
  }

  /** Bytes per second while the engine was fetched in this run; null when that is not known. */
  get lineBytesPerS(): number | null {
    if (this.#fetched === null) return null;
    const { first, last } = this.#fetched;
    const [bytes, tookMs] = [last.bytes - first.bytes, last.atMs - first.atMs];
    return bytes < TELLING_BYTES || tookMs < TELLING_MS ? null : (bytes * 1000) / tookMs;
  }

  chooseDemo(): void {
    this.#keep({ isDemoChosen: true });
  }

  skip(isSkipped: boolean): void {
    this.#keep({ isSkipped });
  }

  /** To be told of every event. */
  note(event: FlowEvent): void {
    switch (event.type) {
      case 'engine-install-changed':
        if (event.engine === 'llama.cpp') this.#noteInstall();
        break;
      case 'download-changed':
        this.#noteDownload(event.downloadId);
        break;
      case 'model-changed':
        if (this.#milestones.model === null) this.#noteLoad(event.modelId);
        break;
      case 'request-changed':
        this.#noteRequest(event.requestId);
        break;
      default:
    }
  }

  #noteInstall(): void {
    const { installer, clock } = this.#parts;
    const { progress } = installer;
    const nowMs = clock.monotonicMs();
    if (progress === null) return;
    if (progress.phase === 'downloading') {
      const sample = { atMs: nowMs, bytes: progress.bytes };
      const isSame = this.#fetched !== null && sample.bytes >= this.#fetched.last.bytes;
      this.#fetched = { first: isSame && this.#fetched ? this.#fetched.first : sample, last: sample };
    }
    if (progress.phase === 'done' && this.#installBeganMs !== null) {
      if (this.#milestones.engineMs === null) this.#keep({ engineMs: nowMs - this.#installBeganMs });
      this.#installBeganMs = null;
    } else if (progress.phase === 'failed') this.#installBeganMs = null;
    else if (installer.isRunning) this.#installBeganMs ??= nowMs;
  }

  #noteDownload(downloadId: string): void {
    if (this.#milestones.model?.by === 'download') return;
    const record = this.#parts.downloads.find(downloadId)?.record;
    if (record?.state !== 'complete' || record.endedAtMs === null) return;
    const tookMs = Math.max(0, record.endedAtMs - record.createdAtMs);
    this.#keep({ model: { name: record.modelId ?? record.repository, tookMs, by: 'download' } });
  }

  #noteLoad(modelId: string): void {
    const { state } = this.#parts.lender.model(modelId);
    if (state.phase === 'ready') this.#keep({ model: { name: modelId, tookMs: state.loadMs, by: 'load' } });
  }

  #noteRequest(requestId: string): void {
    const view = this.#parts.tracker.find(requestId);
    if (view === null) return;
    this.#latest = view;
    const { answer } = this.#milestones;
    if (answer !== null || view.stage !== 'completed' || view.outputTokens === 0 || view.modelId === null) return;
    const { modelId, client, tokensPerS, startedAtMs, endedAtMs } = view;
    this.#answeredId = view.id;
    this.#keep({ answer: { modelId, client, tokensPerS, tookMs: (endedAtMs ?? startedAtMs) - startedAtMs } });
  }

  /** What cannot be written now is only missed after a restart. */
  #keep(patch: Partial<Milestones>): void {
    this.#milestones = { ...this.#milestones, ...patch };
    const value = JSON.stringify(this.#milestones);
    try {
      const insert = this.#parts.store.insert(facts).values({ key: KEY, value });
      insert.onConflictDoUpdate({ target: facts.key, set: { value } }).run();
    } catch {
      return;
    }
  }
}

function readMilestones(store: Store): Milestones {
  const row = store.select().from(facts).where(eq(facts.key, KEY)).get();
  const kept = parsed(row?.value ?? '');
  if (!isObject(kept)) return NOTHING;
  const { model, answer } = kept;
  return {
    engineMs: numberOrNull(kept.engineMs),
    model: isObject(model) ? modelFrom(model) : null,
    answer: isObject(answer) ? answerFrom(answer) : null,
    isDemoChosen: kept.isDemoChosen === true,
    isSkipped: kept.isSkipped === true,
  };
}

function modelFrom({ name, tookMs, by }: Readonly<Record<string, unknown>>): Milestones['model'] {
  const [named, ms] = [stringOrNull(name), numberOrNull(tookMs)];
  return named === null || ms === null ? null : { name: named, tookMs: ms, by: by === 'load' ? 'load' : 'download' };
}

function answerFrom({ modelId, client, tokensPerS, tookMs }: Readonly<Record<string, unknown>>): FirstAnswer | null {
  const [id, ms] = [stringOrNull(modelId), numberOrNull(tookMs)];
  if (id === null || ms === null) return null;
  return { modelId: id, client: stringOrNull(client), tokensPerS: numberOrNull(tokensPerS), tookMs: ms };
}

function answerOnRecord(store: Store): FirstAnswer | null {
  const where = and(eq(requests.outcome, 'completed'), gt(requests.outputTokens, 0));
  const row = store.select().from(requests).where(where).orderBy(asc(requests.id)).limit(1).get();
  if (!row || row.modelId === null) return null;
  const { modelId, client, decodeTokensPerS, durationMs } = row;
  return { modelId, client, tokensPerS: decodeTokensPerS, tookMs: durationMs };
}

function parsed(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return value;
  } catch {
    return null;
  }
}
