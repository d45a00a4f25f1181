/** How much of an engine's speed comes through when it writes as fast as it can. */
import type { Figures } from './load.ts';
import { load, residentMb } from './rig.ts';
import { against, inTurns, type Measured, type Spread, spreadOf } from './rounds.ts';
import type { Way } from './ways.ts';

/** One way at one number of streams. */
export type SaturationRow = {
  readonly engine: string;
  readonly way: string;
  readonly streams: number;
  readonly tokensPerS: Spread;
  /** Of the direct connection's in the same round. */
  readonly ofDirect: Spread;
  /** Null where the process is not ours. */
  readonly cpuSPerMTokens: number | null;
  readonly failed: number;
};

export type SaturationPlan = {
  readonly engine: string;
  readonly ways: readonly Way[];
  readonly streams: readonly number[];
  readonly prompt: string;
  readonly maxTokens: number;
  readonly tokensPerRequest: number;
  readonly tokensPerRound: number;
  readonly rounds: number;
};

/** Measures every way at every number of streams. */
export async function saturation(plan: SaturationPlan): Promise<SaturationRow[]> {
  const rows: SaturationRow[] = [];
  for (const streams of plan.streams) {
    const requests = Math.max(1, Math.round(plan.tokensPerRound / plan.tokensPerRequest / streams));
    const measured = await inTurns(plan.ways, plan.rounds, (way, isWarmUp) =>
      load({ ...way.target(plan.prompt, plan.maxTokens), streams, requests: isWarmUp ? 1 : requests }),
    );
    const direct = speeds(measured.find(({ way }) => way === 'direct'));
    rows.push(...measured.map((one) => rowOf(plan.engine, streams, one, direct)));
  }
  return rows;
}

function speeds(measured: Measured<Figures> | undefined): readonly number[] {
  return measured?.rounds.map(({ tokensPerS }) => tokensPerS) ?? [];
}

function rowOf(engine: string, streams: number, one: Measured<Figures>, direct: readonly number[]): SaturationRow {
  const sum = (pick: (figures: Figures) => number): number => one.rounds.reduce((total, each) => total + pick(each), 0);
  return {
    engine,
    way: one.way,
    streams,
    tokensPerS: spreadOf(speeds(one)),
    ofDirect: against(speeds(one), direct, (own, other) => own / other),
    cpuSPerMTokens: one.cpuS === null ? null : (one.cpuS / sum(({ tokens }) => tokens)) * 1e6,
    failed: sum(({ failed }) => failed),
  };
}

/** Whole answers (not streamed), as many at a time as there are connections. */
export type WholeRow = {
  readonly way: string;
  readonly connections: number;
  readonly requestsPerS: Spread;
  readonly ofDirect: Spread;
  readonly cpuUsPerRequest: number | null;
  readonly failed: number;
};

const CONNECTIONS = 32;
const WHOLE_REQUESTS = 60;
const WHOLE_PROMPT = 'say 32 tokens';

/** Measures answers of 32 tokens that come in one piece; ways that always stream are left out. */
export async function wholes(ways: readonly Way[], rounds: number): Promise<WholeRow[]> {
  const measured = await inTurns(ways, rounds, (way, isWarmUp) => {
    const target = way.target(WHOLE_PROMPT, 4_096);
    const { stream: _, ...body } = JSON.parse(target.body);
    const requests = isWarmUp ? 2 : WHOLE_REQUESTS;
    return load({
      ...target,
      body: JSON.stringify(body),
      mark: '"content":',
      streams: CONNECTIONS,
      requests,
      isWhole: true,
    });
  });
  const perS = (one: Measured<Figures> | undefined): readonly number[] =>
    one?.rounds.map(({ answers, elapsedMs }) => (answers / elapsedMs) * 1000) ?? [];
  const direct = perS(measured.find(({ way }) => way === 'direct'));
  return measured.map((one) => ({
    way: one.way,
    connections: CONNECTIONS,
    requestsPerS: spreadOf(perS(one)),
    ofDirect: against(perS(one), direct, (own, other) => own / other),
    cpuUsPerRequest: one.cpuS === null ? null : (one.cpuS / (rounds * CONNECTIONS * WHOLE_REQUESTS)) * 1e6,
    failed: one.rounds.reduce((sum, { failed }) => sum + failed, 0),
  }));
}

/** Resident memory while `work` goes on, in MB: the most that was seen, and what is left three seconds after. */
export async function memoryDuring(
  pid: number,
  work: () => Promise<unknown>,
): Promise<{ peakMb: number; afterMb: number }> {
  let peakMb = await residentMb(pid);
  const timer = setInterval(async () => {
    peakMb = Math.max(peakMb, await residentMb(pid));
  }, 100);
  try {
    await work();
    await Bun.sleep(3_000);
  } finally {
    clearInterval(timer);
  }
  return { peakMb, afterMb: await residentMb(pid) };
}
