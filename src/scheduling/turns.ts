/**
 * Whose turn it is. Requests for a loaded model are served while it is loaded (A B A B becomes A A B B), a model just
 * loaded keeps its place for a while, and nobody is overtaken for ever. Pure.
 *
 * The starvation cap counts from the later of two moments: when the other began to wait, and when this model became
 * ready. So two models that are both wanted all the time change places at most once per cap, instead of at once.
 */
import type { Occupant, TurnRules, Want } from './occupant.ts';

/** Where an occupant stands towards somebody who wants its memory. */
export type Standing =
  /** Its memory can be had now. */
  | 'free'
  /** It serves requests or is about to, and nobody starves by it. */
  | 'busy'
  /** It serves requests, but has had its turn: it gets no new ones and goes when the last one ends. */
  | 'due'
  /** It was loaded a moment ago. */
  | 'resident'
  | 'pinned'
  | 'stopping'
  | 'coming';

/** Models that do not run, in the order in which they get memory: whoever has waited longest goes first. */
export function inTurn(wants: readonly Want[]): readonly Want[] {
  return wants.toSorted((a, b) => a.sinceMs - b.sinceMs || (a.modelId < b.modelId ? -1 : 1));
}

/** How the occupant stands towards the want now. */
export function standing(occupant: Occupant, want: Want, nowMs: number, rules: TurnRules): Standing {
  if (occupant.phase === 'coming' || occupant.phase === 'stopping') return occupant.phase;
  if (occupant.isPinned) return 'pinned';
  const isWanted = occupant.inFlight > 0 || occupant.waiting > 0;
  if (occupant.phase === 'starting') return isWanted || occupant.isWished ? 'busy' : 'free';
  if (nowMs >= turnEndsAtMs(occupant, want, rules)) return occupant.inFlight > 0 ? 'due' : 'free';
  if (isWanted) return 'busy';
  return nowMs >= residentUntilMs(occupant, rules) ? 'free' : 'resident';
}

/** When the want may push the occupant out although it is wanted or was loaded a moment ago. */
function turnEndsAtMs(occupant: Occupant, want: Want, rules: TurnRules): number {
  return Math.max(want.sinceMs, occupant.readySinceMs) + rules.starvationMs;
}

/**
 * Until when a ready model is not swapped out though idle: the configured time, or its own load time where that is
 * longer, since a model should stay at least as long as it took to load. 0 configured = no such protection.
 */
function residentUntilMs(occupant: Occupant, rules: TurnRules): number {
  if (rules.residencyMs === 0) return occupant.readySinceMs;
  return occupant.readySinceMs + Math.max(rules.residencyMs, occupant.reloadMs);
}

/** The next moment at which the occupant's standing towards the want changes by time alone; null when it does not. */
export function changesAtMs(occupant: Occupant, want: Want, nowMs: number, rules: TurnRules): number | null {
  if (occupant.phase !== 'ready' || occupant.isPinned) return null;
  const moments = [residentUntilMs(occupant, rules), turnEndsAtMs(occupant, want, rules)];
  const future = moments.filter((moment) => moment > nowMs);
  return future.length === 0 ? null : Math.min(...future);
}
