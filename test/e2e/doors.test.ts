/**
 * The doors of a whole Flow: events, WebSocket, metrics, key, refusals to start. Each guard rule:
 * test/web/guard.test.ts.
 */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { realEngine } from '../support/real-engine.ts';
import { type RunningFlow, startFlow, until } from '../support/running-flow.ts';

const MAIN = join(import.meta.dir, '..', '..', 'src', 'main.ts');
const KEY = 'flow_test_key_0123456789';

let flow: RunningFlow;

beforeAll(async () => {
  flow = await startFlow({ engine: realEngine().executable });
});

afterAll(async () => {
  await flow[Symbol.asyncDispose]();
});

const ask = (): Promise<unknown> =>
  flow.json('/v1/chat/completions', { messages: [{ role: 'user', content: 'Hello' }] });

/** Runs `flow serve` until it ends; for starts that are refused. */
async function endOf(flags: readonly string[], dataDir: string): Promise<{ code: number; text: string }> {
  const child = Bun.spawn(['bun', MAIN, 'serve', '--data-dir', dataDir, ...flags], {
    env: { PATH: process.env.PATH ?? '', HOME: dataDir },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const text = `${await new Response(child.stdout).text()}${await new Response(child.stderr).text()}`;
  return { code: await child.exited, text };
}

describe('what changes is told', () => {
  test('as events that begin with everything', async () => {
    const stop = new AbortController();
    const response = await fetch(`${flow.url}/api/events`, { signal: stop.signal });
    let text = '';
    const reading = (async () => {
      const decoder = new TextDecoder();
      for await (const bytes of response.body ?? []) text += decoder.decode(bytes, { stream: true });
    })().catch(() => {});
    await until('the snapshot', () => text.includes('event: snapshot'));
    await ask();
    await until('the end of the request', () => text.includes('"stage":"completed"'));
    expect(text).not.toContain('apiKey');
    stop.abort();
    await reading;
  });

  test('over the WebSocket, in the types of the original', async () => {
    const socket = new WebSocket(`${flow.url.replace('http', 'ws')}/ws`);
    const types: string[] = [];
    socket.onmessage = ({ data }) => types.push(JSON.parse(String(data)).type);
    await until('init', () => types[0] === 'init');
    await ask();
    await until('an update', () => types.includes('request_update'));
    socket.close();
  });

  test('as metrics', async () => {
    await ask();
    const text = await (await fetch(`${flow.url}/metrics`)).text();
    expect(text).toMatch(/flow_requests_total\{[^}]*model="flow-demo"[^}]*\} [1-9]/);
    expect(text).toContain('flow_memory_bytes');
  });

  test('in the log, which has no prompt in it', async () => {
    const secret = `canary-${crypto.randomUUID()}`;
    await flow.json('/v1/chat/completions', { messages: [{ role: 'user', content: secret }] });
    const { body } = await flow.json('/api/logs?lines=2000');
    expect((body.logs as string[]).length).toBeGreaterThan(10);
    expect(JSON.stringify(body)).not.toContain(secret);
    const { body: records } = await flow.json('/api/telemetry?limit=100');
    expect(JSON.stringify(records)).not.toContain(secret);
  });
});

describe('a Flow with a key', () => {
  test('answers nobody without it, in the protocol that was spoken', async () => {
    await using locked = await startFlow({ engine: realEngine().executable, environment: { FLOW_API_KEY: KEY } });
    // Not by `locked.json`, which comes as the user whom Flow runs for.
    const json = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"messages":[]}' };
    for (const path of ['/v1/chat/completions', '/v1/messages']) {
      const answer = await fetch(locked.url + path, json);
      expect([answer.status, await answer.json()]).toMatchObject([401, { error: { type: 'authentication_error' } }]);
    }
    expect((await fetch(`${locked.url}/api/models`)).status).toBe(401);
    expect((await locked.json('/api/models')).status).toBe(200);
    for (const headers of [{ authorization: `Bearer ${KEY}` }, { 'x-api-key': KEY }]) {
      expect((await fetch(`${locked.url}/v1/models`, { headers })).status).toBe(200);
    }
    expect(locked.output()).not.toContain(KEY);
  });
});

describe('a start is refused', () => {
  test('S-08: with 2 beyond loopback without a key, and with 2 for a wrong flag', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'flow-doors-'));
    const open = await endOf(['--host', '0.0.0.0', '--port', '0'], dataDir);
    expect(open.code).toBe(2);
    expect(open.text).toContain('FLOW_API_KEY');
    expect((await endOf(['--port', 'x'], dataDir)).code).toBe(2);
    expect((await endOf(['--bogus'], dataDir)).code).toBe(2);
    rmSync(dataDir, { recursive: true, force: true });
  });

  test('F-55: with 3 when the port is taken, by whom it says', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'flow-doors-'));
    const other = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: () => new Response('not Flow') });
    const taken = await endOf(['--port', String(other.port)], dataDir);
    expect(taken.code).toBe(3);
    expect(taken.text).toContain(String(other.port));
    await other.stop(true);
    const again = await endOf(['--port', new URL(flow.url).port], dataDir);
    expect([again.code, again.text]).toEqual([3, expect.stringContaining(`already runs at ${flow.url}`)]);
    rmSync(dataDir, { recursive: true, force: true });
  });

  test('F-56: for a second Flow on the same data directory', async () => {
    const second = await endOf(['--port', '0'], flow.dataDir);
    expect(second.code).not.toBe(0);
    expect(second.text).toContain(flow.dataDir);
  });
});

describe('a signal', () => {
  test('ends it with 0 when nothing runs', async () => {
    await using idle = await startFlow({ engine: realEngine().executable });
    idle.kill('SIGTERM');
    expect(await idle.exited).toBe(0);
  });
});
