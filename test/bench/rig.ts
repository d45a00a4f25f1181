/** What the bench measures: engines started directly, and a whole Flow in front of the same engine. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type RunningFlow, startFlow, until } from '../support/running-flow.ts';
import type { Figures, Order } from './load.ts';
import type { PacedFigures, PacedOrder } from './paced-load.ts';

const LOAD = join(import.meta.dir, 'load.ts');
const PACED_LOAD = join(import.meta.dir, 'paced-load.ts');

/** A Flow with one loaded model, and the way to the engine behind it. */
export type Rig = AsyncDisposable & {
  readonly flow: RunningFlow;
  readonly modelId: string;
  readonly enginePort: number;
  readonly enginePid: number;
  /** The key the engine demands; read where Flow put it, in the engine's own environment. */
  readonly engineKey: string;
};

/** Starts Flow with this shell command as its llama-server, and loads the demo model with these settings. */
export async function startRig(command: string, launch: Readonly<Record<string, unknown>>): Promise<Rig> {
  const folder = mkdtempSync(join(tmpdir(), 'flow-bench-'));
  const script = join(folder, 'llama-server');
  writeFileSync(script, `#!/bin/sh\n${command}\n`);
  chmodSync(script, 0o755);
  const flow = await startFlow({ engine: script, environment: { FLOW_LOG: 'error' } });
  const modelId = 'flow-demo';
  // The demo is let repeat itself; any other model is watched for it, and that costs something.
  const watched = { behaviour: { repairs: { loop_guard: null } } };
  await flow.json(`/api/models/${modelId}/config`, watched, 'PUT');
  const loaded = await flow.json(`/api/models/${modelId}/load`, launch);
  if (loaded.status >= 300) throw new Error(`The model does not load: ${JSON.stringify(loaded.body)}`);
  const state = await until(
    'the model is ready',
    async () => {
      const found = await stateOf(flow, modelId);
      return found?.phase === 'ready' ? found : null;
    },
    60_000,
  );
  const environment = await Bun.file(`/proc/${state.pid}/environ`).text();
  return {
    flow,
    modelId,
    enginePort: state.port,
    enginePid: state.pid,
    engineKey: /(?:^|\0)LLAMA_API_KEY=([^\0]*)/.exec(environment)?.[1] ?? '',
    async [Symbol.asyncDispose]() {
      await flow[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** What a model does now; null before the fleet knows it. Port and pid are there while it is ready. */
export async function stateOf(flow: RunningFlow, modelId: string): Promise<State | null> {
  const { body } = await flow.json('/api/fleet');
  const models = body.models as { modelId: string; state: State }[];
  return models.find((model) => model.modelId === modelId)?.state ?? null;
}

type State = { phase: string; port: number; pid: number };

/** Runs the load generator in a process of its own. */
export async function load(order: Order): Promise<Figures> {
  return JSON.parse(await outputOf(LOAD, order));
}

/** Runs the generator for engines that speak at a pace. */
export async function pacedLoad(order: PacedOrder): Promise<PacedFigures> {
  return JSON.parse(await outputOf(PACED_LOAD, order));
}

async function outputOf(program: string, order: object): Promise<string> {
  const child = Bun.spawn(['bun', program, JSON.stringify(order)], { stdio: ['ignore', 'pipe', 'inherit'] });
  const text = await new Response(child.stdout).text();
  if ((await child.exited) !== 0) throw new Error('The load generator failed.');
  return text;
}

/** CPU seconds (user and system) that a process has used so far; Linux. */
export async function cpuSeconds(pid: number): Promise<number> {
  const stat = await Bun.file(`/proc/${pid}/stat`)
    .text()
    .catch(() => '');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticksPerSecond = 100;
  return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) / ticksPerSecond;
}

/** Resident memory of a process, in MB; Linux. */
export async function residentMb(pid: number): Promise<number> {
  const status = await Bun.file(`/proc/${pid}/status`)
    .text()
    .catch(() => '');
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? Number.NaN) / 1000;
}

/** The middle of some figures. */
export function median(figures: readonly number[]): number {
  const sorted = [...figures].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
