/**
 * Everything the fleet knows of one model: its supervisor, who holds it, who waits for it, and what was asked of it.
 */
import type { Fault } from '#src/faults.ts';
import type { Footprint, LaunchOverrides, Model, ModelId } from '#src/models/model.ts';
import type { ModelState, StopReason, Supervisor } from '#src/supervision/model-state.ts';
import type { Admission } from './admission.ts';
import type { Grown } from './growth.ts';
import type { FleetModel, KeepAlive, Lease } from './lease.ts';
import type { Occupant } from './occupant.ts';
import { WaitingQueue } from './queue.ts';
import type { Waiter } from './waiter.ts';

/**
 * Questions without a slot that an engine is asked at the same time. Its HTTP threads are its slots and a few more
 * (four in llama-server), and one of those must stay free to say that it is healthy.
 */
export const BRIEF_LEASES_MAX = 2;
/** So many errors in a row, whoever asked, are the engine's doing. */
const ENGINE_ERRORS_MAX = 5;
/** Reading weights at about 1 GB/s: a guess for a model that was never loaded. */
export const BYTES_PER_LOAD_MS = 1e6;

/**
 * A load that nobody's request asked for: a person's, the restart of a pinned model that crashed, or of one that had
 * grown.
 */
export type Wish = {
  readonly by: 'person' | 'pin' | 'growth';
  readonly overrides: LaunchOverrides;
  readonly sinceMs: number;
};

/** A start that was asked for and has not ended. */
export type Load = { readonly overrides: LaunchOverrides; readonly askedAtMs: number; readonly askedAtWallMs: number };

/**
 * What happens to the model, as the fleet must treat it: its orders count before the supervisor's state follows them.
 */
export type Activity = 'absent' | 'starting' | 'ready' | 'stopping';

/** One model's record. Only the dispatcher changes it. */
export class Seat {
  readonly modelId: ModelId;
  readonly supervisor: Supervisor;
  /** Its engine was started by somebody else: it takes none of our memory, and is neither evicted nor cooled down. */
  readonly isExternal: boolean;
  /** What the model is; null when it is no longer registered. */
  model: Model | null;
  readonly waiters = new WaitingQueue();
  readonly held = new Set<HeldLease>();
  wish: Wish | null = null;
  load: Load | null = null;
  /** Of the last start. */
  lastOverrides: LaunchOverrides = {};
  stopAsked: StopReason | null = null;
  /** For whom it is being unloaded. */
  roomFor: ModelId | null = null;
  /** When it was last unloaded for another model; monotonic. */
  madeRoomAtMs = 0;
  /** `mlxProcesses` as it was at the last start: a model may be removed while its process still goes. */
  mlxProcessesRun = 0;
  /** The next start disregards a failure and its back-off. */
  isForced = false;
  /** File and engines as they were when the model failed: a sticky failure lasts until they change. */
  failedFileState: string | null = null;
  /** A load that ran out of memory is tried once more after all idle models are gone. */
  outOfMemory: 'never' | 'clearing' | 'retried' = 'never';
  /** Answers of the present process, the last ones, that were errors of its own. */
  #engineErrors = 0;
  readySinceMs = 0;
  idleSinceMs = 0;
  lastUsedAtMs: number | null = null;
  usualLoadMs: number | null;
  measuredBytes: number | null = null;
  peakBytes = 0;
  /** Of the present process when it became ready. */
  baselineBytes: number | null = null;
  /** When it was last started anew because it had grown; monotonic. */
  renewedAtMs: number | null = null;
  unloadAtMs: number | null = null;
  /** What was asked for the present process. */
  keepAlive: KeepAlive = 'default';
  staysMs: number | null = null;
  /** Of the last pass. */
  closedFor: ModelId | null = null;
  admission: Admission | null = null;
  need: Footprint | null = null;
  shown: FleetModel | null = null;
  readonly onStopped: (() => void)[] = [];

  constructor(modelId: ModelId, model: Model | null, supervisor: Supervisor, usualLoadMs: number | null) {
    this.modelId = modelId;
    this.model = model;
    this.supervisor = supervisor;
    this.isExternal = model !== null && model.endpoint !== null;
    this.usualLoadMs = usualLoadMs;
  }

  get state(): ModelState {
    return this.supervisor.state;
  }

  get activity(): Activity {
    const { phase } = this.state;
    if (this.stopAsked !== null || phase === 'stopping') return 'stopping';
    if (this.load !== null || phase === 'starting') return 'starting';
    return phase === 'ready' ? 'ready' : 'absent';
  }

  /** Of Flow's own MLX servers this model is one, when it runs. An engine that Flow did not start never counts. */
  get mlxProcesses(): number {
    return this.model?.format === 'mlx' && this.model.endpoint === null ? 1 : 0;
  }

  get isPinned(): boolean {
    return this.model?.config.is_pinned ?? false;
  }

  /** Leases that answer in a slot of the engine. */
  get slotsTaken(): number {
    let taken = 0;
    for (const lease of this.held) if (!lease.isBrief) taken += 1;
    return taken;
  }

  /** Leases of questions that take no slot. */
  get briefHeld(): number {
    return this.held.size - this.slotsTaken;
  }

  /** Takes a request out of the queue that can be served now; null when none can. */
  takeNext(slots: number): Waiter | null {
    return this.waiters.takeNext({ slot: this.slotsTaken < slots, brief: this.briefHeld < BRIEF_LEASES_MAX });
  }

  /** Somebody wants it: a request, a person, or its pin. */
  get isWanted(): boolean {
    return this.waiters.length > 0 || this.wish !== null;
  }

  /**
   * Since when it has been its turn to be wanted: the arrival of whoever has waited longest for it, but not before it
   * last made room, or those who outlasted its turn would take the memory from whom it went for.
   */
  get wantedSinceMs(): number {
    const waiterMs = this.waiters.oldest?.sinceMs ?? Number.POSITIVE_INFINITY;
    return Math.max(this.madeRoomAtMs, Math.min(waiterMs, this.wish?.sinceMs ?? Number.POSITIVE_INFINITY));
  }

  /** The settings a person asked for, else none. */
  get wantedOverrides(): LaunchOverrides {
    return this.wish?.overrides ?? {};
  }

  /** Nobody waits for it: only its growth made it end, so it comes back only into what is free. */
  get isOnlyRenewed(): boolean {
    return this.wish?.by === 'growth' && this.waiters.length === 0;
  }

  /** Its memory and use, with what the ledger holds for it. */
  grown(reserved: Footprint | null): Grown {
    const { baselineBytes, measuredBytes, idleSinceMs, renewedAtMs } = this;
    const needBytes = reserved?.totalBytes ?? 0;
    const format = this.model?.format ?? 'gguf';
    return { format, baselineBytes, measuredBytes, needBytes, idleSinceMs, renewedAtMs };
  }

  get isMisbehaving(): boolean {
    return this.#engineErrors >= ENGINE_ERRORS_MAX;
  }

  /** Notes how its engine answered; true when it misbehaves from now on, or does no more. */
  noteAnswer(lease: HeldLease, status: number): boolean {
    // What a former process answered is not held against its successor.
    if (!this.held.has(lease)) return false;
    const was = this.isMisbehaving;
    // What it cannot do at all (501) is no fault of its own.
    this.#engineErrors = status >= 500 && status !== 501 ? this.#engineErrors + 1 : 0;
    return this.isMisbehaving !== was;
  }

  /** A new process has done nothing wrong yet. */
  forgetAnswers(): void {
    this.#engineErrors = 0;
  }

  /** As the policies see it, while it takes memory. */
  occupant(bytes: number, nowMs: number): Occupant {
    const { activity } = this;
    return {
      modelId: this.modelId,
      bytes,
      mlxProcesses: this.mlxProcessesRun,
      phase: activity === 'absent' ? 'stopping' : activity,
      isPinned: this.isPinned,
      inFlight: this.held.size,
      waiting: this.waiters.length,
      isWished: this.wish !== null,
      readySinceMs: this.readySinceMs,
      idleSinceMs: this.held.size > 0 ? nowMs : this.idleSinceMs,
      reloadMs: this.usualLoadMs ?? bytes / BYTES_PER_LOAD_MS,
    };
  }

  /** As everybody else sees it. */
  view(reserved: Footprint | null): FleetModel {
    return {
      modelId: this.modelId,
      state: this.state,
      inFlight: this.held.size,
      waiting: this.waiters.length,
      unloadAtMs: this.unloadAtMs,
      staysMs: this.staysMs,
      isPinned: this.isPinned,
      reserved,
      measuredBytes: this.measuredBytes,
      usualLoadMs: this.usualLoadMs,
      isMisbehaving: this.isMisbehaving,
      lastUsedAtMs: this.lastUsedAtMs,
    };
  }
}

/** A lease as the fleet keeps it. */
export class HeldLease implements Lease {
  readonly modelId: ModelId;
  readonly engine;
  readonly speech;
  readonly baseUrl;
  readonly apiKey;
  readonly generation;
  readonly contextTokens;
  readonly slots;
  readonly isBrief: boolean;
  readonly #onDispose: (lease: HeldLease) => void;
  readonly #onAnswer: (by: HeldLease, status: number) => void;
  #endedBy: Fault | null = null;
  #listener: ((fault: Fault) => void) | null = null;

  constructor(options: {
    readonly modelId: ModelId;
    readonly state: Extract<ModelState, { phase: 'ready' }>;
    readonly isBrief: boolean;
    readonly onDispose: (lease: HeldLease) => void;
    readonly onAnswer: (by: HeldLease, status: number) => void;
  }) {
    const { modelId, state, isBrief, onDispose, onAnswer } = options;
    this.modelId = modelId;
    this.isBrief = isBrief;
    this.engine = state.engine;
    this.speech = state.speech;
    this.baseUrl = state.baseUrl;
    this.apiKey = state.apiKey;
    this.generation = state.generation;
    this.contextTokens = state.contextTokens;
    this.slots = state.slots;
    this.#onDispose = onDispose;
    this.#onAnswer = onAnswer;
  }

  get endedBy(): Fault | null {
    return this.#endedBy;
  }

  /** The process it was lent ends or has ended; the first reason stays. */
  end(fault: Fault): void {
    if (this.#endedBy) return;
    this.#endedBy = fault;
    this.#listener?.(fault);
  }

  onEnded(listener: (fault: Fault) => void): void {
    if (this.#endedBy) listener(this.#endedBy);
    else this.#listener = listener;
  }

  answered(status: number): void {
    this.#onAnswer(this, status);
  }

  [Symbol.dispose](): void {
    this.#onDispose(this);
  }
}
