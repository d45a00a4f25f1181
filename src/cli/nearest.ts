/** The word somebody probably meant. */
import { editDistance } from '#src/models/distance.ts';

const DISTANCE_MAX = 2;

/** The name that is nearest to `word`: one it begins, else one that two slips of the keyboard away; null for none. */
export function nearestName(word: string, names: readonly string[]): string | null {
  const begun = names.find((name) => word.length >= 2 && name.startsWith(word));
  if (begun) return begun;
  const near = names
    .map((name) => ({ name, distance: editDistance(word, name) }))
    .filter(({ name, distance }) => distance <= DISTANCE_MAX && distance < name.length)
    .sort((one, other) => one.distance - other.distance);
  return near[0]?.name ?? null;
}
