// Places for large bodies: who waits, in which order, and how long. What they save: test/faults/large-bodies.test.ts.
import { describe, expect, test } from 'bun:test';
import { asFault } from '#src/faults.ts';
import { LargeBodies } from '#src/gateway/large-bodies.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { waitUntil } from '../support/wait-until.ts';
import { chat, contentOf, House, post } from './support/house.ts';

const never = new AbortController().signal;

function setUp() {
  const clock = new FakeClock();
  const bodies = new LargeBodies({ clock });
  const log: string[] = [];
  const come = (name: string, signal = never, bytes: number | null = 9 << 20) => {
    const place = bodies.placeFor(signal);
    const taken = place.take(bytes).then(
      () => log.push(name),
      (cause) => log.push(`${name}: ${asFault(cause).kind}`),
    );
    return { place, taken };
  };
  return { clock, bodies, log, come };
}

describe('F-88: large bodies', () => {
  test('are two at a time; the others come in the order of asking', async () => {
    const { bodies, log, come } = setUp();
    const [first, second, ...others] = ['a', 'b', 'c', 'd', 'e'].map((name) => come(name));
    await Bun.sleep(0);
    expect([log, bodies.taken, bodies.waiting]).toEqual([['a', 'b'], 2, 3]);
    second?.place[Symbol.dispose]();
    await Bun.sleep(0);
    first?.place[Symbol.dispose]();
    first?.place[Symbol.dispose]();
    await Bun.sleep(0);
    expect([log, bodies.taken]).toEqual([['a', 'b', 'c', 'd'], 2]);
    for (const { place } of others) place[Symbol.dispose]();
    await Bun.sleep(0);
    for (const { place } of others) place[Symbol.dispose]();
    expect([bodies.taken, bodies.waiting]).toEqual([0, 0]);
  });

  test('that are huge, or of unknown length, are here alone, and nobody overtakes them', async () => {
    const { bodies, log, come } = setUp();
    const small = come('a');
    const huge = come('huge', never, 65 << 20);
    const unknown = come('unknown', never, null);
    come('b');
    await Bun.sleep(0);
    expect(log).toEqual(['a']);
    small.place[Symbol.dispose]();
    await Bun.sleep(0);
    expect([log, bodies.taken]).toEqual([['a', 'huge'], 2]);
    huge.place[Symbol.dispose]();
    await Bun.sleep(0);
    unknown.place[Symbol.dispose]();
    await Bun.sleep(0);
    expect([log, bodies.taken]).toEqual([['a', 'huge', 'unknown', 'b'], 1]);
  });

  test('wait ten minutes, and are told so; whoever goes away leaves the queue', async () => {
    const { clock, bodies, log, come } = setUp();
    const [first] = [come('a'), come('b')];
    come('c');
    const gone = new AbortController();
    come('d', gone.signal);
    // Gone and let in within one turn: the place must not be lost.
    gone.abort();
    first.place[Symbol.dispose]();
    await Bun.sleep(0);
    expect(log).toEqual(['a', 'b', 'd: cancelled', 'c']);
    come('e');
    clock.advance(600_000);
    await Bun.sleep(0);
    expect(log.at(-1)).toBe('e: queue-timeout');
    expect([bodies.taken, bodies.waiting, clock.armedCount]).toEqual([2, 0, 0]);
  });

  test('that would wait behind too many are refused', async () => {
    const { log, come } = setUp();
    for (let count = 0; count < 67; count += 1) come(String(count));
    await Bun.sleep(0);
    expect(log).toEqual(['0', '1', '66: queue-full']);
  });

  test('keep their place as long as their request lives, and give it back however it ends', async () => {
    const house = new House();
    const { bodies } = house.services;
    try {
      const url = house.listen();
      await house.engine({ tokens: 2 });
      const padding = 'x'.repeat(9 << 20);
      house.lender.gate = new Promise(() => {});
      const waiting = new AbortController();
      const held = ['/v1/chat/completions', '/v1/messages'].map((path) =>
        post(url + path, chat({ max_tokens: 5, stream: true, model: 'some', padding }), { signal: waiting.signal }),
      );
      await Promise.all(held);
      expect(bodies.taken).toBe(2);
      const third = post(`${url}/v1/chat/completions`, chat({ stream: true, padding }));
      await waitUntil('the third to wait', () => bodies.waiting === 1);
      house.lender.gate = Promise.resolve();
      waiting.abort();
      expect(contentOf(await (await third).text())).not.toBe('');
      const ends = [
        ['/v1/chat/completions', chat({ padding })],
        ['/v1/chat/completions', chat({ model: 'nobody', padding })],
        ['/v1/chat/completions', chat({ messages: 5, padding })],
        ['/v1/chat/completions', `${chat({ padding })}}`],
        ['/v1/messages', chat({ max_tokens: 5, padding })],
        ['/v1/messages/count_tokens', chat({ padding })],
        ['/v1/rerank', JSON.stringify({ query: 'x', documents: ['y'], padding })],
        ['/api/chat', chat({ model: 'some', stream: false, padding })],
        ['/api/chat', JSON.stringify({ model: 'some', padding })],
        ['/api/embed', JSON.stringify({ model: 'some', input: 'x', padding })],
        ['/tokenize', JSON.stringify({ model: 'some', content: 'x', padding })],
        ['/upstream/org/Some-Model/tokenize', JSON.stringify({ content: 'x', padding })],
      ] as const;
      for (const [path, body] of ends) {
        await (await post(url + path, body)).text();
        await waitUntil(`the place of ${path}`, () => bodies.taken === 0);
      }
    } finally {
      await house.close();
    }
  });
});
