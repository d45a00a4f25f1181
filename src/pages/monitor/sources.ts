/** What the Monitor reads, and never changes. */
import type { Clock } from '#src/clock.ts';
import type { Model } from '#src/models/model.ts';
import type { ModelUsage } from '#src/requests/model-usage.ts';
import type { Tracker } from '#src/requests/request.ts';
import type { FleetModel, Lender } from '#src/scheduling/lease.ts';
import type { GpuData } from '#views/monitor/figures.tsx';
import type { MachineMemory } from './memory-story.ts';

/** Where the present state of things is read. */
export type MonitorSources = {
  readonly models: () => readonly Model[];
  readonly lender: Pick<Lender, 'snapshot' | 'model'>;
  readonly tracker: Pick<Tracker, 'list' | 'find' | 'openCount' | 'tokensPerS'>;
  /** The machine's memory, measured lately; null when it cannot be told. */
  readonly memory: () => MachineMemory | null;
  /** What the graphics processors say, lately; null when there is none that says anything. */
  readonly gpu: () => GpuData | null;
  /** What was measured with each model on this machine. */
  readonly usages: () => ReadonlyMap<string, ModelUsage>;
  /** How many requests the model would answer at a time if it were loaded now. */
  readonly slotsOf: (model: Model) => number;
  /** Whether it runs otherwise than it would be started now. */
  readonly isOutdated: (model: Model, fleetModel: FleetModel) => boolean;
  readonly clock: Clock;
};
