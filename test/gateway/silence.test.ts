// Heartbeats and watchdogs, with time passed in. Endings by other causes: answer.test.ts.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { FakeClock } from '#test/support/fake-clock.ts';
import { heldBytes } from '#test/support/held-bytes.ts';
import { chat, dataOf, foreignHouse, House, messagesBody, post, recorded, until } from './support/house.ts';

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
  // An engine that fell silent is asked for its health when all is over.
  await until(() => clock.armedCount === 0, 'no armed timer');
});

const asked = (path: string) => (path.endsWith('messages') ? messagesBody({ stream: true }) : chat({ stream: true }));

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

/** An engine of another kind that reads a prompt for ever, and gives a sign of life when it is told to. */
async function foreign(kind: 'mlx-lm' | 'mlx-vlm') {
  await house.close();
  house = foreignHouse(kind, { clock });
  url = house.listen();
  let sign: (() => void) | null = null;
  house.server(() => {
    const body = new ReadableStream({
      start: (controller) => {
        sign = () => controller.enqueue(Buffer.from(': keepalive 5/900\n\n'));
      },
    });
    return new Response(body, { headers: { 'content-type': 'text/event-stream' } });
  });
  const sent = post(`${url}/v1/chat/completions`, asked('chat'));
  await until(() => sign !== null, 'the request');
  clock.advance(500);
  return { heard: listen(await sent), sign: () => sign?.() };
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
  test('F-03: in the middle of an answer is given up after 120 s, with heartbeats until then', async () => {
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
    await until(() => clock.armedCount === 0);
    expect(house.lender.unloads).toEqual([]);
  });

  test('F-04: in the prefill is given up after ten minutes', async () => {
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

  test('F-03: in one answer does not harm the others of an engine that is alive', async () => {
    await house.engine({ tokens: 400, tokens_per_s: 200 });
    const other = listen(await post(`${url}/v1/chat/completions`, asked('chat')));
    const hanging = chat({ stream: true, fake: { hang_after_tokens: 20 } });
    const heard = listen(await post(`${url}/v1/chat/completions`, hanging));
    await until(() => dataOf(heard.text).length >= 20);
    // Silence is counted in beats of one pulse: its end may come one later than two minutes after the last word.
    let passedS = 0;
    for (; passedS < 130 && !heard.text.includes('backend_silent'); passedS += 1) {
      clock.advance(1_000);
      await Bun.sleep(2);
    }
    expect(passedS).toBeGreaterThanOrEqual(119);
    await heard.end;
    expect(dataOf(heard.text).at(-1)).toContain('backend_silent');
    await other.end;
    expect(other.text).toEndWith('data: [DONE]\n\n');
    expect(other.text).not.toContain('"error"');
    await until(() => clock.armedCount === 0, 'the look at its health');
    expect(house.lender.unloads).toEqual([]);
  });

  test('F-03: with its whole process (SIGSTOP) is given up after 120 s, and ended', async () => {
    const engine = await house.engine({ tokens: 500, tokens_per_s: 50 });
    const heard = listen(await post(`${url}/v1/chat/completions`, asked('chat')));
    await until(() => dataOf(heard.text).length >= 20);
    engine.kill('SIGSTOP');
    await Bun.sleep(100);
    const beats = heard.text.split(': flow').length;
    clock.advance(118_000);
    await until(() => heard.text.split(': flow').length > beats + 20);
    expect(heard.text).not.toContain('"error"');
    clock.advance(3_000);
    await heard.end;
    expect(heard.text.match(/"error"/g)).toHaveLength(1);
    expect(heard.text).not.toContain('[DONE]');
    await until(() => clock.armedCount > 0, 'the look at its health');
    clock.advance(5_000);
    await until(() => house.lender.unloads.length === 1);
    expect(house.lender.unloads).toEqual([{ modelId: 'org/Some-Model', force: true, reason: 'unhealthy' }]);
  });

  test('F-04: before its headers is let go when its client leaves', async () => {
    const engine = await house.engine({ hang_before_headers: true });
    const client = new AbortController();
    const sent = post(`${url}/v1/chat/completions`, asked('chat'), { signal: client.signal }).catch(() => null);
    await recorded(engine, 'request-begin');
    client.abort();
    await sent;
    await recorded(engine, 'request-abort');
    await until(() => house.tracker.settled.length === 1);
    expect(outcome()).toMatchObject({ kind: 'cancelled', by: 'client' });
  });

  test('in the prefill, but with mlx_lm’s signs of life, is waited for', async () => {
    const engine = await foreign('mlx-lm');
    for (let signs = 1; signs <= 3; signs += 1) {
      clock.advance(590_000);
      engine.sign();
      await until(() => house.tracker.prefilled === signs, 'a sign of life');
    }
    expect(house.tracker.settled).toHaveLength(0);
    clock.advance(610_000);
    await engine.heard.end;
    expect(outcome()).toMatchObject({ fault: { kind: 'engine-silent' } });
  });

  test('in the prefill is waited for longer where it never says anything there', async () => {
    const engine = await foreign('mlx-vlm');
    clock.advance(1_780_000);
    await until(() => engine.heard.text.split(': flow').length > 300);
    expect(house.tracker.settled).toHaveLength(0);
    clock.advance(30_000);
    await engine.heard.end;
    expect(outcome()).toMatchObject({ fault: { kind: 'engine-silent' } });
  });

  test('F-04: before its headers is given up after ten minutes', async () => {
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

describe('an answer that is asked for whole', () => {
  /** Time passes, and what is asked meanwhile is answered. */
  const pass = async (minutes: number) => {
    for (let halves = 0; halves < 2 * minutes && house.tracker.settled.length === 0; halves += 1) {
      clock.advance(30_000);
      await Bun.sleep(5);
    }
  };

  /** An engine that answers nothing but the question for its slots: that there are none, or what they do. */
  const hanging = (slots: () => unknown) => {
    const asked = { count: 0, aborted: 0 };
    house.server((request) => {
      if (new URL(request.url).pathname === '/health') return new Response('ok');
      if (new URL(request.url).pathname === '/slots' && slots() !== null) return Response.json(slots());
      asked.count += 1;
      request.signal.addEventListener('abort', () => {
        asked.aborted += 1;
      });
      return new Promise(() => {});
    });
    return asked;
  };

  test('waits for an engine that works, and not for one that has stopped working', async () => {
    let isBusy = true;
    const asked = hanging(() => [{ is_processing: false }, { is_processing: isBusy }]);
    const sent = post(`${url}/v1/chat/completions`, chat({ n: 2 }));
    await until(() => asked.count === 1);
    await pass(25);
    expect(house.tracker.settled).toHaveLength(0);
    isBusy = false;
    await pass(12);
    const response = await sent;
    expect(response.status).toBe(504);
    expect(await response.json()).toMatchObject({ error: { code: 'backend_silent' } });
    expect(outcome()).toMatchObject({ fault: { kind: 'engine-silent' } });
    await until(() => asked.aborted === asked.count);
  });

  const messages = [{ role: 'user', content: 'x' }];
  const paths: readonly [string, object][] = [
    ['/v1/chat/completions', { messages }],
    ['/v1/embeddings', { input: 'x' }],
    ['/v1/messages', { model: 'some', max_tokens: 5, messages }],
    ['/v1/messages/count_tokens', { model: 'some', messages }],
  ];
  for (const [path, body] of paths) {
    test(`is given up when the engine says nothing at all for ten minutes (${path})`, async () => {
      const asked = hanging(() => null);
      const sent = post(`${url}${path}`, JSON.stringify(body));
      await until(() => asked.count === 1);
      await pass(9);
      expect(house.tracker.settled).toHaveLength(0);
      await pass(2);
      expect((await sent).status).toBe(504);
      expect(outcome()).toMatchObject({ fault: { kind: 'engine-silent' } });
      await until(() => asked.aborted === asked.count);
    });
  }
});

for (const stream of [true, false]) {
  test(`F-03: an engine that does not say that it is healthy either is ended (stream: ${stream})`, async () => {
    const asked: string[] = [];
    house.server((request) => {
      asked.push(new URL(request.url).pathname);
      return new Promise(() => {});
    });
    const sent = post(`${url}/v1/chat/completions`, chat({ stream }));
    await until(() => asked.length === 1);
    clock.advance(500);
    const heard = stream ? listen(await sent) : null;
    await until(() => heard?.text !== '');
    clock.advance(601_000);
    await until(() => asked.includes('/health'));
    expect(house.lender.unloads).toEqual([]);
    clock.advance(5_000);
    await until(() => house.lender.unloads.length === 1);
    expect(house.lender.unloads).toEqual([{ modelId: 'org/Some-Model', force: true, reason: 'unhealthy' }]);
    await heard?.end;
    expect(heard?.text ?? (await (await sent).text())).toContain('backend_silent');
  });
}

test('an engine that counts no tokens and is not healthy is ended too', async () => {
  const asked: string[] = [];
  house.server((request) => {
    asked.push(new URL(request.url).pathname);
    return new Promise(() => {});
  });
  const body = JSON.stringify({ model: 'some', messages: [{ role: 'user', content: 'x' }] });
  const sent = post(`${url}/v1/messages/count_tokens`, body);
  await until(() => asked.length === 1);
  clock.advance(601_000);
  expect((await sent).status).toBe(504);
  await until(() => asked.includes('/health'));
  clock.advance(5_000);
  await until(() => house.lender.unloads.length === 1);
});

test('an engine that is looked at and says nothing is given up after ten minutes', async () => {
  const arrived = Promise.withResolvers<void>();
  house.server(() => {
    arrived.resolve();
    return new Promise(() => {});
  });
  const looked = fetch(`${url}/upstream/org/Some-Model/slots`);
  await arrived.promise;
  clock.advance(601_000);
  const response = await looked;
  expect(response.status).toBe(504);
  expect(await response.json()).toMatchObject({ error: { code: 'backend_silent' } });
});

test('F-23: a client that takes nothing for ten minutes is let go, and its slot is free', async () => {
  const engine = await house.engine({ tokens: 3_000_000 });
  // So long an answer repeats itself, and would be stopped for that.
  const { models } = house.services;
  const { resolve } = models;
  models.resolve = (wanted) => ({ ...resolve(wanted), behaviour: { repairs: { loop_guard: false } } });
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
  const before = await heldBytes();
  await Bun.sleep(500);
  expect((await heldBytes()) - before).toBeLessThan(20 << 20);
  expect(house.tracker.settled).toHaveLength(0);
  clock.advance(601_000);
  await until(() => house.tracker.settled.length === 1);
  expect(outcome()).toMatchObject({ kind: 'cancelled', by: 'client' });
  await recorded(engine, 'request-abort');
  socket.terminate();
});
