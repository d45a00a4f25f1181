/**
 * What open pages cost Flow: CPU and memory with a hundred live connections, against the same load without them, in
 * interleaved rounds. `bun test/bench/tabs.ts '<TabsOrder as JSON>'` is the pages' side, a process of its own: plain
 * sockets that read and count.
 */
import { join } from 'node:path';
import type { Order } from './load.ts';
import { cpuSeconds, load, median, type Rig, residentMb, startRig } from './rig.ts';

/** Which pages to look at, one connection each. */
export type TabsOrder = { readonly port: number; readonly pages: readonly string[] };

/** What the pages were told until they were closed. */
export type TabsFigures = { readonly frames: number; readonly bytes: number; readonly open: number };

/** One load with one set of pages. CPU is a share of one core, memory in MB, both over the same load without pages. */
export type TabsRow = {
  readonly load: string;
  readonly pages: string;
  readonly cpuWithout: number;
  readonly cpuAdded: number;
  readonly memoryAddedMb: number;
  readonly framesPerS: number;
  readonly kbPerS: number;
};

/** What the issue allows. */
export const CPU_ADDED_MAX = 0.05;
export const MEMORY_ADDED_MAX_MB = 50;

const TABS = 100;
const ROUND_S = 15;
const FLAT_ENGINE = join(import.meta.dir, 'flat-engine.ts');
const PAGES = ['monitor', 'models', 'downloads', 'telemetry', 'logs', 'settings', 'shell'];
const SETS: readonly { readonly name: string; readonly pages: readonly string[] }[] = [
  { name: 'monitor', pages: Array.from({ length: TABS }, () => 'monitor') },
  { name: 'mixed', pages: Array.from({ length: TABS }, (_, index) => PAGES[index % PAGES.length] ?? 'monitor') },
];
const LOADS = [
  { name: '10 tok/s', streams: 1, tokensPerS: 10 },
  { name: '200 tok/s', streams: 4, tokensPerS: 50 },
] as const;

/** Measures every load with every set of pages. */
export async function tabs(isQuick: boolean, say: (text: string) => void): Promise<readonly TabsRow[]> {
  const rows: TabsRow[] = [];
  for (const { name, streams, tokensPerS } of LOADS) {
    const tokens = tokensPerS * ROUND_S;
    const command =
      `export FLAT_TOKENS=${tokens} FLAT_TOKENS_PER_S=${tokensPerS}\n` +
      `exec '${process.execPath}' '${FLAT_ENGINE}' "$@"`;
    await using rig = await startRig(command, { n_parallel: 8, ctx_size: 1024 });
    const told = await measure(rig, orderFor(rig, streams, tokens), isQuick ? 1 : 3);
    for (const row of told) {
      rows.push({ load: name, ...row });
      say(lineOf({ load: name, ...row }));
    }
  }
  return rows;
}

type Round = {
  readonly cpu: number;
  readonly memoryMb: number;
  readonly figures: TabsFigures;
  readonly seconds: number;
};

async function measure(rig: Rig, order: Order, rounds: number): Promise<readonly Omit<TabsRow, 'load'>[]> {
  const without: Round[] = [];
  const withPages = new Map<string, Round[]>(SETS.map(({ name }) => [name, []]));
  await round(rig, order, SETS[0]?.pages ?? []);
  for (let count = 0; count < rounds; count += 1) {
    without.push(await round(rig, order, []));
    for (const { name, pages } of SETS) withPages.get(name)?.push(await round(rig, order, pages));
  }
  const cpuWithout = median(without.map(({ cpu }) => cpu));
  const memoryWithout = median(without.map(({ memoryMb }) => memoryMb));
  return [...withPages].map(([pages, told]) => ({
    pages,
    cpuWithout,
    cpuAdded: median(told.map(({ cpu }) => cpu)) - cpuWithout,
    memoryAddedMb: median(told.map(({ memoryMb }) => memoryMb)) - memoryWithout,
    framesPerS: median(told.map(({ figures, seconds }) => figures.frames / seconds)),
    kbPerS: median(told.map(({ figures, seconds }) => figures.bytes / 1000 / seconds)),
  }));
}

/** The load once, while these pages are open. */
async function round(rig: Rig, order: Order, pages: readonly string[]): Promise<Round> {
  const { pid, url } = rig.flow;
  const open = await openTabs({ port: Number(new URL(url).port), pages });
  const [before, startedMs] = [await cpuSeconds(pid), performance.now()];
  await load(order);
  const seconds = (performance.now() - startedMs) / 1000;
  const cpu = ((await cpuSeconds(pid)) - before) / seconds;
  const memoryMb = await residentMb(pid);
  const figures = await open.close();
  if (figures.open < pages.length) throw new Error(`${pages.length - figures.open} pages were not kept up to date.`);
  return { cpu, memoryMb, figures, seconds };
}

async function openTabs(order: TabsOrder): Promise<{ close(): Promise<TabsFigures> }> {
  const child = Bun.spawn(['bun', import.meta.path, JSON.stringify(order)], { stdio: ['pipe', 'pipe', 'inherit'] });
  const output = child.stdout.getReader();
  // Its first word: every page has its first frame.
  await output.read();
  return {
    async close() {
      child.stdin.end();
      return JSON.parse(new TextDecoder().decode((await output.read()).value));
    },
  };
}

function orderFor(rig: Rig, streams: number, tokens: number): Order {
  const messages = [{ role: 'user', content: 'a steady load' }];
  return {
    host: '127.0.0.1',
    port: Number(new URL(rig.flow.url).port),
    path: '/v1/chat/completions',
    headers: {},
    body: JSON.stringify({ model: rig.modelId, messages, stream: true, max_tokens: tokens }),
    streams,
    requests: 1,
    mark: '"content":"',
  };
}

function lineOf({ load: name, pages, cpuWithout, cpuAdded, memoryAddedMb, framesPerS, kbPerS }: TabsRow): string {
  const share = (ratio: number): string => `${(ratio * 100).toFixed(2)} %`;
  return (
    `${name.padEnd(11)}${TABS} tabs, ${pages.padEnd(9)}CPU ${share(cpuWithout)} + ${share(cpuAdded).padStart(7)}` +
    `   memory + ${memoryAddedMb.toFixed(0)} MB   ${framesPerS.toFixed(0)} frames/s, ${kbPerS.toFixed(0)} kB/s\n`
  );
}

/** Opens the pages, says so, and counts what comes until its input ends. */
async function look({ port, pages }: TabsOrder): Promise<void> {
  let frames = 0;
  let bytes = 0;
  let open = 0;
  const first = pages.map(
    (page) =>
      new Promise<void>((resolve, reject) => {
        let hasSeen = false;
        void Bun.connect({
          hostname: '127.0.0.1',
          port,
          socket: {
            open(socket) {
              open += 1;
              socket.write(
                `GET /live?page=${page} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\naccept: text/event-stream\r\n\r\n`,
              );
            },
            data(_socket, piece) {
              bytes += piece.byteLength;
              // Frames end with an empty line; chunks may hold several, or a part of one.
              for (let at = piece.indexOf('\n\n'); at >= 0; at = piece.indexOf('\n\n', at + 2)) frames += 1;
              if (!hasSeen) resolve();
              hasSeen = true;
            },
            close() {
              open -= 1;
            },
            connectError: (_socket, cause) => reject(cause),
          },
        });
      }),
  );
  await Promise.all(first);
  process.stdout.write('\n');
  await new Response(Bun.stdin.stream()).text();
  process.stdout.write(JSON.stringify({ frames, bytes, open } satisfies TabsFigures));
  process.exit(0);
}

if (import.meta.main) await look(JSON.parse(process.argv[2] ?? '{}'));
