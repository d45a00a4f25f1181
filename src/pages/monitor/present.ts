/**
 * From the state of things to what the Monitor shows: every clock read and every name looked up here, so that views
 * only format.
 */
import type { CrashKind } from '#src/engines/engine.ts';
import type { Model } from '#src/models/model.ts';
import { heldBytes } from '#src/pages/figures.ts';
import { isInWork } from '#src/requests/activity.ts';
import type { ModelUsage } from '#src/requests/model-usage.ts';
import type { RequestView, TerminationCode } from '#src/requests/request.ts';
import type { FleetModel, Wait } from '#src/scheduling/lease.ts';
import type { ModelState, StopReason } from '#src/supervision/model-state.ts';
import type { ModelCardData, ModelDoing } from '#views/monitor/model-card.tsx';
import type { RecentData } from '#views/monitor/recent.tsx';
import type { RequestRowData } from '#views/monitor/request-row.tsx';
import { type Moment, ROW_POINTS } from './pace.ts';

/** The time, read once for everything shown together. */
export type Now = Moment;

/** Rows shown under one model; the rest is a number. */
export const REQUEST_ROWS_MAX = 50;
const TAIL_LINES = 12;
/** A guess from less is a guess about noise. */
const PREFILL_PASSED_S_MIN = 1;

const STOP_WORDS: { readonly [Reason in StopReason]: string } = {
  user: 'Unloaded by you.',
  cooldown: 'It was idle for long enough.',
  eviction: 'Another model needs its memory.',
  abandoned: 'Nobody waits for it any more.',
  shutdown: 'Flow is stopping.',
  unhealthy: 'It stopped answering its health check.',
  growth: 'It had taken much memory, and is started anew.',
};
/** Failures of the engine's program, whatever the model. */
const ENGINE_FAULTS: ReadonlySet<CrashKind> = new Set<CrashKind>(['not-executable', 'missing-library']);
const ENDERS: Readonly<Record<string, string>> = { C: 'its client', E: 'its engine', F: 'Flow', U: 'you' };
const PHASES: Readonly<Record<string, string>> = {
  Q: 'in the queue',
  L: 'while loading',
  P: 'while prefilling',
  G: 'while generating',
  S: 'while sending',
};

/** What a card shows of a model beyond what the fleet says. */
export type CardFacts = {
  /** In lanes; null = an empty one. */
  readonly lanes: readonly (RequestRowData | null)[];
  readonly moreRequests: number;
  readonly usage: Pick<ModelUsage, 'tokensPerS' | 'firstTokenMs'> | null;
  readonly rates: readonly number[];
  readonly isOutdated: boolean;
  /** Of the largest conversation that it works on. */
  readonly contextUsedTokens: number | null;
};

/** A model's card. */
export function modelCard(model: Model, fleetModel: FleetModel | null, facts: CardFacts, now: Moment): ModelCardData {
  const held = fleetModel === null ? 0 : heldBytes(fleetModel);
  const lastUsedAtMs = fleetModel?.lastUsedAtMs ?? null;
  const { usage, ...shown } = facts;
  return {
    ...shown,
    id: model.id,
    name: model.name,
    format: model.format,
    quantization: model.quantization,
    sizeBytes: model.sizeBytes,
    isDemo: model.isDemo,
    isPinned: fleetModel?.isPinned ?? model.config.is_pinned,
    memory: held > 0 ? { bytes: held, isMeasured: fleetModel?.measuredBytes != null } : null,
    doing: fleetModel === null ? { phase: 'idle' } : doingOf(fleetModel.state, fleetModel, now),
    usual: {
      tokensPerS: usage?.tokensPerS ?? null,
      firstTokenMs: usage?.firstTokenMs ?? null,
      loadS: fleetModel?.usualLoadMs == null ? null : fleetModel.usualLoadMs / 1000,
    },
    waiting: fleetModel?.waiting ?? 0,
    unusedS: lastUsedAtMs === null ? null : (now.wallMs - lastUsedAtMs) / 1000,
  };
}

/** Tokens of the largest conversation among those that are in work; null when none tells. */
export function contextUsed(views: readonly RequestView[]): number | null {
  const sizes = views.filter(isInWork).flatMap((view) => conversationTokens(view) ?? []);
  return sizes.length === 0 ? null : Math.max(...sizes);
}

/** What a row shows of a request beyond its own view. */
export type RowFacts = {
  /** Context of one conversation with its model; null while it is not loaded. */
  readonly contextTokens: number | null;
  readonly rates: readonly number[];
  readonly nameOf: (modelId: string) => string;
};

/** A request's row. */
export function requestRow(view: RequestView, { contextTokens, rates, nameOf }: RowFacts, now: Moment): RequestRowData {
  const conversation = conversationTokens(view);
  const { wait } = view;
  return {
    id: view.id,
    who: view.client ?? view.route,
    route: view.route,
    stage: view.stage,
    elapsedS: ((view.endedAtMs ?? now.wallMs) - view.startedAtMs) / 1000,
    wait: wait === null ? null : namedWait(wait, nameOf),
    retryInS: wait?.reason === 'back-off' ? secondsUntil(wait.retryAtMs, now) : null,
    promptTokens: view.promptTokens,
    cachedTokens: view.cachedTokens,
    prefillRatio: view.prefillRatio,
    prefillLeftS: prefillLeftS(view, now),
    outputTokens: view.outputTokens,
    tokensPerS: view.tokensPerS,
    ttftMs: view.ttftMs,
    contextRatio: conversation === null || !contextTokens ? null : Math.min(1, conversation / contextTokens),
    rates,
    ratesMax: ROW_POINTS,
    repairs: view.repairs,
  };
}

/** How long the rest of a prompt takes at the speed so far; null when too little was read to tell. */
export function prefillLeftS(view: RequestView, { wallMs }: Moment): number | null {
  const { stage, prefillRatio, promptTokens, cachedTokens, stageSinceAtMs } = view;
  if (stage !== 'prefilling' || prefillRatio === null || promptTokens === null) return null;
  const passedS = (wallMs - stageSinceAtMs) / 1000;
  const read = promptTokens * prefillRatio - (cachedTokens ?? 0);
  if (passedS < PREFILL_PASSED_S_MIN || read <= 0) return null;
  return (promptTokens * (1 - prefillRatio) * passedS) / read;
}

function conversationTokens({ promptTokens, outputTokens }: RequestView): number | null {
  return promptTokens === null ? null : promptTokens + outputTokens;
}

function namedWait(wait: Wait, nameOf: (modelId: string) => string): Wait {
  switch (wait.reason) {
    case 'memory':
      return { ...wait, waitingFor: wait.waitingFor.map(nameOf) };
    case 'turn':
      return { ...wait, holder: nameOf(wait.holder) };
    case 'stopping':
      return { ...wait, modelId: nameOf(wait.modelId) };
    default:
      return wait;
  }
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

/** What a model is doing, with every time already counted. */
export function doingOf(state: ModelState, model: FleetModel, now: Moment): ModelDoing {
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
        isMisbehaving: model.isMisbehaving,
      };
    case 'stopping':
      return { phase: 'stopping', why: STOP_WORDS[state.reason], forcedInS: secondsUntil(state.killAtMs, now) };
    case 'failed':
      return {
        phase: 'failed',
        message: state.report.message,
        hint: state.report.hint,
        retryInS: secondsUntil(state.retryAtMs, now),
        isEngineAtFault: ENGINE_FAULTS.has(state.report.kind),
        tail: state.report.tail.slice(-TAIL_LINES),
      };
  }
}

function secondsUntil(atMs: number, now: Moment): number;
function secondsUntil(atMs: number | null, now: Moment): number | null;
function secondsUntil(atMs: number | null, now: Moment): number | null {
  return atMs === null ? null : Math.max(0, (atMs - now.monotonicMs) / 1000);
}

function endWords(code: TerminationCode | null): string {
  const who = ENDERS[code?.[0] ?? ''] ?? 'somebody';
  const when = PHASES[code?.[1] ?? ''] ?? '';
  return `cancelled by ${who} ${when}`.trimEnd();
}
