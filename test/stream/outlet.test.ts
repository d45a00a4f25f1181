// The writing end of a response, over a real socket. What is written is tested in test/gateway.
import { afterEach, expect, test } from 'bun:test';
import { Outlet } from '#src/stream/outlet.ts';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

/** Serves one outlet to whoever asks. */
function serve(outlet: Outlet): string {
  const server = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: () => new Response(outlet.body) });
  closers.push(() => void server.stop(true));
  return `http://127.0.0.1:${server.port}/`;
}

test('what was written before anyone read comes first, in order', async () => {
  const outlet = new Outlet(() => {});
  const early = outlet.write('a');
  expect(outlet.isStalled).toBe(true);
  const text = fetch(serve(outlet)).then((response) => response.text());
  await early;
  await outlet.write(Buffer.from('b'));
  await outlet.write('c');
  outlet.end();
  outlet.end();
  expect(await text).toBe('abc');
  expect(outlet.write('late')).toBeNull();
});

test('F-23: a writer waits for a client that reads nothing, and goes on when the client is gone', async () => {
  const gone = Promise.withResolvers<void>();
  const outlet = new Outlet(() => gone.resolve());
  const controller = new AbortController();
  const answer = fetch(serve(outlet), { signal: controller.signal });
  answer.catch(() => {});
  await outlet.write('.');
  await answer;
  const block = Buffer.alloc(1 << 20);
  let written = 0;
  let room: Promise<void> | null = null;
  // The sockets' buffers take some megabytes; then there is no room.
  while (room === null && written < 256) {
    room = outlet.write(block);
    written += 1;
    if (room && (await Promise.race([room.then(() => true), Bun.sleep(300)]))) room = null;
  }
  expect(written).toBeLessThan(256);
  expect(outlet.isStalled).toBe(true);
  controller.abort();
  await gone.promise;
  await room;
  expect(outlet.isStalled).toBe(false);
});

test('an abandoned response that nobody reads holds up no writer', async () => {
  const outlet = new Outlet(() => {});
  const early = outlet.write('a');
  outlet.abandon();
  await early;
  expect(outlet.write('b')).toBeNull();
});
