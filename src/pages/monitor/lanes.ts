/** Which lane of its model each request is shown in. A request keeps its lane, so that nothing on the page jumps. */

/** One request, as far as its lane is concerned. */
export type LaneUser = { readonly id: string; readonly isOver: boolean };

/** Empty lanes that a card shows at most. */
export const EMPTY_LANES_MAX = 4;

/**
 * The lanes now, null = empty: those who are still there keep theirs, newcomers take the first that is empty, or, when
 * the model's own lanes are all taken, that of a request which is over. There are never fewer than `count`. Pure.
 */
export function lanesOf(
  before: readonly (string | null)[],
  users: readonly LaneUser[],
  count: number,
): readonly (string | null)[] {
  const present = new Map(users.map((user) => [user.id, user]));
  const lanes = before.map((id) => (id !== null && present.has(id) ? id : null));
  while (lanes.length < count) lanes.push(null);
  for (const { id, isOver } of users) {
    if (lanes.includes(id)) continue;
    const place = placeIn(lanes, present);
    if (place !== -1) lanes[place] = id;
    // Whoever lost its lane is over, and is told of among the recent ones.
    else if (!isOver) lanes.push(id);
  }
  while (lanes.length > count && lanes.at(-1) === null) lanes.pop();
  return lanes;
}

function placeIn(lanes: readonly (string | null)[], present: ReadonlyMap<string, LaneUser>): number {
  const empty = lanes.indexOf(null);
  return empty !== -1 ? empty : lanes.findIndex((id) => id !== null && present.get(id)?.isOver === true);
}
