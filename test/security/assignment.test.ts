/** S-46: fields that nobody offers, sent along with those that are, and settings from who may not change them. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { conversations } from '#src/store/schema.ts';
import { type FrontDoor, forEach, headOf, isChanging, openFrontDoor, pathFor } from './support/front-door.ts';

const CANARY = 'mass-assigned-canary';
/** What Flow keeps beside what people choose, under every name that it has somewhere. */
const HIDDEN: readonly string[] = [
  ...['id', 'key', 'secret', 'digest', 'sessionDigest', 'session_digest', 'tail', 'usedTokens', 'used_tokens'],
  ...[
    'createdAtMs',
    'created_at',
    'lastUsedAtMs',
    'deletedAtMs',
    'localKey',
    'local_key',
    'isOpenAllowed',
    'allow_open',
  ],
  ...[
    'apiKey',
    'hf_token',
    'hub_token',
    'token',
    'unsafe_args',
    'dataDir',
    'data_dir',
    'isManaged',
    'managed',
    'isBuiltin',
  ],
  ...[
    'is_builtin',
    'origin',
    'endpoint',
    'engine',
    'executable',
    'weightsSha',
    'owner',
    'role',
    'isAdmin',
    'constructor',
  ],
];

let door: FrontDoor;
let keyId = '';
const texts = { infer: '', read: '' };
beforeAll(async () => {
  door = await openFrontDoor();
  const made = door.flow.keys.create({ name: 'somebody' });
  keyId = made.key.id;
  texts.infer = made.text;
  texts.read = door.flow.keys.create({ name: 'reader', scopes: ['read'] }).text;
  const times = { createdAtMs: 1, updatedAtMs: 1, deletedAtMs: null };
  door.flow.store
    .insert(conversations)
    .values({ id: 'talk', title: 'Talk', settings: {}, leafId: null, ...times })
    .run();
});
afterAll(async () => {
  await door[Symbol.asyncDispose]();
});

/** JSON with every hidden field, and with a prototype, which an object in this process could not name. */
function laden(wish: object): string {
  const hidden = HIDDEN.filter((name) => !(name in wish && Object.hasOwn(wish, name))).map((name) => [name, CANARY]);
  const text = JSON.stringify({ ...Object.fromEntries(hidden), ...wish });
  return text.replace(
    /}$/,
    `,"__proto__":{"polluted":"${CANARY}"},"constructor":{"prototype":{"polluted":"${CANARY}"}}}`,
  );
}

const send = async (method: string, path: string, body: string, key?: string): Promise<number> => {
  const headers = { 'content-type': 'application/json', ...(key ? { 'x-api-key': key } : {}) };
  return (await headOf(door.url + path, { method, headers, body })).status;
};

describe('S-46: what nobody offers', () => {
  const WISHES: readonly (readonly [string, string, object])[] = [
    ['PATCH', '/api/settings', { queue_limit: 700 }],
    ['PUT', '/api/settings', { queue_limit: 700 }],
    ['POST', '/api/keys', { name: 'laden' }],
    ['PATCH', '/api/keys/somebody', { name: 'laden' }],
    ['PUT', '/api/models/flow-demo/config', { temperature: 0.5 }],
    ['POST', '/api/presets', { name: 'laden', config: { temperature: 0.5 } }],
    ['PATCH', '/api/conversations/talk', { title: 'Laden' }],
    ['POST', '/api/register-local', { path: '/etc/hostname', name: 'laden' }],
    ['POST', '/api/connect-external', { base_url: 'http://127.0.0.1:9', name: 'laden' }],
    ['POST', '/api/models/download', { repo: 'a/b' }],
    ['PUT', '/api/hf/token', { token: '' }],
    ['POST', '/settings/field', { name: 'queue_limit', value: '700' }],
    ['POST', '/settings/keys', { name: 'laden-too' }],
    ['POST', `/settings/keys/x`, { name: 'laden-too' }],
    ['POST', '/settings/import', { text: '{"queue_limit":700}' }],
    ['POST', '/api/imports', { kind: 'x' }],
  ];
  test.each(WISHES)('%s %s keeps none of it', async (method, path, wish) => {
    const status = await send(method, path, laden(wish));
    expect(status).toBeLessThan(500);
    const state = door.state();
    expect(Object.keys(state).filter((part) => state[part]?.includes(CANARY))).toEqual([]);
    expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false);
    expect(door.flow.keys.need(keyId).id).toBe(keyId);
  });

  test('in the settings is named and refused, and what stands beside it is not taken either', async () => {
    const before = door.flow.settings.current;
    const headers = { 'content-type': 'application/json' };
    const body = JSON.stringify({ queue_limit: 701, unsafe_args: true });
    const answer = await fetch(`${door.url}/api/settings`, { method: 'PATCH', headers, body });
    expect([answer.status, await answer.text()]).toEqual([400, expect.stringContaining('unsafe_args')]);
    expect(door.flow.settings.current).toEqual(before);
  });
});

describe('S-46: settings and all else that a key may not manage', () => {
  test.each(['infer', 'read'] as const)('stay as they are when a key %s tries', async (which) => {
    const before = door.state();
    const wrong: object[] = [];
    const routes = door.routes.filter(isChanging).filter(({ access }) => ['manage', 'page'].includes(access.scope));
    expect(routes.length).toBeGreaterThan(80);
    await forEach(routes, async (route) => {
      const status = await send(route.method, pathFor(route, 'flow-demo'), '{"queue_limit":7}', texts[which]);
      if (status !== 403) wrong.push({ method: route.method, path: route.path, status });
    });
    expect(wrong).toEqual([]);
    // When a key was used last is told, and written a while later.
    expect(door.state()).toEqual(before);
  });
});
