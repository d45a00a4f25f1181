/**
 * `bun run bench [--quick] [--json FILE]`: Flow against a direct connection to the same engine, in one run, in
 * interleaved rounds, as ratios of medians. Absolute figures of a shared machine mean little; ratios hold.
 * `--only estimates`: what Flow thinks a load takes, against what the engine says and uses.
 * `--only tabs`: what a hundred open pages cost.
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { realEngine } from '../support/real-engine.ts';
import { estimates, summaryOf } from './estimates.ts';
import type { Figures, Order } from './load.ts';
import { cpuSeconds, load, median, type Rig, residentMb, startRig } from './rig.ts';
import { CPU_ADDED_MAX, MEMORY_ADDED_MAX_MB, tabs } from './tabs.ts';

type Way = { readonly name: string; readonly order: (streams: number, requests: number) => Order };
type Row = {
  readonly engine: string;
  readonly way: string;
  readonly streams: number;
  readonly tokensPerS: number;
  readonly ratio: number;
  readonly ttftMs: number;
  readonly ttftAddedMs: number;
  readonly failed: number;
  readonly cpuSPerMTokens: number;
};

const { values } = parseArgs({
  options: { quick: { type: 'boolean' }, only: { type: 'string' }, json: { type: 'string' } },
});
const ROUNDS = values.quick ? 3 : 5;
const FLAT_ENGINE = join(import.meta.dir, 'flat-engine.ts');
const FAKE_TOKENS = 512;
const CHAT = '/v1/chat/completions';

const say = (text: string): void => void process.stdout.write(text);

/** A name of the model under which nothing is mended, so that bytes pass and are only metered. */
const VERBATIM = 'bench-verbatim';
const NO_REPAIRS = {
  leaked_calls: false,
  typed_arguments: false,
  think_tags: false,
  duplicate_calls: false,
  truncated_calls: false,
  engine_parser: false,
  loop_guard: false,
  tool_schemas: false,
  thinking_room: false,
};
/** A tool, so that the repair of leaked calls listens. */
const TOOL = {
  name: 'look_up',
  description: 'Looks something up.',
  parameters: { type: 'object', properties: { topic: { type: 'string' } }, required: ['topic'] },
};
const CHAT_MARK = '"content":"';

/** The ways to ask the same engine: directly, and through Flow in the protocols that matter most. */
function ways(rig: Rig, prompt: string, maxTokens: number): Way[] {
  return everyWay(rig, prompt, maxTokens).filter((way) => ['direct', 'flow', 'flow → anthropic'].includes(way.name));
}

/** The same request in every protocol, with what Flow does to it added bit by bit. */
function everyWay(rig: Rig, prompt: string, maxTokens: number): Way[] {
  const flow = new URL(rig.flow.url);
  const messages = [{ role: 'user', content: prompt }];
  const chat = { model: rig.modelId, messages, stream: true, max_tokens: maxTokens };
  const bare = { ...chat, model: VERBATIM };
  const chatTools = { tools: [{ type: 'function', function: TOOL }] };
  const { parameters, ...named } = TOOL;
  const to =
    (port: number, path: string, body: unknown, headers: Record<string, string>, mark: string) =>
    (streams: number, requests: number): Order => ({
      host: '127.0.0.1',
      port,
      path,
      headers,
      body: JSON.stringify(body),
      streams,
      requests,
      mark,
    });
  const key = { authorization: `Bearer ${rig.engineKey}` };
  const through = (path: string, body: unknown, mark: string) => to(Number(flow.port), path, body, {}, mark);
  const responses = { model: rig.modelId, input: prompt, stream: true, store: false, max_output_tokens: maxTokens };
  return [
    { name: 'direct', order: to(rig.enginePort, CHAT, chat, key, CHAT_MARK) },
    { name: 'flow, metered only', order: through(CHAT, bare, CHAT_MARK) },
    { name: 'flow', order: through(CHAT, chat, CHAT_MARK) },
    { name: 'flow, with tools', order: through(CHAT, { ...chat, ...chatTools }, CHAT_MARK) },
    { name: 'anthropic, unmended', order: through('/v1/messages', bare, '"text_delta"') },
    { name: 'flow → anthropic', order: through('/v1/messages', chat, '"text_delta"') },
    {
      name: 'anthropic, tools',
      order: through('/v1/messages', { ...chat, tools: [{ ...named, input_schema: parameters }] }, '"text_delta"'),
    },
    { name: 'flow → responses', order: through('/v1/responses', responses, 'event: response.output_text.delta') },
    { name: 'flow → ollama', order: through('/api/chat', { ...chat, options: {} }, '"done":false') },
  ];
}

/** One table: every way at every number of streams, rounds interleaved so that drift hits all alike. */
async function compare(
  engine: string,
  rig: Rig,
  all: readonly Way[],
  streamCounts: readonly number[],
  tokensPerRound: number,
  tokensPerRequest: number,
): Promise<Row[]> {
  const rows: Row[] = [];
  for (const streams of streamCounts) {
    const requests = Math.max(1, Math.round(tokensPerRound / tokensPerRequest / streams));
    for (const way of all) await load(way.order(streams, 1));
    const figures = new Map<string, Figures[]>(all.map((way) => [way.name, []]));
    const cpu = new Map<string, number>();
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const way of all) {
        const before = await cpuSeconds(rig.flow.pid);
        const one = await load(way.order(streams, requests));
        figures.get(way.name)?.push(one);
        cpu.set(way.name, (cpu.get(way.name) ?? 0) + ((await cpuSeconds(rig.flow.pid)) - before));
      }
    }
    const of = (name: string, pick: (one: Figures) => number): number => median((figures.get(name) ?? []).map(pick));
    for (const { name } of all) {
      const tokens = (figures.get(name) ?? []).reduce((sum, one) => sum + one.tokens, 0);
      rows.push({
        engine,
        way: name,
        streams,
        tokensPerS: of(name, (one) => one.tokensPerS),
        ratio: of(name, (one) => one.tokensPerS) / of('direct', (one) => one.tokensPerS),
        ttftMs: of(name, (one) => one.ttftP50Ms),
        ttftAddedMs: of(name, (one) => one.ttftP50Ms) - of('direct', (one) => one.ttftP50Ms),
        failed: (figures.get(name) ?? []).reduce((sum, one) => sum + one.failed, 0),
        cpuSPerMTokens: ((cpu.get(name) ?? 0) / tokens) * 1e6,
      });
    }
  }
  return rows;
}

const COLUMNS: readonly { readonly title: string; readonly width: number; readonly cell: (row: Row) => string }[] = [
  { title: 'streams', width: 8, cell: (row) => String(row.streams) },
  { title: 'tokens/s', width: 12, cell: (row) => row.tokensPerS.toFixed(0) },
  { title: 'of direct', width: 11, cell: (row) => row.ratio.toFixed(3) },
  { title: 'TTFT p50', width: 12, cell: (row) => `${row.ttftMs.toFixed(2)} ms` },
  { title: 'added', width: 11, cell: (row) => `${row.ttftAddedMs.toFixed(2)} ms` },
  { title: 'CPU s/Mtok', width: 12, cell: (row) => (row.way === 'direct' ? '–' : row.cpuSPerMTokens.toFixed(2)) },
  { title: 'failed', width: 8, cell: (row) => String(row.failed) },
];

/** What each thing that Flow does costs over passing bytes and metering them, in CPU time of Flow. */
function showCosts(rows: readonly Row[]): void {
  const base = rows.find((row) => row.way === 'flow, metered only');
  if (!base) return;
  say('\nCPU of Flow per token, and over passing it on verbatim:\n');
  for (const row of rows.filter(({ way }) => way !== 'direct')) {
    const added = row.cpuSPerMTokens - base.cpuSPerMTokens;
    say(`  ${row.way.padEnd(22)}${row.cpuSPerMTokens.toFixed(2).padStart(7)} µs${added.toFixed(2).padStart(8)} µs\n`);
  }
}

function show(rows: readonly Row[]): void {
  const line = (engine: string, way: string, cells: readonly string[]): string =>
    `${engine.padEnd(8)}${way.padEnd(21)}${cells.map((cell, index) => cell.padStart(COLUMNS[index]?.width ?? 0)).join('')}\n`;
  say(
    `\n${line(
      'engine',
      'way',
      COLUMNS.map((column) => column.title),
    )}`,
  );
  for (const row of rows)
    say(
      line(
        row.engine,
        row.way,
        COLUMNS.map((column) => column.cell(row)),
      ),
    );
}

if (values.only === 'tabs') {
  const told = await tabs(values.quick === true, say);
  if (values.json) await Bun.write(values.json, `${JSON.stringify(told, null, 2)}\n`);
  const isWithin = told.every((row) => row.cpuAdded < CPU_ADDED_MAX && row.memoryAddedMb < MEMORY_ADDED_MAX_MB);
  process.exit(isWithin ? 0 : 1);
}
if (values.only !== undefined) {
  if (values.only !== 'estimates')
    throw new Error(`There is no bench "${values.only}"; there are "estimates", "tabs".`);
  const told = await estimates(values.quick === true, say);
  const report = { summary: summaryOf(told), loads: told };
  if (values.json) await Bun.write(values.json, `${JSON.stringify(report, null, 2)}\n`);
  process.exit(0);
}
const rows: Row[] = [];
const costs: Row[] = [];
{
  const { executable, libraryPath } = realEngine();
  await using rig = await startRig(
    `${libraryPath ? `export LD_LIBRARY_PATH='${libraryPath}'\n` : ''}exec '${executable}' "$@"`,
    { n_parallel: 32, ctx_size: 2048, cache_ram_mib: 0 },
  );
  // Two seconds after its start Flow gives back what the start left behind.
  await Bun.sleep(3_000);
  say(
    `start-up to the ready line: ${rig.flow.startMs.toFixed(0)} ms; resident when idle: ${(await residentMb(rig.flow.pid)).toFixed(0)} MB\n`,
  );
  const tokens = values.quick ? 128 : 256;
  rows.push(
    ...(await compare(
      'real',
      rig,
      ways(rig, 'Tell me a long story', tokens),
      [1, 8, 32],
      tokens * (values.quick ? 16 : 48),
      tokens,
    )),
  );
}
{
  const command = `export FLAT_TOKENS=${FAKE_TOKENS}\nexec '${process.execPath}' '${FLAT_ENGINE}' "$@"`;
  await using rig = await startRig(command, { n_parallel: 512, ctx_size: 1024 });
  const tokensPerRound = FAKE_TOKENS * (values.quick ? 256 : 1024);
  rows.push(
    ...(await compare('fake', rig, ways(rig, 'flat out', FAKE_TOKENS), [1, 32, 256], tokensPerRound, FAKE_TOKENS)),
  );
  const variants = [{ name: VERBATIM, behaviour: { repairs: NO_REPAIRS } }];
  await rig.flow.json(`/api/models/${rig.modelId}/config`, { variants }, 'PUT');
  const all = everyWay(rig, 'flat out', FAKE_TOKENS);
  costs.push(...(await compare('fake', rig, all, [32], tokensPerRound, FAKE_TOKENS)));
  const flow = all.find((way) => way.name === 'flow');
  if (flow) {
    const crowd = await load(flow.order(400, 1));
    say(
      `400 streams at once: ${crowd.tokens} tokens, ${crowd.failed} failed, TTFT p99 ${crowd.ttftP99Ms.toFixed(0)} ms\n`,
    );
  }
  say(`resident after the load: ${(await residentMb(rig.flow.pid)).toFixed(0)} MB\n`);
}
show(rows);
show(costs);
showCosts(costs);
if (values.json) await Bun.write(values.json, `${JSON.stringify([...rows, ...costs], null, 2)}\n`);
process.exit([...rows, ...costs].some((row) => row.failed > 0) ? 1 : 0);
