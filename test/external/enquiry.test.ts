// What a server says over real sockets: flipping names, redirects, certificates, keys, what is no engine (S-33).
import { afterEach, describe, expect, test } from 'bun:test';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Enquiry, enquire } from '#src/external/enquiry.ts';
import { ExternalKeys } from '#src/external/external-keys.ts';
import { asFault } from '#src/faults.ts';
import { SocketEngineClient } from '#src/transport/client.ts';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

const LISTED = { object: 'list', data: [{ id: 'some-model', owned_by: 'vllm', max_model_len: 8192 }] };

type Tls = { readonly key: string; readonly cert: string };

function server(answer: (request: Request) => Response, tls?: Tls) {
  const asked: string[] = [];
  const served = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    ...(tls ? { tls } : {}),
    fetch: (request) => {
      asked.push(`${request.headers.get('host')} ${new URL(request.url).pathname}`);
      return answer(request);
    },
  });
  closers.push(() => served.stop(true));
  return { port: served.port ?? 0, asked };
}

const engine = (request: Request): Response =>
  new URL(request.url).pathname === '/v1/models' ? Response.json(LISTED) : new Response('no', { status: 404 });

function clientWith(ca?: string): SocketEngineClient {
  const client = new SocketEngineClient(ca === undefined ? {} : { ca });
  closers.push(() => client.close());
  return client;
}

type LookUp = () => Promise<readonly string[]>;
const here: LookUp = async () => ['127.0.0.1'];

function look(baseUrl: string, { client = clientWith(), lookUp = here, key = '' } = {}): Promise<Enquiry> {
  const signal = new AbortController().signal;
  return enquire({ client, baseUrl, key, signal }, { lookUp, onTrouble: () => {} });
}

const troubleOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'none',
    (cause) => `${asFault(cause).kind}: ${asFault(cause).message}`,
  );

describe('a name', () => {
  test('S-33: is looked up once, and its address kept whatever it means later', async () => {
    const { port, asked } = server(engine);
    const client = clientWith();
    let looks = 0;
    const flipping: LookUp = async () => {
      looks += 1;
      return [looks === 1 ? '127.0.0.1' : '169.254.169.254'];
    };
    const baseUrl = `http://flips.test:${port}`;
    const { address, recognised } = await look(baseUrl, { client, lookUp: flipping });
    expect([address, recognised.product, looks]).toEqual(['127.0.0.1', 'vLLM', 1]);
    const signal = new AbortController().signal;
    const answer = await client.send(baseUrl, { method: 'GET', path: '/v1/models', headers: {}, body: null, signal });
    expect(await answer.text()).toContain('some-model');
    expect([looks, asked.at(-1)]).toEqual([1, `flips.test:${port} /v1/models`]);
    expect(await troubleOf(look(baseUrl, { client, lookUp: flipping }))).toStartWith('forbidden');
  });

  test('that nobody pinned is not dialled', async () => {
    const signal = new AbortController().signal;
    const asking = clientWith().send('http://example.org', {
      method: 'GET',
      path: '/',
      headers: {},
      body: null,
      signal,
    });
    expect(await troubleOf(asking)).toStartWith('engine-unreachable');
  });
});

describe('what is no engine', () => {
  test('S-33: a redirect is not followed', async () => {
    const target = server(engine);
    const { port } = server(() => Response.redirect(`http://127.0.0.1:${target.port}/v1/models`, 302));
    expect(await troubleOf(look(`http://127.0.0.1:${port}`))).toContain('status 302');
    expect(target.asked).toEqual([]);
  });

  test('a web page is said to be one', async () => {
    const { port } = server(
      () => new Response('<!doctype html><title>Hi', { headers: { 'content-type': 'text/html' } }),
    );
    expect(await troubleOf(look(`http://127.0.0.1:${port}`))).toContain('a web page');
  });

  test('an endless answer ends', async () => {
    const block = new Uint8Array(1 << 20).fill(32);
    const endless = () =>
      new Response(
        new ReadableStream({
          pull: (controller) => controller.enqueue(block),
        }),
      );
    const { port } = server(endless);
    expect(await troubleOf(look(`http://127.0.0.1:${port}`))).not.toBe('none');
  });

  test('nobody there is unreachable', async () => {
    const { port } = server(engine);
    for (const close of closers.splice(0)) close();
    expect(await troubleOf(look(`http://127.0.0.1:${port}`))).toStartWith('engine-unreachable');
  });

  test('a server that wants a key says so, and takes it', async () => {
    const { port } = server((request) =>
      request.headers.get('authorization') === 'Bearer sesame' ? engine(request) : new Response('', { status: 401 }),
    );
    expect(await troubleOf(look(`http://127.0.0.1:${port}`))).toContain('wants a key');
    expect(await troubleOf(look(`http://127.0.0.1:${port}`, { key: 'wrong' }))).toContain('refuses the key');
    expect(await troubleOf(look(`http://127.0.0.1:${port}`, { key: 'sesame' }))).toBe('none');
  });
});

describe('https', () => {
  const folder = mkdtempSync(join(tmpdir(), 'flow-tls-'));
  const made = Bun.spawnSync([
    ...['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=engine.test'],
    ...['-keyout', join(folder, 'key.pem'), '-out', join(folder, 'cert.pem')],
    ...['-addext', 'subjectAltName=DNS:engine.test'],
  ]);
  const isMade = made.success;
  const key = isMade ? readFileSync(join(folder, 'key.pem'), 'utf8') : '';
  const cert = isMade ? readFileSync(join(folder, 'cert.pem'), 'utf8') : '';
  rmSync(folder, { recursive: true, force: true });

  test('a certificate of its name is needed, and its authority trusted', async () => {
    expect(isMade).toBe(true);
    const { port, asked } = server(engine, { key, cert });
    const good = await look(`https://engine.test:${port}`, { client: clientWith(cert) });
    expect(good.recognised.models[0]?.contextTokens).toBe(8192);
    expect(asked[0]).toBe(`engine.test:${port} /v1/models`);
    const before = asked.length;
    const other = look(`https://other.test:${port}`, { client: clientWith(cert), key: 'secret-key' });
    expect(await troubleOf(other)).toContain('is not trusted');
    expect(await troubleOf(look(`https://engine.test:${port}`, { key: 'secret-key' }))).toContain('is not trusted');
    expect(asked.length).toBe(before);
  });
});

describe('keys', () => {
  test('stand in a file of their own, for their own address, and are hidden from the logs', () => {
    const folder = mkdtempSync(join(tmpdir(), 'flow-keys-'));
    const path = join(folder, 'external-keys.json');
    const hidden: string[] = [];
    const parts = { path, protect: (secret: string) => void hidden.push(secret) };
    try {
      const keys = new ExternalKeys(parts);
      keys.save('http://127.0.0.1:8080', 'sesame-key');
      expect(statSync(path).mode & 0o777).toBe(0o600);
      expect([keys.keyFor('http://127.0.0.1:8080'), keys.keyFor('http://127.0.0.1:8081')]).toEqual(['sesame-key', '']);
      expect(() => keys.save('http://127.0.0.1:8080', 'two words')).toThrow('That is no key');
      expect(new ExternalKeys(parts).keyFor('http://127.0.0.1:8080')).toBe('sesame-key');
      expect(hidden).toContain('sesame-key');
      keys.keepOnly(new Set());
      expect(new ExternalKeys(parts).keyFor('http://127.0.0.1:8080')).toBe('');
      writeFileSync(path, 'garbage');
      expect(new ExternalKeys(parts).keyFor('http://127.0.0.1:8080')).toBe('');
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
