/** What a gateway adds to the time to the first token and to each token, while so many streams are open at a pace. */
import type { PacedFigures } from './paced-load.ts';
import { pacedLoad } from './rig.ts';
import { against, inTurns, type Measured, type Spread } from './rounds.ts';
import type { Way } from './ways.ts';

/** One way at one number of open streams; times in ms, over a direct connection in the same round. */
export type LatencyRow = {
  readonly way: string;
  readonly streams: number;
  readonly ttftMs: Spread;
  readonly ttftAddedMs: Spread;
  readonly ttftP99AddedMs: Spread;
  readonly tokenAddedMs: Spread;
  readonly tokenP99AddedMs: Spread;
  readonly cpuUsPerToken: number | null;
  readonly failed: number;
};

/** At 20 a second: so a few streams ask about five times a second each, and a crowd three hundred times in all. */
const promptFor = (streams: number): string => `say ${streams > 100 ? 16 : 4} tokens, 20 per second`;

/** Measures every way at every number of streams. */
export async function latencies(
  ways: readonly Way[],
  { streams: counts, rounds, forMs }: { streams: readonly number[]; rounds: number; forMs: number },
): Promise<LatencyRow[]> {
  const rows: LatencyRow[] = [];
  for (const streams of counts) {
    const measured = await inTurns(ways, rounds, (way, isWarmUp) =>
      pacedLoad({ ...way.target(promptFor(streams), 4_096), streams, forMs: isWarmUp ? 500 : forMs }),
    );
    const direct = measured.find(({ way }) => way === 'direct');
    if (direct) rows.push(...measured.map((one) => rowOf(streams, one, direct)));
  }
  return rows;
}

function rowOf(streams: number, one: Measured<PacedFigures>, direct: Measured<PacedFigures>): LatencyRow {
  const over = (pick: (figures: PacedFigures) => number): Spread =>
    against(one.rounds.map(pick), direct.rounds.map(pick), (own, other) => own - other);
  const sum = (pick: (figures: PacedFigures) => number): number =>
    one.rounds.reduce((total, each) => total + pick(each), 0);
  return {
    way: one.way,
    streams,
    ttftMs: against(
      one.rounds.map(({ ttftP50Ms }) => ttftP50Ms),
      [],
      (own) => own,
    ),
    ttftAddedMs: over(({ ttftP50Ms }) => ttftP50Ms),
    ttftP99AddedMs: over(({ ttftP99Ms }) => ttftP99Ms),
    tokenAddedMs: over(({ tokenP50Ms }) => tokenP50Ms),
    tokenP99AddedMs: over(({ tokenP99Ms }) => tokenP99Ms),
    cpuUsPerToken: one.cpuS === null ? null : (one.cpuS / sum(({ tokens }) => tokens)) * 1e6,
    failed: sum(({ failed }) => failed),
  };
}
