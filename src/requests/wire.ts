/** Requests and records as the API tells them: the seed's field names first, then ours. Pure. */
import type { RequestRow } from '#src/store/schema.ts';
import type { RequestView } from './request.ts';

/** One live request. Times are seconds since 1970, UTC; durations ms. */
export type TrackedRequest = ReturnType<typeof trackedRequest>;

/** A live request in the seed's shape; where the seed's stage was `error`, ours says `failed` or `cancelled`. */
export function trackedRequest(view: RequestView) {
  return {
    request_id: view.id,
    model_id: view.modelId ?? view.wantedModel ?? '',
    route: view.route,
    stage: view.stage,
    started_at: view.startedAtMs / 1000,
    output_tokens: view.outputTokens,
    input_tokens: view.promptTokens,
    tokens_per_sec: rounded(view.tokensPerS),
    ttft_ms: rounded(view.ttftMs),
    first_token_time: view.ttftMs === null ? null : (view.startedAtMs + Math.round(view.ttftMs)) / 1000,
    error_message: view.error?.message ?? null,
    completed_at: view.endedAtMs === null ? null : view.endedAtMs / 1000,
    error_kind: view.error?.kind ?? null,
    wanted_model: view.wantedModel,
    dialect: view.dialect,
    client: view.client,
    stream: view.isStream,
    stage_since: view.stageSinceAtMs / 1000,
    waiting_for: view.wait?.reason ?? null,
    place_in_queue: view.wait !== null && 'place' in view.wait ? view.wait.place : null,
    load_stage: view.wait?.reason === 'loading' ? view.wait.stage : null,
    load_progress: view.wait?.reason === 'loading' ? view.wait.ratio : null,
    prefill_progress: view.prefillRatio,
    cached_tokens: view.cachedTokens,
    queue_ms: rounded(view.queueMs),
    load_ms: rounded(view.loadMs),
    repairs: view.repairs,
    termination: view.termination,
  };
}

/** Live requests by model, as `/api/requests` and the socket's `init` give them; those without a model under `''`. */
export function requestsByModel(views: readonly RequestView[]): Record<string, TrackedRequest[]> {
  const byModel: Record<string, TrackedRequest[]> = Object.create(null);
  for (const view of views) {
    const request = trackedRequest(view);
    const list = byModel[request.model_id];
    if (list) list.push(request);
    else byModel[request.model_id] = [request];
  }
  return byModel;
}

/** One recorded request. `timestamp` is its start, ISO 8601 in UTC. */
export function telemetryRecord(row: RequestRow) {
  const hasTokens = row.inputTokens !== null || row.outputTokens !== null;
  return {
    id: row.id,
    model_id: row.modelId ?? row.wantedModel ?? '',
    timestamp: new Date(row.startedAtMs).toISOString(),
    ttft_ms: rounded(row.ttftMs),
    tokens_per_sec: rounded(row.decodeTokensPerS),
    input_tokens: row.inputTokens,
    output_tokens: row.outputTokens,
    total_tokens: hasTokens ? (row.inputTokens ?? 0) + (row.outputTokens ?? 0) : null,
    backend: row.engine,
    error: row.errorMessage,
    request_id: row.requestId,
    wanted_model: row.wantedModel,
    route: row.route,
    dialect: row.dialect,
    client: row.client,
    stream: row.isStream,
    engine_version: row.engineVersion,
    ended_at: new Date(row.endedAtMs).toISOString(),
    outcome: row.outcome,
    termination: row.termination,
    error_kind: row.errorKind,
    finish_reason: row.finishReason,
    queue_ms: rounded(row.queueMs),
    load_ms: rounded(row.loadMs),
    engine_ttft_ms: rounded(row.engineTtftMs),
    duration_ms: rounded(row.durationMs),
    cached_tokens: row.cachedTokens,
    thinking_tokens: row.thinkingTokens,
    prefill_tokens_per_sec: rounded(row.prefillTokensPerS),
    repairs: row.repairs,
  };
}

/** Two decimals are more than any of these is good for. */
function rounded(value: number | null): number | null {
  return value === null ? null : Math.round(value * 100) / 100;
}
