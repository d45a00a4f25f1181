/**
 * From the state of things to what the Monitor shows: every clock read and every name looked up here, so that views
 * only format.
 */
import type { Model } from '#src/models/model.ts';
import { heldBytes } from '#src/pages/figures.ts';
import type { RequestView, TerminationCode } from '#src/requests/request.ts';
import type { FleetModel } from '#src/scheduling/lease.ts';
import type { ModelState, StopReason } from '#src/supervision/model-state.ts';
import type { ModelCardData, ModelDoing } from '#views/monitor/model-card.tsx';
import type { RecentData } from '#views/monitor/recent.tsx';
import type { RequestRowData } from '#views/monitor/request-row.tsx';

/** The time, read once for everything shown together. */
export type Now = { readonly wallMs: number; readonly monotonicMs: number };

/** Rows shown under one model; the rest is a number. */
export const REQUEST_ROWS_MAX = 50;
const TAIL_LINES = 12;

const STOP_WORDS: { readonly [Reason in StopReason]: string } = {
  user: 'Unloaded by you.',
  cooldown: 'It was idle for long enough.',
  eviction: 'Another model needs its memory.',
  abandoned: 'Nobody waits for it any more.',
  shutdown: 'Flow is stopping.',
  unhealthy: 'It stopped answering its health check.',
  growth: 'It had taken much memory, and is started anew.',
};
const ENDERS: Readonly<Record<string, string>> = { C: 'its client', E: 'its engine', F: 'Flow', U: 'you' };
const PHASES: Readonly<Record<string, string>> = {
  Q: 'in the queue',
  L: 'while loading',
  P: 'while prefilling',
  G: 'while generating',
  S: 'while sending',
};

/** A model's card. `requests` are the open ones (and those just ended) that this model serves. */
export function modelCard(
  model: Model,
  fleetModel: FleetModel | null,
  requests: readonly RequestView[],
  now: Now,
): ModelCardData {
  const held = fleetModel === null ? 0 : heldBytes(fleetModel);
  const lastUsedAtMs = fleetModel?.lastUsedAtMs ?? null;
  return {
    id: model.id,
    name: model.name,
    format: model.format,
    quantization: model.quantization,
    sizeBytes: model.sizeBytes,
    isDemo: model.isDemo,
    isPinned: fleetModel?.isPinned ?? model.config.is_pinned,
    memory: held > 0 ? { bytes: held, isMeasured: fleetModel?.measuredBytes != null } : null,
    doing: fleetModel === null ? { phase: 'idle' } : doingOf(fleetModel.state, fleetModel, now),
    waiting: fleetModel?.waiting ?? 0,
    unusedS: lastUsedAtMs === null ? null : (now.wallMs - lastUsedAtMs) / 1000,
    requests: requests.slice(0, REQUEST_ROWS_MAX).map((view) => requestRow(view, now)),
    moreRequests: Math.max(0, requests.length - REQUEST_ROWS_MAX),
  };
}

/** A request's row. */
export function requestRow(view: RequestView, now: Now): RequestRowData {
  return {
    id: view.id,
    who: view.client ?? view.route,
    route: view.route,
    stage: view.stage,
    elapsedS: ((view.endedAtMs ?? now.wallMs) - view.startedAtMs) / 1000,
    wait: view.wait,
    promptTokens: view.promptTokens,
    cachedTokens: view.cachedTokens,
    prefillRatio: view.prefillRatio,
    outputTokens: view.outputTokens,
    tokensPerS: view.tokensPerS,
    ttftMs: view.ttftMs,
    repairs: view.repairs,
  };
}

/** An ended request as a line; null while it is open. */
export function recentRequest(view: RequestView): RecentData | null {
  const { stage, endedAtMs } = view;
  if (endedAtMs === null || (stage !== 'completed' && stage !== 'failed' && stage !== 'cancelled')) return null;
  return {
    id: view.id,
    who: view.client ?? view.route,
    model: view.modelId ?? view.wantedModel ?? 'no model',
    stage,
    outputTokens: view.outputTokens,
    tokensPerS: view.tokensPerS,
    tookMs: endedAtMs - view.startedAtMs,
    why: view.error?.message ?? (stage === 'completed' ? null : endWords(view.termination)),
  };
}

/** What is shown first: what lives, then what moves or failed, then what sleeps. */
export function rankOf(state: ModelState | null): number {
  switch (state?.phase) {
    case 'ready':
      return 0;
    case 'starting':
    case 'stopping':
    case 'failed':
      return 1;
    default:
      return 2;
  }
}

/** What a model is doing, with every time already counted. */
export function doingOf(state: ModelState, model: FleetModel, now: Now): ModelDoing {
  switch (state.phase) {
    case 'idle':
      return { phase: 'idle' };
    case 'starting':
      return {
        phase: 'starting',
        stage: state.stage,
        ratio: state.ratio,
        elapsedS: (now.monotonicMs - state.sinceMs) / 1000,
        usualS: model.usualLoadMs === null ? null : model.usualLoadMs / 1000,
      };
    case 'ready':
      return {
        phase: 'ready',
        contextTokens: state.contextTokens,
        slots: state.slots,
        inFlight: model.inFlight,
        unloadInS: secondsUntil(model.unloadAtMs, now),
      };
    case 'stopping':
      return { phase: 'stopping', why: STOP_WORDS[state.reason] };
    case 'failed':
      return {
        phase: 'failed',
        message: state.report.message,
        hint: state.report.hint,
        retryInS: secondsUntil(state.retryAtMs, now),
        tail: state.report.tail.slice(-TAIL_LINES),
      };
  }
}

function secondsUntil(atMs: number | null, now: Now): number | null {
  return atMs === null ? null : Math.max(0, (atMs - now.monotonicMs) / 1000);
}

function endWords(code: TerminationCode | null): string {
  const who = ENDERS[code?.[0] ?? ''] ?? 'somebody';
  const when = PHASES[code?.[1] ?? ''] ?? '';
  return `cancelled by ${who} ${when}`.trimEnd();
}
