// A second question that comes to nothing, through the gateway's own doors: the first answer is then the answer, and
// nothing is left behind. How two answers become one: second-try.test.ts.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { House, post, until } from './support/house.ts';

const ARGUMENTS = '{"path":"a"}';
const PARAMETERS = { type: 'object', properties: { path: { type: 'string', pattern: '^/\\d' } } };
const frame = (chunk: object) => `data: ${JSON.stringify({ id: 'e', object: 'chat.completion.chunk', ...chunk })}\n\n`;
const delta = (part: object) => frame({ choices: [{ index: 0, delta: part, finish_reason: null }] });
const CALL = { index: 0, id: 'c1', type: 'function', function: { name: 'open', arguments: ARGUMENTS } };
const FIRST_STREAM =
  delta({ role: 'assistant', content: null }) +
  delta({ tool_calls: [CALL] }) +
  frame({ choices: [{ index: 0, delta: {}, finish_reason: 'tool_calls' }] }) +
  'data: [DONE]\n\n';
const FIRST_WHOLE = {
  choices: [
    { index: 0, message: { role: 'assistant', content: null, tool_calls: [CALL] }, finish_reason: 'tool_calls' },
  ],
};

let house: House;
let stop = () => {};
beforeEach(() => {
  house = new House();
});
afterEach(async () => {
  await house.close();
  stop();
  expect(house.lender.out).toBe(0);
  expect(house.tracker.settlements).toBe(house.tracker.opened);
});

type Second = { asked(write: (text: string) => void, breakOff: () => void): void; closed?(): void };

const head = (type: string, bytes: string) =>
  `HTTP/1.1 200 OK\r\ncontent-type: ${type}\r\ncontent-length: ${bytes}\r\nconnection: close\r\n\r\n`;

/** An engine whose first answer has a wrong call; what it does when asked again is up to the test. */
function engineThat(second: Second): void {
  const server = Bun.listen<{ text: string; isAgain: boolean }>({
    hostname: '127.0.0.1',
    port: 0,
    socket: {
      open: (socket) => {
        socket.data = { text: '', isAgain: false };
      },
      data: (socket, bytes) => {
        socket.data.text += bytes.toString();
        const { text } = socket.data;
        if (!text.endsWith('}')) return;
        socket.data.isAgain = text.includes('"role":"tool"');
        const first = text.includes('"stream":true') ? FIRST_STREAM : JSON.stringify(FIRST_WHOLE);
        const type = first === FIRST_STREAM ? 'text/event-stream' : 'application/json';
        if (!socket.data.isAgain) socket.end(head(type, String(Buffer.byteLength(first))) + first);
        else {
          socket.write(head('text/event-stream', '100000'));
          second.asked(
            (words) => void socket.write(words),
            () => void socket.end(),
          );
        }
      },
      close: (socket) => {
        if (socket.data.isAgain) second.closed?.();
      },
    },
  });
  stop = () => server.stop(true);
  house.lender.engines.push(`http://127.0.0.1:${server.port}`);
}

const open = { name: 'open', description: 'Opens.' };
const DOORS = [
  { path: '/v1/chat/completions', tools: [{ type: 'function', function: { ...open, parameters: PARAMETERS } }] },
  { path: '/v1/messages', tools: [{ ...open, input_schema: PARAMETERS }] },
];
const WAYS = DOORS.flatMap((door) => [true, false].map((stream) => ({ ...door, stream })));

const ask = (url: string, { path, tools, stream }: (typeof WAYS)[number], init: RequestInit = {}) => {
  const messages = [{ role: 'user', content: 'hi' }];
  return post(`${url}${path}`, JSON.stringify({ model: 'some', max_tokens: 50, messages, tools, stream }), init);
};

describe('a second answer', () => {
  for (const way of WAYS) {
    const words = `${way.path} ${way.stream ? 'streamed' : 'whole'}`;

    test(`that breaks off before a word leaves the first one: ${words}`, async () => {
      engineThat({
        asked: (write, breakOff) => {
          write(delta({ role: 'assistant', content: null }));
          setTimeout(breakOff, 20);
        },
      });
      const response = await ask(house.listen(), way);
      const text = await response.text();
      expect(response.status).toBe(200);
      expect(text).toContain('path');
      expect(text).not.toContain('"error"');
      expect(text).toMatch(/"(?:finish|stop)_reason":"tool_(?:calls|use)"/);
      await until(() => house.tracker.settled.length > 0);
      expect(house.tracker.settled[0]?.outcome).toMatchObject({
        kind: 'completed',
        finishReason: expect.stringMatching(/tool.calls/),
      });
    });

    test(`ends when the client leaves: ${words}`, async () => {
      let isClosed = false;
      let isAsked = false;
      engineThat({
        asked: () => {
          isAsked = true;
        },
        closed: () => {
          isClosed = true;
        },
      });
      const controller = new AbortController();
      const answer = ask(house.listen(), way, { signal: controller.signal })
        .then((response) => response.text())
        .catch(() => null);
      await until(() => isAsked, 'the second question');
      controller.abort();
      await until(() => isClosed, 'the engine’s socket closed');
      await answer;
      await until(() => house.tracker.settled.length > 0);
      expect(house.tracker.settled[0]?.outcome).toMatchObject({ kind: 'cancelled', by: 'client' });
    });

    test(`ends when a user cancels it: ${words}`, async () => {
      let isAsked = false;
      engineThat({
        asked: () => {
          isAsked = true;
        },
      });
      const answer = ask(house.listen(), way).then((response) => response.text());
      await until(() => isAsked, 'the second question');
      for (const each of house.tracker.controllers.values()) each.abort();
      expect(await answer).toContain('cancelled');
      await until(() => house.tracker.settled.length > 0);
      expect(house.tracker.settled[0]?.outcome).toMatchObject({ kind: 'cancelled', by: 'user' });
    });
  }

  test('that breaks off after a word is an error, not an invented end', async () => {
    engineThat({
      asked: (write, breakOff) => {
        write(delta({ role: 'assistant', content: 'Now' }));
        setTimeout(breakOff, 50);
      },
    });
    const text = await (await ask(house.listen(), { ...DOORS[0], stream: true } as (typeof WAYS)[number])).text();
    expect(text).toContain('Now');
    expect(text.match(/"error"/g)).toHaveLength(1);
    expect(text).not.toContain('[DONE]');
    await until(() => house.tracker.settled.length > 0);
    expect(house.tracker.settled[0]?.outcome).toMatchObject({ kind: 'failed', fault: { kind: 'engine-died' } });
  });
});
