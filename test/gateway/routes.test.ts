// The listing, the engine's own routes, and odd requests at the door. Answers themselves: answer.test.ts.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import OpenAI from 'openai';
import { chat, type Engine, House, post, recorded } from './support/house.ts';

let house: House;
let url: string;
let engine: Engine;
beforeAll(async () => {
  house = new House();
  url = house.listen();
  engine = await house.engine({ pieces: ['Hel', 'lo'] });
});
afterAll(() => house.close());

const lastBody = async () => (await recorded(engine, 'request-begin')).at(-1)?.body ?? {};

describe('the listing', () => {
  test('satisfies OpenAI’s clients and Anthropic’s', async () => {
    const list = await (await fetch(`${url}/v1/models`)).json();
    expect(list).toMatchObject({ object: 'list', has_more: false, first_id: 'org/Some-Model' });
    expect(list.data).toHaveLength(1);
    expect(list.data[0]).toMatchObject({
      id: 'org/Some-Model',
      object: 'model',
      created: 1_760_000_000,
      owned_by: 'flow',
      type: 'model',
      display_name: 'Some Model',
      created_at: '2025-10-09T08:53:20.000Z',
      max_input_tokens: 4096,
      state: 'ready',
      capabilities: { tools: true },
    });
  });

  test('keeps a model whose disk is away, and says so', async () => {
    const away = {
      reason: 'volume',
      message: 'The disk at /mnt/big is not mounted.',
      hint: 'Connect the disk.',
    } as const;
    let missing: typeof away | null = away;
    const shut = new House({ missing: () => missing });
    shut.lender.phase = 'idle';
    const shutUrl = shut.listen();
    const first = async () => (await (await fetch(`${shutUrl}/v1/models`)).json()).data[0];
    expect(await first()).toMatchObject({ id: 'org/Some-Model', meta: { missing: { reason: 'volume' } } });
    missing = null;
    expect(await first()).not.toHaveProperty('meta');
    shut.close();
  });

  test('offers claude-flow aliases to Anthropic’s clients only, and they lead to their model', async () => {
    const headers = { 'anthropic-version': '2023-06-01' };
    const list = await (await fetch(`${url}/v1/models?limit=1000`, { headers })).json();
    expect(list.data.map((entry: { id: string }) => entry.id)).toEqual([
      'org/Some-Model',
      'claude-flow-org/Some-Model',
    ]);
    const response = await post(`${url}/v1/chat/completions`, chat({ model: 'claude-flow-org/Some-Model' }));
    expect(response.headers.get('x-flow-model')).toBe('org/Some-Model');
  });

  test('shows one model, with or without an encoded slash, and 404 in the caller’s shape', async () => {
    for (const id of ['org/Some-Model', 'org%2FSome-Model', 'some']) {
      expect(await (await fetch(`${url}/v1/models/${id}`)).json()).toMatchObject({ id: 'org/Some-Model' });
    }
    const missing = await fetch(`${url}/v1/models/nope`);
    expect(missing.status).toBe(404);
    expect(await missing.json()).toMatchObject({ error: { code: 'model_not_found' } });
    const headers = { 'anthropic-version': '2023-06-01' };
    expect(await (await fetch(`${url}/v1/models/nope`, { headers })).json()).toMatchObject({ type: 'error' });
  });

  test('and answers please OpenAI’s own client', async () => {
    const openai = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'x', maxRetries: 0 });
    expect((await openai.models.list()).data[0]?.id).toBe('org/Some-Model');
    const messages = [{ role: 'user' as const, content: 'hi' }];
    const whole = await openai.chat.completions.create({ model: 'some', messages });
    expect(whole.choices[0]?.message.content).toBe('Hello');
    const runner = openai.chat.completions.stream({ model: 'some', messages, max_completion_tokens: 9 });
    expect((await runner.finalChatCompletion()).choices[0]?.message.content).toBe('Hello');
    expect(await lastBody()).toMatchObject({ max_tokens: 9, model: 'org/Some-Model', return_progress: true });
    expect(await lastBody()).not.toHaveProperty('max_completion_tokens');
    const refusal = await openai.chat.completions.create({ model: 'nope', messages }).catch((cause) => cause);
    expect(refusal).toMatchObject({ status: 404, code: 'model_not_found' });
  });
});

describe('at the door', () => {
  test('unknown fields pass, steering fields do not, roles are tidied', async () => {
    const messages = [
      { role: 'developer', content: 'be brief' },
      { role: 'user', content: 'hi' },
    ];
    await post(`${url}/v1/chat/completions`, JSON.stringify({ messages, id_slot: 3, fancy: { a: [1] }, lora: [] }));
    const body = await lastBody();
    expect(body).toMatchObject({ fancy: { a: [1] }, messages: [{ role: 'system', content: 'be brief' }, messages[1]] });
    expect(body).not.toHaveProperty('id_slot');
    expect(body).not.toHaveProperty('lora');
  });

  const refused: readonly [string, string][] = [
    ['no JSON', '{"messages":'],
    ['nothing', ''],
    ['a list', '[]'],
    ['no messages', '{}'],
    ['messages of a wrong type', '{"messages":{}}'],
    ['a model that is no name', '{"model":5,"messages":[]}'],
  ];
  for (const [what, body] of refused) {
    test(`${what} is 400 in each protocol’s shape`, async () => {
      const openai = await post(`${url}/v1/chat/completions`, body);
      expect(openai.status).toBe(400);
      expect(await openai.json()).toMatchObject({ error: { type: 'invalid_request_error', param: null } });
      const anthropic = await post(`${url}/v1/messages`, body);
      expect(anthropic.status).toBe(400);
      expect(await anthropic.json()).toMatchObject({ type: 'error', error: { type: 'invalid_request_error' } });
    });
  }

  test('S-34: a remote image is 400, in the shapes of both protocols', async () => {
    const chatPart = { type: 'image_url', image_url: { url: 'http://127.0.0.1:1/' } };
    const openai = await post(
      `${url}/v1/chat/completions`,
      chat({ messages: [{ role: 'user', content: [chatPart] }] }),
    );
    expect(openai.status).toBe(400);
    const part = { type: 'image', source: { type: 'url', url: 'http://127.0.0.1:1/' } };
    const asked = { model: 'some', max_tokens: 5, messages: [{ role: 'user', content: [part] }] };
    expect((await post(`${url}/v1/messages`, JSON.stringify(asked))).status).toBe(400);
  });

  test('S-34: a remote image is not fetched in order to count its tokens either', async () => {
    const part = { type: 'image', source: { type: 'url', url: 'http://127.0.0.1:1/' } };
    const asked = JSON.stringify({ model: 'some', messages: [{ role: 'user', content: [part] }] });
    expect((await post(`${url}/v1/messages/count_tokens`, asked)).status).toBe(400);
    const chatPart = { type: 'image_url', image_url: { url: 'http://127.0.0.1:1/' } };
    const body = chat({ messages: [{ role: 'user', content: [chatPart] }] });
    for (const path of ['/apply-template', '/v1/chat/completions/input_tokens']) {
      expect((await post(`${url}/upstream/org/Some-Model${path}`, body)).status).toBe(400);
    }
  });

  test('F-91: odd values of known fields are never a 500', async () => {
    const odd = [{ max_tokens: -1 }, { max_tokens: 1e99 }, { max_tokens: '5' }, { n_discard: -5 }, { stream: 'yes' }];
    const odder = [
      { tools: 5 },
      { stop: {} },
      { n: 'x' },
      { messages: [null] },
      { messages: [{ role: 5, content: 5 }] },
    ];
    for (const more of [...odd, ...odder]) {
      const response = await post(`${url}/v1/chat/completions`, chat(more));
      expect([200, 400]).toContain(response.status);
    }
  });

  test('bodies in gzip are understood', async () => {
    const body = Uint8Array.from(Bun.gzipSync(Buffer.from(chat())));
    const response = await post(`${url}/v1/chat/completions`, body, { headers: { 'content-encoding': 'gzip' } });
    expect(response.status).toBe(200);
  });

  test('every ticket is settled once, and every lease given back', () => {
    expect(house.tracker.settlements).toBe(house.tracker.opened);
    expect(house.lender.out).toBe(0);
  });
});

test('a model named with an emoji answers, streamed and not, and its name fits into a header', async () => {
  const [model] = house.services.models.list();
  if (!model) throw new Error('the house has a model');
  const named = { ...model, id: '🦙 lama' };
  const other = new House({
    models: { resolve: () => ({ model: named, behaviour: {}, variant: null, by: 'name' }), list: () => [named] },
  });
  const door = other.listen();
  await other.engine({ pieces: ['Hel', 'lo'] });
  for (const stream of [false, true]) {
    const response = await post(`${door}/v1/chat/completions`, chat({ stream }));
    expect(response.status).toBe(200);
    expect(response.headers.get('x-flow-model')).toBe('%F0%9F%A6%99%20lama');
    await response.text();
  }
  await other.close();
});

describe('an engine itself', () => {
  test('can be looked at, asked and talked to', async () => {
    const base = `${url}/upstream/org/Some-Model`;
    expect(await (await fetch(`${base}/props`)).json()).toMatchObject({ model_alias: 'org/Some-Model' });
    expect(await (await fetch(`${url}/upstream/org%2FSome-Model/slots`)).json()).toBeArray();
    expect((await (await post(`${base}/tokenize`, '{"content":"abc"}')).json()).tokens).toHaveLength(3);
    const answer = await post(`${base}/v1/chat/completions`, chat());
    expect((await answer.json()).choices[0].message.content).toBe('Hello');
  });

  const unreachable: readonly [string, string][] = [
    ['POST', '/props'],
    ['POST', '/slots/0?action=save'],
    ['POST', '/slots?action=save'],
    ['GET', '/lora-adapters'],
    ['POST', '/lora-adapters'],
    ['POST', '/v1/messages/../../props'],
    ['GET', '/_app/..%2f..%2fprops'],
    ['POST', '/tools'],
    ['DELETE', '/v1/stream'],
    ['DELETE', '/v1/stream/abc'],
    ['GET', '/v1/streams'],
    ['POST', '/models/load'],
    ['POST', '/cors-proxy'],
  ];
  for (const [method, path] of unreachable) {
    test(`S-40: cannot be reached by ${method} ${path}`, async () => {
      const init = method === 'POST' ? { body: '{}', headers: { 'content-type': 'application/json' } } : {};
      const response = await fetch(`${url}/upstream/org/Some-Model${path}`, { method, ...init });
      expect([404, 405]).toContain(response.status);
    });
  }

  test('is not loaded by a look', async () => {
    house.lender.phase = 'stopping';
    const acquired = house.lender.acquired;
    expect((await fetch(`${url}/upstream/org/Some-Model/props`)).status).toBe(503);
    expect(house.lender.acquired).toBe(acquired);
    house.lender.phase = 'ready';
  });

  test('can be looked at while nobody gets a slot of it', async () => {
    house.lender.gate = new Promise(() => {});
    const acquired = house.lender.acquired;
    expect(await (await fetch(`${url}/upstream/org/Some-Model/slots`)).json()).toBeArray();
    expect(house.lender.acquired).toBe(acquired);
    expect(house.lender.waiting).toBe(0);
    house.lender.gate = Promise.resolve();
  });

  test('of no registered model is 404', async () => {
    expect((await fetch(`${url}/upstream/nope/props`)).status).toBe(404);
  });
});
