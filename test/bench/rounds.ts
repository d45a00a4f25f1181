/** Rounds: every way in turn, again and again, so that whatever drifts on the machine hits all ways alike. */
import { cpuSeconds, median } from './rig.ts';
import type { Way } from './ways.ts';

/** The middle of some rounds, and where their middle half begins and ends. */
export type Spread = { readonly median: number; readonly low: number; readonly high: number };

/** What the rounds of one way gave, and what they cost. */
export type Measured<Figures> = {
  readonly way: string;
  readonly rounds: readonly Figures[];
  /** CPU seconds of the process between, in all rounds; null where it is not ours. */
  readonly cpuS: number | null;
};

/** Measures each way `rounds` times, in turns; each once before, for whatever is done only once. */
export async function inTurns<Figures>(
  ways: readonly Way[],
  rounds: number,
  measure: (way: Way, isWarmUp: boolean) => Promise<Figures>,
): Promise<Measured<Figures>[]> {
  const found = new Map(ways.map((way) => [way, { rounds: [] as Figures[], cpuS: 0 }]));
  for (const way of ways) await measure(way, true);
  for (let round = 0; round < rounds; round += 1) {
    for (const [way, kept] of found) {
      const beforeS = await cpuOf(way);
      kept.rounds.push(await measure(way, false));
      kept.cpuS += (await cpuOf(way)) - beforeS;
    }
  }
  return [...found].map(([{ name, pid }, kept]) => ({
    way: name,
    rounds: kept.rounds,
    cpuS: pid === null ? null : kept.cpuS,
  }));
}

/** The spread of one figure. */
export function spreadOf(figures: readonly number[]): Spread {
  const sorted = [...figures].sort((a, b) => a - b);
  const at = (share: number): number => sorted[Math.round((sorted.length - 1) * share)] ?? Number.NaN;
  return { median: median(figures), low: at(0.25), high: at(0.75) };
}

/** Each figure of a round against the same round of another way: `by` divides or subtracts. */
export function against(
  own: readonly number[],
  other: readonly number[],
  by: (own: number, other: number) => number,
): Spread {
  return spreadOf(own.map((figure, round) => by(figure, other[round] ?? Number.NaN)));
}

async function cpuOf({ pid }: Way): Promise<number> {
  return pid === null ? 0 : await cpuSeconds(pid);
}
