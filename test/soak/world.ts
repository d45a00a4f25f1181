/** What a soak runs in: a whole Flow with a real engine, models that do not all fit, and a hub to download from. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type FakeHub, startFakeHub } from '#test/support/fake-hub.ts';
import { realEngine } from '#test/support/real-engine.ts';
import { type RunningFlow, startFlow, until } from '#test/support/running-flow.ts';
import { writeScriptedModel } from '#test/support/scripted-model.ts';
import type { Tally } from './tally.ts';

/** A repository of the hub and the id that its model gets. */
export const DOWNLOADED = { repository: 'acme/soaked-GGUF', file: 'soaked-Q8_0.gguf', modelId: 'soaked-Q8_0' };
/** Models that two of which fit. */
const MODELS = ['soak-one', 'soak-two', 'soak-three'] as const;
const ROOM_FOR = 2.5;
const SAID = 'The quick brown fox jumps over the lazy dog, and then it looks back to see whether anybody has noticed.';

export type World = AsyncDisposable & {
  readonly flow: RunningFlow;
  readonly hub: FakeHub;
  readonly models: readonly string[];
  readonly tally: Tally;
  /** Seeded: the same number gives the same run, as far as two processes can. */
  random(): number;
};

/** Starts it. The limit of memory follows from what the first load was reckoned to take. */
export async function openWorld(tally: Tally, random: () => number): Promise<World> {
  const folder = mkdtempSync(join(tmpdir(), 'flow-soak-'));
  const scripts = { plain: SAID, endless: { text: 'Round and round, and up and down; ', end: 'repeat' as const } };
  for (const name of [...MODELS, 'soaked-Q8_0']) await writeScriptedModel(join(folder, `${name}.gguf`), { scripts });
  const bytes = await Bun.file(join(folder, 'soaked-Q8_0.gguf')).bytes();
  const hub = await startFakeHub([{ id: DOWNLOADED.repository, files: [{ path: DOWNLOADED.file, bytes }] }]);
  const dataDir = join(folder, 'data');
  mkdirSync(dataDir, { mode: 0o700 });
  const flow = await startFlow({
    dataDir,
    engine: realEngine().executable,
    environment: { HF_ENDPOINT: hub.url, FLOW_LOG: 'warning' },
  });
  for (const name of MODELS) await ready(flow, '/api/register-local', { path: join(folder, `${name}.gguf`) });
  for (const name of MODELS) {
    const config = { behaviour: { repairs: { loop_guard: false } } };
    await ready(flow, `/api/models/${name}/config`, config, 'PUT');
  }
  await ready(flow, `/api/models/${MODELS[0]}/load`, {});
  const reserved = await until('the first model is loaded', () => reservedBytes(flow), 60_000);
  const limits = { memory_limit_gb: (reserved * ROOM_FOR) / 1e9, min_residency_seconds: 2, jit_cooldown_seconds: 20 };
  await ready(flow, '/api/settings', limits, 'PUT');
  return {
    flow,
    hub,
    tally,
    random,
    models: MODELS,
    async [Symbol.asyncDispose]() {
      await flow[Symbol.asyncDispose]();
      await hub[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function ready(flow: RunningFlow, path: string, body: unknown, method?: string): Promise<void> {
  const { status, body: answer } = await flow.json(path, body, method);
  if (status >= 300) throw new Error(`${path} answers ${status}: ${JSON.stringify(answer)}`);
}

async function reservedBytes(flow: RunningFlow): Promise<number | null> {
  const { body } = await flow.json('/api/fleet');
  const { models, memory } = body as { models: { state: { phase: string } }[]; memory: { reservedBytes: number } };
  return models.some(({ state }) => state.phase === 'ready') ? memory.reservedBytes : null;
}
