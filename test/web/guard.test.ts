/**
 * The guard before a small application that has a route of every kind. The rules alone: host-check, origin-check,
 * route-table tests.
 */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { Elysia } from 'elysia';
import { access } from '#src/access.ts';
import { systemClock } from '#src/clock.ts';
import { Fault } from '#src/faults.ts';
import { Credentials } from '#src/web/credentials.ts';
import { errorHandling, refuser } from '#src/web/errors.tsx';
import { guard } from '#src/web/guard.ts';
import { type Listener, listen } from '#src/web/listen.ts';
import { loginPages } from '#src/web/login.tsx';
import { publicFiles } from '#src/web/public-files.ts';
import { shell } from '#src/web/shell.tsx';
import { loadVendor, vendorRoutes } from '#src/web/vendor.ts';
import { handshakeHead, rawRequest } from '../support/raw-requests.ts';
import { sampleSettings } from '../support/sample-settings.ts';

const KEY = 'flow_sk_test_of_the_guard';
const TRUSTED = 'https://my.app';
let effects = 0;

type Door = {
  url: string;
  port: number;
  listener: Listener;
  routes: readonly { method: string; path: string; scope: string }[];
};

async function openDoor(apiKey: string | null): Promise<Door> {
  const vendor = await loadVendor();
  const frame = shell({ vendor: vendor.urls, version: 'test' });
  const errors = refuser({ voiceFor: () => null, shell: frame, log: () => {} });
  const credentials = new Credentials({ apiKey, clock: systemClock });
  const act = () => {
    effects += 1;
    return { done: true };
  };
  const app = new Elysia()
    .use(errorHandling(errors))
    .use(vendorRoutes({ vendor }))
    .use(await publicFiles())
    .use(loginPages({ credentials, shell: frame }))
    .get('/', () => 'page', access('page'))
    .post('/act', act, access('page'))
    .get('/api/health', () => ({ ok: true }), access('public'))
    .get('/api/models', () => [], access('read'))
    .get('/api/models/:id', ({ params }) => ({ id: params.id }), access('read'))
    .post('/api/models/:id/load', act, access('manage'))
    .delete('/api/models/*', act, access('manage', 100))
    .post('/v1/chat/completions', act, access('infer', 10_000))
    .get(
      '/api/broken',
      () => {
        throw new Error('a secret detail');
      },
      access('public'),
    )
    .get(
      '/api/refused',
      () => {
        throw new Fault('no-memory', 'Needs 21 GB.', { hint: 'Unload one.' });
      },
      access('public'),
    )
    .ws('/ws', { ...access('read'), open: (socket) => void socket.send('hello') });
  const settings = sampleSettings({ cors_origins: [TRUSTED], allowed_hosts: ['flow.example'] });
  const guarded = guard({
    app,
    settings: () => settings,
    credentials,
    refuser: errors,
    host: settings.host,
    interfaceAddresses: () => [],
    port: 0,
  });
  const listener = await listen(guarded, { host: '127.0.0.1', port: 0 });
  const routes = guarded.routes.map(({ method, path, access: { scope } }) => ({ method, path, scope }));
  return { url: listener.url, port: listener.port, listener, routes };
}

let open: Door;
let locked: Door;
beforeAll(async () => {
  open = await openDoor(null);
  locked = await openDoor(KEY);
});
afterAll(async () => {
  await Promise.all([open.listener.stop(true), locked.listener.stop(true)]);
});

describe('the Host header', () => {
  const PATHS = ['/', '/api/models', '/public/css/app.css', '/login', '/nowhere', '/v1/chat/completions'];
  const foreign = (port: number) => [
    'Host: evil.com',
    `Host: evil.com:${port}`,
    `Host: 127.0.0.1.evil.com:${port}`,
    `Host: localhost.:${port}`,
    `Host: 0.0.0.0:${port}`,
    `Host: [::ffff:127.0.0.1]:${port}`,
    `Host: 2130706433:${port}`,
    'Host: ',
    'Host: localhost/?',
    'Host: localhost/#',
    'Host: a b',
    'Host: [::1',
    'Host: evil@localhost',
    `Host: localhost:${port + 1}`,
    'Host: localhost',
    `Host: localhost:${port}\r\nHost: evil.com`,
  ];
  test('S-01: any other than ours is refused on every kind of route, without a stack', async () => {
    for (const path of PATHS) {
      for (const host of foreign(open.port)) {
        const answer = await rawRequest(open.port, `GET ${path} HTTP/1.1\r\n${host}\r\n\r\n`);
        expect({ path, host, status: answer.status }).toEqual({
          path,
          host,
          status: answer.status === 400 ? 400 : 403,
        });
        expect(answer.text).not.toMatch(/at .*\.tsx?:\d+/);
      }
    }
  });

  test('a request without one is refused', async () => {
    expect((await rawRequest(open.port, 'GET /api/models HTTP/1.0\r\n\r\n')).status).toBe(403);
  });

  test('ours passes in any case, by name, by both loopbacks, and by a name from the settings', async () => {
    for (const host of [
      `LOCALHOST:${open.port}`,
      `127.0.0.1:${open.port}`,
      `[::1]:${open.port}`,
      'flow.example',
      'flow.example:8443',
    ]) {
      const answer = await rawRequest(open.port, `GET /api/models HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
      expect({ host, status: answer.status }).toEqual({ host, status: 200 });
    }
  });

  test('both loopback addresses answer', async () => {
    expect((await fetch(`http://[::1]:${open.port}/api/health`)).status).toBe(200);
    expect((await fetch(`http://127.0.0.1:${open.port}/api/health`)).status).toBe(200);
  });
});

describe('a foreign page', () => {
  const CHANGING = new Set(['POST', 'PUT', 'PATCH', 'DELETE']);
  const TYPES = [
    'application/json',
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    null,
  ];
  const PROVENANCES = [
    { origin: 'https://evil.example' },
    { origin: 'null' },
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site', origin: 'http://localhost:5173' },
    { origin: 'http://localhost:5173' },
  ];

  test('S-03, S-04: changes nothing on any route of the table', async () => {
    const before = effects;
    const routes = open.routes.filter(({ method }) => CHANGING.has(method));
    expect(routes.length).toBeGreaterThan(4);
    for (const { method, path } of routes) {
      for (const type of TYPES) {
        for (const from of PROVENANCES) {
          const headers = { ...from, ...(type === null ? {} : { 'content-type': type }) };
          const url = open.url + path.replace(/:\w+|\*/, 'x');
          const { status } = await fetch(url, { method, headers, body: '{}' });
          expect({ method, path, type, from, status }).toEqual({ method, path, type, from, status: 403 });
        }
      }
    }
    expect(effects).toBe(before);
  });

  test('S-05: a client that is no browser passes', async () => {
    const headers = { 'content-type': 'application/json' };
    expect((await fetch(`${open.url}/api/models/x/load`, { method: 'POST', headers, body: '{}' })).status).toBe(200);
    expect((await fetch(`${open.url}/api/models/x/load`, { method: 'POST' })).status).toBe(200);
  });

  test('only JSON changes something, but our own page may send a form to a page', async () => {
    const post = (path: string, headers: Record<string, string>) =>
      fetch(open.url + path, { method: 'POST', headers, body: 'a=b' });
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    expect((await post('/act', form)).status).toBe(415);
    expect((await post('/act', { ...form, 'sec-fetch-site': 'none' })).status).toBe(415);
    expect((await post('/act', { ...form, 'sec-fetch-site': 'same-origin' })).status).toBe(200);
    expect((await post('/act', { ...form, origin: open.url })).status).toBe(200);
    expect((await post('/api/models/x/load', { ...form, 'sec-fetch-site': 'same-origin' })).status).toBe(415);
    expect((await post('/api/models/x/load', { 'content-type': 'text/plain' })).status).toBe(415);
  });

  test('inference takes what curl calls a form, but not from a browser', async () => {
    const ask = (headers: Record<string, string>) =>
      fetch(`${open.url}/v1/chat/completions`, { method: 'POST', headers, body: '{}' });
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    expect((await ask(form)).status).toBe(200);
    expect((await ask({ ...form, 'sec-fetch-site': 'none' })).status).toBe(415);
    expect((await ask({ ...form, 'sec-fetch-site': 'same-origin' })).status).toBe(415);
    expect((await ask({ ...form, origin: open.url })).status).toBe(415);
    expect((await ask({ 'content-type': 'text/plain' })).status).toBe(415);
  });

  test('S-06: is allowed nothing by a preflight', async () => {
    for (const origin of ['https://evil.example', 'null', 'chrome-extension://abc', `${TRUSTED}.evil.example`]) {
      const headers = { origin, 'access-control-request-method': 'POST' };
      const answer = await fetch(`${open.url}/v1/chat/completions`, { method: 'OPTIONS', headers });
      const allowing = [...answer.headers.keys()].filter((name) => name.startsWith('access-control'));
      expect({ origin, allowing }).toEqual({ origin, allowing: [] });
    }
  });

  test('a listed origin may ask, send and read', async () => {
    const headers = { origin: TRUSTED, 'access-control-request-headers': 'authorization, content-type' };
    const preflight = await fetch(`${open.url}/v1/chat/completions`, { method: 'OPTIONS', headers });
    expect(preflight.headers.get('access-control-allow-origin')).toBe(TRUSTED);
    expect(preflight.headers.get('access-control-allow-headers')).toBe('authorization, content-type');
    const answer = await fetch(`${open.url}/v1/chat/completions`, {
      method: 'POST',
      body: '{}',
      headers: { origin: TRUSTED, 'sec-fetch-site': 'cross-site', 'content-type': 'application/json' },
    });
    expect([answer.status, answer.headers.get('access-control-allow-origin')]).toEqual([200, TRUSTED]);
  });

  test('S-43: opens no WebSocket on any path', async () => {
    for (const path of ['/ws', '/', '/nowhere', '/v1/chat/completions']) {
      const head = handshakeHead(`127.0.0.1:${open.port}`, path, ['Origin: https://evil.example']);
      expect({ path, status: (await rawRequest(open.port, head)).status }).toEqual({ path, status: 403 });
    }
  });
});

test('a WebSocket opens on both loopback addresses', async () => {
  for (const host of ['127.0.0.1', '[::1]']) {
    const socket = new WebSocket(`ws://${host}:${open.port}/ws`);
    const heard = await new Promise((resolve) => {
      socket.onmessage = ({ data }) => resolve(data);
      socket.onerror = () => resolve('refused');
    });
    socket.close();
    expect({ host, heard }).toEqual({ host, heard: 'hello' });
  }
});

describe('paths', () => {
  test('S-12: a disguised path is never judged more kindly than the plain one', async () => {
    const sly = [
      '//api/models',
      '/api//models',
      '/api/models%2f..',
      '/api/models/%2e%2e',
      '/API/Models',
      '/api/models;x',
      '/api\\models',
      '/api/models/..%2fhealth',
      '/%2e%2e/%2e%2e/api/models',
      '/api/models.',
    ];
    for (const path of sly) {
      const { status } = await rawRequest(
        locked.port,
        `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${locked.port}\r\n\r\n`,
      );
      expect({ path, isRefused: [401, 404].includes(status) }).toEqual({ path, isRefused: true });
    }
  });

  test('an id with an encoded slash reaches its route', async () => {
    expect(await (await fetch(`${open.url}/api/models/org%2Fname`)).json()).toEqual({ id: 'org/name' });
  });

  test('S-14: static files give away nothing else', async () => {
    const tries = [
      '/public/../package.json',
      '/public/%2e%2e/package.json',
      '/public/..%2fpackage.json',
      '/public/..%5cpackage.json',
      '/public/css/..%2f..%2f..%2fpackage.json',
      '/public/%00',
      '/public//etc/passwd',
      '/vendor/../package.json',
      '/public/',
      '/public/.env',
    ];
    for (const path of tries) {
      const answer = await rawRequest(open.port, `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${open.port}\r\n\r\n`);
      expect({ path, status: answer.status }).toEqual({ path, status: 404 });
    }
  });

  test('F-93: unknown paths and wrong methods are told apart', async () => {
    const missing = await fetch(`${open.url}/v1/v1/chat/completions`, {
      method: 'POST',
      body: '{}',
      headers: { 'content-type': 'application/json' },
    });
    expect(missing.status).toBe(404);
    expect(await missing.json()).toMatchObject({ error: { kind: 'not-found', hint: expect.stringContaining('/v1') } });
    const wrong = await fetch(`${open.url}/api/models/x/load`);
    expect([wrong.status, wrong.headers.get('allow')]).toEqual([405, 'OPTIONS, POST']);
  });

  test('HEAD answers as GET does, without a body', async () => {
    const answer = await fetch(`${open.url}/api/models`, { method: 'HEAD' });
    expect([answer.status, await answer.text()]).toEqual([200, '']);
  });

  test('the names that count follow the address listened on and the present network, not the setting', async () => {
    const app = new Elysia().get('/api/models', () => [], access('read'));
    let addresses = ['192.0.2.7'];
    const guarded = guard({
      app,
      settings: () => sampleSettings({ host: 'chosen-for-the-next-start' }),
      credentials: new Credentials({ apiKey: null, clock: systemClock }),
      refuser: { refuse: () => new Response(null, { status: 403 }) },
      host: '0.0.0.0',
      interfaceAddresses: () => addresses,
      port: 3377,
    });
    const statusFor = async (host: string) =>
      (await guarded.fetch(new Request(`http://${host}/api/models`, { headers: { host } }), null))?.status;
    expect(await statusFor('192.0.2.7:3377')).toBe(200);
    expect(await statusFor('198.51.100.9:3377')).toBe(403);
    expect(await statusFor('chosen-for-the-next-start:3377')).toBe(403);
    addresses = ['198.51.100.9'];
    expect(await statusFor('198.51.100.9:3377')).toBe(200);
  });

  test('a route without a declaration keeps Flow from starting', () => {
    const app = new Elysia().get('/api/forgotten', () => 'open to all');
    const parts = {
      settings: () => sampleSettings(),
      credentials: new Credentials({ apiKey: null, clock: systemClock }),
    };
    const errors = { refuse: () => new Response() };
    expect(() =>
      guard({ app, ...parts, refuser: errors, host: '127.0.0.1', interfaceAddresses: () => [], port: 0 }),
    ).toThrow('/api/forgotten');
  });
});

describe('an API key', () => {
  const attempts: readonly { how: string; headers: Record<string, string>; isRight: boolean }[] = [
    { how: 'none', headers: {}, isRight: false },
    { how: 'bearer', headers: { authorization: `Bearer ${KEY}` }, isRight: true },
    { how: 'x-api-key', headers: { 'x-api-key': KEY }, isRight: true },
    { how: 'both the same', headers: { authorization: `Bearer ${KEY}`, 'x-api-key': KEY }, isRight: true },
    { how: 'both different', headers: { authorization: `Bearer ${KEY}`, 'x-api-key': 'other' }, isRight: false },
    { how: 'basic', headers: { authorization: `Basic ${btoa(`flow:${KEY}`)}` }, isRight: false },
    { how: 'the key as cookie', headers: { cookie: `flow_session=${KEY}` }, isRight: false },
  ];
  for (const { how, headers, isRight } of attempts) {
    test(`presented as ${how} is ${isRight ? 'granted' : 'refused'}`, async () => {
      const { status } = await fetch(`${locked.url}/api/models`, { headers });
      expect(status === 200).toBe(isRight);
    });
  }

  test('S-09: everything but what is public needs it', async () => {
    for (const { method, path, scope } of locked.routes.filter((route) => route.method !== 'WS')) {
      const isChanging = method !== 'GET';
      const { status } = await fetch(locked.url + path.replace(/:\w+|\*/, 'x'), {
        method,
        redirect: 'manual',
        ...(isChanging ? { body: '{}', headers: { 'content-type': 'application/json' } } : {}),
      });
      expect({ method, path, isLocked: status === 401 }).toEqual({ method, path, isLocked: scope !== 'public' });
    }
  });

  test('a browser is shown the door, and the cookie from there opens the pages', async () => {
    const sent = await fetch(`${locked.url}/`, { headers: { accept: 'text/html' }, redirect: 'manual' });
    expect([sent.status, sent.headers.get('location')]).toEqual([303, '/login?next=%2F']);
    const typed = await fetch(`${locked.url}/login`, {
      method: 'POST',
      redirect: 'manual',
      body: new URLSearchParams({ key: KEY, next: '//evil.example' }),
      headers: { 'sec-fetch-site': 'same-origin' },
    });
    expect([typed.status, typed.headers.get('location')]).toEqual([303, '/']);
    const cookie = typed.headers.get('set-cookie') ?? '';
    expect(cookie).toMatch(/HttpOnly; SameSite=Strict/);
    expect(cookie).not.toContain(KEY);
    const page = await fetch(`${locked.url}/`, { headers: { cookie: cookie.split(';', 1)[0] ?? '' } });
    expect(page.status).toBe(200);
  });
});

describe('bodies', () => {
  const post = (path: string, size: number) =>
    fetch(open.url + path, {
      method: 'DELETE',
      body: `"${'x'.repeat(size)}"`,
      headers: { 'content-type': 'application/json' },
    });

  test('larger than the route takes are refused by their announced length', async () => {
    expect((await post('/api/models/x', 10)).status).toBe(200);
    expect((await post('/api/models/x', 200)).status).toBe(413);
  });

  test('chunked ones are counted as they come', async () => {
    const chunked = (size: number) =>
      rawRequest(
        open.port,
        `DELETE /api/models/x HTTP/1.1\r\nHost: 127.0.0.1:${open.port}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n${size.toString(16)}\r\n"${'x'.repeat(size - 2)}"\r\n0\r\n\r\n`,
      );
    expect((await chunked(20)).status).toBe(200);
    expect((await chunked(400)).status).toBe(413);
  });

  test('S-41: with two lengths, or a coding that nobody undoes, are refused', async () => {
    const head = `POST /api/models/x/load HTTP/1.1\r\nHost: 127.0.0.1:${open.port}\r\nContent-Type: application/json\r\n`;
    expect(
      (
        await rawRequest(
          open.port,
          `${head}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n`,
        )
      ).status,
    ).toBe(400);
    expect((await rawRequest(open.port, `${head}Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}`)).status).toBe(
      415,
    );
  });
});

describe('answers', () => {
  test('S-30, S-31: every one forbids frames and sniffing, pages allow only our own files', async () => {
    for (const path of ['/', '/nowhere', '/api/health', '/api/broken', '/login', '/public/css/app.css']) {
      const answer = await fetch(open.url + path, { headers: { accept: 'text/html' } });
      expect(answer.headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
      expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
      if (!answer.headers.get('content-type')?.startsWith('text/html')) continue;
      expect(answer.headers.get('content-security-policy')).toContain("script-src 'self';");
      expect(answer.headers.get('x-frame-options')).toBe('DENY');
    }
  });

  test('F-57: an unexpected failure gives a request id and nothing of the inside', async () => {
    const answer = await fetch(`${open.url}/api/broken`);
    const text = await answer.text();
    expect(answer.status).toBe(500);
    expect(text).not.toContain('secret detail');
    expect(JSON.parse(text).error).toMatchObject({
      kind: 'internal',
      request_id: expect.stringMatching(/^[0-9a-f]{12}$/),
    });
  });

  test('a fault keeps its kind, sentence, hint and status', async () => {
    const answer = await fetch(`${open.url}/api/refused`);
    expect(answer.status).toBe(503);
    expect(await answer.json()).toEqual({ error: { kind: 'no-memory', message: 'Needs 21 GB.', hint: 'Unload one.' } });
  });
});
