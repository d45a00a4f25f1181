/** One request's life, as everyone sees it: the Monitor, `/api/requests`, `/ws`, telemetry. */
import type { Fault } from '#src/faults.ts';
import type { ModelId } from '#src/models/model.ts';
import type { Wait } from '#src/scheduling/lease.ts';
import type { AskedParameters, ParameterSource, RepairKind } from '#src/store/schema.ts';

/** 12 hexadecimal digits, unique within this run of Flow. */
export type RequestId = string;

export type RequestStage =
  | 'queued'
  | 'loading'
  | 'prefilling'
  | 'generating'
  | 'sending'
  | 'completed'
  | 'failed'
  | 'cancelled';

/** Token counts as the engine gave them; null = it did not say. `inputTokens` includes the cached ones. */
export type Usage = {
  readonly inputTokens: number | null;
  readonly cachedTokens: number | null;
  readonly outputTokens: number | null;
  /** Of the output, spent on thinking. */
  readonly thinkingTokens: number | null;
};

/** The engine's own timing of one answer; null = it did not say. */
export type EngineTimings = {
  readonly prefillTokensPerS: number | null;
  readonly decodeTokensPerS: number | null;
  readonly prefillMs: number | null;
  readonly decodeMs: number | null;
};

/**
 * Who ended a request, and in which phase: two letters, as HAProxy's termination codes.
 * Who: `-` nobody (complete), `C` client, `E` engine, `F` Flow (refused, stopping), `U` a user at the dashboard or
 * the API.
 * Phase: `Q` queued, `L` loading, `P` prefilling, `G` generating, `S` sending, `-` complete.
 */
export type TerminationCode = `${'-' | 'C' | 'E' | 'F' | 'U'}${'Q' | 'L' | 'P' | 'G' | 'S' | '-'}`;

/** How a request ended; given exactly once to `Ticket.settle`. */
export type Outcome =
  | {
      readonly kind: 'completed';
      readonly usage: Usage;
      readonly timings: EngineTimings;
      readonly finishReason: string | null;
    }
  | { readonly kind: 'failed'; readonly fault: Fault; readonly usage?: Usage; readonly timings?: EngineTimings }
  | {
      readonly kind: 'cancelled';
      readonly by: 'client' | 'user';
      readonly usage?: Usage;
      readonly timings?: EngineTimings;
    };

/** What a route knows of a request when it arrives. */
export type RequestHead = {
  /** Path as asked, for example `/v1/messages`. */
  readonly route: string;
  readonly dialect: string;
  /** The model as asked; null when the body named none. */
  readonly wantedModel: string | null;
  readonly isStream: boolean;
  /** A short name of the client from its User-Agent, at most 60 characters. */
  readonly client: string | null;
};

/** The present state of one request. Times: `…AtMs` are wall clock, `…Ms` durations by the monotonic clock. */
export type RequestView = RequestHead & {
  readonly id: RequestId;
  /** The model that serves it; null until the name is resolved. */
  readonly modelId: ModelId | null;
  readonly stage: RequestStage;
  readonly startedAtMs: number;
  readonly stageSinceAtMs: number;
  readonly wait: Wait | null;
  /** Prompt tokens in all, from the engine; null until it says. */
  readonly promptTokens: number | null;
  readonly cachedTokens: number | null;
  /** 0 to 1 of the prompt; null until the engine says. */
  readonly prefillRatio: number | null;
  readonly outputTokens: number;
  /** Decode speed over the last seconds while generating, the engine's own figure when complete. */
  readonly tokensPerS: number | null;
  readonly ttftMs: number | null;
  readonly queueMs: number | null;
  readonly loadMs: number | null;
  /** What Flow mended, in words; empty as a rule. */
  readonly repairs: readonly string[];
  /** What it is asked with; null until its body is read, and where nothing is sampled. */
  readonly parameters: AskedParameters | null;
  readonly endedAtMs: number | null;
  readonly termination: TerminationCode | null;
  readonly error: { readonly kind: string; readonly message: string } | null;
};

export type { AskedParameters, ParameterSource, RepairKind };

/** One use of a repair on an answer. `before` and `after` are what the model wrote and what the client got. */
export type RepairUse = {
  readonly kind: RepairKind;
  /** For people, in a few words: `a tool call in Qwen's XML was text`. */
  readonly note: string;
  readonly before: string;
  readonly after: string;
};

/**
 * The pen that writes one request's life. Calls in a wrong order are harmless; nothing after `settle` has any effect.
 */
export interface Ticket {
  readonly id: RequestId;
  /** As in its head. */
  readonly client: string | null;
  /** Aborts when a user cancels the request; the client's own abort comes from the connection. */
  readonly signal: AbortSignal;
  resolved(modelId: ModelId): void;
  /** What is in effect for it; `read` is called when somebody wants to know, at the latest at its end. */
  asked(read: () => AskedParameters): void;
  /** It waits, and why: stage `loading` for reason `loading`, else `queued`. */
  waiting(wait: Wait): void;
  /** The engine has been asked: stage `prefilling`. */
  sent(): void;
  /** The engine's word on the prompt. */
  prefill(progress: { promptTokens: number; cachedTokens: number; processedTokens: number }): void;
  /**
   * Tokens of output so far, absolute. The first call with a positive count is the first token: stage `generating`.
   * Cheap enough to call per read.
   */
  output(tokens: number): void;
  /** The engine is done, the client still reads: stage `sending`. */
  sending(): void;
  /** Something of the request was taken otherwise than it was written; in words. */
  repaired(what: string): void;
  /** Something of the answer was mended. */
  mended(use: RepairUse): void;
  /** Ends it, once. Writes the telemetry row. */
  settle(outcome: Outcome): void;
  readonly isSettled: boolean;
  readonly view: RequestView;
}

/** Watches all requests. */
export interface Tracker {
  open(head: RequestHead): Ticket;
  /** Open requests and those that ended less than 10 s ago, oldest first. */
  list(): readonly RequestView[];
  find(id: RequestId): RequestView | null;
  /** Cancels by a user's wish; false when there is no such open request. */
  cancel(id: RequestId): boolean;
  /** How many are open. */
  readonly openCount: number;
  /** Output tokens per second over all requests, over the last 2 s. */
  readonly tokensPerS: number;
}
