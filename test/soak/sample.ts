/** What a running Flow says of itself at one moment of a soak. */
import type { RunningFlow } from '#test/support/running-flow.ts';

export type Sample = {
  /** Since the clients began. */
  readonly atS: number;
  readonly residentMb: number;
  readonly openFiles: number;
  readonly timers: number;
  /** Requests that have not ended. */
  readonly open: number;
  readonly lagMs: number;
  /** Models with a process. */
  readonly engines: number;
  readonly reservedMb: number;
};

const FREE_PHASES = new Set(['idle', 'failed', 'unloaded', 'stopped']);

/** Asks `/metrics` and the fleet. */
export async function sample(flow: RunningFlow, atS: number): Promise<Sample> {
  const text = await (await fetch(`${flow.url}/metrics`)).text();
  const of = (name: string): number => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1] ?? Number.NaN);
  const { body } = await flow.json('/api/fleet');
  const { models, memory } = body as { models: { state: { phase: string } }[]; memory: { reservedBytes: number } };
  return {
    atS,
    residentMb: of('process_resident_memory_bytes') / 1e6,
    openFiles: of('process_open_fds'),
    timers: of('flow_timers_armed'),
    open: of('flow_requests_open'),
    lagMs: of('flow_eventloop_lag_seconds') * 1000,
    engines: models.filter(({ state }) => !FREE_PHASES.has(state.phase)).length,
    reservedMb: memory.reservedBytes / 1e6,
  };
}
