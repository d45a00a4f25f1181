/** How long starts take: Flow's own, and a model's over what its engine takes by itself. */
import { freePort } from '../support/free-port.ts';
import { type RunningFlow, startFlow, until } from '../support/running-flow.ts';
import { type Rig, residentMb, stateOf } from './rig.ts';
import { type Spread, spreadOf } from './rounds.ts';

/** What Flow costs when nobody asks anything. */
export type StartRow = { readonly startUpMs: Spread; readonly idleMb: Spread };

/** A second start of the same Flow needs no database and no demo model made. */
const REST_MS = 3_000;

/** Starts Flow again and again on one data directory: to the ready line, and its resident memory at rest. */
export async function startUps(rounds: number, dataDir: string): Promise<StartRow> {
  const startMs: number[] = [];
  const idleMb: number[] = [];
  for (let round = 0; round <= rounds; round += 1) {
    await using flow: RunningFlow = await startFlow({ dataDir, environment: { FLOW_LOG: 'error' } });
    if (round === 0) continue;
    startMs.push(flow.startMs);
    // Some seconds after its start Flow gives back what the start left behind.
    await Bun.sleep(REST_MS);
    idleMb.push(await residentMb(flow.pid));
  }
  return { startUpMs: spreadOf(startMs), idleMb: spreadOf(idleMb) };
}

/** From nothing to the first token: through Flow, and by the engine alone (its readiness and its first token). */
export type ColdRow = { readonly flowMs: Spread; readonly engineMs: Spread; readonly addedMs: Spread };

/** Cold starts of the rig's model, in turns with its engine started by hand from the same command line. */
export async function coldStarts(rig: Rig, rounds: number): Promise<ColdRow> {
  const flowMs: number[] = [];
  const engineMs: number[] = [];
  const byHand = await commandOf(rig);
  for (let round = 0; round < rounds; round += 1) {
    await rig.flow.json(`/api/models/${rig.modelId}/unload`, {});
    await until('the model is unloaded', async () => (await stateOf(rig.flow, rig.modelId))?.phase === 'idle', 30_000);
    engineMs.push(await engineAlone(byHand));
    flowMs.push(await firstToken(`${rig.flow.url}/v1/chat/completions`, rig.modelId, {}));
  }
  return {
    flowMs: spreadOf(flowMs),
    engineMs: spreadOf(engineMs),
    addedMs: spreadOf(flowMs.map((figure, round) => figure - (engineMs[round] ?? Number.NaN))),
  };
}

type Command = { readonly argv: readonly string[]; readonly environment: Record<string, string>; readonly key: string };

/** The engine's own command line and environment, without Flow's tether. */
async function commandOf({ enginePid, engineKey }: Rig): Promise<Command> {
  const [line, environ] = await Promise.all(
    ['cmdline', 'environ'].map((name) => Bun.file(`/proc/${enginePid}/${name}`).text()),
  );
  const pairs = (environ ?? '').split('\0').flatMap((pair) => {
    const at = pair.indexOf('=');
    return at < 1 ? [] : [[pair.slice(0, at), pair.slice(at + 1)] as const];
  });
  const { LLAMA_SERVER_ROUTER_PORT: _, ...environment } = Object.fromEntries(pairs);
  return { argv: (line ?? '').split('\0').slice(0, -1), environment, key: engineKey };
}

const READY_MS_MAX = 60_000;
const PROBE_MS = 2;

async function engineAlone({ argv, environment, key }: Command): Promise<number> {
  const port = freePort();
  const at = argv.indexOf('--port') + 1;
  const startedMs = performance.now();
  const child = Bun.spawn(argv.with(at, String(port)), { env: environment, stdio: ['pipe', 'ignore', 'ignore'] });
  try {
    const base = `http://127.0.0.1:${port}`;
    while (!(await isReady(`${base}/health`))) {
      if (performance.now() - startedMs > READY_MS_MAX) throw new Error('The engine did not get ready by itself.');
      await Bun.sleep(PROBE_MS);
    }
    await firstToken(`${base}/v1/chat/completions`, 'flow-demo', { authorization: `Bearer ${key}` });
    return performance.now() - startedMs;
  } finally {
    child.kill('SIGKILL');
    await child.exited;
  }
}

async function isReady(url: string): Promise<boolean> {
  return fetch(url).then(
    ({ ok }) => ok,
    () => false,
  );
}

/** Time to the first bytes that hold a token. */
async function firstToken(url: string, model: string, headers: Record<string, string>): Promise<number> {
  const startedMs = performance.now();
  const messages = [{ role: 'user', content: 'Hello' }];
  const body = JSON.stringify({ model, messages, stream: true, max_tokens: 8 });
  const response = await fetch(url, {
    method: 'POST',
    body,
    headers: { 'content-type': 'application/json', ...headers },
  });
  const decoder = new TextDecoder();
  let text = '';
  for await (const bytes of response.body ?? []) {
    text += decoder.decode(bytes, { stream: true });
    if (/"(?:reasoning_content|content)":"/.test(text)) return performance.now() - startedMs;
  }
  throw new Error(`No token came from ${url}: ${response.status} ${text.slice(0, 200)}`);
}
