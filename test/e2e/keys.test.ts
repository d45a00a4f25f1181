/** Keys over a whole Flow with a real engine: what each sees, what it is refused, and what ends with it. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { looksLikeKey } from '#src/keys/key-text.ts';
import { realEngine } from '../support/real-engine.ts';
import { type RunningFlow, startFlow, until } from '../support/running-flow.ts';
import { COMMON_SCRIPTS, writeScriptedModel } from '../support/scripted-model.ts';

type Made = { id: string; name: string; secret: string };

let flow: RunningFlow;
let dataDir: string;
beforeAll(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'flow-keys-'));
  mkdirSync(join(dataDir, 'models'));
  await writeScriptedModel(join(dataDir, 'models', 'other.gguf'), { scripts: COMMON_SCRIPTS, name: 'Other' });
  flow = await startFlow({ dataDir, engine: realEngine().executable });
  await flow.json('/api/register-local', { path: join(dataDir, 'models', 'other.gguf') });
});
afterAll(async () => {
  await flow?.[Symbol.asyncDispose]();
  rmSync(dataDir, { recursive: true, force: true });
});

async function make(wish: object): Promise<Made> {
  const { status, body } = await flow.json('/api/keys', wish);
  expect([status, looksLikeKey(String(body.secret))]).toEqual([201, true]);
  return body as unknown as Made;
}

const bearer = (key: string) => ({ authorization: `Bearer ${key}` });
const ask = (path: string, key: string, body: object, more: RequestInit = {}) =>
  fetch(flow.url + path, {
    ...{ method: 'POST', headers: { ...bearer(key), 'content-type': 'application/json' } },
    ...{ body: JSON.stringify(body), ...more },
  });
const look = (path: string, key: string) => fetch(flow.url + path, { headers: bearer(key) });
const hello = (model?: string) => ({
  ...(model ? { model } : {}),
  ...{ max_tokens: 4, messages: [{ role: 'user', content: 'hello' }] },
});

describe('a key for one model', () => {
  let key = '';
  beforeAll(async () => {
    key = (await make({ name: 'only-other', models: ['Other'] })).secret;
  });

  test('sees no other in any listing', async () => {
    const ids = async (path: string, list: string) => {
      const body = (await (await look(path, key)).json()) as Record<string, { id?: string; name?: string }[]>;
      return body[list]?.map(({ id, name }) => id ?? name);
    };
    expect(await ids('/v1/models', 'data')).toEqual(['other']);
    expect(await ids('/api/tags', 'models')).toEqual(['other']);
    expect((await look('/v1/models/flow-demo', key)).status).toBe(404);
    expect((await look('/v1/models/other', key)).status).toBe(200);
  });

  test('finds no other at any door, in the words of each protocol', async () => {
    const doors: readonly (readonly [string, object])[] = [
      ['/v1/chat/completions', hello('flow-demo')],
      ['/chat/completions', hello('flow-demo')],
      ['/v1/completions', { model: 'flow-demo', prompt: 'x' }],
      ['/completion', { model: 'flow-demo', prompt: 'x' }],
      ['/infill', { model: 'flow-demo', input_prefix: 'x', input_suffix: 'y' }],
      ['/v1/messages', hello('flow-demo')],
      ['/v1/messages/count_tokens', hello('flow-demo')],
      ['/v1/responses', { model: 'flow-demo', input: 'x' }],
      ['/v1/responses/input_tokens', { model: 'flow-demo', input: 'x' }],
      ['/v1/embeddings', { model: 'flow-demo', input: 'x' }],
      ['/v1/rerank', { model: 'flow-demo', query: 'x', documents: ['y'] }],
      ['/tokenize', { model: 'flow-demo', content: 'x' }],
      ['/upstream/flow-demo/tokenize', { content: 'x' }],
      ['/upstream/flow-demo/v1/chat/completions', hello()],
      ['/api/chat', { model: 'flow-demo', messages: [{ role: 'user', content: 'x' }] }],
      ['/api/generate', { model: 'flow-demo', prompt: 'x' }],
      ['/api/generate', { model: 'flow-demo' }],
      ['/api/embed', { model: 'flow-demo', input: 'x' }],
      ['/api/show', { model: 'flow-demo' }],
      ['/api/pull', { model: 'flow-demo' }],
    ];
    for (const [path, body] of doors) {
      const answer = await ask(path, key, body);
      expect([path, answer.status]).toEqual([path, 404]);
    }
    for (const path of ['/upstream/flow-demo/props', '/slots?model=flow-demo']) {
      expect([path, (await look(path, key)).status]).toEqual([path, 404]);
    }
  });

  test('is served by its model where it names none, and where an agent asks for a helper', async () => {
    for (const body of [hello(), hello('claude-haiku-4-5')]) {
      const answer = await ask('/v1/messages', key, body);
      expect([answer.status, answer.headers.get('x-flow-model')]).toEqual([200, 'other']);
    }
  });

  test('is told by name in the records, with the program that asked', async () => {
    const answer = await ask('/v1/chat/completions', key, hello('other'), {
      headers: { ...bearer(key), 'content-type': 'application/json', 'user-agent': 'claude-cli/2.1 (external)' },
    });
    const requestId = answer.headers.get('x-request-id');
    await answer.text();
    const clients = async () => {
      const { body } = await flow.json('/api/telemetry?limit=50');
      return JSON.stringify(body).includes('only-other · claude-cli') ? body : null;
    };
    expect(requestId).toBeString();
    await until('the record names the key', clients);
  });
});

describe('scopes', () => {
  const kinds = ['infer', 'read', 'manage'] as const;
  const keys = new Map<string, string>();
  beforeAll(async () => {
    for (const scope of kinds) keys.set(scope, (await make({ name: `as-${scope}`, scopes: [scope] })).secret);
  });
  const cases: readonly (readonly [string, string, object | null, Readonly<Record<string, boolean>>])[] = [
    ['POST', '/v1/chat/completions', hello('flow-demo'), { infer: true, read: false, manage: false }],
    ['GET', '/v1/models', null, { infer: true, read: true, manage: true }],
    ['GET', '/api/models', null, { infer: false, read: true, manage: true }],
    ['GET', '/api/keys', null, { infer: false, read: true, manage: true }],
    ['PATCH', '/api/settings', { queue_limit: 900 }, { infer: false, read: false, manage: true }],
    ['POST', '/models/unload', { model: 'flow-demo' }, { infer: false, read: false, manage: true }],
    ['GET', '/settings', null, { infer: false, read: true, manage: true }],
    ['POST', '/settings/engines/check', {}, { infer: false, read: false, manage: true }],
  ];
  test.each(cases)('%s %s', async (method, path, body, allowed) => {
    for (const scope of kinds) {
      const key = keys.get(scope) ?? '';
      const answer = body ? await ask(path, key, body, { method }) : await look(path, key);
      expect([scope, answer.status !== 403]).toEqual([scope, allowed[scope] ?? false]);
      const text = await answer.text();
      expect(text).not.toContain(key);
      if (answer.status === 403) expect(text).toContain(`as-${scope}`);
    }
  });
});

describe('limits', () => {
  test('of a minute and of a day are 429 in the protocol that is spoken, and say how long to wait', async () => {
    const { secret, id } = await make({ name: 'slow', requests_per_minute: 1 });
    expect((await ask('/v1/chat/completions', secret, hello('flow-demo'))).status).toBe(200);
    const openai = await ask('/v1/chat/completions', secret, hello('flow-demo'));
    expect([openai.status, await openai.json()]).toMatchObject([429, { error: { code: 'rate_limit_exceeded' } }]);
    expect(Number(openai.headers.get('retry-after'))).toBeGreaterThan(0);
    const anthropic = await ask('/v1/messages', secret, hello('flow-demo'));
    expect([anthropic.status, await anthropic.json()]).toMatchObject([429, { error: { type: 'rate_limit_error' } }]);
    expect(anthropic.headers.get('x-should-retry')).toBe('true');
    const ollama = await ask('/api/generate', secret, { model: 'flow-demo', prompt: 'x' });
    expect([ollama.status, await ollama.json()]).toMatchObject([429, { error: expect.stringContaining('a minute') }]);
    await flow.json(`/api/keys/${id}`, { requests_per_minute: null, tokens_per_day: 1 }, 'PATCH');
    const used = await ask('/v1/chat/completions', secret, hello('flow-demo'));
    expect([used.status, await used.json()]).toMatchObject([429, { error: { code: 'insufficient_quota' } }]);
    expect(used.headers.get('x-should-retry')).toBe('false');
    expect((await look('/v1/models', secret)).status).toBe(200);
  });
});

test('an answer that one key has stored is not there for another, but for one that may read', async () => {
  const [mine, theirs] = [await make({ name: 'mine' }), await make({ name: 'theirs' })];
  const reader = await make({ name: 'reader', scopes: ['infer', 'read'] });
  const asked = { model: 'flow-demo', input: 'hello', max_output_tokens: 4, store: true };
  const stored = (await (await ask('/v1/responses', mine.secret, asked)).json()) as { id: string };
  const at = `/v1/responses/${stored.id}`;
  const statuses = await Promise.all([mine, theirs, reader].map(async ({ secret }) => (await look(at, secret)).status));
  expect(statuses).toEqual([200, 404, 200]);
  expect((await flow.json(at)).status).toBe(200);
  const next = { ...asked, previous_response_id: stored.id };
  expect((await ask('/v1/responses', theirs.secret, next)).status).toBe(400);
  expect((await ask('/v1/responses', mine.secret, next)).status).toBe(200);
  const forget = { method: 'DELETE', headers: bearer(theirs.secret) };
  expect((await fetch(flow.url + at, forget)).status).toBe(404);
  expect((await fetch(flow.url + at, { ...forget, headers: bearer(mine.secret) })).status).toBe(200);
});

describe('when a key is revoked', () => {
  test('its answers, its streams of events, its sockets and its dashboards end at once', async () => {
    const { secret, name } = await make({ name: 'gone soon', scopes: ['infer', 'manage'] });
    const endless = { model: 'other', stream: true, messages: [{ role: 'user', content: 'endless' }] };
    const answer = await ask('/v1/chat/completions', secret, endless);
    const events = await look('/api/events', secret);
    const form = new URLSearchParams({ key: secret, next: '/' });
    const login = await fetch(`${flow.url}/login`, {
      ...{ method: 'POST', body: form, redirect: 'manual' },
      headers: { origin: flow.url, 'sec-fetch-site': 'same-origin' },
    });
    const cookie = login.headers.get('set-cookie')?.split(';')[0] ?? '';
    const live = await fetch(`${flow.url}/live?page=monitor`, { headers: { cookie } });
    const options: unknown = { headers: bearer(secret) };
    const socket = new WebSocket(`${flow.url.replace('http', 'ws')}/ws`, options as string[]);
    const closed = new Promise<number>((resolve) => {
      socket.onclose = ({ code }) => resolve(code);
    });
    await new Promise((resolve) => {
      socket.onopen = resolve;
    });
    expect([answer.status, events.status, login.status, live.status]).toEqual([200, 200, 303, 200]);
    const ends = Promise.all([answer, events, live].map((response) => response.text().catch(() => 'cut')));
    const { body } = await flow.json(`/api/keys/${encodeURIComponent(name)}`, undefined, 'DELETE');
    expect(body.status).toBe('revoked');
    await ends;
    expect(await closed).toBe(4001);
    const refusal = await look('/v1/models', secret);
    expect([refusal.status, await refusal.text()]).toEqual([401, expect.stringContaining('revoked')]);
    expect(await (await fetch(`${flow.url}/api/keys`, { headers: { cookie } })).status).toBe(200);
  });
});

test('no key is in any file, log, answer or line of output; its last use is', async () => {
  const { secret, id } = await make({ name: 'canary', scopes: ['infer', 'read'] });
  await ask('/v1/chat/completions', secret, hello('flow-demo'));
  await look('/api/models', secret);
  const used = await until('the last use', async () => {
    const { body } = await flow.json('/api/keys');
    const key = (body.keys as { id: string; last_used_at: string | null }[]).find((one) => one.id === id);
    return key?.last_used_at ? key : null;
  });
  expect(used).toMatchObject({ last_used_from: 'this computer', key: `flow_…${secret.slice(-4)}` });
  const pages = ['/settings', '/logs', '/metrics', '/api/keys', '/api/logs?lines=2000', '/openapi.json'];
  for (const page of pages)
    expect([page, (await (await fetch(flow.url + page)).text()).includes(secret)]).toEqual([page, false]);
  expect(flow.output()).not.toContain(secret);
  const files = readdirSync(dataDir, { recursive: true, encoding: 'utf8' }).filter(
    (name) => !name.startsWith('models') && statSync(join(dataDir, name)).isFile(),
  );
  expect(files.length).toBeGreaterThan(3);
  const holding = files.filter((name) => readFileSync(join(dataDir, name), 'latin1').includes(secret));
  expect(holding).toEqual([]);
});

describe('the whole Flow asks for keys', () => {
  test('where it wishes so, once there is one to manage with; its own user is never locked out', async () => {
    await using asking = await startFlow({ engine: realEngine().executable });
    await asking.json('/api/settings', { require_key: true }, 'PATCH');
    expect((await fetch(`${asking.url}/api/models`)).status).toBe(200);
    const { body } = await asking.json('/api/keys', { name: 'boss', scopes: ['manage'] });
    expect((await fetch(`${asking.url}/api/models`)).status).toBe(401);
    expect((await fetch(`${asking.url}/api/models`, { headers: bearer(String(body.secret)) })).status).toBe(200);
    const page = await fetch(asking.url, { headers: { accept: 'text/html' }, redirect: 'manual' });
    expect([page.status, page.headers.get('location')]).toEqual([303, '/login?next=%2F']);
    expect((await asking.json('/api/keys/boss', undefined, 'DELETE')).status).toBe(200);
    expect((await fetch(`${asking.url}/api/models`)).status).toBe(200);
  });

  test('a key that somebody has counts as one where Flow listens to the network', async () => {
    const own = mkdtempSync(join(tmpdir(), 'flow-keys-'));
    const first = await startFlow({ dataDir: own, engine: realEngine().executable });
    const { body } = await first.json('/api/keys', { name: 'phone' });
    await first[Symbol.asyncDispose]();
    const second = await startFlow({ dataDir: own, engine: realEngine().executable, flags: ['--host', '0.0.0.0'] });
    const proxied = { 'x-forwarded-for': '203.0.113.7' };
    const refusal = await fetch(`${second.url}/v1/models`, { headers: proxied });
    expect(refusal.status).toBe(401);
    expect(await refusal.text()).toContain('a proxy passed this request on');
    const keyed = { ...proxied, 'x-api-key': String(body.secret) };
    expect((await fetch(`${second.url}/v1/models`, { headers: keyed })).status).toBe(200);
    expect((await fetch(`${second.url}/v1/models`)).status).toBe(200);
    await second[Symbol.asyncDispose]();
    rmSync(own, { recursive: true, force: true });
  });
});
