/** One request's life, as it is written. Only `RequestTracker` makes tickets. */
import type { ModelId } from '#src/models/model.ts';
import type { Wait } from '#src/scheduling/lease.ts';
import type { NewRequestRow } from '#src/store/schema.ts';
import type {
  AskedParameters,
  EngineTimings,
  Outcome,
  RepairUse,
  RequestHead,
  RequestId,
  RequestStage,
  RequestView,
  TerminationCode,
  Ticket,
  Usage,
} from './request.ts';
import { perSecond, SpeedWindow } from './speed.ts';
import { endKind, terminationCode } from './termination.ts';

/** Which program serves a model now. */
export type EngineIdentity = { readonly engine: string; readonly version: string | null };

/** What a ticket needs of its tracker. */
export interface TicketDesk {
  monotonicMs(): number;
  engineOf(modelId: ModelId): EngineIdentity | null;
  /** Its stage changed: to be told at once. */
  changed(ticket: RequestTicket): void;
  /** A number changed: to be told within 100 ms. */
  stirred(ticket: RequestTicket): void;
  counted(tokens: number): void;
  /** Something of an answer was mended. */
  mended(ticket: RequestTicket, use: RepairUse): void;
  ended(ticket: RequestTicket, row: NewRequestRow): void;
}

const WINDOW_MS = 2_000;
const SPEED_ELAPSED_MS_MIN = 100;
/** A whole answer in one read has no speed worth a record. */
const AVERAGE_ELAPSED_MS_MIN = 20;
const ERROR_MESSAGE_LENGTH_MAX = 500;
const REPAIRS_MAX = 50;
/** A note may quote what a client sent. */
const REPAIR_LENGTH_MAX = 500;
const NO_USAGE: Usage = { inputTokens: null, cachedTokens: null, outputTokens: null, thinkingTokens: null };
const NO_TIMINGS: EngineTimings = { prefillTokensPerS: null, decodeTokensPerS: null, prefillMs: null, decodeMs: null };

/** queued ⇄ loading → prefilling → generating → sending → ended; stages may be left out, and a retry may wait again. */
export class RequestTicket implements Ticket {
  readonly id: RequestId;
  readonly #head: RequestHead;
  readonly #desk: TicketDesk;
  readonly #startedAtMs: number;
  readonly #startedMs: number;
  readonly #abort = new AbortController();
  #modelId: ModelId | null = null;
  #engine: EngineIdentity | null = null;
  #stage: RequestStage = 'queued';
  #stageSinceMs: number;
  #lastSignMs: number;
  #wait: Wait | null = null;
  #queueMs = 0;
  #loadMs: number | null = null;
  #sentMs: number | null = null;
  #firstTokenMs: number | null = null;
  #promptTokens: number | null = null;
  #cachedTokens: number | null = null;
  #prefillRatio: number | null = null;
  #outputTokens = 0;
  #speed: SpeedWindow | null = null;
  #finalTokensPerS: number | null = null;
  readonly #repairs: string[] = [];
  #parameters: AskedParameters | null = null;
  #readParameters: (() => AskedParameters) | null = null;
  #mends = 0;
  #endedMs: number | null = null;
  #termination: TerminationCode | null = null;
  #error: RequestView['error'] = null;

  constructor(id: RequestId, head: RequestHead, startedAtMs: number, desk: TicketDesk) {
    this.id = id;
    this.#head = head;
    this.#desk = desk;
    this.#startedAtMs = startedAtMs;
    this.#startedMs = desk.monotonicMs();
    this.#stageSinceMs = this.#startedMs;
    this.#lastSignMs = this.#startedMs;
  }

  get client(): string | null {
    return this.#head.client;
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  get isSettled(): boolean {
    return this.#endedMs !== null;
  }

  get modelId(): ModelId | null {
    return this.#modelId;
  }

  get stage(): RequestStage {
    return this.#stage;
  }

  /** When anything last happened to it (monotonic, to within 100 ms). */
  get lastSignMs(): number {
    return this.#lastSignMs;
  }

  /** When it ended (monotonic); null while it is open. */
  get endedMs(): number | null {
    return this.#endedMs;
  }

  resolved(modelId: ModelId): void {
    if (this.isSettled) return;
    this.#modelId = modelId;
    this.#desk.changed(this);
  }

  asked(read: () => AskedParameters): void {
    if (!this.isSettled) this.#readParameters = read;
  }

  waiting(wait: Wait): void {
    // After the first token a wait can only be a late word from the queue.
    if (this.isSettled || this.#firstTokenMs !== null) return;
    const stage = wait.reason === 'loading' ? 'loading' : 'queued';
    const isSameReason = this.#wait?.reason === wait.reason;
    this.#wait = wait;
    if (stage !== this.#stage) this.#enter(stage);
    else if (isSameReason) this.#desk.stirred(this);
    else this.#desk.changed(this);
  }

  sent(): void {
    if (this.isSettled || this.#firstTokenMs !== null) return;
    this.#sentMs = this.#desk.monotonicMs();
    if (this.#modelId !== null) this.#engine = this.#desk.engineOf(this.#modelId);
    this.#wait = null;
    if (this.#stage !== 'prefilling') this.#enter('prefilling');
  }

  prefill(progress: { promptTokens: number; cachedTokens: number; processedTokens: number }): void {
    if (this.isSettled) return;
    this.#promptTokens = progress.promptTokens;
    this.#cachedTokens = progress.cachedTokens;
    const ratio = progress.promptTokens > 0 ? progress.processedTokens / progress.promptTokens : 1;
    this.#prefillRatio = Math.min(1, Math.max(0, ratio));
    this.#desk.stirred(this);
  }

  output(tokens: number): void {
    // The negated form also refuses NaN.
    if (!(tokens > this.#outputTokens) || this.isSettled) return;
    this.#desk.counted(tokens - this.#outputTokens);
    this.#outputTokens = tokens;
    if (this.#firstTokenMs === null) this.#begin(tokens);
    else this.#desk.stirred(this);
  }

  sending(): void {
    if (!this.isSettled && this.#stage !== 'sending') this.#enter('sending');
  }

  repaired(what: string): void {
    const note = what.slice(0, REPAIR_LENGTH_MAX);
    if (this.isSettled || this.#repairs.includes(note) || this.#repairs.length >= REPAIRS_MAX) return;
    this.#repairs.push(note);
    this.#desk.stirred(this);
  }

  mended(use: RepairUse): void {
    // A model that stumbles at every word would fill the records.
    if (this.isSettled || this.#mends >= REPAIRS_MAX) return;
    this.#mends += 1;
    this.repaired(use.note);
    this.#desk.mended(this, use);
  }

  settle(outcome: Outcome): void {
    if (this.isSettled) return;
    const kind = endKind(outcome);
    const usage = outcome.usage ?? NO_USAGE;
    const timings = outcome.timings ?? NO_TIMINGS;
    this.#termination = terminationCode(outcome, this.#stage, this.#abort.signal.aborted);
    if (outcome.kind === 'failed' && kind === 'failed') {
      const message = outcome.fault.message.slice(0, ERROR_MESSAGE_LENGTH_MAX);
      this.#error = { kind: outcome.fault.kind, message };
    }
    this.#promptTokens = usage.inputTokens ?? this.#promptTokens;
    this.#cachedTokens = usage.cachedTokens ?? this.#cachedTokens;
    this.#outputTokens = usage.outputTokens ?? this.#outputTokens;
    this.#leave();
    const endedMs = this.#stageSinceMs;
    this.#finalTokensPerS = timings.decodeTokensPerS ?? this.#averageTokensPerS(endedMs);
    this.#endedMs = endedMs;
    this.#stage = kind;
    this.#wait = null;
    this.#speed = null;
    this.#desk.ended(this, this.#row(kind, outcome, usage, timings));
  }

  /** A user's wish. True as long as it is open, also when it was asked before. */
  cancel(): boolean {
    if (this.isSettled) return false;
    this.#abort.abort(new DOMException('Cancelled by the user.', 'AbortError'));
    return true;
  }

  /** Takes a sample of the speed; called by the tracker, at most every 100 ms. */
  tick(nowMs: number): void {
    this.#lastSignMs = nowMs;
    this.#speed?.sample(nowMs, this.#outputTokens);
  }

  get view(): RequestView {
    const nowMs = this.#desk.monotonicMs();
    const inStageMs = nowMs - this.#stageSinceMs;
    return {
      ...this.#head,
      id: this.id,
      modelId: this.#modelId,
      stage: this.#stage,
      startedAtMs: this.#startedAtMs,
      stageSinceAtMs: this.#atWall(this.#stageSinceMs),
      wait: this.#wait,
      promptTokens: this.#promptTokens,
      cachedTokens: this.#cachedTokens,
      prefillRatio: this.#prefillRatio,
      outputTokens: this.#outputTokens,
      tokensPerS: this.isSettled ? this.#finalTokensPerS : this.#presentTokensPerS(nowMs),
      ttftMs: this.#ttftMs,
      queueMs: this.#stage === 'queued' ? this.#queueMs + inStageMs : this.#queueMs,
      loadMs: this.#stage === 'loading' ? (this.#loadMs ?? 0) + inStageMs : this.#loadMs,
      repairs: [...this.#repairs],
      parameters: this.#asked,
      endedAtMs: this.#endedMs === null ? null : this.#atWall(this.#endedMs),
      termination: this.#termination,
      error: this.#error,
    };
  }

  get #asked(): AskedParameters | null {
    this.#parameters = this.#readParameters?.() ?? this.#parameters;
    // It holds the whole body of the request.
    this.#readParameters = null;
    return this.#parameters;
  }

  get #ttftMs(): number | null {
    return this.#firstTokenMs === null ? null : this.#firstTokenMs - this.#startedMs;
  }

  /** Wall time of a monotonic moment, counted from the start: a jump of the wall clock makes no negative duration. */
  #atWall(atMs: number): number {
    return this.#startedAtMs + Math.round(atMs - this.#startedMs);
  }

  #begin(tokens: number): void {
    const nowMs = this.#desk.monotonicMs();
    this.#firstTokenMs = nowMs;
    this.#speed = new SpeedWindow();
    this.#speed.sample(nowMs, tokens);
    this.#wait = null;
    if (this.#stage === 'sending') this.#desk.stirred(this);
    else this.#enter('generating');
  }

  #enter(stage: RequestStage): void {
    this.#leave();
    this.#stage = stage;
    this.#desk.changed(this);
  }

  /** Books the time spent in the present stage. */
  #leave(): void {
    const nowMs = this.#desk.monotonicMs();
    const spentMs = nowMs - this.#stageSinceMs;
    if (this.#stage === 'queued') this.#queueMs += spentMs;
    if (this.#stage === 'loading') this.#loadMs = (this.#loadMs ?? 0) + spentMs;
    this.#stageSinceMs = nowMs;
    this.#lastSignMs = nowMs;
  }

  #presentTokensPerS(nowMs: number): number | null {
    if (this.#speed === null) return null;
    return perSecond(this.#speed.reading(nowMs - WINDOW_MS), nowMs, this.#outputTokens, SPEED_ELAPSED_MS_MIN);
  }

  #averageTokensPerS(endedMs: number): number | null {
    if (this.#firstTokenMs === null || this.#outputTokens < 2) return null;
    return perSecond({ atMs: this.#firstTokenMs, count: 1 }, endedMs, this.#outputTokens, AVERAGE_ELAPSED_MS_MIN);
  }

  #row(kind: NewRequestRow['outcome'], outcome: Outcome, usage: Usage, timings: EngineTimings): NewRequestRow {
    const endedMs = this.#endedMs ?? this.#startedMs;
    const engineTtftMs =
      this.#firstTokenMs === null || this.#sentMs === null ? null : Math.max(0, this.#firstTokenMs - this.#sentMs);
    return {
      requestId: this.id,
      modelId: this.#modelId,
      wantedModel: this.#head.wantedModel,
      route: this.#head.route,
      dialect: this.#head.dialect,
      client: this.#head.client,
      isStream: this.#head.isStream,
      engine: this.#engine?.engine ?? null,
      engineVersion: this.#engine?.version ?? null,
      startedAtMs: this.#startedAtMs,
      endedAtMs: this.#atWall(endedMs),
      outcome: kind,
      termination: this.#termination ?? '--',
      errorKind: this.#error?.kind ?? null,
      errorMessage: this.#error?.message ?? null,
      finishReason: outcome.kind === 'completed' ? outcome.finishReason : null,
      queueMs: this.#queueMs,
      loadMs: this.#loadMs,
      ttftMs: this.#ttftMs,
      engineTtftMs,
      durationMs: endedMs - this.#startedMs,
      inputTokens: this.#promptTokens,
      cachedTokens: this.#cachedTokens,
      // Zero and unknown are different things: a request that never reached its first token produced none.
      outputTokens: this.#outputTokens,
      thinkingTokens: usage.thinkingTokens,
      prefillTokensPerS: timings.prefillTokensPerS,
      decodeTokensPerS: this.#finalTokensPerS,
      repairs: [...this.#repairs],
      parameters: this.#asked,
    };
  }
}
