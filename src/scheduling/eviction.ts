/**
 * Whom to unload to free memory: the set that is cheapest to lose. Pure, and says nothing about who may be asked
 * (`turns.ts`).
 */
import type { Occupant, Room } from './occupant.ts';

/** After this much idleness the chance that a model is wanted again has halved. */
const RETURN_HALF_LIFE_MS = 300_000;
/** Every unloading costs something, so that of two equal choices the smaller set wins. */
const COST_MIN_MS = 1;
/** Up to here every set is looked at (4,096 of them); beyond, a greedy choice is pruned. */
const EXACT_CANDIDATES_MAX = 12;

/**
 * What it costs to lose it now, in expected ms of loading: usual load time × chance of return. A load nobody waits for
 * costs least.
 */
export function costOfLosing(occupant: Pick<Occupant, 'phase' | 'idleSinceMs' | 'reloadMs'>, nowMs: number): number {
  if (occupant.phase === 'starting') return COST_MIN_MS;
  const idleMs = Math.max(0, nowMs - occupant.idleSinceMs);
  return COST_MIN_MS + occupant.reloadMs * 2 ** (-idleMs / RETURN_HALF_LIFE_MS);
}

/**
 * The cheapest of the candidates that together free `room`; of equally cheap sets the one that frees less.
 * Null when all of them together do not suffice: then nothing is to be unloaded in vain. Never one more than needed.
 */
export function cheapestToLose(candidates: readonly Occupant[], room: Room, nowMs: number): readonly Occupant[] | null {
  if (room.bytes <= 0 && room.mlxProcesses <= 0) return [];
  if (!doesFree(candidates, room)) return null;
  return candidates.length <= EXACT_CANDIDATES_MAX
    ? exactly(candidates, room, nowMs)
    : greedily(candidates, room, nowMs);
}

/** Whether all of them together free so much. */
function doesFree(occupants: readonly Occupant[], { bytes, mlxProcesses }: Room): boolean {
  return bytesOf(occupants) >= bytes && mlxProcessesOf(occupants) >= mlxProcesses;
}

/** The memory that they hold together. */
export function bytesOf(occupants: readonly Occupant[]): number {
  return occupants.reduce((sum, occupant) => sum + occupant.bytes, 0);
}

/** The MLX servers that they are together. */
export function mlxProcessesOf(occupants: readonly Occupant[]): number {
  return occupants.reduce((sum, occupant) => sum + occupant.mlxProcesses, 0);
}

function exactly(candidates: readonly Occupant[], room: Room, nowMs: number): readonly Occupant[] {
  const costs = candidates.map((candidate) => costOfLosing(candidate, nowMs));
  let best = { cost: Number.POSITIVE_INFINITY, freed: 0, members: 0 };
  for (let members = 1; members < 1 << candidates.length; members += 1) {
    const sum = sumOf(members, candidates, costs);
    if (sum.freed < room.bytes || sum.mlxProcesses < room.mlxProcesses || sum.cost > best.cost) continue;
    if (sum.cost < best.cost || sum.freed < best.freed) best = { cost: sum.cost, freed: sum.freed, members };
  }
  return candidates.filter((_, index) => best.members & (1 << index));
}

function sumOf(members: number, candidates: readonly Occupant[], costs: readonly number[]) {
  let cost = 0;
  let freed = 0;
  let mlxProcesses = 0;
  for (const [index, candidate] of candidates.entries()) {
    if ((members & (1 << index)) === 0) continue;
    cost += costs[index] ?? 0;
    freed += candidate.bytes;
    mlxProcesses += candidate.mlxProcesses;
  }
  return { cost, freed, mlxProcesses };
}

function greedily(candidates: readonly Occupant[], room: Room, nowMs: number): readonly Occupant[] {
  const cheapestFirst = candidates.toSorted((a, b) => costOfLosing(a, nowMs) - costOfLosing(b, nowMs));
  const chosen: Occupant[] = [];
  for (const candidate of cheapestFirst) {
    if (doesFree(chosen, room)) break;
    chosen.push(candidate);
  }
  // Dearest first: what the later, larger ones made superfluous stays loaded.
  for (const candidate of chosen.toReversed()) {
    const rest = chosen.filter((other) => other !== candidate);
    if (doesFree(rest, room)) chosen.splice(chosen.indexOf(candidate), 1);
  }
  return chosen;
}
