/**
 * How fast prompts were read and answers written, by second: over all, by model, and by request. Told once a second
 * what has been counted since; a token costs nothing here, and the memory is bounded.
 */
import type { ModelId } from '#src/models/model.ts';
import type { RequestId, RequestView } from '#src/requests/request.ts';
import { type Gathering, Series } from './series.ts';

/** The present, by both clocks. */
export type Moment = { readonly wallMs: number; readonly monotonicMs: number };

/** The times that a reader may look back over. Every one is drawn with the same number of points. */
export const SPANS = [
  { name: '1m', label: '1 m', words: 'minute', stepS: 1 },
  { name: '5m', label: '5 m', words: 'five minutes', stepS: 5 },
  { name: '1h', label: '1 h', words: 'hour', stepS: 60 },
] as const;
export type SpanName = (typeof SPANS)[number]['name'];

/** The span of that name, else the shortest. */
export function spanNamed(name: string | undefined): SpanName {
  return SPANS.find((span) => span.name === name)?.name ?? SPANS[0].name;
}

const POINTS = 60;
const OVERALL_S = 3_720;
/** A model's wave reaches back over five minutes. */
const WAVE_STEP_S = 5;
const MODEL_S = WAVE_STEP_S * POINTS + 60;
const MODELS_MAX = 64;
/** What a request's row shows. */
export const ROW_POINTS = 30;

type Counted = { readonly output: number; readonly read: number };
type Watched = { counted: Counted; readonly series: Series };

const NOTHING: Counted = { output: 0, read: 0 };

/** Remembers the pace. `take` is to be called about once a second, with all requests that are open or just over. */
export class Pace {
  readonly output: Series;
  readonly read: Series;
  readonly queue: Series;
  readonly #models = new Map<ModelId, Series>();
  readonly #requests = new Map<RequestId, Watched>();
  #lastMs: number;

  constructor(nowMs: number) {
    this.#lastMs = nowMs;
    this.output = new Series(OVERALL_S, nowMs);
    this.read = new Series(OVERALL_S, nowMs);
    this.queue = new Series(OVERALL_S, nowMs);
  }

  /** Books what was done since the last time. */
  take(views: readonly RequestView[], queued: number, now: Moment): void {
    const present = new Set<RequestId>();
    for (const view of views) {
      present.add(view.id);
      this.#book(view, now);
    }
    for (const id of this.#requests.keys()) if (!present.has(id)) this.#requests.delete(id);
    this.raiseQueue(queued, now.monotonicMs);
    this.#lastMs = now.monotonicMs;
  }

  /** A queue may fill and empty again between two takes. */
  raiseQueue(queued: number, nowMs: number): void {
    this.queue.raise(nowMs, queued);
  }

  /** Tokens per second that a model wrote, over the last five minutes. */
  modelPoints(modelId: ModelId, nowMs: number): readonly number[] {
    const series = this.#models.get(modelId);
    return series === undefined ? [] : known(series.points(nowMs, WAVE_STEP_S, POINTS, 'mean'));
  }

  /** Tokens per second of one request, over the half minute before `untilMs`, or since its first token. */
  requestPoints(id: RequestId, untilMs: number): readonly number[] {
    const series = this.#requests.get(id)?.series;
    return series === undefined ? [] : known(series.points(untilMs, 1, ROW_POINTS, 'mean'));
  }

  /** Points of one span, of all models together. */
  points(what: 'output' | 'read' | 'queue', name: SpanName, nowMs: number): readonly (number | null)[] {
    const stepS = SPANS.find((span) => span.name === name)?.stepS ?? 1;
    const gathering: Gathering = what === 'queue' ? 'max' : 'mean';
    return this[what].points(nowMs, stepS, POINTS, gathering);
  }

  /** Models that wrote something of late, as far as it is remembered. */
  modelIds(): readonly ModelId[] {
    return [...this.#models.keys()];
  }

  forgetModel(modelId: ModelId): void {
    this.#models.delete(modelId);
  }

  #book(view: RequestView, now: Moment): void {
    const { monotonicMs } = now;
    const watched = this.#requests.get(view.id) ?? {
      counted: NOTHING,
      series: new Series(ROW_POINTS + 10, monotonicMs),
    };
    const counted: Counted = { output: view.outputTokens, read: readTokens(view) };
    const output = counted.output - watched.counted.output;
    const read = counted.read - watched.counted.read;
    if (output > 0) {
      const [fromMs, toMs] = this.#writingTime(view, watched.counted.output, now);
      for (const series of [this.output, watched.series, ...this.#ofModel(view.modelId, monotonicMs)]) {
        series.addOver(fromMs, toMs, output);
      }
    }
    if (read > 0) this.read.addOver(...this.#readingTime(view, watched.counted.read, now), read);
    this.#requests.set(view.id, { ...watched, counted });
  }

  /** When the newest tokens came: since the last look; or all of the answer's time, when it was counted at its end. */
  #writingTime(view: RequestView, before: number, { wallMs, monotonicMs }: Moment): readonly [number, number] {
    const endMs = view.endedAtMs === null ? monotonicMs : monotonicMs - Math.max(0, wallMs - view.endedAtMs);
    const { outputTokens, tokensPerS } = view;
    const isSudden = before === 0 && view.endedAtMs !== null && tokensPerS !== null && tokensPerS > 0;
    const fromMs = isSudden ? endMs - (outputTokens / tokensPerS) * 1_000 : Math.min(this.#lastMs, endMs);
    return [fromMs, endMs];
  }

  /** When the prompt was read: since the last look; or from the asking to the first token, when it was told at once. */
  #readingTime(view: RequestView, before: number, { wallMs, monotonicMs }: Moment): readonly [number, number] {
    const startMs = monotonicMs - (wallMs - view.startedAtMs);
    const askedMs = startMs + (view.queueMs ?? 0) + (view.loadMs ?? 0);
    const doneMs = view.ttftMs === null ? monotonicMs : startMs + view.ttftMs;
    return [before === 0 ? Math.min(askedMs, doneMs) : Math.min(this.#lastMs, doneMs), doneMs];
  }

  #ofModel(modelId: ModelId | null, nowMs: number): readonly Series[] {
    if (modelId === null) return [];
    const series = this.#models.get(modelId) ?? new Series(MODEL_S, nowMs - MODEL_S * 1_000);
    // The one that was used last stands last.
    this.#models.delete(modelId);
    this.#models.set(modelId, series);
    const [oldest] = this.#models.keys();
    if (this.#models.size > MODELS_MAX && oldest !== undefined) this.#models.delete(oldest);
    return [series];
  }
}

/** Tokens of the prompt that were read, without those that the engine still knew. */
function readTokens({
  promptTokens,
  cachedTokens,
  prefillRatio,
  ttftMs,
  endedAtMs,
  outputTokens,
}: RequestView): number {
  if (promptTokens === null) return 0;
  const isRead = ttftMs !== null || (endedAtMs !== null && outputTokens > 0);
  const ratio = isRead ? 1 : (prefillRatio ?? 0);
  return Math.max(0, promptTokens * ratio - (cachedTokens ?? 0));
}

/** Without what nobody knows, which is what came before the first of them. */
function known(points: readonly (number | null)[]): readonly number[] {
  return points.filter((point) => point !== null);
}
