// Many requests at once.
import { afterEach, beforeEach, expect, test } from 'bun:test';
import { chat, contentOf, House, post, until } from './support/house.ts';

let house: House;
let url: string;
beforeEach(() => {
  house = new House();
  url = house.listen();
});
afterEach(() => house.close());

test('400 streams run at the same time, each whole', async () => {
  await house.engine({ tokens: 20, tokens_per_s: 20 });
  const target = new URL(url);
  const body = chat({ stream: true });
  const head = [
    'POST /v1/chat/completions HTTP/1.1',
    'host: x',
    'content-type: application/json',
    `content-length: ${body.length}`,
  ].join('\r\n');
  // Not by fetch, which runs 256 at a time.
  const answer = () =>
    new Promise<string>((resolve, reject) => {
      let text = '';
      const handlers = {
        open: (socket: { write(text: string): number }) =>
          void socket.write(`${head}\r\nconnection: close\r\n\r\n${body}`),
        data: (_: unknown, bytes: Uint8Array) => {
          text += Buffer.from(bytes).toString();
        },
        close: () => resolve(text),
      };
      Bun.connect({ hostname: target.hostname, port: Number(target.port), socket: handlers }).catch(reject);
    });
  const startedMs = performance.now();
  const answers = await Promise.all(Array.from({ length: 400 }, answer));
  // One after the other in two shifts would take 2 s and more.
  expect(performance.now() - startedMs).toBeLessThan(10_000);
  for (const text of answers) {
    expect(text).toContain('[DONE]');
    expect(text).not.toContain('"error"');
  }
  await until(() => house.tracker.settled.length === 400);
  expect(house.tracker.settlements).toBe(400);
  expect(house.lender.acquired).toBe(400);
  expect(house.lender.out).toBe(0);
});

test('200 requests for one cold model wait for it and are all answered', async () => {
  await house.engine({ pieces: ['a', 'b'] });
  const gate = Promise.withResolvers<void>();
  house.lender.gate = gate.promise;
  const texts = Array.from({ length: 200 }, async (_, index) => {
    const isStream = index % 2 === 0;
    const text = await (await post(`${url}/v1/chat/completions`, chat({ stream: isStream }))).text();
    return isStream ? contentOf(text) : JSON.parse(text).choices[0].message.content;
  });
  await until(() => house.lender.waiting === 200);
  gate.resolve();
  expect(new Set(await Promise.all(texts))).toEqual(new Set(['ab']));
  expect(house.lender.out).toBe(0);
  await until(() => house.tracker.settlements === 200);
});
