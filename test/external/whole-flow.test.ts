// A whole Flow before llama-servers that the test itself started: connected, used, lost, found again, one stopped.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type EngineProcess, startEngine } from '#test/support/engine-process.ts';
import { isAlive } from '#test/support/processes.ts';
import { type RunningFlow, startFlow, until } from '#test/support/running-flow.ts';
import { COMMON_SCRIPTS, writeScriptedModel } from '#test/support/scripted-model.ts';

const folder = mkdtempSync(join(tmpdir(), 'flow-external-'));
const modelPath = join(folder, 'strange.gguf');
let flow: RunningFlow;
let engine: EngineProcess;
let bystander: EngineProcess;

beforeAll(async () => {
  await writeScriptedModel(modelPath, { scripts: COMMON_SCRIPTS });
  [engine, bystander, flow] = await Promise.all([startEngine(modelPath), startEngine(modelPath), startFlow()]);
}, 180_000);

afterAll(async () => {
  await flow[Symbol.asyncDispose]();
  await engine[Symbol.asyncDispose]();
  await bystander[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

const portOf = (url: string): string => new URL(url).port;
const stateOf = async (): Promise<Record<string, unknown>> => {
  const { body } = await flow.json('/api/external');
  const connected = body.connected as Record<string, unknown>[];
  return connected[0] ?? {};
};

async function ask(path: string, body: object): Promise<string> {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(flow.url + path, { method: 'POST', headers, body: JSON.stringify(body) });
  return response.text();
}

describe('a llama-server that somebody else started', () => {
  test('is connected and recognised, with its context and slots', async () => {
    const { status, body } = await flow.json('/api/connect-external', { base_url: `${engine.baseUrl}/v1/` });
    expect(body).toMatchObject({
      model_id: 'strange',
      status: 'running',
      port: Number(portOf(engine.baseUrl)),
      base_url: `${engine.baseUrl}/v1`,
      external: true,
      is_new: true,
      engine: 'llama.cpp',
      product: 'llama-server',
      backend: 'gguf',
      can_stop: true,
      pid: engine.pid,
    });
    expect(status).toBe(200);
    expect(body.context_length).toBeGreaterThan(0);
  }, 180_000);

  test('is one model, however often it is connected', async () => {
    const { body } = await flow.json('/api/connect-external', { base_url: engine.baseUrl, name: 'again' });
    expect(body).toMatchObject({ model_id: 'strange', is_new: false });
  }, 180_000);

  test('answers chat and messages, streamed', async () => {
    const messages = [{ role: 'user', content: 'plain' }];
    const chat = await ask('/v1/chat/completions', { model: 'strange', stream: true, messages });
    expect(chat).toContain('data: [DONE]');
    expect(chat).toContain('scripted');
    const said = await ask('/v1/messages', { model: 'strange', stream: true, max_tokens: 50, messages });
    expect(said).toContain('message_stop');
    expect(said).toContain('scripted');
  }, 180_000);

  test('is seen gone, refused in words, and comes back by itself', async () => {
    const port = portOf(engine.baseUrl);
    await engine[Symbol.asyncDispose]();
    const gone = await until('it is gone', async () => {
      const state = await stateOf();
      return state.is_reachable === false && state.error !== null ? state : null;
    });
    expect(gone.error).toContain('somebody else started it');
    const messages = [{ role: 'user', content: 'plain' }];
    const refusal = await ask('/v1/chat/completions', { model: 'strange', messages });
    expect(refusal).toContain('somebody else started it');
    engine = await startEngine(modelPath, [], Number(port));
    await until('it is back', async () => (await stateOf()).is_reachable === true, 60_000);
    expect(await ask('/v1/chat/completions', { model: 'strange', messages })).toContain('scripted');
  }, 180_000);

  test('is ended by an unload, and no other one is', async () => {
    const { status } = await flow.json('/api/models/strange/unload', {});
    expect(status).toBe(202);
    await until('it has gone', () => !isAlive(engine.pid));
    expect(isAlive(bystander.pid)).toBe(true);
    await until('Flow knows', async () => (await stateOf()).is_reachable === false);
  }, 180_000);

  test('is only disconnected when its model is removed', async () => {
    await flow.json('/api/connect-external', { base_url: bystander.baseUrl, name: 'bystander' });
    const { status } = await flow.json('/api/models/bystander', undefined, 'DELETE');
    expect(status).toBe(200);
    expect(isAlive(bystander.pid)).toBe(true);
    expect(readFileSync(modelPath).length).toBeGreaterThan(0);
  }, 180_000);

  test('outlives Flow', async () => {
    await flow.json('/api/connect-external', { base_url: bystander.baseUrl, name: 'bystander' });
    flow.kill('SIGTERM');
    expect(await flow.exited).toBe(0);
    expect(isAlive(bystander.pid)).toBe(true);
    expect(statSync(modelPath).isFile()).toBe(true);
  }, 180_000);
});
