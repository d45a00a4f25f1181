/**
 * What each loaded model is busy with, in the seed's shapes, from Flow's own view of its requests: no engine is asked.
 * Pure.
 */
import type { FleetModel, FleetSnapshot } from '#src/scheduling/lease.ts';
import type { RequestView } from './request.ts';
import { type TrackedRequest, trackedRequest } from './wire.ts';

/** One busy slot. The number is the request's place among those in work, since Flow lends places, not engine slots. */
export type SlotActivity = { readonly slot_id: number; readonly state: string; readonly progress: number | null };

export type ModelActivity = {
  readonly slots: readonly SlotActivity[];
  readonly slots_processing: number;
  readonly slots_deferred: number;
  readonly tokens_per_sec: number | null;
  /** No current engine tells it; kept for the shape. */
  readonly kv_cache_usage: null;
  readonly requests: readonly TrackedRequest[];
};

/** Whether an engine works on it now. */
export function isInWork(view: RequestView): boolean {
  return view.stage === 'prefilling' || view.stage === 'generating' || view.stage === 'sending';
}

/** Activity of one model. */
export function activityOf(model: FleetModel, views: readonly RequestView[]): ModelActivity {
  const own = views.filter((view) => view.modelId === model.modelId);
  const working = own.filter(isInWork);
  const speeds = working.flatMap((view) => (view.tokensPerS === null ? [] : [view.tokensPerS]));
  return {
    slots: working.map((view, place) => ({
      slot_id: place,
      state: view.stage === 'sending' ? 'generating' : view.stage,
      progress: view.stage === 'prefilling' ? view.prefillRatio : null,
    })),
    slots_processing: model.inFlight,
    slots_deferred: model.waiting,
    tokens_per_sec: speeds.length === 0 ? null : Math.round(speeds.reduce((sum, speed) => sum + speed, 0) * 100) / 100,
    kv_cache_usage: null,
    requests: own.map(trackedRequest),
  };
}

/** Activity of every model that has a process or requests. */
export function activityByModel(fleet: FleetSnapshot, views: readonly RequestView[]): Record<string, ModelActivity> {
  const wanted = new Set(views.map((view) => view.modelId));
  const busy = fleet.models.filter((model) => model.state.phase !== 'idle' || wanted.has(model.modelId));
  return Object.fromEntries(busy.map((model) => [model.modelId, activityOf(model, views)]));
}

/** How far each model in prefill has come, 0 to 1; the furthest one counts. */
export function prefillProgress(views: readonly RequestView[]): Record<string, number> {
  const progress = new Map<string, number>();
  for (const view of views) {
    if (view.stage !== 'prefilling' || view.modelId === null) continue;
    progress.set(view.modelId, Math.max(progress.get(view.modelId) ?? 0, view.prefillRatio ?? 0));
  }
  return Object.fromEntries(progress);
}
