/**
 * The fleet as JSON for events: chosen fields only, so that no engine's key ever leaves. Times are seconds since 1970.
 */
import type { Clock } from '#src/clock.ts';
import type { DownloadWire } from '#src/downloads/wire.ts';
import type { RequestId, RequestView } from '#src/requests/request.ts';
import { trackedRequest } from '#src/requests/wire.ts';
import type { FleetModel, FleetSnapshot } from '#src/scheduling/lease.ts';
import type { Settings } from '#src/settings/settings.ts';
import type { ModelState } from '#src/supervision/model-state.ts';

/** Where the present state of things is read. */
export type LiveSource = {
  readonly clock: Clock;
  readonly fleet: () => FleetSnapshot;
  readonly tracker: { list(): readonly RequestView[]; find(id: RequestId): RequestView | null };
  readonly settings: () => Settings;
  readonly downloads: { list(): readonly DownloadWire[]; find(id: string): DownloadWire | null };
};

/** Everything at once: how a stream of events begins. */
export function snapshotWire({ clock, fleet, tracker, settings, downloads }: LiveSource) {
  const now = fleet();
  return {
    requests: tracker.list().map(trackedRequest),
    models: now.models.map((model) => modelWire(model, clock)),
    queue: queueWire(now, clock),
    memory: memoryWire(now),
    settings: settings(),
    downloads: downloads.list(),
  };
}

/** One model's present state. */
export function modelWire(model: FleetModel, clock: Clock) {
  return {
    model_id: model.modelId,
    ...stateWire(model.state, clock),
    in_flight: model.inFlight,
    waiting: model.waiting,
    pinned: model.isPinned,
    unload_at: seconds(model.unloadAtMs, clock),
    reserved_bytes: model.reserved?.totalBytes ?? null,
    measured_bytes: model.measuredBytes,
    usual_load_ms: model.usualLoadMs,
    last_used_at: model.lastUsedAtMs === null ? null : model.lastUsedAtMs / 1000,
  };
}

/** Who waits, in the order in which they will be served. */
export function queueWire({ queue }: FleetSnapshot, clock: Clock) {
  return queue.map((entry) => ({
    request_id: entry.requestId,
    model_id: entry.modelId,
    since: seconds(entry.sinceMs, clock),
    reason: entry.wait.reason,
  }));
}

/** The ledger: what models may take, what is promised to them, and by which estimate. */
export function memoryWire({ memory }: FleetSnapshot) {
  return {
    budget_bytes: memory.budgetBytes,
    reserved_bytes: memory.reservedBytes,
    by_model: memory.byModel.map(({ modelId, bytes, source }) => ({ model_id: modelId, bytes, source })),
  };
}

function stateWire(state: ModelState, clock: Clock) {
  const isReady = state.phase === 'ready';
  const report = state.phase === 'failed' ? state.report : null;
  return {
    phase: state.phase,
    since: state.phase === 'idle' ? null : seconds(state.sinceMs, clock),
    stage: state.phase === 'starting' ? state.stage : null,
    progress: state.phase === 'starting' ? state.ratio : null,
    stop_reason: state.phase === 'stopping' ? state.reason : null,
    pid: 'pid' in state ? state.pid : null,
    port: isReady ? state.port : null,
    engine: isReady ? state.engine : null,
    context_tokens: isReady ? state.contextTokens : null,
    slots: isReady ? state.slots : null,
    load_ms: isReady ? state.loadMs : null,
    error: report === null ? null : { kind: report.kind, message: report.message, hint: report.hint },
    retry_at: state.phase === 'failed' ? seconds(state.retryAtMs, clock) : null,
  };
}

/** Wall-clock seconds of a monotonic moment. */
function seconds(atMs: number | null, clock: Clock): number | null {
  return atMs === null ? null : Math.round(clock.wallMs() + atMs - clock.monotonicMs()) / 1000;
}
