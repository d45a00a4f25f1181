/**
 * S-03 to S-07, S-43: what a web page of somebody else can make a browser send, on every route of a whole Flow, and
 * what Flow holds before and after. In a real browser: rebinding.test.ts.
 */
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { conversations } from '#src/store/schema.ts';
import { handshakeHead, rawRequest } from '../support/raw-requests.ts';
import { type FrontDoor, forEach, headOf, isChanging, openFrontDoor, pathFor } from './support/front-door.ts';

const TRUSTED = 'https://my.app';
let door: FrontDoor;
/** What stands in the place of a parameter: something that there is, of every kind. */
let fillings: readonly string[];
beforeAll(async () => {
  door = await openFrontDoor();
  await door.flow.settings.update({ cors_origins: [TRUSTED] });
  const { key } = door.flow.keys.create({ name: 'somebody' });
  const times = { createdAtMs: 1, updatedAtMs: 1, deletedAtMs: null };
  const row = { id: 'talk', title: 'Talk', settings: {}, leafId: null, ...times };
  door.flow.store.insert(conversations).values(row).run();
  fillings = ['x', 'flow-demo', key.id, 'talk'];
});
afterAll(async () => {
  await door[Symbol.asyncDispose]();
});

const TYPES = [
  'application/json',
  'text/plain',
  'application/x-www-form-urlencoded',
  'multipart/form-data; boundary=x',
  null,
];
const PROVENANCES: readonly Readonly<Record<string, string>>[] = [
  { origin: 'https://evil.example' },
  { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' },
  { origin: `${TRUSTED}.evil.example` },
  { origin: 'null' },
  { 'sec-fetch-site': 'cross-site' },
  { 'sec-fetch-site': 'same-site', origin: 'http://localhost:5173' },
  { 'sec-fetch-site': 'same-site' },
  { origin: 'http://localhost:5173' },
  { origin: 'chrome-extension://abcdefghijklmnop' },
];
/** What would do something, were it let in. */
const BODIES: Readonly<Record<string, string>> = {
  '/api/settings': '{"queue_limit":7}',
  '/api/keys': '{"name":"evil","scopes":["manage"]}',
  '/settings/field': 'name=queue_limit&value=7',
  '/settings/token': 'token=hf_evil',
};

test('S-03, S-04: changes nothing on any route, in whatever form and by whatever sign of where it comes from', async () => {
  const before = door.state();
  const asked = door.routes
    .filter(isChanging)
    .flatMap((route) => TYPES.flatMap((type) => PROVENANCES.map((from) => ({ route, type, from }))));
  expect(asked.length).toBeGreaterThan(100 * TYPES.length * PROVENANCES.length);
  const wrong: object[] = [];
  await forEach(asked, async ({ route, type, from }) => {
    const headers = { ...from, ...(type === null ? {} : { 'content-type': type }) };
    const body = BODIES[route.path] ?? '{}';
    const answer = await fetch(door.url + pathFor(route, 'flow-demo'), { method: route.method, headers, body });
    await answer.text();
    if (answer.status !== 403)
      wrong.push({ method: route.method, path: route.path, type, from, status: answer.status });
  });
  expect(wrong).toEqual([]);
  expect(door.state()).toEqual(before);
});

test('S-03: what is not JSON changes nothing either, when nothing says where it comes from', async () => {
  const before = door.state();
  const simple = ['text/plain', 'multipart/form-data; boundary=x', 'application/x-www-form-urlencoded', 'text/json'];
  const asked = door.routes.filter(isChanging).flatMap((route) => simple.map((type) => ({ route, type })));
  const wrong: object[] = [];
  await forEach(asked, async ({ route, type }) => {
    // The name that curl gives to every body; a browser says where a form comes from.
    if (route.access.scope === 'infer' && type.endsWith('urlencoded')) return;
    const body = BODIES[route.path] ?? '{}';
    const init = { method: route.method, headers: { 'content-type': type }, body };
    const { status } = await headOf(door.url + pathFor(route, 'flow-demo'), init);
    if (status !== 415) wrong.push({ method: route.method, path: route.path, type, status });
  });
  expect(wrong).toEqual([]);
  expect(door.state()).toEqual(before);
});

test('S-05: what is no browser and says nothing of where it is from is let in', async () => {
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(`${door.url}/api/settings`, { method: 'PATCH', headers, body: '{"queue_limit":900}' });
  expect([answer.status, door.flow.settings.current.queue_limit]).toEqual([200, 900]);
});

test('S-06: a preflight allows nothing to anybody but a listed origin, on any route', async () => {
  const strangers = ['https://evil.example', 'null', 'chrome-extension://abc', `${TRUSTED}.evil.example`, 'app://x'];
  const paths = [...new Set(door.routes.map((route) => pathFor(route)))];
  const allowingOf = async (path: string, origin: string): Promise<readonly string[]> => {
    const headers = { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'x-api-key' };
    const answer = await fetch(door.url + path, { method: 'OPTIONS', headers });
    return [...answer.headers.keys()].filter((name) => name.startsWith('access-control'));
  };
  const wrong: object[] = [];
  const asked = paths.flatMap((path) => strangers.map((origin) => ({ path, origin })));
  await forEach(asked, async ({ path, origin }) => {
    const allowing = await allowingOf(path, origin);
    if (allowing.length > 0) wrong.push({ path, origin, allowing });
  });
  expect(wrong).toEqual([]);
  expect(await allowingOf('/v1/chat/completions', TRUSTED)).toContain('access-control-allow-origin');
});

test('S-06: no answer lets a stranger read it, and none ever takes credentials along', async () => {
  const wrong: object[] = [];
  const looking = door.routes.filter(({ method }) => method === 'GET');
  await forEach(looking, async (route) => {
    const { headers } = await headOf(door.url + pathFor(route), { headers: { origin: 'https://evil.example' } });
    const allowing = [...headers.keys()].filter((name) => name.startsWith('access-control'));
    if (allowing.length > 0) wrong.push({ path: route.path, allowing });
  });
  expect(wrong).toEqual([]);
  const trusted = await headOf(`${door.url}/api/models`, { headers: { origin: TRUSTED } });
  expect(trusted.headers.get('access-control-allow-origin')).toBe(TRUSTED);
  expect(trusted.headers.has('access-control-allow-credentials')).toBe(false);
});

/** How a page makes a browser look at an address. */
const LOOKS: readonly (readonly [string, Readonly<Record<string, string>>])[] = [
  ['an image', { 'sec-fetch-dest': 'image', 'sec-fetch-mode': 'no-cors', accept: 'image/*' }],
  ['a prefetch', { 'sec-purpose': 'prefetch', 'sec-fetch-dest': 'empty', 'sec-fetch-mode': 'no-cors' }],
  ['a form or a link', { 'sec-fetch-dest': 'document', 'sec-fetch-mode': 'navigate', accept: 'text/html' }],
];
/** Words by which an address might ask for something to be done. */
const WISHES = '?action=delete&delete=1&load=1&model=flow-demo&q=x&id=flow-demo&confirm=true&_method=DELETE';

test.each(LOOKS)('S-07: %s of any address changes nothing', async (_, headers) => {
  const before = door.state();
  const looking = door.routes.filter(({ method, path }) => method === 'GET' && !path.startsWith('/public'));
  const asked = looking.flatMap((route) =>
    (/[:*]/.test(route.path) ? fillings : ['x']).flatMap((filling) => [
      pathFor(route, filling),
      pathFor(route, filling) + WISHES,
    ]),
  );
  await forEach(asked, async (path) => {
    await headOf(door.url + path, { headers: { ...headers, 'sec-fetch-site': 'cross-site' } });
    await headOf(door.url + path, { method: 'HEAD', headers: { ...headers, 'sec-fetch-site': 'cross-site' } });
  });
  expect(door.state()).toEqual(before);
});

test('S-43: no address opens a WebSocket for the page of somebody else', async () => {
  const paths = [...new Set(door.routes.map((route) => pathFor(route)))];
  const origins = ['https://evil.example', 'null', 'http://localhost:5173', `http://127.0.0.1:${door.port + 1}`];
  const wrong: object[] = [];
  const asked = paths.flatMap((path) => origins.map((origin) => ({ path, origin })));
  await forEach(asked, async ({ path, origin }) => {
    const head = handshakeHead(`127.0.0.1:${door.port}`, path, [`Origin: ${origin}`]);
    const { status } = await rawRequest(door.port, head);
    if (status !== 403) wrong.push({ path, origin, status });
  });
  expect(wrong).toEqual([]);
});
