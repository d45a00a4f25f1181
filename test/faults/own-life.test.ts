/**
 * Flow's own life, as a process: how it ends, what it leaves, what it meets at its next start, and whose data directory
 * it uses. Signals during the start, and disks that refuse: test/serve.test.ts. One failing call: nth-failure.test.ts.
 */
import { Database } from 'bun:sqlite';
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type FakeEngine, makeFakeEngine } from '#test/support/fake-engine-launcher.ts';
import { isAlive, marked } from '#test/support/processes.ts';
import { type RunningFlow, startFlow, until } from '#test/support/running-flow.ts';

const MAIN = join(import.meta.dir, '..', '..', 'src', 'main.ts');
let folder: string;
let dataDir: string;
let fake: FakeEngine;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'flow-life-'));
  dataDir = mkdtempSync(join(folder, 'data-'));
  fake = makeFakeEngine(folder);
});
afterEach(() => {
  // Only where a test has failed is there anything left.
  for (const pid of enginePids().filter(isAlive)) process.kill(pid, 'SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

const start = () => startFlow({ dataDir, engine: fake.executable });

/** Starts it as `flow` or `flow serve` where a start is expected to end by itself. */
async function endOf(argv: readonly string[]): Promise<{ code: number; text: string }> {
  const environment = { PATH: process.env.PATH ?? '', HOME: folder };
  const stdio: ['ignore', 'pipe', 'pipe'] = ['ignore', 'pipe', 'pipe'];
  // One that does not end by itself is ended, and then the code is another.
  const child = Bun.spawn(['bun', MAIN, ...argv], { env: environment, stdio, timeout: 20_000 });
  const [code, out, err] = await Promise.all([
    child.exited,
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  return { code, text: out + err };
}

function ask(flow: RunningFlow, request: object, signal?: AbortSignal): Promise<Response> {
  return fetch(`${flow.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'flow-demo', messages: [{ role: 'user', content: 'x' }], stream: true, ...request }),
    signal: signal ?? null,
  });
}

async function load(flow: RunningFlow): Promise<void> {
  await flow.json('/api/models/flow-demo/load', {});
  await until('the model is ready', async () => Number((await flow.json('/api/health')).body.running_models) === 1);
}

const enginePids = (): number[] => fake.records('start').map(({ pid }) => pid);

describe('F-51: a first signal while five answers stream', () => {
  test('lets them end whole, takes nothing new, and ends with 0, without engines, with all written down', async () => {
    writeFileSync(join(dataDir, 'settings.json'), '{"default_n_parallel": 5}');
    const flow = await start();
    await load(flow);
    const answers = Array.from({ length: 5 }, () => ask(flow, { fake: { tokens: 30, tokens_per_s: 20 } }));
    const texts = (await Promise.all(answers)).map((answer) => answer.text());
    await until('all are answered', () => fake.records('request-begin').length === 5);
    flow.kill('SIGTERM');
    await until('it is stopping', () => flow.output().includes('stopping'));
    const late = await ask(flow, {}).then(
      ({ status }) => status,
      () => 'refused',
    );
    expect([503, 'refused']).toContain(late);
    for (const text of await Promise.all(texts)) {
      expect(text).toContain('"finish_reason":"');
      expect(text).toContain('data: [DONE]');
      expect(text).not.toContain('"error"');
    }
    expect(await flow.exited).toBe(0);
    expect(enginePids().filter(isAlive)).toEqual([]);
    // A database that was closed has no log beside it, and a directory that was let go has no lock.
    const left = readdirSync(dataDir);
    expect(left.filter((name) => /-wal$|-shm$|\.lock/.test(name))).toEqual([]);
    const rows = new Database(join(dataDir, 'flow.db'), { readonly: true });
    const outcomes = rows.query<{ outcome: string }, []>('SELECT outcome FROM requests').all();
    expect(outcomes.filter(({ outcome }) => outcome === 'completed')).toHaveLength(5);
    rows.close();
  });
});

describe('F-53: Flow killed outright', () => {
  test('leaves no engine, though one ignores every farewell and another has forked', async () => {
    const script = { ignore_term: true, ignore_eof: true, ignore_exit_command: true, fork_grandchild: true };
    fake.behave(script);
    const flow = await start();
    await load(flow);
    const [listed] = JSON.parse(readFileSync(join(dataDir, 'engines.pids.json'), 'utf8'));
    expect(marked(listed.nonce).length).toBeGreaterThan(1);
    flow.kill('SIGKILL');
    await flow.exited;
    await until('nothing of it is left', () => marked(listed.nonce).length === 0, 12_000);
  });
});

describe('F-54: Flow killed together with the guards of its engines', () => {
  test('has its engines ended by the next start, which also takes over its lock and its records', async () => {
    fake.behave({ ignore_term: true, ignore_eof: true, ignore_exit_command: true });
    const flow = await start();
    await load(flow);
    const [listed] = JSON.parse(readFileSync(join(dataDir, 'engines.pids.json'), 'utf8'));
    const [engine = 0] = enginePids();
    const all = marked(listed.nonce);
    process.kill(flow.pid, 'SIGKILL');
    // Whoever watches over the engine dies with it: all of its group but the engine itself.
    for (const pid of all.filter((pid) => pid !== engine)) process.kill(pid, 'SIGKILL');
    await flow.exited;
    expect(isAlive(engine)).toBe(true);
    await using next = await start();
    await until('the engine is gone', () => !isAlive(engine));
    expect(next.output()).toContain('have been ended');
    expect(JSON.parse(readFileSync(join(dataDir, 'engines.pids.json'), 'utf8'))).toEqual([]);
  });

  test('leaves alone a stranger that has an engine’s number by now, and the lock of one that has its own', async () => {
    const stranger = Bun.spawn(['sleep', '300'], { stdio: ['ignore', 'ignore', 'ignore'], detached: true });
    try {
      const entry = { pid: stranger.pid, port: 8081, modelId: 'flow-demo', executable: fake.executable };
      const recycled = { ...entry, nonce: crypto.randomUUID(), startTime: 'of another one' };
      writeFileSync(join(dataDir, 'engines.pids.json'), JSON.stringify([recycled]));
      writeFileSync(join(dataDir, 'flow.lock'), JSON.stringify({ pid: stranger.pid, startedAt: '1@another start' }));
      await using flow = await start();
      expect((await flow.json('/api/health')).status).toBe(200);
      expect(isAlive(stranger.pid)).toBe(true);
    } finally {
      stranger.kill('SIGKILL');
    }
  });
});

describe('F-55: a port that is taken', () => {
  test('by another program ends with 3 and its name; by Flow with 3 when served on purpose, else with 0', async () => {
    const other = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: () => new Response('not Flow') });
    const port = String(other.port);
    const taken = await endOf(['serve', '--port', port, '--data-dir', dataDir]);
    await other.stop(true);
    expect(taken.code).toBe(3);
    expect(taken.text).toContain(`Port ${port}`);
    if (process.platform === 'linux') expect(taken.text).toContain(`(${process.pid})`);
    await using flow = await start();
    const elsewhere = mkdtempSync(join(folder, 'other-'));
    const address = ['--port', new URL(flow.url).port, '--data-dir', elsewhere];
    const [served, plain] = [await endOf(['serve', ...address]), await endOf(address)];
    expect([served.code, plain.code]).toEqual([3, 0]);
    for (const { text } of [served, plain]) expect(text).toContain(`already runs at ${flow.url}`);
  });
});

describe('F-56: two Flows on one data directory', () => {
  test('are one: the second ends at once and says who holds it; the first goes on', async () => {
    await using flow = await start();
    const second = await endOf(['serve', '--port', '0', '--data-dir', dataDir]);
    expect(second.code).toBe(10);
    expect(second.text).toContain(`Another Flow (process ${flow.pid}) uses ${dataDir}`);
    expect((await flow.json('/api/health')).status).toBe(200);
    expect(JSON.parse(readFileSync(join(dataDir, 'flow.lock'), 'utf8')).pid).toBe(flow.pid);
  });
});

describe('F-60, F-79: a database at the start', () => {
  test('of a newer Flow is refused with 2 and its number, and left as it was', async () => {
    await (await start())[Symbol.asyncDispose]();
    const path = join(dataDir, 'flow.db');
    const client = new Database(path);
    client.run('PRAGMA user_version = 777');
    client.close(false);
    const before = readFileSync(path);
    const { code, text } = await endOf(['serve', '--port', '0', '--data-dir', dataDir]);
    expect(code).toBe(2);
    expect(text).toContain('schema 777');
    expect(readFileSync(path)).toEqual(before);
  });

  test('that is damaged is set aside and told; settings and models are not in its fate', async () => {
    const first = await start();
    await first.json('/api/settings', { queue_limit: 77 }, 'PUT');
    await first[Symbol.asyncDispose]();
    const path = join(dataDir, 'flow.db');
    writeFileSync(path, readFileSync(path).fill(0xee, 8_192));
    for (const isFirst of [true, false]) {
      const flow = await start();
      const { body } = await flow.json('/api/health');
      const texts = (body.notices as { text: string }[]).map(({ text }) => text);
      expect(texts.some((text) => text.includes('.bad-'))).toBe(isFirst);
      expect((await flow.json('/api/settings')).body.queue_limit).toBe(77);
      const models = await (await fetch(`${flow.url}/api/models`)).json();
      expect(models.map(({ id }: { id: string }) => id)).toEqual(['flow-demo']);
      await flow[Symbol.asyncDispose]();
    }
    expect(readdirSync(dataDir).filter((name) => name.startsWith('flow.db.bad-'))).not.toEqual([]);
  });
});

describe('F-78: a database that another program holds', () => {
  test('holds up no request; what happened is written when it is free again', async () => {
    await using flow = await start();
    await load(flow);
    let asked = 0;
    const askOne = async (): Promise<number> => {
      const beforeMs = performance.now();
      const answer = await ask(flow, { fake: { tokens: 3 } });
      expect(answer.status).toBe(200);
      expect(await answer.text()).toContain('[DONE]');
      asked += 1;
      return performance.now() - beforeMs;
    };
    let longestMs = 0;
    for (let round = 0; round < 30; round += 1) longestMs = Math.max(longestMs, await askOne());
    const holder = new Database(join(dataDir, 'flow.db'));
    const rows = () => holder.query<{ n: number }, []>('SELECT count(*) AS n FROM requests').get()?.n ?? 0;
    await until('the first are written', () => rows() === asked);
    holder.run('BEGIN EXCLUSIVE');
    const before = asked;
    let longestHeldMs = 0;
    // It says so after the third time that it could not write.
    await until('Flow has seen it', async () => {
      longestHeldMs = Math.max(longestHeldMs, await askOne());
      const { notices } = (await flow.json('/api/health')).body;
      return JSON.stringify(notices).includes('cannot be written');
    });
    // A try at the database takes 20 ms; one that waited for it would take its whole patience.
    expect(longestHeldMs).toBeLessThan(longestMs * 4 + 1_500);
    expect(rows()).toBe(before);
    holder.run('COMMIT');
    await until('the others are written', () => rows() === asked, 20_000);
    holder.close();
  });
});

describe('S-08: an address that others can reach', () => {
  test('is refused with 2 while nobody has a key, whichever way it was named', async () => {
    for (const host of ['0.0.0.0', '::', '192.0.2.7']) {
      const { code, text } = await endOf(['serve', '--port', '0', '--host', host, '--data-dir', dataDir]);
      expect([host, code]).toEqual([host, 2]);
      expect(text).toContain('FLOW_API_KEY');
      expect(text).not.toContain('Flow is listening');
    }
    writeFileSync(join(dataDir, 'settings.json'), '{"host": "0.0.0.0"}');
    expect((await endOf(['serve', '--port', '0', '--data-dir', dataDir])).code).toBe(2);
    expect(existsSync(join(dataDir, 'flow.lock'))).toBe(false);
  });
});
