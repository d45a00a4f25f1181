/**
 * Bytes that no HTTP library sends, against a whole Flow: half-closed, old and pipelining clients, and heads that two
 * readers could understand in two ways. Bun reads them; these tests hold what Flow's guard builds on.
 */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type FakeEngine, makeFakeEngine } from '../support/fake-engine-launcher.ts';
import { postHead, rawClient } from '../support/raw-client.ts';
import { type RunningFlow, startFlow, until } from '../support/running-flow.ts';

const BODY = JSON.stringify({ model: 'flow-demo', messages: [{ role: 'user', content: 'hi' }] });
const LENGTH = `Content-Length: ${BODY.length}`;
const CHAT = '/v1/chat/completions';

let folder: string;
let flow: RunningFlow;
let engine: FakeEngine;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'flow-raw-http-'));
  engine = makeFakeEngine(folder, { request: { tokens: 3 } });
  flow = await startFlow({ engine: engine.executable });
});
afterAll(async () => {
  await flow[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

const head = (...lines: string[]) => postHead(flow.url, CHAT, lines);

/** Nothing runs and nothing waits any more, and Flow answers. */
async function quiet(): Promise<void> {
  await until('no open request', async () => {
    const { body } = await flow.json('/api/requests');
    const open = Object.values(body.requests as Record<string, { completed_at: number | null }[]>).flat();
    return open.every((request) => request.completed_at !== null);
  });
  expect((await flow.json('/api/health')).status).toBe(200);
}

describe('F-36: a client', () => {
  test('that closes its half of the connection is answered or let go, and leaves no stuck request', async () => {
    using client = await rawClient(flow.url, head(LENGTH) + BODY);
    client.half();
    await client.closed();
    await quiet();
  });

  test('of HTTP/1.0 is answered, and its connection ends', async () => {
    using client = await rawClient(flow.url, (head(LENGTH) + BODY).replace('HTTP/1.1', 'HTTP/1.0'));
    await client.sees('"content":');
    await client.closed();
    expect(client.text()).not.toContain('Transfer-Encoding');
    await quiet();
  });

  test('of HTTP/1.0 without a Host header is refused', async () => {
    using client = await rawClient(flow.url, 'GET /api/health HTTP/1.0\r\n\r\n');
    await client.sees(/^HTTP\/1\.1 4\d\d/);
    await client.closed();
  });

  test('that sends several requests at once is answered in their order, or let go', async () => {
    using client = await rawClient(flow.url, (head(LENGTH) + BODY).repeat(3));
    await until('an answer or an end', () => client.isClosed || client.text().split('"content":').length === 4);
    expect(client.text()).not.toMatch(/^HTTP\/1\.1 5/m);
    await quiet();
  });

  test('that waits for a word before it sends its body is given it', async () => {
    using client = await rawClient(flow.url, head(LENGTH, 'Expect: 100-continue'));
    await client.sees('HTTP/1.1 100 Continue\r\n\r\n');
    client.send(BODY);
    await client.sees('"content":');
    await quiet();
  });
});

describe('S-41: a request', () => {
  const chunked = `${BODY.length.toString(16)}\r\n${BODY}\r\n0\r\n\r\n`;
  const cases: readonly [string, () => string][] = [
    ['with a length and chunks', () => `${head(LENGTH, 'Transfer-Encoding: chunked')}${chunked}`],
    ['with two lengths', () => head(LENGTH, 'Content-Length: 3') + BODY],
    ['with a list of lengths', () => head(`${LENGTH}, 3`) + BODY],
    ['with a signed length', () => head(`Content-Length: +${BODY.length}`) + BODY],
    ['with a coding that only looks like chunks', () => head('Transfer-Encoding: xchunked') + chunked],
    ['with chunks inside another coding', () => head('Transfer-Encoding: chunked, identity') + chunked],
    ['with two codings', () => head('Transfer-Encoding: chunked', 'Transfer-Encoding: identity') + chunked],
    ['with a space before the colon', () => head('Transfer-Encoding : chunked') + chunked],
    ['with chunks in HTTP/1.0', () => (head('Transfer-Encoding: chunked') + chunked).replace('TP/1.1', 'TP/1.0')],
    ['with chunks behind bare line feeds', () => head('Transfer-Encoding: chunked') + chunked.replaceAll('\r', '')],
    ['with a signed chunk', () => `${head('Transfer-Encoding: chunked')}+${chunked}`],
    ['with an endless chunk', () => `${head('Transfer-Encoding: chunked')}ffffffffffffffffff\r\n${BODY}`],
    ['with a bare line feed in its head', () => head('X-A: 1\nX-B: 2', LENGTH) + BODY],
    ['with bare line feeds only', () => (head(LENGTH) + BODY).replaceAll('\r', '')],
    ['with a folded header', () => head('X-A: 1\r\n X-B: 2', LENGTH) + BODY],
    ['with a NUL in its head', () => head('X-A: 1\0', LENGTH) + BODY],
    ['with a thousand headers', () => head(...Array.from({ length: 1_000 }, (_, at) => `X-${at}: 1`), LENGTH) + BODY],
    ['with a head of 70 kB', () => head(`X-A: ${'a'.repeat(70_000)}`, LENGTH) + BODY],
  ];
  for (const [what, text] of cases) {
    test(`${what} is refused, and no engine hears of it`, async () => {
      const before = engine.records('request-begin').length;
      using client = await rawClient(flow.url, text());
      await client.sees(/^HTTP\/1\.1 (4\d\d|505)/);
      await client.closed();
      expect(client.text().match(/HTTP\/1\.1/g)).toHaveLength(1);
      expect(engine.records('request-begin')).toHaveLength(before);
    });
  }
});
