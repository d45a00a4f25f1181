/**
 * `bun run bench [--quick] [--json FILE] [--gateway NAME=URL[,model]]…`: Flow against a direct connection to the same
 * engine, in one run, in interleaved rounds. Absolute figures of a shared machine mean little; ratios and differences
 * hold. Ends with 1 when a request failed.
 *
 * `--only flat|real|estimates|tabs` does a part: the flat-out engine, the real one, what Flow thinks a load takes, what
 * a hundred open pages cost. Other gateways are asked when they run in front of an engine like the bench's own, which
 * it keeps at http://127.0.0.1:9595/v1 for them.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { realEngine } from '../support/real-engine.ts';
import { estimates, summaryOf } from './estimates.ts';
import { GATEWAY_ENGINE_PORT, type Gateway, parseGateway } from './gateways.ts';
import { latencies } from './latency.ts';
import { load, residentMb, startRig } from './rig.ts';
import { memoryDuring, saturation, wholes } from './saturation.ts';
import { coldStarts, startUps } from './starts.ts';
import { failures, type Report, tables } from './tables.ts';
import { CPU_ADDED_MAX, MEMORY_ADDED_MAX_MB, tabs } from './tabs.ts';
import { everyWay, mainWays, NO_REPAIRS, VERBATIM } from './ways.ts';

const FLAT_ENGINE = join(import.meta.dir, 'flat-engine.ts');
const FLAT_TOKENS = 512;
const FLAT_LIMIT = 4_096;
const PARTS = ['flat', 'real', 'estimates', 'tabs'];

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    json: { type: 'string' },
    gateway: { type: 'string', multiple: true, default: [] },
  },
});
const { quick: isQuick, only } = values;
const ROUNDS = isQuick ? 3 : 7;

const say = (text: string): void => void process.stdout.write(text);
const write = async (value: unknown): Promise<void> => {
  if (values.json) await Bun.write(values.json, `${JSON.stringify(value, null, 2)}\n`);
};

if (only !== undefined && !PARTS.includes(only)) {
  throw new Error(`There is no part "${only}" of the bench; there are ${PARTS.join(', ')}.`);
}
if (only === 'tabs') {
  const told = await tabs(isQuick, say);
  await write(told);
  const isWithin = told.every((row) => row.cpuAdded < CPU_ADDED_MAX && row.memoryAddedMb < MEMORY_ADDED_MAX_MB);
  process.exit(isWithin ? 0 : 1);
}
if (only === 'estimates') {
  const told = await estimates(isQuick, say);
  await write({ summary: summaryOf(told), loads: told });
  process.exit(0);
}
const gateways = values.gateway.map(parseGateway);
const report: Report = {
  startUp: null,
  coldStart: null,
  memory: null,
  saturation: [],
  latency: [],
  whole: [],
  costs: [],
  ...(only === 'flat' ? {} : await benchReal()),
};
const flat = only === 'real' ? {} : await benchFlat(gateways);
const whole: Report = { ...report, ...flat, saturation: [...report.saturation, ...(flat.saturation ?? [])] };
say(tables(whole));
await write(whole);
process.exit(failures(whole) > 0 ? 1 : 0);

/** Start-up, cold starts, and how much of the real engine's speed comes through. */
async function benchReal(): Promise<Partial<Report>> {
  const dataDir = mkdtempSync(join(tmpdir(), 'flow-bench-start-'));
  const startUp = await startUps(ROUNDS, dataDir);
  rmSync(dataDir, { recursive: true, force: true });
  say('start-up measured\n');
  const { executable, libraryPath } = realEngine();
  const command = `${libraryPath ? `export LD_LIBRARY_PATH='${libraryPath}'\n` : ''}exec '${executable}' "$@"`;
  await using rig = await startRig(command, { n_parallel: 32, ctx_size: 2048, cache_ram_mib: 0 });
  const tokensPerRequest = isQuick ? 128 : 256;
  const ways = mainWays(rig, []).filter(({ name }) => name !== 'flow, verbatim');
  // With room for thoughts Flow has the engine keep a budget of them, which costs this tiny model a fifth of its speed
  // at 8 streams; directly nobody asks for that.
  const equal = { behaviour: { repairs: { loop_guard: null, thinking_room: false } } };
  await rig.flow.json(`/api/models/${rig.modelId}/config`, equal, 'PUT');
  // A gateway runs for days; what its first requests take is compiled while they run, on the engine's cores.
  for (const way of ways) {
    await load({ ...way.target('Tell me a long story', 16), streams: 8, requests: isQuick ? 16 : 128 });
  }
  const rows = await saturation({
    engine: 'real',
    ways,
    streams: [1, 8, 32],
    prompt: 'Tell me a long story',
    maxTokens: tokensPerRequest,
    tokensPerRequest,
    tokensPerRound: tokensPerRequest * (isQuick ? 16 : 32),
    rounds: ROUNDS,
  });
  say('the real engine measured\n');
  return { startUp, saturation: rows, coldStart: await coldStarts(rig, ROUNDS) };
}

/** Everything that shows only before an engine that costs next to nothing. */
async function benchFlat(others: readonly Gateway[]): Promise<Partial<Report>> {
  const command = `export FLAT_TOKENS=${FLAT_TOKENS}\nexec '${process.execPath}' '${FLAT_ENGINE}' "$@"`;
  await using rig = await startRig(command, { n_parallel: 512, ctx_size: 1024 });
  using _engine = others.length > 0 ? engineForOthers() : null;
  const variants = [{ name: VERBATIM, behaviour: { repairs: NO_REPAIRS } }];
  await rig.flow.json(`/api/models/${rig.modelId}/config`, { variants }, 'PUT');
  await Bun.sleep(3_000);
  const idleMb = await residentMb(rig.flow.pid);
  const ways = mainWays(rig, others);
  const latency = await latencies(ways, { streams: [1, 32, 256], rounds: ROUNDS, forMs: isQuick ? 1_500 : 4_000 });
  say('latencies measured\n');
  const plan = {
    engine: 'flat',
    prompt: `say ${FLAT_TOKENS} tokens`,
    maxTokens: FLAT_LIMIT,
    tokensPerRequest: FLAT_TOKENS,
    tokensPerRound: FLAT_TOKENS * (isQuick ? 256 : 768),
    rounds: ROUNDS,
  };
  let rows: Report['saturation'] = [];
  const memory = await memoryDuring(rig.flow.pid, async () => {
    rows = await saturation({ ...plan, ways, streams: [1, 32, 256] });
  });
  say('saturation measured\n');
  const whole = await wholes(
    ways.filter(({ name }) => name !== 'flow → anthropic'),
    ROUNDS,
  );
  const costs = await saturation({ ...plan, ways: everyWay(rig), streams: [32] });
  return { memory: { idleMb, ...memory }, saturation: rows, latency, whole, costs };
}

function engineForOthers(): Disposable {
  const argv = [process.execPath, FLAT_ENGINE, '--port', String(GATEWAY_ENGINE_PORT), '--alias', 'flow-demo'];
  const child = Bun.spawn(argv, {
    env: { ...process.env, FLAT_TOKENS: String(FLAT_TOKENS) },
    stdio: ['pipe', 'ignore', 'inherit'],
  });
  return { [Symbol.dispose]: () => child.kill('SIGKILL') };
}
