// The engine client over real sockets: pool, pace, aborts, broken engines. Framing: response-parser.test.ts.
import { afterEach, describe, expect, test } from 'bun:test';
import type { Socket } from 'bun';
import { Fault } from '#src/faults.ts';
import { SocketEngineClient } from '#src/transport/client.ts';
import type { ExchangeRequest } from '#src/transport/exchange.ts';

type Peer = { text: string; requests: number };
const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

/** A server made of one function that sees each arrival; what it writes is up to it. */
function upstream(onData: (socket: Socket<Peer>, peer: Peer) => void) {
  const opened = { count: 0, open: 0 };
  const server = Bun.listen<Peer>({
    hostname: '127.0.0.1',
    port: 0,
    socket: {
      open: (socket) => {
        opened.count += 1;
        opened.open += 1;
        socket.data = { text: '', requests: 0 };
      },
      close: () => {
        opened.open -= 1;
      },
      data: (socket, bytes) => {
        socket.data.text += bytes.toString();
        onData(socket, socket.data);
      },
    },
  });
  closers.push(() => server.stop(true));
  return { url: `http://127.0.0.1:${server.port}`, opened, stop: () => server.stop(true) };
}

function client(): SocketEngineClient {
  const made = new SocketEngineClient();
  closers.push(() => made.close());
  return made;
}

const request = (parts: Partial<ExchangeRequest> = {}): ExchangeRequest => ({
  method: 'POST',
  path: '/x',
  headers: {},
  body: '{}',
  signal: new AbortController().signal,
  ...parts,
});

const kindOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'no fault',
    (cause) => (cause instanceof Fault ? cause.kind : String(cause)),
  );

async function eventually(isTrue: () => boolean): Promise<void> {
  for (let waits = 0; waits < 500 && !isTrue(); waits += 1) await Bun.sleep(10);
  expect(isTrue()).toBe(true);
}

describe('the engine client', () => {
  test('a server that takes a connection and never shows its certificate is let go of', async () => {
    const { url, opened } = upstream(() => {});
    const https = url.replace('http:', 'https:');
    const one = client();
    one.pin(https, { address: '127.0.0.1', onTrouble: () => {} });
    expect(await kindOf(one.send(https, request()))).toBe('engine-unreachable');
    await eventually(() => opened.count === 1 && opened.open === 0);
  }, 180_000);

  test('asks and reads, and uses one connection for requests in a row', async () => {
    const { url, opened } = upstream((socket) => {
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi');
    });
    const engines = client();
    for (let round = 0; round < 20; round += 1) {
      const response = await engines.send(url, request());
      expect(response.status).toBe(200);
      expect(await response.text()).toBe('hi');
    }
    expect(opened.count).toBe(1);
    expect(engines.idleCount).toBe(1);
  });

  test('replaces an idle connection that the engine closes as the request arrives, once', async () => {
    const { url, opened } = upstream((socket, peer) => {
      peer.requests += 1;
      if (peer.requests === 1) socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi');
      else socket.terminate();
    });
    const engines = client();
    expect(await (await engines.send(url, request())).text()).toBe('hi');
    expect(await (await engines.send(url, request())).text()).toBe('hi');
    expect(opened.count).toBe(2);
  });

  test('does not repeat a request that the engine held for a while, also not on an idle connection', async () => {
    const { url, opened } = upstream((socket, peer) => {
      peer.requests += 1;
      if (peer.requests === 1) socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi');
      else setTimeout(() => socket.terminate(), 1_100);
    });
    const engines = client();
    expect(await (await engines.send(url, request())).text()).toBe('hi');
    expect(await kindOf(engines.send(url, request()))).toBe('engine-died');
    expect(opened.count).toBe(1);
  });

  test('does not repeat a request on a fresh connection that broke', async () => {
    const { url, opened } = upstream((socket) => socket.terminate());
    expect(await kindOf(client().send(url, request()))).toBe('engine-died');
    expect(opened.count).toBe(1);
  });

  test('drops idle connections that the engine closes', async () => {
    const { url } = upstream((socket) => {
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');
      setTimeout(() => socket.end(), 10);
    });
    const engines = client();
    await (await engines.send(url, request())).text();
    await eventually(() => engines.idleCount === 0);
  });

  test('says unreachable when nothing listens', async () => {
    const { url, stop } = upstream(() => {});
    stop();
    expect(await kindOf(client().send(url, request()))).toBe('engine-unreachable');
  });

  test('sends a body of 16 MB through an engine that reads slowly', async () => {
    const size = 16 << 20;
    let received = 0;
    const server = Bun.listen({
      hostname: '127.0.0.1',
      port: 0,
      socket: {
        data: (socket, bytes) => {
          received += bytes.length;
          socket.pause();
          setTimeout(() => socket.resume(), 1);
          if (received > size) socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
        },
      },
    });
    closers.push(() => server.stop(true));
    const response = await client().send(`http://127.0.0.1:${server.port}`, request({ body: 'x'.repeat(size) }));
    expect(await response.text()).toBe('ok');
    expect(received).toBeGreaterThan(size);
  });

  test('sends a long body of wide characters as it is, also where its slices would cut one', async () => {
    const body = `x${'👋'.repeat(1_300_000)}`;
    const server = Bun.serve({
      hostname: '127.0.0.1',
      port: 0,
      fetch: async (asked) => Response.json({ isSame: (await asked.text()) === body }),
    });
    closers.push(() => void server.stop(true));
    const answer = await client().send(`http://127.0.0.1:${server.port}`, request({ body }));
    expect(JSON.parse(await answer.text())).toEqual({ isSame: true });
  });

  test('gives what came before the engine died, then the fault', async () => {
    const { url } = upstream((socket) => {
      socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n');
      setTimeout(() => socket.terminate(), 20);
    });
    const response = await client().send(url, request());
    expect(Buffer.from((await response.read()) ?? []).toString()).toBe('hello');
    expect(await kindOf(response.read())).toBe('engine-died');
  });

  test('closes the connection on abort, before and after the head', async () => {
    const { url, opened } = upstream((socket, peer) => {
      if (peer.text.includes('/stream')) socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n');
    });
    for (const path of ['/silent', '/stream']) {
      const controller = new AbortController();
      const sent = client().send(url, request({ path, signal: controller.signal }));
      const read = sent.then((response) => response.read());
      read.catch(() => {});
      await eventually(() => opened.open === 1);
      controller.abort();
      expect(await kindOf(read)).toBe('cancelled');
      await eventually(() => opened.open === 0);
    }
  });

  test('F-23: keeps little of what a slow reader does not take', async () => {
    const block = Buffer.alloc(1 << 20, 97);
    let offered = 0;
    const flood = (socket: Socket) => {
      for (let written = block.length; written === block.length; offered += written) written = socket.write(block);
    };
    const server = Bun.listen({
      hostname: '127.0.0.1',
      port: 0,
      socket: {
        data: (socket) => {
          socket.write('HTTP/1.1 200 OK\r\n\r\n');
          flood(socket);
        },
        drain: flood,
      },
    });
    closers.push(() => server.stop(true));
    const response = await client().send(`http://127.0.0.1:${server.port}`, request());
    await response.read();
    let before = -1;
    await eventually(() => {
      const isStill = offered === before;
      before = offered;
      return isStill;
    });
    expect(offered).toBeLessThan(24 << 20);
    let taken = 0;
    while (taken < 64 << 20) taken += (await response.read())?.length ?? 0;
    response.close();
  });

  test('has no cap: 400 exchanges run at the same time', async () => {
    let asked = 0;
    const sockets: Socket<Peer>[] = [];
    const { url } = upstream((socket) => {
      sockets.push(socket);
      asked += 1;
      if (asked === 400) for (const each of sockets) each.write('HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n.');
    });
    const engines = client();
    const texts = await Promise.all(
      Array.from({ length: 400 }, async () => (await engines.send(url, request())).text()),
    );
    expect(texts.join('')).toBe('.'.repeat(400));
    expect(engines.idleCount).toBe(64);
  });

  test('bounds text', async () => {
    const { url } = upstream((socket) => {
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n123456789');
    });
    const response = await client().send(url, request());
    expect(await kindOf(response.text(5))).toBe('engine-died');
  });

  test('refuses a header that would smuggle another', async () => {
    const sent = client().send('http://127.0.0.1:1', request({ headers: { authorization: 'a\r\nx-evil: 1' } }));
    await expect(sent).rejects.toThrow('one line of ASCII');
  });
});
