/** Requests and records as the API tells them: the seed's field names first, then ours. Pure. */
import type { Moment, MomentLine } from '#src/logs/moment.ts';
import type { RequestRow } from '#src/store/schema.ts';
import { type RequestAccount, stretchesOf } from './account.ts';
import type { RecordedRepair } from './repair-log.ts';
import type { AskedParameters, RequestView } from './request.ts';

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

/** One request in full, running or recorded: the live one's field names where it has them. */
export function accountRecord(account: RequestAccount, mended: readonly RecordedRepair[]) {
  return {
    request_id: account.requestId,
    model_id: account.modelId ?? account.wantedModel ?? '',
    route: account.route,
    stage: account.stage,
    started_at: account.startedAtMs / 1000,
    completed_at: account.endedAtMs === null ? null : account.endedAtMs / 1000,
    duration_ms: rounded(account.durationMs),
    timeline: stretchesOf(account).map(({ kind, ms }) => ({ stage: kind, ms: rounded(ms) })),
    queue_ms: rounded(account.queueMs),
    load_ms: rounded(account.loadMs),
    ttft_ms: rounded(account.ttftMs),
    input_tokens: account.inputTokens,
    cached_tokens: account.cachedTokens,
    output_tokens: account.outputTokens,
    thinking_tokens: account.thinkingTokens,
    prefill_tokens_per_sec: rounded(account.prefillTokensPerS),
    tokens_per_sec: rounded(account.decodeTokensPerS),
    wanted_model: account.wantedModel,
    dialect: account.dialect,
    client: account.client,
    stream: account.isStream,
    engine: account.engine,
    engine_version: account.engineVersion,
    parameters: parameterRecords(account.parameters),
    finish_reason: account.finishReason,
    termination: account.termination,
    error_kind: account.error?.kind ?? null,
    error_message: account.error?.message ?? null,
    repairs: account.repairs,
    mended: mended.map(({ kind, note, before, after, startedAtMs }) => ({
      kind,
      note,
      at: startedAtMs / 1000,
      before,
      after,
    })),
  };
}

/** Lines of a request's time; `left_out` stand between the first and the last of them. */
export function momentRecord({ first, left, last }: Moment) {
  const line = ({ source, level, text, atMs }: MomentLine) => ({ source, level, at: atMs / 1000, text });
  return { lines: [...first, ...last].map(line), left_out: left };
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
    parameters: parameterRecords(row.parameters),
  };
}

/** Null where nothing was sampled, and for requests of before parameters were recorded. */
function parameterRecords(parameters: AskedParameters | null) {
  if (parameters === null) return null;
  return Object.fromEntries(Object.entries(parameters).map(([name, [value, source]]) => [name, { value, source }]));
}

/** Two decimals are more than any of these is good for. */
function rounded(value: number | null): number | null {
  return value === null ? null : Math.round(value * 100) / 100;
}
