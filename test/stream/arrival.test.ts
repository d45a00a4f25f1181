// Bodies while they come in from real sockets, with time passed by hand. What they say: test/gateway/json-body.test.ts.
// A whole Flow before slow senders: test/faults/slow-senders.test.ts.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { asFault, Fault } from '#src/faults.ts';
import { arrivedBody, LARGE_BYTES } from '#src/stream/arrival.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { postHead, rawClient } from '../support/raw-client.ts';
import { until } from '../support/running-flow.ts';

const BYTES_MAX = 16 << 20;

let clock: FakeClock;
let server: Bun.Server<undefined>;
let outcomes: (number | Fault)[];
let larges: number;
let gate: Promise<void>;

beforeEach(() => {
  clock = new FakeClock();
  outcomes = [];
  larges = 0;
  gate = Promise.resolve();
  const onLarge = () => {
    larges += 1;
    return gate;
  };
  server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    idleTimeout: 0,
    maxRequestBodySize: Number.MAX_SAFE_INTEGER,
    fetch: async (request) => {
      const body = await arrivedBody(request, { bytesMax: BYTES_MAX, clock, onLarge }).catch(asFault);
      outcomes.push(body instanceof Fault ? body : body.byteLength);
      return new Response('', { status: body instanceof Fault ? body.status : 200 });
    },
  });
});
afterEach(async () => void (await server.stop(true)));

const connect = (...headers: string[]) => rawClient(server.url.href, postHead(server.url.href, '/', headers));
const one = () => until('an outcome', () => outcomes[0]);
/** Timers are armed once the head is there. */
const armed = () => until('a watch', () => clock.armedCount > 0);

describe('F-92: a sender', () => {
  for (const [what, headers] of [
    ['of a short body', ['Content-Length: 100']],
    ['of a long body', ['Content-Length: 3000000']],
    ['of chunks', ['Transfer-Encoding: chunked']],
  ] as const) {
    test(`${what} that falls silent is given up after a minute, with 408`, async () => {
      using client = await connect(...headers);
      client.send('4\r\n1234\r\n');
      await armed();
      clock.advance(59_000);
      await Bun.sleep(50);
      expect(outcomes).toEqual([]);
      clock.advance(3_000);
      expect(await one()).toMatchObject({ kind: 'too-slow' });
      await client.sees('HTTP/1.1 408');
    });
  }

  test('that sends a byte now and then is given up too', async () => {
    using client = await connect('Transfer-Encoding: chunked');
    await armed();
    for (let sent = 1; sent <= 7 && outcomes.length === 0; sent += 1) {
      client.send('1\r\nx\r\n');
      await Bun.sleep(30);
      clock.advance(10_000);
    }
    const fault = await one();
    expect(fault).toMatchObject({ kind: 'too-slow' });
    expect(String(fault)).toContain('unknown length');
  });

  test('that is slow but never silent is waited for', async () => {
    using client = await connect('Content-Length: 3000000');
    await armed();
    for (let sent = 0; sent < 30; sent += 1) {
      client.send('x'.repeat(100_000));
      await Bun.sleep(10);
      clock.advance(4_000);
    }
    expect(await one()).toBe(3_000_000);
  });

  test('that goes away is gone, and leaves no timer', async () => {
    using client = await connect('Content-Length: 3000000');
    client.send('x');
    await armed();
    client.socket.destroy();
    expect(await one()).toMatchObject({ kind: 'cancelled' });
    await until('no timer', () => clock.armedCount === 0);
  });
});

describe('F-88: a body', () => {
  test('of unknown length is refused as soon as it is too long', async () => {
    using client = await connect('Transfer-Encoding: chunked');
    const chunk = `100000\r\n${'x'.repeat(1 << 20)}\r\n`;
    for (let megabytes = 0; megabytes < 17; megabytes += 1) client.send(chunk);
    expect(await one()).toMatchObject({ kind: 'too-large' });
    await client.sees('HTTP/1.1 413');
  });

  for (const [how, headers] of [
    ['announced', [`Content-Length: ${9 << 20}`]],
    ['in chunks', ['Transfer-Encoding: chunked']],
  ] as const) {
    test(`that is large waits for its place with its bytes unread, however long (${how})`, async () => {
      const open = Promise.withResolvers<void>();
      gate = open.promise;
      using client = await connect(...headers);
      const isChunked = how === 'in chunks';
      const piece = 'x'.repeat(1 << 20);
      for (let at = 0; at < 9; at += 1) client.send(isChunked ? `100000\r\n${piece}\r\n` : piece);
      if (isChunked) client.send('0\r\n\r\n');
      await until('a wait', () => larges === 1);
      clock.advance(600_000);
      await Bun.sleep(20);
      expect(outcomes).toEqual([]);
      open.resolve();
      expect(await one()).toBe(9 << 20);
      expect(larges).toBe(1);
    });
  }

  test('of eight MiB needs no place', async () => {
    const response = await fetch(server.url, { method: 'POST', body: new Uint8Array(LARGE_BYTES) });
    expect(response.status).toBe(200);
    expect([outcomes, larges]).toEqual([[LARGE_BYTES], 0]);
  });
});
