// How long connections may rest between requests, and small bodies may take. A whole Flow: test/faults/slow-senders.
import { afterEach, beforeEach, expect, test } from 'bun:test';
import { Elysia } from 'elysia';
import { access, LARGE_BODY_BYTES_MAX } from '#src/access.ts';
import { systemClock } from '#src/clock.ts';
import { Credentials } from '#src/web/credentials.ts';
import { errorHandling, refuser } from '#src/web/errors.tsx';
import { type Guarded, guard, type Listening } from '#src/web/guard.ts';
import { listen } from '#src/web/listen.ts';
import { shell } from '#src/web/shell.tsx';
import { loadVendor } from '#src/web/vendor.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { postHead, rawClient } from '../support/raw-client.ts';
import { until } from '../support/running-flow.ts';
import { sampleSettings } from '../support/sample-settings.ts';

let clock: FakeClock;
let guarded: Guarded;
let server: Bun.Server<undefined>;
/** What the server was told of each answer's connection, in seconds. */
let rests: number[];

beforeEach(async () => {
  clock = new FakeClock();
  rests = [];
  const errors = refuser({
    voiceFor: () => null,
    shell: shell({ vendor: (await loadVendor()).urls, version: 'test' }),
    log: () => {},
  });
  const stream = () => new Response('data: x\n\n', { headers: { 'content-type': 'text/event-stream' } });
  const app = new Elysia()
    .use(errorHandling(errors))
    .get('/api/whole', () => ({ ok: true }), access('read'))
    .get('/api/stream', stream, access('read'))
    .post('/api/echo', ({ body }) => ({ body }), access('manage'))
    .post('/v1/x', () => ({ ok: true }), { parse: 'none', ...access('infer', LARGE_BODY_BYTES_MAX) });
  guarded = guard({
    app,
    settings: () => sampleSettings(),
    credentials: new Credentials({ apiKey: null, clock: systemClock }),
    refuser: errors,
    host: '127.0.0.1',
    interfaceAddresses: () => [],
    port: 0,
    clock,
  });
  server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    idleTimeout: 0,
    websocket: { message() {} },
    fetch: (request, own) => guarded.fetch(request, watched(own)),
  });
});
afterEach(async () => void (await server.stop(true)));

function watched(own: Listening): Listening {
  return new Proxy(own, {
    get: (target, name) => {
      if (name === 'timeout') return (_request: Request, seconds: number) => rests.push(seconds);
      return Reflect.get(target, name);
    },
  });
}

test('F-92: a connection may rest 75 s after a whole answer or a refusal; a stream is left to its writer', async () => {
  for (const path of ['/api/whole', '/api/nowhere', '/api/stream'])
    await (await fetch(server.url + path.slice(1))).text();
  expect(rests).toEqual([75, 75]);
});

test('F-92: a small body that does not come is given up after a minute, and its connection with it', async () => {
  using client = await rawClient(server.url.href, postHead(server.url.href, '/api/echo', ['Content-Length: 10']));
  client.send('{"a"');
  await until('a wait', () => clock.armedCount > 0);
  clock.advance(61_000);
  await client.sees('HTTP/1.1 408');
  await client.sees('"kind":"too-slow"');
  expect(rests).toEqual([4]);
});

test('F-88: a body beyond the limit of large ones is refused in words, before it has come', async () => {
  const listener = await listen(guarded, { host: '127.0.0.1', port: 0 });
  try {
    using client = await rawClient(listener.url, postHead(listener.url, '/v1/x', ['Content-Length: 300000000']));
    await client.sees('HTTP/1.1 413');
    await client.sees('268435456');
  } finally {
    await listener.stop(true);
  }
});
