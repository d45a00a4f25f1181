/**
 * Whom to unload to free memory: the set that is cheapest to lose. Pure, and says nothing about who may be asked
 * (`turns.ts`).
 */
import type { Occupant } from './occupant.ts';

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
export function costOfLosing(occupant: Occupant, nowMs: number): number {
  if (occupant.phase === 'starting') return COST_MIN_MS;
  const idleMs = Math.max(0, nowMs - occupant.idleSinceMs);
  return COST_MIN_MS + occupant.reloadMs * 2 ** (-idleMs / RETURN_HALF_LIFE_MS);
}

/**
 * The cheapest of the candidates that together free `bytes`; of equally cheap sets the one that frees less.
 * Null when all of them together do not suffice: then nothing is to be unloaded in vain. Never one more than needed.
 */
export function cheapestToLose(
  candidates: readonly Occupant[],
  bytes: number,
  nowMs: number,
): readonly Occupant[] | null {
  if (bytes <= 0) return [];
  if (bytesOf(candidates) < bytes) return null;
  return candidates.length <= EXACT_CANDIDATES_MAX
    ? exactly(candidates, bytes, nowMs)
    : greedily(candidates, bytes, nowMs);
}

/** The memory that they hold together. */
export function bytesOf(occupants: readonly Occupant[]): number {
  return occupants.reduce((sum, occupant) => sum + occupant.bytes, 0);
}

function exactly(candidates: readonly Occupant[], bytes: number, nowMs: number): readonly Occupant[] {
  const costs = candidates.map((candidate) => costOfLosing(candidate, nowMs));
  let best = { cost: Number.POSITIVE_INFINITY, freed: 0, members: 0 };
  for (let members = 1; members < 1 << candidates.length; members += 1) {
    const sum = sumOf(members, candidates, costs);
    if (sum.freed < bytes || sum.cost > best.cost) continue;
    if (sum.cost < best.cost || sum.freed < best.freed) best = { ...sum, members };
  }
  return candidates.filter((_, index) => best.members & (1 << index));
}

function sumOf(members: number, candidates: readonly Occupant[], costs: readonly number[]) {
  let cost = 0;
  let freed = 0;
  for (const [index, candidate] of candidates.entries()) {
    if ((members & (1 << index)) === 0) continue;
    cost += costs[index] ?? 0;
    freed += candidate.bytes;
  }
  return { cost, freed };
}

function greedily(candidates: readonly Occupant[], bytes: number, nowMs: number): readonly Occupant[] {
  const cheapestFirst = candidates.toSorted((a, b) => costOfLosing(a, nowMs) - costOfLosing(b, nowMs));
  const chosen: Occupant[] = [];
  for (const candidate of cheapestFirst) {
    if (bytesOf(chosen) >= bytes) break;
    chosen.push(candidate);
  }
  // Dearest first: what the later, larger ones made superfluous stays loaded.
  for (const candidate of chosen.toReversed()) {
    const rest = chosen.filter((other) => other !== candidate);
    if (bytesOf(rest) >= bytes) chosen.splice(chosen.indexOf(candidate), 1);
  }
  return chosen;
}
