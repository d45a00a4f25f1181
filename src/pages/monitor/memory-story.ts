/** The machine's memory in parts that add up, and what would be unloaded next. Pure. */

import { memoryShares } from '#src/chronicle/memory-history.ts';
import { heldBytes } from '#src/pages/figures.ts';
import { contentionAdvice } from '#src/scheduling/contention.ts';
import { costOfLosing } from '#src/scheduling/eviction.ts';
import type { FleetModel, FleetSnapshot } from '#src/scheduling/lease.ts';
import { BYTES_PER_LOAD_MS } from '#src/scheduling/seat.ts';
import type { MemoryData, MemoryHolder, MemorySegment } from '#views/monitor/memory.tsx';
import { durationText, pluralText } from '#views/parts/quantity.tsx';
import type { Moment } from './pace.ts';

/**
 * The machine's memory now, in bytes. `availableBytes` is what programs could have: free, and cache that would be given
 * up.
 */
export type MachineMemory = {
  readonly totalBytes: number;
  readonly freeBytes: number;
  readonly availableBytes: number;
};

/** What the story needs to know of a model beyond what the fleet says. */
export type Acquaintance = {
  readonly name: string;
  /** Somebody else started it: Flow never unloads it to make room. */
  readonly isExternal: boolean;
};

/** Memory as the Monitor shows it. */
export function memoryStory(
  machine: MachineMemory,
  fleet: FleetSnapshot,
  knownAs: (modelId: string) => Acquaintance,
  now: Moment,
): MemoryData {
  const nameOf = (modelId: string): string => knownAs(modelId).name;
  return {
    totalBytes: machine.totalBytes,
    segments: segmentsOf(machine, fleet),
    holders: holdersOf(fleet, nameOf),
    budgetBytes: fleet.memory.budgetBytes,
    reservedBytes: fleet.memory.reservedBytes,
    outlook: outlookOf(fleet, knownAs, now),
    advice: fleet.contention === null ? null : contentionAdvice(fleet.contention, nameOf),
  };
}

/** Shared out as in the history that telemetry draws. */
function segmentsOf(machine: MachineMemory, fleet: FleetSnapshot): readonly MemorySegment[] {
  const held = fleet.models.map(heldBytes).reduce((sum, bytes) => sum + bytes, 0);
  const { totalBytes, modelsBytes, appsBytes, cacheBytes } = memoryShares(machine, held);
  return [
    { kind: 'models', label: 'models', bytes: modelsBytes },
    { kind: 'apps', label: 'other apps', bytes: appsBytes },
    { kind: 'cache', label: 'cache, given up when needed', bytes: cacheBytes },
    { kind: 'free', label: 'free', bytes: totalBytes - modelsBytes - appsBytes - cacheBytes },
  ];
}

function holdersOf({ models }: FleetSnapshot, nameOf: (modelId: string) => string): readonly MemoryHolder[] {
  return models
    .filter((model) => heldBytes(model) > 0)
    .map((model) => ({
      name: nameOf(model.modelId),
      heldBytes: heldBytes(model),
      isMeasured: model.measuredBytes !== null,
      parts: model.reserved?.parts ?? null,
    }))
    .sort((a, b) => b.heldBytes - a.heldBytes);
}

/** What happens next: what is under way now, else who would go if somebody needed room. */
function outlookOf(fleet: FleetSnapshot, knownAs: (modelId: string) => Acquaintance, now: Moment): string {
  const nameOf = (modelId: string): string => knownAs(modelId).name;
  return swapUnderWay(fleet, nameOf) ?? nextToGo(fleet, knownAs, now);
}

function swapUnderWay({ models, queue }: FleetSnapshot, nameOf: (modelId: string) => string): string | null {
  const making = models.find(({ state }) => state.phase === 'stopping' && state.reason === 'eviction');
  const wanted = queue.find(({ wait }) => wait.reason === 'memory' || wait.reason === 'stopping');
  if (making) {
    const whom = wanted === undefined ? 'another model' : nameOf(wanted.modelId);
    return `${nameOf(making.modelId)} is being unloaded to make room for ${whom}.`;
  }
  if (wanted?.wait.reason !== 'memory' || wanted.wait.waitingFor.length === 0) return null;
  const holders = wanted.wait.waitingFor;
  const inFlight = models
    .filter(({ modelId }) => holders.includes(modelId))
    .reduce((sum, one) => sum + one.inFlight, 0);
  const until = inFlight === 0 ? '' : ` with ${pluralText(inFlight, 'request')}`;
  return `Next: ${nameOf(wanted.modelId)} needs room, and waits until ${holders.map(nameOf).join(' and ')} is done${until}.`;
}

/** The scheduler takes what is cheapest to lose, so this asks the scheduler's own measure. */
function nextToGo({ models }: FleetSnapshot, knownAs: (modelId: string) => Acquaintance, now: Moment): string {
  const ready = models.filter(({ modelId, state }) => state.phase === 'ready' && !knownAs(modelId).isExternal);
  if (ready.length === 0) return 'None is loaded; the next request loads the one it asks for.';
  const [next] = ready
    .filter(({ inFlight, isPinned }) => inFlight === 0 && !isPinned)
    .sort((a, b) => lossOf(a, now) - lossOf(b, now));
  if (!next) return 'Nothing can be unloaded now: every loaded model is busy or pinned.';
  const idle =
    next.lastUsedAtMs === null ? 'not used yet' : `idle ${durationText((now.wallMs - next.lastUsedAtMs) / 1000)}`;
  return `If another model needs room, ${knownAs(next.modelId).name} (${idle}) is unloaded first.`;
}

function lossOf(model: FleetModel, now: Moment): number {
  const { state, lastUsedAtMs, usualLoadMs } = model;
  const loadedMs = state.phase === 'ready' ? state.sinceMs : now.monotonicMs;
  const usedMs = lastUsedAtMs === null ? loadedMs : now.monotonicMs - (now.wallMs - lastUsedAtMs);
  const reloadMs = usualLoadMs ?? heldBytes(model) / BYTES_PER_LOAD_MS;
  return costOfLosing({ phase: 'ready', idleSinceMs: Math.max(loadedMs, usedMs), reloadMs }, now.monotonicMs);
}
