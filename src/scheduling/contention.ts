/** Models that push each other out of memory again and again, and what that costs: remembered for ten minutes. */
import type { ModelId } from '#src/models/model.ts';

/** Models that do not fit together. */
export type Contention = {
  /** Each was unloaded for another of them, and had another one unloaded for it. Sorted. */
  readonly modelIds: readonly ModelId[];
  /** How often one of them went for another. */
  readonly swaps: number;
  /** Time that was looked at, in ms: ten minutes, less soon after the start. */
  readonly windowMs: number;
  /** Share of that time in which one of them was loading (0 to 1). */
  readonly loadingRatio: number;
};

type Swap = { readonly modelId: ModelId; readonly roomFor: ModelId; readonly atMs: number };
type Load = { readonly modelId: ModelId; readonly loadMs: number; readonly atMs: number };

const WINDOW_MS = 600_000;
/** Fewer swaps than that are a change of work, not a quarrel. */
const SWAPS_MIN = 4;
const ENTRIES_MAX = 1_000;
const MINUTE_MS = 60_000;

/** The scheduler's notes of swaps and loads. Times are monotonic. */
export class SwapBook {
  readonly #openedAtMs: number;
  #swaps: readonly Swap[] = [];
  #loads: readonly Load[] = [];

  constructor(nowMs: number) {
    this.#openedAtMs = nowMs;
  }

  /** A model was unloaded for another one. */
  swapped(modelId: ModelId, roomFor: ModelId, atMs: number): void {
    this.#swaps = [...recent(this.#swaps, atMs), { modelId, roomFor, atMs }];
  }

  /** A load ended, whatever came of it. */
  loaded(modelId: ModelId, loadMs: number, atMs: number): void {
    this.#loads = [...recent(this.#loads, atMs), { modelId, loadMs, atMs }];
  }

  /** Who pushed whom out, of late; null when nobody did so again and again. */
  contention(nowMs: number): Contention | null {
    const swaps = recent(this.#swaps, nowMs);
    const gone = new Set(swaps.map(({ modelId }) => modelId));
    const modelIds = [...new Set(swaps.map(({ roomFor }) => roomFor))].filter((id) => gone.has(id)).sort();
    const among = swaps.filter(({ modelId, roomFor }) => modelIds.includes(modelId) && modelIds.includes(roomFor));
    if (among.length < SWAPS_MIN) return null;
    const windowMs = Math.max(1, Math.min(WINDOW_MS, nowMs - this.#openedAtMs));
    const loadingMs = recent(this.#loads, nowMs)
      .filter(({ modelId }) => modelIds.includes(modelId))
      .reduce((sum, { loadMs, atMs }) => sum + Math.min(loadMs, windowMs - (nowMs - atMs)), 0);
    return { modelIds, swaps: among.length, windowMs, loadingRatio: Math.min(1, Math.max(0, loadingMs) / windowMs) };
  }
}

/** The same for people, with what may help. */
export function contentionAdvice({ modelIds, swaps, windowMs, loadingRatio }: Contention, nameOf: NameOf): string {
  const names = modelIds.map(nameOf).join(' and ');
  const minutes = Math.max(1, Math.round(windowMs / MINUTE_MS));
  const cost = `${swaps} swaps in ${minutes} min, ${Math.round(loadingRatio * 100)} % of the time spent loading`;
  return `${names} do not fit together: ${cost}. A smaller context or quantization may let them stay side by side.`;
}

type NameOf = (modelId: ModelId) => string;

function recent<Entry extends { readonly atMs: number }>(entries: readonly Entry[], nowMs: number): readonly Entry[] {
  return entries.slice(-ENTRIES_MAX).filter(({ atMs }) => nowMs - atMs < WINDOW_MS);
}
