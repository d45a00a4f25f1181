/** What one model is doing, as its supervisor says. */
import type { CrashReport } from '#src/engines/engine.ts';
import type { Speech } from '#src/engines/speech.ts';
import type { EngineKind, LaunchOverrides, LaunchSettings, Model, ModelId } from '#src/models/model.ts';

export type StopReason = 'user' | 'cooldown' | 'eviction' | 'abandoned' | 'shutdown' | 'unhealthy' | 'growth';

/**
 * idle → starting → ready → stopping → idle, and failed from starting or ready; a start that meets `stopping` waits
 * for the exit and then starts. `generation` grows by one with each process, so that nothing of a former process
 * is taken for the present one.
 */
export type ModelState =
  | { readonly phase: 'idle' }
  | {
      readonly phase: 'starting';
      readonly generation: number;
      readonly sinceMs: number;
      /** What is being done, in the engine's words (`text_model`), or `installing-engine`, `starting-process`. */
      readonly stage: string;
      /** 0 to 1 within the stage; null when not known. */
      readonly ratio: number | null;
      /** The process, once there is one. */
      readonly pid: number | null;
    }
  | {
      readonly phase: 'ready';
      readonly generation: number;
      readonly sinceMs: number;
      readonly engine: EngineKind;
      readonly engineVersion: string | null;
      readonly baseUrl: string;
      readonly apiKey: string;
      readonly speech: Speech;
      readonly port: number;
      /** Null for an engine that Flow did not start and whose process it does not know. */
      readonly pid: number | null;
      /** Context of one conversation, as the engine says. */
      readonly contextTokens: number;
      readonly slots: number;
      readonly launch: LaunchSettings;
      /** From the wish to start until ready. */
      readonly loadMs: number;
    }
  | {
      readonly phase: 'stopping';
      readonly generation: number;
      readonly sinceMs: number;
      readonly reason: StopReason;
      /** When the process group is killed if it has not gone by then (monotonic). */
      readonly killAtMs: number;
      readonly pid: number | null;
    }
  | {
      readonly phase: 'failed';
      readonly report: CrashReport;
      readonly sinceMs: number;
      /**
       * Earliest next start (monotonic); null = sticky: only another file or engine, changed settings or a person's
       * wish.
       */
      readonly retryAtMs: number | null;
      /** Failed starts in a row. */
      readonly attempts: number;
    };

/**
 * Keeps one model's process. All calls are signals: they return at once and the state follows.
 * Times in states are `clock.monotonicMs()`.
 */
export interface Supervisor {
  readonly modelId: ModelId;
  readonly state: ModelState;
  /**
   * Wants it ready. Ignored when starting or ready; remembered when stopping; clears a failure whose back-off has
   * passed or when `force` is set.
   */
  start(model: Model, overrides: LaunchOverrides, options?: { force?: boolean }): void;
  /** Wants it gone: TERM to the group, KILL after the grace time. Forgets a remembered start. */
  stop(reason: StopReason): void;
  /** Resident memory of the process group now, in bytes; null when there is none or it cannot be told. */
  memoryBytes(): number | null;
  /** Forgets a failure (a person's "try again", a changed file or setting). */
  forgive(): void;
}

/** Makes the supervisor of a model; `onChange` is called synchronously after each change of state. */
export type SupervisorFactory = (
  modelId: ModelId,
  onChange: (state: ModelState, previous: ModelState) => void,
) => Supervisor;
