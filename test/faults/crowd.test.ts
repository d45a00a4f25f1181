/**
 * Many clients at a whole Flow before a fake engine: one start for all of them, turns, limits, and what those are told
 * whose model is taken away. The scheduler by itself on a fake clock: `test/scheduling/`.
 */
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type FakeEngine, makeFakeEngine } from '#test/support/fake-engine-launcher.ts';
import { type RunningFlow, startFlow, until } from '#test/support/running-flow.ts';

const SLOTS = 4;
const CLIENTS = 200;

let folder: string;
let fake: FakeEngine;
let flow: RunningFlow;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'flow-crowd-'));
  fake = makeFakeEngine(folder, { slots: SLOTS });
  flow = await startFlow({ engine: fake.executable });
  await flow.json('/api/settings', { default_n_parallel: SLOTS }, 'PUT');
});
afterAll(async () => {
  await flow?.[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

type Asking = { readonly key?: string; readonly agent?: string; readonly signal?: AbortSignal };

function stream(behaviour: object, { key, agent = 'agent', signal }: Asking = {}): Promise<Response> {
  return fetch(`${flow.url}/v1/chat/completions`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'user-agent': agent,
      ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
    },
    body: JSON.stringify({
      model: 'flow-demo',
      stream: true,
      messages: [{ role: 'user', content: 'Hello' }],
      fake: behaviour,
    }),
    ...(signal ? { signal } : {}),
  });
}

const isWhole = (text: string): boolean => text.includes('[DONE]') && !text.includes('"error"');

async function model(): Promise<{ state: { phase: string }; inFlight: number; waiting: number }> {
  const { body } = await flow.json('/api/fleet');
  const models = body.models as { modelId: string; state: { phase: string }; inFlight: number; waiting: number }[];
  return models.find(({ modelId }) => modelId === 'flow-demo') ?? { state: { phase: 'idle' }, inFlight: 0, waiting: 0 };
}

async function unloaded(): Promise<void> {
  await flow.json('/api/models/flow-demo/unload', { force: true });
  await until('the model unloaded', async () => (await model()).state.phase === 'idle');
}

/** From the next load on the model answers so many at a time. */
async function slots(count: number): Promise<void> {
  await unloaded();
  fake.behave({ slots: count });
  await flow.json('/api/settings', { default_n_parallel: count }, 'PUT');
}

async function made(name: string): Promise<string> {
  return String((await flow.json('/api/keys', { name })).body.secret);
}

// Three seconds give every client its heartbeat; the shorter loads look for a wake-up that is lost in between.
test.each([3_000, 0, 1, 40, 200])(
  'F-37: 200 clients of one cold model, ready after %d ms: one start',
  async (loadMs) => {
    await unloaded();
    fake.behave({ slots: SLOTS, ready_after_ms: loadMs });
    const before = fake.records('start').length;
    const texts = await Promise.all(Array.from({ length: CLIENTS }, async () => (await stream({ tokens: 2 })).text()));
    expect(texts.filter(isWhole)).toHaveLength(CLIENTS);
    expect(fake.records('start').length - before).toBe(1);
    expect(Math.max(...fake.records('request-begin').map((one) => one.high_water))).toBeLessThanOrEqual(SLOTS);
    if (loadMs >= 3_000) expect(texts.filter((text) => text.startsWith(':'))).toHaveLength(CLIENTS);
    expect(await model()).toMatchObject({ inFlight: 0, waiting: 0 });
    fake.behave({ slots: SLOTS });
  },
  180_000,
);

test('F-50: a flood under one key, whatever programs it names, delays another key by one request', async () => {
  await slots(1);
  const [flooder, single] = [await made('flooder'), await made('single')];
  const order: string[] = [];
  const asked = async (key: string, agent: string) => {
    const text = await (await stream({ tokens: 8, tokens_per_s: 20 }, { key, agent })).text();
    expect(isWhole(text)).toBe(true);
    order.push(agent);
  };
  const flood = Array.from({ length: 12 }, (_, index) => asked(flooder, `flood-${index}`));
  await until('the flood waits', async () => (await model()).waiting === 11);
  await asked(single, 'single');
  expect(order.indexOf('single')).toBeLessThanOrEqual(2);
  await Promise.all(flood);
  expect(order).toHaveLength(13);
}, 180_000);

test('F-47: a key has so many waiting, whatever programs it names; the next is 429, others are served', async () => {
  await slots(1);
  await flow.json('/api/models/flow-demo/load?wait=1', {});
  await flow.json('/api/settings', { queue_limit_per_key: 5 }, 'PUT');
  const [flooder, single] = [await made('many'), await made('few')];
  const all = Array.from({ length: 12 }, (_, index) =>
    stream({ tokens: 10, tokens_per_s: 20 }, { key: flooder, agent: `flood-${index}` }),
  );
  const answers = await Promise.all(all);
  const refused = answers.filter(({ status }) => status === 429);
  expect(refused).toHaveLength(12 - 1 - 5);
  expect(refused[0]?.headers.get('retry-after')).toBe('5');
  expect(await refused[0]?.json()).toMatchObject({ error: { type: 'rate_limit_error' } });
  const other = await stream({ tokens: 1 }, { key: single });
  expect(other.status).toBe(200);
  expect(isWhole(await other.text())).toBe(true);
  for (const answer of answers.filter(({ status }) => status === 200)) expect(isWhole(await answer.text())).toBe(true);
  await flow.json('/api/settings', { queue_limit_per_key: 500 }, 'PUT');
}, 180_000);

test('F-42: an unload says who would be cut; by force it ends their answers with the reason', async () => {
  await slots(1);
  const running = await stream({ tokens: 10_000, tokens_per_s: 20 });
  const waiting = await stream({ tokens: 1 });
  await until('one runs, one waits', async () => {
    const { inFlight, waiting: behind } = await model();
    return inFlight === 1 && behind === 1;
  });
  const asked = await flow.json('/api/models/flow-demo/unload', {});
  expect(asked.status).toBe(409);
  expect(JSON.stringify(asked.body)).toContain('answers 1 request, and 1 request waits');
  expect((await flow.json('/api/models/flow-demo/unload', { force: true })).status).toBe(202);
  for (const answer of [running, waiting]) {
    const text = await answer.text();
    expect(text.match(/"error"/g)).toHaveLength(1);
    expect(text).toContain('model_unloaded');
    expect(text).not.toContain('[DONE]');
  }
  await until('the model unloaded', async () => (await model()).state.phase === 'idle');
}, 180_000);

test('F-43: a request that a user cancels ends with an error event, and its slot is free', async () => {
  const answer = await stream({ tokens: 10_000, tokens_per_s: 20 });
  const { request_id: id } = await until('it generates', async () => {
    const { body } = await flow.json('/api/requests');
    const all = Object.values(body.requests as Record<string, { request_id: string; stage: string }[]>).flat();
    return all.find(({ stage }) => stage === 'generating');
  });
  const aborts = fake.records('request-abort').length;
  expect((await flow.json(`/api/requests/${id}/cancel`, {})).status).toBe(202);
  const text = await answer.text();
  expect(text.match(/"error"/g)).toHaveLength(1);
  expect(text).toContain('cancelled this request');
  expect(text).not.toContain('[DONE]');
  await until('its slot is free', () => fake.records('request-abort').length === aborts + 1);
  expect((await model()).inFlight).toBe(0);
}, 180_000);
