/**
 * F-92: clients that send a request slowly, or part of one, through a whole Flow. How long each is waited for is in
 * test/stream/arrival.test.ts and test/web/rest.test.ts.
 */
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeFakeEngine } from '../support/fake-engine-launcher.ts';
import { postHead, type RawClient, rawClient } from '../support/raw-client.ts';
import { type RunningFlow, startFlow } from '../support/running-flow.ts';

const SLOW = 1_000;

let folder: string;
let flow: RunningFlow;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'flow-slow-senders-'));
  flow = await startFlow({ engine: makeFakeEngine(folder, { request: { tokens: 5 } }).executable });
});
afterAll(async () => {
  await flow[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

test('F-92: a thousand clients in the middle of their requests starve nobody', async () => {
  const beginnings = [
    postHead(flow.url, '/v1/chat/completions', ['Content-Length: 1000']),
    postHead(flow.url, '/v1/messages', ['Transfer-Encoding: chunked']),
    postHead(flow.url, '/api/settings', ['Content-Length: 1000']),
    `POST /v1/chat/completions HTTP/1.1\r\nHost: ${new URL(flow.url).host}\r\nX-Slow: `,
  ];
  const clients: RawClient[] = [];
  try {
    for (let count = 0; count < SLOW; count += 100) {
      const some = Array.from({ length: 100 }, (_, at) => rawClient(flow.url, beginnings[at % beginnings.length]));
      clients.push(...(await Promise.all(some)));
    }
    const body = { model: 'flow-demo', messages: [{ role: 'user', content: 'hi' }] };
    for (let round = 0; round < 3; round += 1) {
      for (const client of clients.slice(0, 100 * round)) client.send('1');
      expect((await flow.json('/v1/chat/completions', body)).status).toBe(200);
      expect((await flow.json('/api/health')).status).toBe(200);
    }
    const open = clients.filter((client) => !client.isClosed).length;
    expect(open).toBeGreaterThanOrEqual(SLOW / 2);
  } finally {
    for (const client of clients) client[Symbol.dispose]();
  }
  expect((await flow.json('/api/health')).body.status).toBeDefined();
});

test('F-92: the head of a first request is waited for less than half a minute, even if bytes keep coming', async () => {
  using silent = await rawClient(flow.url);
  using begun = await rawClient(flow.url, 'GET / HTTP/1.1\r\nX-Slow: ');
  const drip = setInterval(() => begun.send('x'), 500);
  try {
    await Promise.all([silent.closed(30_000), begun.closed(30_000)]);
    expect(begun.text()).toBe('');
  } finally {
    clearInterval(drip);
  }
});
