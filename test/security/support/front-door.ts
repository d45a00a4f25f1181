/**
 * A whole Flow in this process, behind its own guard on real ports: so that attacks go through the very route table
 * that users have, and what they changed can be told from everything that Flow holds.
 */
import { Database } from 'bun:sqlite';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openApp } from '#src/app.ts';
import { readConfig } from '#src/config.ts';
import { type Flow, openFlow } from '#src/flow.ts';
import { prepareDataDir } from '#src/store/data-dir.ts';
import type { Guarded } from '#src/web/guard.ts';
import { listen } from '#src/web/listen.ts';
import type { DeclaredRoute } from '#src/web/route-table.ts';

export type FrontDoor = AsyncDisposable & {
  readonly url: string;
  readonly port: number;
  readonly dataDir: string;
  readonly flow: Flow;
  readonly guarded: Guarded;
  /** The table of the real application, so that a new route is in by itself. */
  readonly routes: readonly DeclaredRoute[];
  /** Everything that Flow holds, in words that can be compared: files, rows of every table, models, downloads. */
  state(): Readonly<Record<string, string>>;
};

/** What changes by being looked at, or by time alone. */
const PASSING_FILES = /^(?:logs\/|flow\.db)/;
const CHANGING: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH', 'DELETE']);

/** Opens it in a data directory of its own. No engine is to be found in this environment, and no hub. */
export async function openFrontDoor(environment: Readonly<Record<string, string>> = {}): Promise<FrontDoor> {
  const dataDir = mkdtempSync(join(tmpdir(), 'flow-door-'));
  const home = join(dataDir, 'home');
  mkdirSync(home);
  prepareDataDir(dataDir);
  const known = { HOME: home, FLOW_DATA_DIR: dataDir, HF_ENDPOINT: 'http://127.0.0.1:9', ...environment };
  const flow = await openFlow(readConfig({}, known), 'test', { ...known, PATH: home });
  await flow.registry.ensureDemo();
  const app = await openApp(flow, () => true);
  const listener = await listen(app.guarded, { host: '127.0.0.1', port: 0 });
  return {
    ...{ url: listener.url, port: listener.port, dataDir, flow, guarded: app.guarded, routes: app.guarded.routes },
    state: () => stateOf(flow, dataDir),
    async [Symbol.asyncDispose]() {
      app.close();
      await listener.stop(true);
      await flow.fleet.shutdown(0);
      await flow.downloads.close();
      await flow.close();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

/** Whether a route is there to change something. */
export function isChanging({ method }: DeclaredRoute): boolean {
  return CHANGING.has(method);
}

/** A path of a route, with something in the place of each parameter. */
export function pathFor({ path }: Pick<DeclaredRoute, 'path'>, filling = 'x'): string {
  return path.replace(/:\w+|\*/g, filling);
}

/** Does `act` for each of them, some at a time. */
export async function forEach<Item>(items: readonly Item[], act: (item: Item) => Promise<void>): Promise<void> {
  const rest = [...items];
  const lane = async (): Promise<void> => {
    for (let item = rest.pop(); item !== undefined; item = rest.pop()) await act(item);
  };
  await Promise.all(Array.from({ length: 8 }, lane));
}

/** An answer, read to its end so that all that it does is done; a stream of events has none, and is hung up on. */
export async function headOf(url: string, init: RequestInit): Promise<Response> {
  const hangUp = new AbortController();
  const answer = await fetch(url, { redirect: 'manual', ...init, signal: hangUp.signal });
  if (answer.headers.get('content-type')?.startsWith('text/event-stream')) hangUp.abort();
  else await answer.arrayBuffer();
  return answer;
}

function stateOf({ fleet, downloads, settings }: Flow, dataDir: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const path of readdirSync(dataDir, { recursive: true, encoding: 'utf8' })) {
    const full = join(dataDir, path);
    if (PASSING_FILES.test(path) || !statSync(full).isFile()) continue;
    found[`file ${path}`] = Bun.hash(readFileSync(full)).toString(16);
  }
  const database = new Database(join(dataDir, 'flow.db'), { readonly: true });
  const tables = database.query<{ name: string }, []>("select name from sqlite_master where type = 'table'").all();
  for (const { name } of tables) {
    found[`table ${name}`] = JSON.stringify(database.query(`select * from "${name}"`).values(), hexOfBytes);
  }
  database.close();
  found.settings = JSON.stringify(settings.current);
  found.models = JSON.stringify(fleet.snapshot().models.map(({ modelId, state }) => [modelId, state.phase]));
  found.downloads = JSON.stringify(downloads.list().map(({ record }) => record));
  return found;
}

function hexOfBytes(_: string, value: unknown): unknown {
  return value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value;
}
