/**
 * F-83: Flow and its engines stand still for twelve seconds, as under a closed lid, while one model answers,
 * one loads, one is idle and a request waits. Every limit in force is shorter than that. What each watch does on a fake
 * clock stands beside it: `test/scheduling/fleet-life.test.ts`, `test/supervision/load-watch.test.ts`.
 */
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeFakeEngine } from '#test/support/fake-engine-launcher.ts';
import { type RunningFlow, startFlow, until } from '#test/support/running-flow.ts';

const SLEEP_MS = 12_000;
const QUEUE_WAIT_S = 10;
const COOLDOWN_S = 10;
const LOAD_STALL_S = 6;
/** Before the sleep, so that every watch has been set. */
const AWAKE_MS = 1_500;

let folder: string;
let flow: RunningFlow;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'flow-sleep-'));
  const slow = { 'slow.gguf': { slots: 1, ready_after_ms: 5_000 } };
  const fake = makeFakeEngine(folder, { slots: 1, models: slow });
  flow = await startFlow({ engine: fake.executable });
  const settings = {
    default_n_parallel: 1,
    queue_wait_seconds: QUEUE_WAIT_S,
    jit_cooldown_seconds: COOLDOWN_S,
    load_stall_seconds: LOAD_STALL_S,
  };
  expect((await flow.json('/api/settings', settings, 'PUT')).status).toBe(200);
  for (const name of ['idle', 'slow']) {
    copyFileSync(join(flow.dataDir, 'models', 'flow-demo.gguf'), join(folder, `${name}.gguf`));
    const { status } = await flow.json('/api/register-local', { path: join(folder, `${name}.gguf`) });
    expect(status).toBe(200);
  }
});
afterAll(async () => {
  await flow?.[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

type State = { phase: string; pid?: number | null };

async function states(): Promise<Map<string, State>> {
  const { body } = await flow.json('/api/fleet');
  return new Map((body.models as { modelId: string; state: State }[]).map(({ modelId, state }) => [modelId, state]));
}

function ask(model: string, behaviour: object): Promise<Response> {
  const messages = [{ role: 'user', content: 'Hello' }];
  return fetch(`${flow.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model, stream: true, messages, fake: behaviour }),
  });
}

/** Stops and wakes Flow with all of its engines. */
async function sleepTogether(): Promise<void> {
  const pids = [...(await states()).values()].map(({ pid }) => pid).filter((pid) => typeof pid === 'number');
  expect(pids).toHaveLength(3);
  const all = [flow.pid, ...pids];
  for (const pid of all) process.kill(pid, 'SIGSTOP');
  try {
    await Bun.sleep(SLEEP_MS);
  } finally {
    for (const pid of all.toReversed()) process.kill(pid, 'SIGCONT');
  }
}

test('F-83: after a sleep the answer goes on, the load ends well, who waits is served, who idled stays', async () => {
  await flow.json('/api/models/idle/load?wait=1', {});
  await flow.json('/api/models/flow-demo/load?wait=1', {});
  const answer = ask('flow-demo', { tokens: 40, tokens_per_s: 10 });
  await until('it answers', async () => JSON.stringify((await flow.json('/api/requests')).body).includes('generating'));
  const waiting = ask('flow-demo', { tokens: 2 });
  const loading = ask('slow', { tokens: 2 });
  await until('the other loads', async () => (await states()).get('slow')?.pid);
  await Bun.sleep(AWAKE_MS);
  await sleepTogether();
  expect((await states()).get('idle')?.phase).toBe('ready');
  for (const one of [answer, waiting, loading]) {
    const text = await (await one).text();
    expect(text).not.toContain('"error"');
    expect(text).toContain('[DONE]');
  }
  const rows = (await flow.json('/api/telemetry?limit=10')).body.records as { outcome: string }[];
  expect(rows.map(({ outcome }) => outcome)).toEqual(['completed', 'completed', 'completed']);
  // Awake time counts: it goes when it has idled long enough.
  await until('the idle one unloads', async () => (await states()).get('idle')?.phase === 'idle', 30_000);
}, 180_000);
