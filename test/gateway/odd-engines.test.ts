// Engines that break off or answer in another form than they were asked for. Ordinary endings: answer.test.ts.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { chat, contentOf, dataOf, House, messagesBody, post, until } from './support/house.ts';

let house: House;
let url: string;
beforeEach(() => {
  house = new House();
  url = house.listen();
});
afterEach(async () => {
  await house.close();
  expect(house.lender.out).toBe(0);
  expect(house.tracker.settlements).toBe(house.tracker.opened);
});

const streamed = (more: object = {}) => chat({ stream: true, ...more });
const settled = () => until(() => house.tracker.settled.length > 0, 'a settled ticket');
const outcome = () => house.tracker.settled[0]?.outcome;

const HEAD = 'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n';
const framed = (...events: object[]) => {
  const text = events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join('');
  return `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
};
const PROGRESS = { choices: [{ index: 0, delta: {} }], prompt_progress: { total: 9, cache: 2, processed: 4 } };
const CALL_BEGINS = {
  choices: [{ index: 0, delta: { tool_calls: [{ index: 0, id: 'a', function: { name: 'look', arguments: '' } }] } }],
};

describe('an engine that dies in Anthropic’s stream', () => {
  /** The first engine says this much and is gone; the second answers. */
  const dyingAfter = async (...events: object[]) => {
    house.bytes((write, end) => {
      house.lender.generation = 2;
      write(HEAD + framed(...events));
      setTimeout(end, 30);
    });
    await house.engine({ pieces: ['Hel', 'lo'] });
    return (await post(`${url}/v1/messages`, messagesBody({ stream: true }))).text();
  };

  test('while it reads the prompt is replaced, and the message begins only once', async () => {
    const text = await dyingAfter(PROGRESS);
    expect(house.lender.acquired).toBe(2);
    expect(text.match(/event: message_start/g)).toHaveLength(1);
    expect(text.match(/event: message_stop/g)).toHaveLength(1);
    expect(text).toContain('"lo"');
    expect(text).not.toContain('event: error');
  });

  test('after the beginning of a call is not replaced: the client has seen the call', async () => {
    const text = await dyingAfter(PROGRESS, CALL_BEGINS);
    expect(house.lender.acquired).toBe(1);
    expect(text.match(/event: content_block_start/g)).toHaveLength(1);
    expect(text.match(/event: error/g)).toHaveLength(1);
    expect(text).not.toContain('message_stop');
  });
});

describe('F-33, F-34: an engine that answers a streamed request whole', () => {
  const calls = [{ id: 'a', type: 'function', function: { name: 'look', arguments: '{"at":1}' } }];
  const choice = {
    index: 0,
    finish_reason: 'stop',
    message: { role: 'assistant', content: 'Hello', tool_calls: calls },
  };
  const usage = { prompt_tokens: 3, completion_tokens: 4 };
  const whole = { id: 'x', object: 'chat.completion', odd: 1, choices: [choice], usage };

  test('is told as a stream in both protocols', async () => {
    house.server(() => Response.json(whole));
    const text = await (await post(`${url}/v1/chat/completions`, streamed())).text();
    expect(contentOf(text)).toBe('Hello');
    expect(text).toEndWith('data: [DONE]\n\n');
    const { choices, ...rest } = JSON.parse(dataOf(text)[0] ?? '');
    expect(rest).toEqual({ id: 'x', object: 'chat.completion.chunk', odd: 1, usage });
    expect(choices[0].delta.tool_calls[0]).toMatchObject({ index: 0, id: 'a' });
    await settled();
    expect(outcome()).toMatchObject({ kind: 'completed', usage: { outputTokens: 4 } });
    const message = await (await post(`${url}/v1/messages`, messagesBody({ stream: true }))).text();
    expect(message).toContain('"text":"Hello"');
    expect(message).toContain('"stop_reason":"tool_use"');
    const gathered = await (await post(`${url}/v1/messages`, messagesBody())).json();
    expect(gathered.content).toMatchObject([
      { type: 'text', text: 'Hello' },
      { type: 'tool_use', input: { at: 1 } },
    ]);
  });

  test('and says an error with status 200 is answered with that error, in both protocols', async () => {
    house.server(() => Response.json({ error: { code: 503, message: 'broke', type: 'server_error' } }));
    const openai = await post(`${url}/v1/chat/completions`, streamed());
    expect(openai.status).toBe(503);
    expect(await openai.json()).toMatchObject({ error: { message: 'broke' } });
    for (const stream of [true, false]) {
      const message = await post(`${url}/v1/messages`, messagesBody({ stream }));
      expect(message.status).toBe(529);
      expect(await message.json()).toMatchObject({ type: 'error', error: { message: 'broke' } });
    }
    expect(house.lender.acquired).toBe(3);
  });

  test('and not in JSON’s words is an error', async () => {
    house.server(() => new Response('[1', { headers: { 'content-type': 'application/json' } }));
    expect((await post(`${url}/v1/chat/completions`, streamed())).status).toBe(502);
  });
});

test('embeddings are answered whole, also to a client that asks for a stream', async () => {
  house.server(() => Response.json({ object: 'list', data: [{ embedding: [1] }] }));
  const response = await post(`${url}/v1/embeddings`, JSON.stringify({ input: 'x', stream: true }));
  expect(await response.json()).toEqual({ object: 'list', data: [{ embedding: [1] }] });
});
