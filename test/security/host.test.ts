/**
 * S-01, S-12: names and paths in disguise, on every route of a whole Flow. The rules alone: test/web/guard.test.ts;
 * in a real browser: rebinding.test.ts.
 */
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { rawRequest } from '../support/raw-requests.ts';
import { type FrontDoor, forEach, openFrontDoor, pathFor } from './support/front-door.ts';

const KEY = 'owner-key-of-this-test';
let door: FrontDoor;
let locked: FrontDoor;
beforeAll(async () => {
  [door, locked] = await Promise.all([openFrontDoor(), openFrontDoor({ FLOW_API_KEY: KEY })]);
});
afterAll(async () => {
  await door[Symbol.asyncDispose]();
  await locked[Symbol.asyncDispose]();
});

/** Every address that there is, and one that is not, by the method that it is for. */
const addresses = ({ routes }: FrontDoor) => [
  ...routes.map((route) => ({ method: route.method === 'WS' ? 'GET' : route.method, path: pathFor(route) })),
  { method: 'GET', path: '/nowhere' },
];

/** Nothing of the inside: no stack, no name of a model, no version. */
function tellsNothing(text: string): boolean {
  return !/\.tsx?:\d+|flow-demo|data-version="test"/.test(text);
}

const NAMES = (port: number): readonly string[] => [
  'evil.com',
  `evil.com:${port}`,
  `127.0.0.1.evil.com:${port}`,
  `localhost.:${port}`,
  `0.0.0.0:${port}`,
  `[::ffff:127.0.0.1]:${port}`,
  `2130706433:${port}`,
  `127.1:${port}`,
  `0x7f.1:${port}`,
  `localhost:${port + 1}`,
  'localhost',
  `evil@localhost:${port}`,
  'localhost/?',
  'localhost/#',
  'a b',
  '[::1',
];

test('S-01: under a name that is not ours no route answers, whatever it is', async () => {
  const before = door.state();
  const asked = NAMES(door.port).flatMap((host) => addresses(door).map((address) => ({ host, ...address })));
  const wrong: object[] = [];
  await forEach(asked, async ({ host, method, path }) => {
    const headers = { host, accept: 'text/html', 'content-type': 'application/json' };
    const body = method === 'GET' ? null : '{}';
    const answer = await fetch(door.url + path, { method, headers, body, redirect: 'manual' });
    const text = await answer.text();
    if (![400, 403].includes(answer.status) || !tellsNothing(text)) wrong.push({ host, method, path, text });
  });
  expect(wrong).toEqual([]);
  expect(door.state()).toEqual(before);
});

const HEADS: readonly (readonly [string, (port: number) => string])[] = [
  ['no name', () => ''],
  ['an empty name', () => 'Host: \r\n'],
  ['two names, ours first', (port) => `Host: localhost:${port}\r\nHost: evil.com\r\n`],
  ['two names, ours last', (port) => `Host: evil.com\r\nHost: localhost:${port}\r\n`],
  ['our name twice', (port) => `Host: localhost:${port}\r\nHost: localhost:${port}\r\n`],
];
test.each(HEADS)('S-01: a request with %s is answered by no route', async (_, head) => {
  const wrong: object[] = [];
  await forEach(addresses(door), async ({ method, path }) => {
    const lines = `${method} ${path} HTTP/1.1\r\n${head(door.port)}Connection: close\r\n\r\n`;
    const { status, text } = await rawRequest(door.port, lines);
    if (![400, 403].includes(status) || !tellsNothing(text)) wrong.push({ method, path, status });
  });
  expect(wrong).toEqual([]);
});

test('S-01: a host in the request line lets nobody in, and its path is judged like every other', async () => {
  const statusOf = async (line: string, host: string): Promise<number> =>
    (await rawRequest(locked.port, `GET ${line} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)).status;
  const ours = `localhost:${locked.port}`;
  for (const origin of ['http://evil.com', `http://${ours}`, `http://${ours}@evil.com`]) {
    expect([origin, await statusOf(`${origin}/api/models`, 'evil.com')]).toEqual([origin, 403]);
    expect([origin, await statusOf(`${origin}/api/models`, ours)]).toEqual([origin, 401]);
    expect([401, 404]).toContain(await statusOf(`${origin}/public/../api/models`, ours));
  }
});

test('S-01: our own name opens in any case', async () => {
  for (const host of [
    `LOCALHOST:${door.port}`,
    `LocalHost:${door.port}`,
    `127.0.0.1:${door.port}`,
    `[::1]:${door.port}`,
  ])
    expect([host, (await fetch(`${door.url}/api/models`, { headers: { host } })).status]).toEqual([host, 200]);
});

/** The same address as other parsers may read it. */
const DISGUISES: readonly ((path: string) => string)[] = [
  (path) => `/${path}`,
  (path) => path.replace(/(?!^)\//, '//'),
  (path) => `/%2e%2e${path}`,
  (path) => `/x/..${path}`,
  (path) => `/public/%2e%2e${path}`,
  (path) => `/public/..%2f${path.slice(1)}`,
  (path) => `/login/..${path}`,
  (path) => `${path}%2f..`,
  (path) => `${path}/.`,
  (path) => `${path}/..;/`,
  (path) => `${path}.`,
  (path) => `${path};x`,
  (path) => `${path};.css`,
  (path) => `${path}%00.css`,
  (path) => `${path}%3f.css`,
  (path) => `${path}?x=/public/css/app.css`,
  (path) => path.toUpperCase(),
  (path) => path.replaceAll('/', '\\'),
  (path) => path.replaceAll('/', '%2f'),
  (path) => `/.${path}`,
  (path) => `${path}/`,
  (path) => `${path}#/public/css/app.css`,
];

test('S-12: without a key no disguise of any address is judged more kindly than the address itself', async () => {
  const before = locked.state();
  const closed = locked.routes.filter(({ access }) => access.scope !== 'public');
  const asked = closed.flatMap((route) => DISGUISES.map((disguise) => ({ route, path: disguise(pathFor(route)) })));
  const wrong: object[] = [];
  await forEach(asked, async ({ route, path }) => {
    const method = route.method === 'WS' ? 'GET' : route.method;
    const lines = `${method} ${path} HTTP/1.1\r\nHost: 127.0.0.1:${locked.port}\r\nConnection: close\r\n\r\n`;
    const { status } = await rawRequest(locked.port, lines);
    if (![400, 401, 404, 405].includes(status)) wrong.push({ method, path, status });
  });
  expect(wrong).toEqual([]);
  expect(locked.state()).toEqual(before);
});
