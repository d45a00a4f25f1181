/** Turns as a tree: which of them are shown, and which versions there are beside them. Pure. */
import type { Turn } from './turn.ts';

/** One shown turn among its versions. */
export type Shown = {
  readonly turn: Turn;
  /** Ids of all versions, oldest first, this one among them. Answers of a pair count as one version. */
  readonly versions: readonly string[];
  /** Answers to the same question by two models, in the order of asking; empty when there is only one. */
  readonly pair: readonly Turn[];
};

const TURNS_MAX = 100_000;

/** The turns from the first question to `leafId`; empty when there is no such turn. */
export function pathTo(turns: readonly Turn[], leafId: string | null): readonly Turn[] {
  const byId = new Map(turns.map((turn) => [turn.id, turn]));
  const path: Turn[] = [];
  let at = leafId === null ? undefined : byId.get(leafId);
  while (at !== undefined && path.length < TURNS_MAX) {
    path.push(at);
    at = at.parentId === null ? undefined : byId.get(at.parentId);
  }
  return path.reverse();
}

/** The shown branch, each turn with its versions. */
export function shownBranch(turns: readonly Turn[], leafId: string | null): readonly Shown[] {
  return pathTo(turns, leafId).map((turn) => {
    const siblings = turns.filter(({ parentId }) => parentId === turn.parentId);
    const pair = turn.pairId === null ? [] : siblings.filter(({ pairId }) => pairId === turn.pairId);
    return { turn, versions: versionsOf(siblings, turn), pair: pair.length > 1 ? pair : [] };
  });
}

/** The end of the branch on which a turn lies: the newest turn below it, again and again. */
export function leafBelow(turns: readonly Turn[], turnId: string): string {
  let at = turnId;
  for (let depth = 0; depth < TURNS_MAX; depth += 1) {
    const next = turns.findLast(({ parentId }) => parentId === at);
    if (next === undefined) return at;
    at = next.id;
  }
  return at;
}

/** A turn and all that came after it. */
export function withAllBelow(turns: readonly Turn[], turnId: string): readonly string[] {
  const found = new Set([turnId]);
  // Children are younger than their parents and stand behind them.
  for (const { id, parentId } of turns) {
    if (parentId !== null && found.has(parentId)) found.add(id);
  }
  return [...found];
}

/** Of a pair only the answer that is shown, else its first one, stands for both. */
function versionsOf(siblings: readonly Turn[], shown: Turn): readonly string[] {
  const seen = new Set<string>();
  return siblings.flatMap(({ id, pairId }) => {
    if (pairId === null) return [id];
    if (seen.has(pairId)) return [];
    seen.add(pairId);
    return [pairId === shown.pairId ? shown.id : id];
  });
}
