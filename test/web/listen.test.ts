/**
 * Ports: taken ones are named, and nobody listens to the network without a key. Answers on both loopbacks:
 * guard.test.ts.
 */
import { expect, test } from 'bun:test';
import { Fault } from '#src/faults.ts';
import type { Guarded } from '#src/web/guard.ts';
import { listen, requireKeyBeyondLoopback } from '#src/web/listen.ts';

const silent: Guarded = { routes: [], socketOpened: () => null, fetch: async () => new Response('here') };

async function faultOf(work: Promise<unknown>): Promise<Fault | null> {
  return work.then(
    () => null,
    (cause: unknown) => (cause instanceof Fault ? cause : null),
  );
}

for (const hostname of ['127.0.0.1', '::1']) {
  test(`a port that somebody holds on ${hostname} is a conflict that names the holder, and nothing stays open`, async () => {
    const holder = Bun.serve({ hostname, port: 0, reusePort: false, fetch: () => new Response() });
    const port = holder.port ?? 0;
    const fault = await faultOf(listen(silent, { host: '127.0.0.1', port }));
    expect(fault?.kind).toBe('conflict');
    if (process.platform === 'linux') expect(fault?.message).toContain(`(${process.pid})`);
    await holder.stop(true);
    const listener = await listen(silent, { host: '127.0.0.1', port });
    expect(await (await fetch(listener.url)).text()).toBe('here');
    await listener.stop(true);
  });
}

test('S-08: an address beyond loopback needs a key', () => {
  for (const host of ['0.0.0.0', '::', '192.168.1.20', 'nas']) {
    expect(() => requireKeyBeyondLoopback(host, false)).toThrow(Fault);
    expect(() => requireKeyBeyondLoopback(host, true)).not.toThrow();
  }
  for (const host of ['127.0.0.1', '::1', 'localhost'])
    expect(() => requireKeyBeyondLoopback(host, false)).not.toThrow();
});

test('the address that is shown for "all addresses" is one that opens, since the guard refuses 0.0.0.0', async () => {
  for (const [host, shown] of [
    ['0.0.0.0', '127.0.0.1'],
    ['::', '[::1]'],
  ] as const) {
    const listener = await listen(silent, { host, port: 0 });
    expect(listener.url).toBe(`http://${shown}:${listener.port}`);
    expect(await (await fetch(listener.url)).text()).toBe('here');
    await listener.stop(true);
  }
});
