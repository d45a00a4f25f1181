/** What the scheduler lends, and what it says to those who wait. `Fleet` (fleet.ts) implements `Lender`. */
import type { Speech } from '#src/engines/speech.ts';
import type { Fault } from '#src/faults.ts';
import type { EngineKind, Footprint, LaunchOverrides, ModelId } from '#src/models/model.ts';
import type { ModelState, StopReason } from '#src/supervision/model-state.ts';
import type { Contention } from './contention.ts';
import type { Lack } from './occupant.ts';

/**
 * The right to use a loaded model. While one is held, the model is busy: it is neither cooled down nor evicted.
 * Dispose exactly once; a second time is harmless.
 */
export interface Lease extends Disposable {
  readonly modelId: ModelId;
  readonly engine: EngineKind;
  /** How it is to be asked. */
  readonly speech: Speech;
  readonly baseUrl: string;
  readonly apiKey: string;
  /** The process it was lent; an end of that process makes the lease void but never harms its successor. */
  readonly generation: number;
  /** Context of one conversation, in tokens. */
  readonly contextTokens: number;
  readonly slots: number;
  /**
   * Why its process ended, or is being stopped, under it (`engine-died` with the diagnosis, `model-unloaded`,
   * `shutting-down`); null while it has not.
   */
  readonly endedBy: Fault | null;
  /** Tells `listener` that reason, once: when it comes about, or at once when it already has. One listener a lease. */
  onEnded(listener: (fault: Fault) => void): void;
  /** Tells the status of the engine's answer: some errors of its own in a row, and it is shown as misbehaving. */
  answered(status: number): void;
}

/** Why a request waits, for people and for heartbeats. Sent anew whenever it changes. */
export type Wait =
  | {
      readonly reason: 'loading';
      readonly stage: string;
      readonly ratio: number | null;
      readonly sinceMs: number;
      readonly usualMs: number | null;
    }
  | { readonly reason: 'slots'; readonly place: number; readonly busy: number }
  | {
      readonly reason: 'memory';
      readonly place: number;
      readonly waitingFor: readonly ModelId[];
      /** Memory, or the place of an MLX server: only so many run at a time. */
      readonly lacks: Lack;
    }
  | { readonly reason: 'turn'; readonly place: number; readonly holder: ModelId }
  | { readonly reason: 'stopping'; readonly place: number; readonly modelId: ModelId }
  | { readonly reason: 'back-off'; readonly place: number; readonly retryAtMs: number };

export type AcquireOptions = {
  readonly requestId: string;
  /** Aborts the wait; the request leaves the queue at once. */
  readonly signal: AbortSignal;
  /**
   * Whose request it is: a key, else a program. Callers take turns, and each may have only so many waiting. Absent =
   * nobody's in particular.
   */
  readonly caller?: string;
  readonly onWait?: (wait: Wait) => void;
  /**
   * A question that generates nothing (counting tokens, showing a prompt): it needs the model loaded, but no slot, so
   * it does not wait behind answers. Absent = false.
   */
  readonly isBrief?: boolean;
};

/** How long a model stays loaded after its last use: seconds, for ever, or as its configuration says. */
export type KeepAlive = number | 'forever' | 'default';

/** One model as the fleet sees it. */
export type FleetModel = {
  readonly modelId: ModelId;
  readonly state: ModelState;
  /** Requests that hold a lease. */
  readonly inFlight: number;
  /** Requests that wait for this model. */
  readonly waiting: number;
  /** When it unloads if it stays idle (monotonic); null = not while things are as they are. */
  readonly unloadAtMs: number | null;
  /** How long it stays loaded after its last use; null = for as long as nobody else needs its memory. */
  readonly staysMs: number | null;
  readonly isPinned: boolean;
  /** What the ledger holds for it; null when it holds nothing. */
  readonly reserved: Footprint | null;
  /** Resident memory of its processes, measured at most 5 s ago; null when unknown. */
  readonly measuredBytes: number | null;
  /** Usual load time from records, in ms; null before the first load. */
  readonly usualLoadMs: number | null;
  /** It is loaded, but its last answers (five at least) were all errors of its own; it is left alone. */
  readonly isMisbehaving: boolean;
  /** End of the last request (wall clock); null when it served none since Flow started. */
  readonly lastUsedAtMs: number | null;
};

export type MemoryReport = {
  readonly budgetBytes: number;
  readonly reservedBytes: number;
  readonly byModel: readonly {
    readonly modelId: ModelId;
    readonly bytes: number;
    readonly source: Footprint['source'];
  }[];
};

export type FleetSnapshot = {
  readonly models: readonly FleetModel[];
  readonly memory: MemoryReport;
  /** Waiting requests: models by turn, and of each those that will be served first if nothing changes. */
  readonly queue: readonly {
    readonly requestId: string;
    readonly modelId: ModelId;
    readonly sinceMs: number;
    readonly wait: Wait;
  }[];
  /** Swaps (a model unloaded to make room for another) since Flow started. */
  readonly swaps: number;
  /** Models that push each other out again and again; null when none do. */
  readonly contention: Contention | null;
};

/** What the rest of Flow may ask of the scheduler. */
export interface Lender {
  /**
   * Waits for the right to use a model, loading it if need be and if just-in-time loading is on.
   * Rejects with a Fault: model-not-found, model-not-loaded (JIT off), no-memory, load-failed, engine-missing,
   * queue-full, queue-timeout, shutting-down, cancelled.
   */
  acquire(modelId: ModelId, options: AcquireOptions): Promise<Lease>;
  /**
   * A person's wish to load: starts it without a request. Throws what `acquire` would reject with at once; a failed
   * model is tried again.
   */
  load(modelId: ModelId, overrides: LaunchOverrides): void;
  /** A person's wish to unload. Busy and not forced: Fault('conflict') that says how many requests would be cut. */
  unload(modelId: ModelId, options: { force: boolean; reason?: StopReason }): void;
  /**
   * Says how long a model that is loaded or loading stays after its last use, until it unloads or this is said anew.
   * Wins over its configuration and the settings, but a pinned model stays. Of a model that is not loaded it is idle
   * talk.
   */
  keep(modelId: ModelId, keepAlive: KeepAlive): void;
  /** Settles when the model has no process any more. */
  stopped(modelId: ModelId): Promise<void>;
  snapshot(): FleetSnapshot;
  model(modelId: ModelId): FleetModel;
  /**
   * Refuses new requests, lets running ones end until `drainMs`, then stops every engine. Resolves when all are gone.
   */
  shutdown(drainMs: number): Promise<void>;
}
