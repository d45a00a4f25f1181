/** A whole Flow whose engine is the fake one, told how to fail; what it leaves behind is looked at when it ends. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FakeStart } from '#test/support/fake-engine-behaviour.ts';
import { type FakeEngine, makeFakeEngine } from '#test/support/fake-engine-launcher.ts';
import { type RunningFlow, startFlow, until } from '#test/support/running-flow.ts';

export type FleetModel = {
  readonly modelId: string;
  readonly inFlight: number;
  readonly waiting: number;
  readonly isMisbehaving: boolean;
  readonly state: {
    readonly phase: string;
    readonly pid?: number;
    readonly generation?: number;
    readonly retryAtMs?: number | null;
    readonly report?: { readonly kind: string; readonly message: string; readonly isSticky: boolean };
  };
};

/** One row of the records, as far as faults change it. */
export type Row = {
  readonly outcome: string;
  readonly termination: string;
  readonly error: string | null;
  readonly error_kind: string | null;
  readonly engine_version: string | null;
  readonly output_tokens: number | null;
  readonly repairs: unknown;
};

export type FaultyFlow = AsyncDisposable & {
  readonly flow: RunningFlow;
  readonly fake: FakeEngine;
  /** Of the engine's program. */
  readonly folder: string;
  /** POST /v1/chat/completions; `fake` in the body tells the engine how to fail. */
  ask(more?: object, signal?: AbortSignal): Promise<Response>;
  /** What the fleet says of a model; idle when it does not know it. */
  model(modelId?: string): Promise<FleetModel>;
  phase(wanted: string, modelId?: string, withinMs?: number): Promise<FleetModel>;
  rows(): Promise<readonly Row[]>;
  reservedBytes(): Promise<number>;
};

/** Starts it. The model `flow-demo` is there. */
export async function faultyFlow(behaviour: FakeStart = {}): Promise<FaultyFlow> {
  const folder = mkdtempSync(join(tmpdir(), 'flow-faulty-'));
  const fake = makeFakeEngine(folder, behaviour);
  const flow = await startFlow({ engine: fake.executable });
  const fleet = async () => (await flow.json('/api/fleet')).body;
  const model = async (modelId = 'flow-demo') => {
    const found = ((await fleet()).models as FleetModel[]).find((one) => one.modelId === modelId);
    return found ?? { modelId, inFlight: 0, waiting: 0, isMisbehaving: false, state: { phase: 'idle' } };
  };
  return {
    flow,
    fake,
    folder,
    model,
    ask: (more = {}, signal) =>
      fetch(`${flow.url}/v1/chat/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ model: 'flow-demo', messages: [{ role: 'user', content: 'Hello' }], ...more }),
        signal: signal ?? null,
      }),
    phase: (wanted, modelId, withinMs = 20_000) =>
      until(
        wanted,
        async () => {
          const found = await model(modelId);
          return found.state.phase === wanted ? found : null;
        },
        withinMs,
      ),
    rows: async () => (await flow.json('/api/telemetry?limit=100')).body.records as Row[],
    reservedBytes: async () => ((await fleet()).memory as { reservedBytes: number }).reservedBytes,
    async [Symbol.asyncDispose]() {
      await flow[Symbol.asyncDispose]();
      const pids = new Set(fake.records('start').map(({ pid }) => pid));
      rmSync(folder, { recursive: true, force: true });
      const left = [...pids].filter(isAlive);
      for (const pid of left) process.kill(pid, 'SIGKILL');
      if (left.length > 0) throw new Error(`engines outlived their Flow: ${left.join(', ')}`);
    },
  };
}

/** Whether a process of this number runs. */
export function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
