// Heartbeats and watchdogs, with time passed in. Endings by other causes: answer.test.ts.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { FakeClock } from '#test/support/fake-clock.ts';
import { chat, dataOf, House, post, recorded, until } from './support/house.ts';

let house: House;
let url: string;
let clock: FakeClock;
beforeEach(() => {
  clock = new FakeClock();
  house = new House({ clock });
  url = house.listen();
});
afterEach(async () => {
  await house.close();
  expect(house.lender.out).toBe(0);
  expect(house.tracker.settlements).toBe(house.tracker.opened);
  expect(clock.armedCount).toBe(0);
});

const asked = (path: string) =>
  path.endsWith('messages')
    ? JSON.stringify({ model: 'some', max_tokens: 50, stream: true, messages: [{ role: 'user', content: 'x' }] })
    : chat({ stream: true });

/** Everything that has come, while it comes. */
function listen(response: Response): { text: string; end: Promise<void> } {
  const heard = { text: '', end: Promise.resolve() };
  const decoder = new TextDecoder();
  const read = async () => {
    if (!response.body) return;
    for await (const bytes of response.body) heard.text += decoder.decode(bytes, { stream: true });
  };
  heard.end = read();
  return heard;
}

const outcome = () => house.tracker.settled[0]?.outcome;

describe('while the model loads', () => {
  for (const [path, beat] of [
    ['/v1/chat/completions', ': flow\n\n'],
    ['/v1/messages', 'event: ping\n'],
  ] as const) {
    test(`the headers come after half a second, and a heartbeat every 5 s (${path})`, async () => {
      await house.engine({ tokens: 2 });
      const gate = Promise.withResolvers<void>();
      house.lender.gate = gate.promise;
      const sent = post(`${url}${path}`, asked(path));
      await until(() => house.lender.waiting === 1);
      clock.advance(500);
      const heard = listen(await sent);
      const count = () => heard.text.split(beat).length - 1;
      await until(() => count() === 1, 'the first heartbeat');
      clock.advance(60_000);
      await until(() => count() >= 12, 'twelve more heartbeats');
      expect(count()).toBeLessThanOrEqual(14);
      gate.resolve();
      await heard.end;
      expect(heard.text).not.toContain('"error"');
      await until(() => house.tracker.settled.length === 1);
      expect(outcome()?.kind).toBe('completed');
    });
  }
});

describe('an engine that falls silent', () => {
  test('in the middle of an answer is given up after 120 s, with heartbeats until then', async () => {
    const engine = await house.engine({ tokens: 50, hang_after_tokens: 3 });
    const heard = listen(await post(`${url}/v1/chat/completions`, asked('chat')));
    await until(() => dataOf(heard.text).length >= 3);
    clock.advance(118_000);
    await until(() => heard.text.split(': flow').length > 20);
    expect(heard.text).not.toContain('"error"');
    clock.advance(3_000);
    await heard.end;
    expect(dataOf(heard.text).at(-1)).toContain('backend_silent');
    expect(outcome()).toMatchObject({ kind: 'failed', fault: { kind: 'engine-silent' } });
    await recorded(engine, 'request-abort');
  });

  test('in the prefill is given up after ten minutes', async () => {
    const engine = await house.engine({ hang_in_prefill: true });
    const sent = post(`${url}/v1/chat/completions`, asked('chat'));
    await recorded(engine, 'request-begin');
    clock.advance(500);
    const heard = listen(await sent);
    await until(() => heard.text !== '');
    clock.advance(590_000);
    await until(() => heard.text.split(': flow').length > 100);
    expect(house.tracker.settled).toHaveLength(0);
    clock.advance(20_000);
    await heard.end;
    expect(outcome()).toMatchObject({ fault: { kind: 'engine-silent' } });
    await recorded(engine, 'request-abort');
  });

  test('before its headers is given up after ten minutes', async () => {
    const engine = await house.engine({ hang_before_headers: true });
    const sent = post(`${url}/v1/chat/completions`, asked('chat'));
    await recorded(engine, 'request-begin');
    clock.advance(500);
    const heard = listen(await sent);
    await until(() => heard.text !== '');
    clock.advance(601_000);
    await heard.end;
    expect(heard.text).toContain('backend_silent');
    await recorded(engine, 'request-abort');
  });
});

test('a client that takes nothing for ten minutes is let go, and its slot is free', async () => {
  const engine = await house.engine({ tokens: 3_000_000 });
  const target = new URL(url);
  const body = asked('chat');
  const socket = await Bun.connect({
    hostname: target.hostname,
    port: Number(target.port),
    socket: { data: () => {} },
  });
  socket.pause();
  socket.write(
    [
      'POST /v1/chat/completions HTTP/1.1',
      'host: x',
      'content-type: application/json',
      `content-length: ${body.length}`,
      '',
      body,
    ].join('\r\n'),
  );
  await recorded(engine, 'request-begin');
  await Bun.sleep(500);
  const before = process.memoryUsage().rss;
  await Bun.sleep(500);
  expect(process.memoryUsage().rss - before).toBeLessThan(20 << 20);
  expect(house.tracker.settled).toHaveLength(0);
  clock.advance(601_000);
  await until(() => house.tracker.settled.length === 1);
  expect(outcome()).toMatchObject({ kind: 'cancelled', by: 'client' });
  await recorded(engine, 'request-abort');
  socket.terminate();
});
