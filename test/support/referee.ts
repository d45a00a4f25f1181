/**
 * What must be true of every Flow at the end of every test, whatever the test was about: nothing unexpected happened in
 * it, it left no process, its files are whole and its own, and its log names no secret.
 */
import { Database } from 'bun:sqlite';
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { jsonOrNull } from '#src/json.ts';
import { LOCAL_KEY_HEADER, readLocalKey } from '#src/store/local-key.ts';
import { isAlive, processesWith, textOf } from './processes.ts';

/** Engines may take their time to die; their guards insist after ten seconds. */
const GONE_WITHIN_MS = 15_000;
const ASK_MS_MAX = 5_000;
const MISHAP = /^flow_unexpected_errors_total\{place="(\w+)"\} ([1-9]\d*)$/gm;

/** What the referee has to know of a Flow. */
export type Judged = {
  readonly url: string;
  readonly pid: number;
  readonly dataDir: string;
  /** All that it has written to its outputs. */
  output(): string;
};

/** What it saw while Flow ran; `afterwards` looks again when it has ended. */
export type Judgement = {
  readonly troubles: readonly string[];
  /** Engines have `withinMs` to follow their Flow. */
  afterwards(withinMs?: number): Promise<readonly string[]>;
};

/** Looks at a Flow that is about to be ended; one that has gone already, or is stopped, is judged by what it left. */
export async function judge(flow: Judged): Promise<Judgement> {
  const children = enginesOf(flow.pid);
  const key = readLocalKey(flow.dataDir);
  const metrics = await fetch(`${flow.url}/metrics`, {
    headers: { [LOCAL_KEY_HEADER]: key ?? '' },
    signal: AbortSignal.timeout(ASK_MS_MAX),
  })
    .then((response) => (response.ok ? response.text() : ''))
    .catch(() => '');
  const troubles = [...metrics.matchAll(MISHAP)].map(([, place, count]) => `${count} unexpected errors (${place})`);
  return {
    troubles,
    afterwards: async (withinMs = GONE_WITHIN_MS) => [
      ...(await strays(children, withinMs)),
      ...unsoundFiles(flow.dataDir),
      ...spoken(flow.output(), key),
    ],
  };
}

/** Pids of the engines that a Flow has started: its children that bear its mark; Linux only. */
function enginesOf(pid: number): number[] {
  if (process.platform !== 'linux') return [];
  return processesWith('FLOW_INSTANCE=').filter((each) => parentOf(each) === pid);
}

function parentOf(pid: number): number | null {
  const stat = textOf(`/proc/${pid}/stat`);
  return stat === '' ? null : Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
}

async function strays(pids: readonly number[], withinMs: number): Promise<string[]> {
  const deadlineMs = performance.now() + withinMs;
  while (pids.some(isAlive) && performance.now() < deadlineMs) await Bun.sleep(20);
  return pids.filter(isAlive).map((pid) => `engine ${pid} outlived its Flow`);
}

/** Files that cannot be read back, or that others may read. A test that damages them on purpose removes them after. */
function unsoundFiles(dataDir: string): string[] {
  if (!existsSync(dataDir)) return [];
  const settings = textOf(join(dataDir, 'settings.json'));
  const troubles =
    settings !== '' && jsonOrNull(settings) === null ? [`settings.json is no JSON: ${settings.slice(0, 100)}`] : [];
  const database = join(dataDir, 'flow.db');
  for (const path of [join(dataDir, 'settings.json'), database, `${database}-wal`]) {
    if (existsSync(path) && (statSync(path).mode & 0o077) !== 0) troubles.push(`${path} can be read by others`);
  }
  if (existsSync(database)) troubles.push(...unsoundDatabase(database));
  return troubles;
}

function unsoundDatabase(path: string): string[] {
  try {
    using database = new Database(path, { readwrite: true });
    const found = database.query<{ quick_check: string }, []>('PRAGMA quick_check(1)').get()?.quick_check;
    return found === 'ok' ? [] : [`the database is not sound: ${found}`];
  } catch (cause) {
    return [`the database cannot be opened: ${cause}`];
  }
}

function spoken(output: string, key: string | null): string[] {
  return key !== null && output.includes(key) ? ['its log names the local key'] : [];
}
