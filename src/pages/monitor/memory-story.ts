/** The machine's memory in parts that add up, and what would be unloaded next. Pure. */

import { heldBytes } from '#src/pages/figures.ts';
import type { FleetSnapshot } from '#src/scheduling/lease.ts';
import type { MemoryData, MemorySegment } from '#views/monitor/memory.tsx';
import { durationText } from '#views/parts/quantity.tsx';

/**
 * The machine's memory now, in bytes. `availableBytes` is what programs could have: free, and cache that would be given
 * up.
 */
export type MachineMemory = {
  readonly totalBytes: number;
  readonly freeBytes: number;
  readonly availableBytes: number;
};

/** Memory as the Monitor shows it. `nowMs` is wall clock. */
export function memoryStory(
  machine: MachineMemory,
  fleet: FleetSnapshot,
  nameOf: (modelId: string) => string,
  nowMs: number,
): MemoryData {
  return {
    totalBytes: machine.totalBytes,
    segments: segmentsOf(machine, fleet),
    budgetBytes: fleet.memory.budgetBytes,
    reservedBytes: fleet.memory.reservedBytes,
    outlook: outlookOf(fleet, nameOf, nowMs),
  };
}

/**
 * Mapped weights count as cache for the system and as ours for the engine; they are taken from the cache, so that the
 * parts sum to the whole.
 */
function segmentsOf(machine: MachineMemory, fleet: FleetSnapshot): readonly MemorySegment[] {
  const total = Math.max(0, machine.totalBytes);
  const free = clamp(machine.freeBytes, total);
  const models = clamp(
    fleet.models.map(heldBytes).reduce((sum, bytes) => sum + bytes, 0),
    total - free,
  );
  const cache = clamp(machine.availableBytes - machine.freeBytes, total - free - models);
  return [
    { kind: 'models', label: 'models', bytes: models },
    { kind: 'apps', label: 'other apps', bytes: total - free - models - cache },
    { kind: 'cache', label: 'cache, given up when needed', bytes: cache },
    { kind: 'free', label: 'free', bytes: free },
  ];
}

function outlookOf({ models }: FleetSnapshot, nameOf: (modelId: string) => string, nowMs: number): string {
  const ready = models.filter(({ state }) => state.phase === 'ready');
  if (ready.length === 0) return 'None is loaded; the next request loads the one it asks for.';
  const [next] = ready
    .filter(({ inFlight, isPinned }) => inFlight === 0 && !isPinned)
    .sort((a, b) => (a.lastUsedAtMs ?? 0) - (b.lastUsedAtMs ?? 0));
  if (!next) return 'Nothing can be unloaded now: every loaded model is busy or pinned.';
  const idle = next.lastUsedAtMs === null ? 'not used yet' : `idle ${durationText((nowMs - next.lastUsedAtMs) / 1000)}`;
  return `If another model needs room, ${nameOf(next.modelId)} (${idle}) is unloaded first.`;
}

function clamp(value: number, max: number): number {
  return Math.min(Math.max(0, value), Math.max(0, max));
}
