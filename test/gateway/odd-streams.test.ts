// Streams in every form that engines and servers give them, through the gateway, in both protocols: what the client
// reads is what the model said. Readers alone: test/stream/frames.test.ts; lanes alone: lane.test.ts.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import type { FakeRequest } from '../support/fake-engine-behaviour.ts';
import { chat, contentOf, dataOf, House, messagesBody, post, until } from './support/house.ts';

const TEXT = 'Grüße 你好 👩‍👩‍👧‍👦 🇩🇪 👋🏽 e\u0301 🤖 end';

let house: House;
let url: string;

beforeEach(() => {
  house = new House();
  url = house.listen();
});
afterEach(() => house.close());

const settled = async (count: number) => {
  await until(() => house.tracker.settled.length === count, `${count} ends`);
  return house.tracker.settled.map(({ outcome }) => outcome.kind);
};
const asked = async (path: string, body: string) => (await post(url + path, body)).text();
/** The text deltas of Anthropic's stream, put together. */
const wordsOf = (text: string) =>
  dataOf(text)
    .map((data) => JSON.parse(data))
    .map((event) => event.delta?.text ?? '')
    .join('');

const FORMS: readonly NonNullable<FakeRequest['sse']>[] = [
  ...(['lf', 'crlf', 'cr', 'comments', 'multiline', 'no_space', 'fields', 'bom'] as const),
  ...(['hugeline', 'no_final_newline', 'no_done', 'onebyte'] as const),
];

describe('F-30, F-31: a stream', () => {
  for (const sse of FORMS) {
    test(`of the form ${sse} says the same in both protocols`, async () => {
      await house.engine({ sse, pieces: [...new Intl.Segmenter().segment(TEXT)].map(({ segment }) => segment) });
      const openai = await asked('/v1/chat/completions', chat({ stream: true }));
      expect(contentOf(openai)).toBe(TEXT);
      const anthropic = await asked('/v1/messages', messagesBody({ stream: true }));
      expect(wordsOf(anthropic)).toBe(TEXT);
      expect(anthropic.match(/event: message_stop/g)).toHaveLength(1);
      expect(openai + anthropic).not.toContain('\uFFFD');
      expect(openai + anthropic).not.toContain('"error"');
      expect(await settled(2)).toEqual(['completed', 'completed']);
    });
  }

  test('split at each byte keeps a call’s arguments JSON, and every character of them', async () => {
    const argued = JSON.stringify({ city: TEXT });
    const call = (fields: object) => ({ tool_calls: [{ index: 0, ...fields }] });
    const deltas = [
      call({ id: 'c1', type: 'function', function: { name: 'weather', arguments: '' } }),
      ...[...argued].map((each) => call({ function: { arguments: each } })),
    ];
    await house.engine({ sse: 'onebyte', deltas });
    const tools = [{ name: 'weather', input_schema: { type: 'object', properties: { city: { type: 'string' } } } }];
    const anthropic = await asked('/v1/messages', messagesBody({ stream: true, tools }));
    const json = dataOf(anthropic)
      .map((data) => JSON.parse(data).delta?.partial_json ?? '')
      .join('');
    expect(JSON.parse(json)).toEqual({ city: TEXT });
  });
});

const chunk = (choice: object, more: object = {}) =>
  `data: ${JSON.stringify({ choices: [{ index: 0, finish_reason: null, delta: {}, ...choice }], ...more })}\n\n`;
const SAID = chunk({ delta: { content: 'said' } });
const STOP = chunk({ finish_reason: 'stop' });
const DONE = 'data: [DONE]\n\n';

describe('F-31: an answer without [DONE]', () => {
  test('is whole after a finish, and an error without one', async () => {
    await house.engine({ raw: SAID + STOP });
    expect(await asked('/v1/messages', messagesBody({ stream: true }))).toContain('message_stop');
    expect(await asked('/v1/chat/completions', chat({ stream: true }))).not.toContain('"error"');
    house.lender.generation = 2;
    await house.engine({ raw: SAID });
    const openai = await asked('/v1/chat/completions', chat({ stream: true }));
    const anthropic = await asked('/v1/messages', messagesBody({ stream: true }));
    expect([openai.match(/"error"/g)?.length, openai.includes('[DONE]')]).toEqual([1, false]);
    expect([anthropic.match(/event: error/g)?.length, anthropic.includes('message_stop')]).toEqual([1, false]);
    expect(await settled(4)).toEqual(['completed', 'completed', 'failed', 'failed']);
  });
});

describe('F-31: a line without end', () => {
  test('is an error in both protocols, and the engine is let go', async () => {
    let closed = 0;
    house.server((request) => {
      request.signal.addEventListener('abort', () => {
        closed += 1;
      });
      const block = new Uint8Array(1 << 20).fill(97);
      const source = new ReadableStream<Uint8Array>({
        start: (controller) => controller.enqueue(Buffer.from(`${SAID}data: `)),
        pull: (controller) => controller.enqueue(block),
      });
      return new Response(source, { headers: { 'content-type': 'text/event-stream' } });
    });
    for (const [path, body] of [
      ['/v1/chat/completions', chat({ stream: true })],
      ['/v1/messages', messagesBody({ stream: true })],
    ] as const) {
      const text = await asked(path, body);
      expect(text).toContain('32 Mi');
      expect(text).not.toContain('message_stop');
    }
    expect(await settled(2)).toEqual(['failed', 'failed']);
    await until(() => closed === 2, 'the end of both connections');
  });
});

const ODDITIES: readonly [string, string][] = [
  ['bytes after [DONE]', `${SAID}${STOP}${DONE}${SAID}data: nonsense\n\nmore nonsense`],
  ['two [DONE]', SAID + STOP + DONE + DONE],
  ['no choices', `data: {"choices":[]}\n\n${SAID}${STOP}${DONE}`],
  ['choices of null, and none at all', `data: {"choices":null}\n\ndata: {}\n\n${SAID}${STOP}${DONE}`],
  ['counts in a frame of their own', `${SAID}${STOP}data: {"choices":[],"usage":{"completion_tokens":1}}\n\n${DONE}`],
  ['a delta of null', `${chunk({ delta: null })}${SAID}${chunk({ finish_reason: 'stop', delta: null })}${DONE}`],
  ['content of null', chunk({ delta: { role: 'assistant', content: null } }) + SAID + STOP + DONE],
  ['no delta', `data: {"choices":[{"index":0}]}\n\n${SAID}${STOP}${DONE}`],
  ['fields of wrong types', `${chunk({ delta: { content: 5, tool_calls: 'x' } }, { usage: 7 })}${SAID}${STOP}${DONE}`],
  [
    'fields that nobody knows',
    chunk({ delta: { content: 'said', novel: { a: [1] } } }, { novel_too: 'x' }) + STOP + DONE,
  ],
];

describe('F-32: an answer with', () => {
  for (const [what, raw] of ODDITIES) {
    test(`${what} is the answer that it is`, async () => {
      await house.engine({ raw });
      const openai = await asked('/v1/chat/completions', chat({ stream: true }));
      expect(openai).toContain('said');
      if (what.startsWith('fields that')) expect(openai).toMatch(/"novel":\{"a":\[1\]\}.*"novel_too":"x"/);
      const anthropic = await asked('/v1/messages', messagesBody({ stream: true }));
      expect(wordsOf(anthropic)).toBe('said');
      expect(anthropic.match(/event: message_stop/g)).toHaveLength(1);
      expect(anthropic).not.toContain('event: error');
      expect(await settled(2)).toEqual(['completed', 'completed']);
    });
  }
});

describe('F-33: an error', () => {
  const error = { error: { code: 500, message: 'the model broke', type: 'server_error' } };

  test('in the middle of a stream is the one end of it, in both protocols', async () => {
    await house.engine({ raw: `${SAID}data: ${JSON.stringify(error)}\n\n${DONE}` });
    const openai = await asked('/v1/chat/completions', chat({ stream: true }));
    expect(openai.match(/"error"/g)).toHaveLength(1);
    const anthropic = await asked('/v1/messages', messagesBody({ stream: true }));
    expect(anthropic.match(/event: error/g)).toHaveLength(1);
    expect(anthropic).toContain('the model broke');
    expect(anthropic).not.toContain('message_stop');
    expect(await settled(2)).toEqual(['failed', 'failed']);
  });
});
