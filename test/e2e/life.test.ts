/**
 * What models live through, on the real engine: idleness, eviction, switches, a crash, deletion. Requests:
 * endings.test.ts.
 */
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { realEngine } from '../support/real-engine.ts';
import { type RunningFlow, startFlow, until } from '../support/running-flow.ts';

type FleetModel = { modelId: string; inFlight: number; state: { phase: string; pid?: number } };

let dataDir: string;
let flow: RunningFlow;

beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'flow-life-'));
  flow = await startFlow({ dataDir, engine: realEngine().executable });
});

afterEach(async () => {
  await flow[Symbol.asyncDispose]();
  rmSync(dataDir, { recursive: true, force: true });
});

const hello = (model: string, more: object = {}) => ({
  model,
  messages: [{ role: 'user', content: 'Hello' }],
  ...more,
});

async function phaseOf(id: string): Promise<string> {
  return (await modelOf(id))?.state.phase ?? 'idle';
}

async function modelOf(id: string): Promise<FleetModel | undefined> {
  const { body } = await flow.json('/api/fleet');
  return (body.models as FleetModel[]).find((model) => model.modelId === id);
}

async function secondModel(): Promise<string> {
  const path = join(dataDir, 'models', 'second.gguf');
  copyFileSync(join(dataDir, 'models', 'flow-demo.gguf'), path);
  const { body } = await flow.json('/api/register-local', { path });
  return String(body.model_id);
}

describe('a model', () => {
  test('that is idle unloads after its cooldown, and its process is gone', async () => {
    await flow.json('/api/settings', { jit_cooldown_seconds: 1 }, 'PUT');
    expect((await flow.json('/v1/chat/completions', hello('flow-demo'))).status).toBe(200);
    const pid = (await modelOf('flow-demo'))?.state.pid ?? 0;
    expect(() => process.kill(pid, 0)).not.toThrow();
    await until('unloaded', async () => (await phaseOf('flow-demo')) === 'idle');
    expect(() => process.kill(pid, 0)).toThrow();
  });

  test('that is pinned stays', async () => {
    await flow.json('/api/settings', { jit_cooldown_seconds: 1 }, 'PUT');
    await flow.json('/api/models/flow-demo/config', { is_pinned: true }, 'PUT');
    await flow.json('/v1/chat/completions', hello('flow-demo'));
    await Bun.sleep(2_500);
    expect(await phaseOf('flow-demo')).toBe('ready');
  });

  test('makes room for another when both do not fit, but not while it answers', async () => {
    const second = await secondModel();
    await flow.json('/v1/chat/completions', hello('flow-demo'));
    const { body } = await flow.json('/api/fleet');
    const needBytes = (body.memory as { reservedBytes: number }).reservedBytes;
    const limit = { memory_limit_gb: (needBytes * 1.5) / 1e9, min_residency_seconds: 0 };
    await flow.json('/api/settings', limit, 'PUT');
    const client = new AbortController();
    const endless = hello('flow-demo', { stream: true, messages: [{ role: 'user', content: 'a long story' }] });
    const busy = await fetch(`${flow.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(endless),
      signal: client.signal,
    });
    const other = flow.json('/v1/chat/completions', hello(second));
    await until('the other waits', async () => ((await flow.json('/api/fleet')).body.queue as unknown[]).length === 1);
    expect(await phaseOf('flow-demo')).toBe('ready');
    client.abort();
    await busy.text().catch(() => '');
    expect((await other).status).toBe(200);
    expect([await phaseOf('flow-demo'), await phaseOf(second)]).toEqual(['idle', 'ready']);
  });

  test('that can never fit is refused at once, with numbers', async () => {
    await flow.json('/api/settings', { memory_limit_gb: 0.01 }, 'PUT');
    const { status, body } = await flow.json('/v1/chat/completions', hello('flow-demo'));
    expect(status).toBe(503);
    expect(JSON.stringify(body)).toMatch(/\d+(\.\d+)? MB|\d+(\.\d+)? GB/);
  });

  test('is not loaded for a request when just-in-time loading is off', async () => {
    await flow.json('/api/settings', { jit_enabled: false }, 'PUT');
    expect((await flow.json('/v1/chat/completions', hello('flow-demo'))).status).toBe(503);
    await flow.json('/api/models/flow-demo/load', {});
    await until('ready', async () => (await phaseOf('flow-demo')) === 'ready');
    expect((await flow.json('/v1/chat/completions', hello('flow-demo'))).status).toBe(200);
  });

  test('with a flag its engine does not know says so, once, and works when that is mended', async () => {
    const config = '/api/models/flow-demo/config';
    // Classed by nobody, so it is refused before it can do harm.
    expect((await flow.json(config, { launch: { extra_args: ['--bogus-flag'] } }, 'PUT')).status).toBe(400);
    await flow.json(config, { launch: { extra_args: ['--threads-http', 'many'] } }, 'PUT');
    const refused = await flow.json('/v1/chat/completions', hello('flow-demo'));
    expect(refused.status).toBe(503);
    expect(JSON.stringify(refused.body)).toContain('threads-http');
    await flow.json(config, { launch: { extra_args: [] } }, 'PUT');
    expect((await flow.json('/v1/chat/completions', hello('flow-demo'))).status).toBe(200);
  });

  test('F-14: that crashed while idle is seen at once and started again when asked for', async () => {
    await flow.json('/v1/chat/completions', hello('flow-demo'));
    process.kill((await modelOf('flow-demo'))?.state.pid ?? 0, 'SIGKILL');
    await until('failed', async () => (await phaseOf('flow-demo')) === 'failed');
    expect((await flow.json('/v1/chat/completions', hello('flow-demo'))).status).toBe(200);
  });

  test('that was the demo stays deleted after a restart', async () => {
    const path = join(dataDir, 'models', 'flow-demo.gguf');
    expect((await flow.json('/api/models/flow-demo', undefined, 'DELETE')).status).toBe(200);
    expect(existsSync(path)).toBe(false);
    flow.kill('SIGTERM');
    await flow.exited;
    flow = await startFlow({ dataDir, engine: realEngine().executable });
    expect((await flow.json('/api/models')).body.value).toBe('[]');
    expect((await flow.json('/v1/chat/completions', hello('flow-demo'))).status).toBe(404);
  });
});

describe('headers that steer an engine', () => {
  test('S-40: are not passed on: a client that leaves frees the slot all the same', async () => {
    // Loaded beforehand: the first piece of an answer that waits for a load is a heartbeat, and no slot works yet.
    expect((await flow.json('/v1/chat/completions', hello('flow-demo'))).status).toBe(200);
    const client = new AbortController();
    const response = await fetch(`${flow.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-conversation-id': 'abc' },
      body: JSON.stringify(hello('flow-demo', { stream: true, messages: [{ role: 'user', content: 'a long story' }] })),
      signal: client.signal,
    });
    await response.body?.getReader().read();
    client.abort();
    await until(
      'a free slot',
      async () => {
        const { body } = await flow.json('/upstream/flow-demo/slots');
        return (JSON.parse(String(body.value)) as { is_processing: boolean }[]).every((slot) => !slot.is_processing);
      },
      1_500,
    );
    expect((await modelOf('flow-demo'))?.inFlight).toBe(0);
  });
});
