// Engines that run already are found on their ports, and only offered; whose process listens where.
import { afterEach, expect, test } from 'bun:test';
import { listenerOn, listeningSockets } from '#src/external/listener-process.ts';
import { Places } from '#src/external/places.ts';
import { scanPorts, USUAL_PORTS } from '#src/external/scan.ts';
import { SocketEngineClient } from '#src/transport/client.ts';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

function listening(answer: () => Response): number {
  const served = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: answer });
  closers.push(() => served.stop(true));
  return served.port ?? 0;
}

test('engines are offered, pages and our own are not, and nobody stays pinned', async () => {
  let ownAsked = 0;
  const engine = listening(() => Response.json({ data: [{ id: 'one', owned_by: 'library' }] }));
  const locked = listening(() => new Response('', { status: 401 }));
  const page = listening(() => new Response('<html>'));
  const own = listening(() => {
    ownAsked += 1;
    return Response.json({ data: [] });
  });
  const client = new SocketEngineClient();
  closers.push(() => client.close());
  const places = new Places(client);
  const offers = await scanPorts(
    {
      client,
      lookUp: () => Promise.reject(new Error('asked a name server')),
      ownPorts: () => new Set([own]),
      isConnected: () => false,
      release: (baseUrl) => places.release(baseUrl),
      signal: new AbortController().signal,
    },
    [engine, locked, page, own, 1],
  );
  const found = offers.map(({ baseUrl, wantsKey, recognised }) => [baseUrl, wantsKey, recognised?.product ?? null]);
  expect(found.toSorted()).toEqual(
    [
      [`http://127.0.0.1:${engine}`, false, 'Ollama'],
      [`http://127.0.0.1:${locked}`, true, null],
    ].toSorted(),
  );
  expect([ownAsked, client.idleCount]).toEqual([0, 0]);
  expect(USUAL_PORTS).toContain(11434);
});

test('a listener is known by its process, and our own process is nobody to be stopped', async () => {
  const script =
    "const s = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: () => new Response() }); process.stdout.write(String(s.port));";
  const child = Bun.spawn([process.execPath, '-e', script], { stdout: 'pipe' });
  closers.push(() => child.kill('SIGKILL'));
  const reader = child.stdout.getReader();
  const { value } = await reader.read();
  const port = Number(Buffer.from(value ?? new Uint8Array()).toString());
  expect(await listenerOn(port)).toMatchObject({ pid: child.pid });
  expect(await listenerOn(listening(() => new Response()))).toBeNull();
  child.kill('SIGKILL');
  await child.exited;
  expect(await listenerOn(port)).toBeNull();
});

test('of the kernel’s table only sockets count that listen where loopback arrives', () => {
  const row = (local: string, state: string, socket: string) =>
    `   0: ${local} 00000000:0000 ${state} 00000000:00000000 00:00000000 00000000  1000        0 ${socket} 1 0 100 0 0 10 0`;
  const table = [
    '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode',
    row('0100007F:1F90', '0A', '11'),
    row('00000000:1F90', '0A', '12'),
    row('0200A8C0:1F90', '0A', '13'),
    row('0100007F:1F90', '01', '14'),
    row('0100007F:1F91', '0A', '15'),
  ].join('\n');
  expect(listeningSockets(table, 8080)).toEqual(['11', '12']);
});
