/** What the fleet needs from the rest of Flow, as one object. */
import type { Clock } from '#src/clock.ts';
import type { Bus } from '#src/events.ts';
import type { Footprint, LaunchOverrides, LaunchSettings, Model, ModelId } from '#src/models/model.ts';
import type { Settings } from '#src/settings/settings.ts';
import type { StopReason, SupervisorFactory } from '#src/supervision/model-state.ts';
import type { Occupant } from './occupant.ts';

/** One load that ended. */
export type LoadRecord = {
  readonly modelId: ModelId;
  /** Wall clock. */
  readonly startedAtMs: number;
  readonly loadMs: number;
  readonly outcome: 'ready' | 'failed' | 'abandoned';
  readonly crashKind: string | null;
};

/** The end of a model that had been loaded. */
export type EndRecord = {
  readonly modelId: ModelId;
  /** Wall clock. */
  readonly endedAtMs: number;
} & (
  | {
      readonly kind: 'unload';
      readonly reason: StopReason;
      /** The model that needed its memory; null when it was not that. */
      readonly madeRoomFor: ModelId | null;
    }
  | { readonly kind: 'crash'; readonly crashKind: string; readonly message: string }
);

/** The most that a running model was seen to hold so far. */
export type MemoryRecord = {
  readonly modelId: ModelId;
  readonly launch: LaunchSettings;
  readonly engineVersion: string | null;
  readonly residentBytes: number;
};

/** A load that ran out of memory. */
export type ShortageRecord = {
  readonly modelId: ModelId;
  readonly overrides: LaunchOverrides;
  /** What the ledger held for it. */
  readonly givenBytes: number;
};

/** What is remembered of loads from run to run. None of these may throw. */
export interface LoadRecords {
  /** Usual load time, in ms; null before the first load. */
  usualLoadMs(modelId: ModelId): number | null;
  recordLoad(load: LoadRecord): void;
  recordMemory(memory: MemoryRecord): void;
  /** From now on `needOf` is to say more than that. */
  recordShortage(shortage: ShortageRecord): void;
  recordEnd(end: EndRecord): void;
}

export type FleetNeeds = {
  readonly clock: Clock;
  readonly bus: Bus;
  readonly makeSupervisor: SupervisorFactory;
  readonly settings: () => Settings;
  /** The registered model of this id (case may differ), as it is now; cheap. */
  readonly findModel: (modelId: ModelId) => Model | null;
  /**
   * What a load would take; cheap, and asked before each load. Throws a Fault when it cannot be told (file gone, header
   * damaged). Files that turn out to be others are read anew, so a `model-changed` may come before the answer.
   */
  readonly needOf: (model: Model, overrides: LaunchOverrides) => Footprint;
  /**
   * Names the present state of what a load stands on: the model's file (size and time), and the engines there are; null
   * when the file is gone. Cheap, and never throws.
   */
  readonly fileStateOf: (model: Model) => string | null;
  /** Memory that all models together may take now. */
  readonly budgetBytes: () => number;
  /**
   * What takes memory beside the models and goes by itself (an engine on trial), as if it were stopping; absent = never
   * anything. An `engine-install-changed` says that it has gone.
   */
  readonly guests?: () => readonly Occupant[];
  readonly records: LoadRecords;
};
