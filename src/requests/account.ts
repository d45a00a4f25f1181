/** One request as it can be told, whether it still runs or was recorded. Pure. */
import type { Wait } from '#src/scheduling/lease.ts';
import type { RequestRow } from '#src/store/schema.ts';
import type { AskedParameters, RequestStage, RequestView } from './request.ts';

/** What is known of one request. Times: `…AtMs` wall clock, `…Ms` durations; null = nobody said. */
export type RequestAccount = {
  readonly requestId: string;
  readonly client: string | null;
  readonly route: string;
  readonly dialect: string;
  readonly isStream: boolean;
  readonly modelId: string | null;
  readonly wantedModel: string | null;
  readonly engine: string | null;
  readonly engineVersion: string | null;
  readonly stage: RequestStage;
  readonly startedAtMs: number;
  /** Null while it runs. */
  readonly endedAtMs: number | null;
  /** From its arrival to its end, or to now. */
  readonly durationMs: number;
  readonly queueMs: number | null;
  readonly loadMs: number | null;
  readonly ttftMs: number | null;
  readonly wait: Wait | null;
  readonly prefillRatio: number | null;
  readonly inputTokens: number | null;
  readonly cachedTokens: number | null;
  readonly outputTokens: number | null;
  readonly thinkingTokens: number | null;
  readonly prefillTokensPerS: number | null;
  readonly decodeTokensPerS: number | null;
  readonly finishReason: string | null;
  readonly termination: string | null;
  readonly error: { readonly kind: string; readonly message: string } | null;
  readonly repairs: readonly string[];
  readonly parameters: AskedParameters | null;
};

/** One stretch of a request's life. */
export type Stretch = { readonly kind: 'queued' | 'load' | 'prefill' | 'generate'; readonly ms: number };

/** A request that is being watched. */
export function accountOfView(view: RequestView, nowMs: number): RequestAccount {
  const { id, promptTokens, tokensPerS, ...same } = view;
  return {
    ...same,
    requestId: id,
    engine: null,
    engineVersion: null,
    durationMs: Math.max(0, (view.endedAtMs ?? nowMs) - view.startedAtMs),
    inputTokens: promptTokens,
    thinkingTokens: null,
    prefillTokensPerS: null,
    decodeTokensPerS: tokensPerS,
    finishReason: null,
  };
}

/** A request that was recorded. */
export function accountOfRow(row: RequestRow): RequestAccount {
  const { id: _id, outcome, errorKind, errorMessage, engineTtftMs: _engineTtftMs, ...same } = row;
  return {
    ...same,
    stage: outcome,
    wait: null,
    prefillRatio: null,
    error: errorKind === null ? null : { kind: errorKind, message: errorMessage ?? '' },
  };
}

/** Where the time went: the stretches add up to the whole. What nobody can tell apart stays with the later one. */
export function stretchesOf(account: RequestAccount): readonly Stretch[] {
  const { durationMs } = account;
  const queueMs = Math.min(durationMs, account.queueMs ?? 0);
  const loadMs = Math.min(durationMs - queueMs, account.loadMs ?? 0);
  const workMs = durationMs - queueMs - loadMs;
  const generateMs = Math.min(workMs, generatingMs(account));
  return [
    { kind: 'queued', ms: queueMs },
    { kind: 'load', ms: loadMs },
    { kind: 'prefill', ms: workMs - generateMs },
    { kind: 'generate', ms: generateMs },
  ];
}

/** From the first token on; of an answer that came whole, by the engine's own speed. */
function generatingMs({ durationMs, ttftMs, outputTokens, decodeTokensPerS }: RequestAccount): number {
  if (ttftMs !== null) return Math.max(0, durationMs - ttftMs);
  const hasSpeed = outputTokens !== null && outputTokens > 0 && decodeTokensPerS !== null && decodeTokensPerS > 0;
  return hasSpeed ? (outputTokens / decodeTokensPerS) * 1000 : 0;
}
