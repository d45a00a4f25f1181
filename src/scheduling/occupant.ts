/** What the policies (eviction, turns, admission) see of a model that takes memory: plain data, no handles. */
import type { ModelId } from '#src/models/model.ts';

/** One holder of memory. Times are monotonic. */
export type Occupant = {
  readonly modelId: ModelId;
  readonly bytes: number;
  /** Processes of Flow's own MLX servers: 1 for an MLX model, 0 for any other. */
  readonly mlxProcesses: number;
  /** `coming`: promised to a model that goes first but is not started yet. */
  readonly phase: 'coming' | 'starting' | 'ready' | 'stopping';
  readonly isPinned: boolean;
  /** Requests it answers. */
  readonly inFlight: number;
  /** Requests that wait for it. */
  readonly waiting: number;
  /** A person asked for the load that is under way. */
  readonly isWished: boolean;
  readonly readySinceMs: number;
  /** End of its last request or of its load; meaningless while it is busy. */
  readonly idleSinceMs: number;
  /** What it usually takes to load it again. */
  readonly reloadMs: number;
};

/** A model that somebody wants and that does not run. */
export type Want = {
  readonly modelId: ModelId;
  readonly bytes: number;
  /** Processes of MLX servers that it will be. */
  readonly mlxProcesses: number;
  /** Arrival of whoever has waited longest for it. */
  readonly sinceMs: number;
};

/** What a model lacks: memory, or, since only so many MLX servers run at a time, the place of one. */
export type Lack = 'memory' | 'mlx-process';

/** What has to become free. */
export type Room = { readonly bytes: number; readonly mlxProcesses: number };

/** How long a model keeps its place; from the settings. */
export type TurnRules = { readonly residencyMs: number; readonly starvationMs: number };
