/**
 * F-23, F-92, S-42: what clients do wrong with a whole Flow: names that would change every object, reading nothing of
 * what they asked for, too many sockets. Routes and methods that are none: test/security/misuse.test.ts.
 */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeFakeEngine } from '../support/fake-engine-launcher.ts';
import { postHead, rawClient } from '../support/raw-client.ts';
import { handshakeHead } from '../support/raw-requests.ts';
import { type RunningFlow, startFlow, until } from '../support/running-flow.ts';

let folder: string;
let flow: RunningFlow;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'flow-misuse-'));
  flow = await startFlow({ engine: makeFakeEngine(folder, { request: { tokens: 3 } }).executable });
});
afterAll(async () => {
  await flow[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

const json = { 'content-type': 'application/json' };

describe('S-42: names of every object', () => {
  test('in settings, queries and cookies change nothing', async () => {
    const before = (await flow.json('/api/settings')).body;
    for (const trap of ['{"__proto__":{"host":"0.0.0.0"}}', '{"constructor":{"prototype":{"host":"0.0.0.0"}}}']) {
      const response = await fetch(`${flow.url}/api/settings`, { method: 'PUT', headers: json, body: trap });
      expect(response.status).toBeLessThan(500);
    }
    const odd = '?__proto__[host]=0.0.0.0&constructor[prototype][host]=0.0.0.0&page=__proto__';
    const headers = { cookie: '__proto__=x; constructor=y; flow=%7B%22__proto__%22%3A1%7D' };
    for (const path of ['/api/settings', '/api/telemetry', '/v1/models', '/models', '/api/hf/search']) {
      expect((await fetch(flow.url + path + odd, { headers })).status).not.toBe(500);
    }
    expect((await flow.json('/api/settings')).body).toEqual(before);
    expect((await flow.json('/api/health')).body).not.toHaveProperty('host');
  });
});

/** Resident memory of Flow. */
const memoryBytes = () => Number(readFileSync(`/proc/${flow.pid}/statm`, 'utf8').split(' ')[1]) * 4096;

test('F-23: a client that reads nothing costs little memory and nobody else anything', async () => {
  // Some 480 MB, in frames of 4 kB of which none is like its neighbour: what repeats itself would be stopped for that.
  const pieces = Array.from({ length: 128 }, (_, at) => `${at} ${String.fromCharCode(97 + (at % 26)).repeat(4_000)} `);
  const messages = [{ role: 'user', content: 'hi' }];
  const body = JSON.stringify({ model: 'flow-demo', stream: true, messages, fake: { tokens: 120_000, pieces } });
  const quick = { model: 'flow-demo', messages, max_tokens: 3 };
  const some = async () => {
    for (let round = 0; round < 40; round += 1) {
      expect((await flow.json('/v1/chat/completions', quick)).status).toBe(200);
    }
  };
  await some();
  const before = memoryBytes();
  using client = await rawClient(flow.url);
  client.pause();
  client.send(postHead(flow.url, '/v1/chat/completions', [`Content-Length: ${Buffer.byteLength(body)}`]) + body);
  await until('a running answer', async () => {
    const { body: listed } = await flow.json('/api/requests');
    return JSON.stringify(listed).includes('"generating"');
  });
  await some();
  // Up to 30 MB come and go with the requests of others; without waiting for the client it is 480 MB.
  expect(memoryBytes() - before).toBeLessThan(100 << 20);
  const { body: listed } = await flow.json('/api/requests');
  expect(JSON.stringify(listed)).toContain('"generating"');
});

test('F-92: sockets are limited, and the next one is refused in words before its handshake', async () => {
  const sockets = Array.from({ length: 256 }, () => new WebSocket(`${flow.url.replace('http', 'ws')}/ws`));
  try {
    await until('all sockets', () => sockets.every(({ readyState }) => readyState === WebSocket.OPEN), 30_000);
    using client = await rawClient(flow.url, handshakeHead(new URL(flow.url).host, '/ws'));
    await client.sees('256 sockets are open already');
    expect(client.text()).toStartWith('HTTP/1.1 429');
  } finally {
    for (const socket of sockets) socket.close();
  }
});
