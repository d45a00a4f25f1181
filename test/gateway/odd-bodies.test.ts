// Bodies that are broken, enormous, ambiguous or full of traps, at every door, before a real connection: refused in the
// door's own words, or passed on for what they say. Reading alone: json-body.test.ts; readers: hostile-bodies.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { parseJsonBody } from '#src/gateway/json-body.ts';
import { chat, contentOf, type Engine, House, messagesBody, post } from './support/house.ts';

let house: House;
let url: string;
let engine: Engine;

beforeAll(async () => {
  house = new House();
  url = house.listen();
  engine = await house.engine({ tokens: 2 });
});
afterAll(() => house.close());

/** What the engine was asked last. */
const lastAsked = () => engine.fake.records('request-begin').at(-1)?.body ?? {};
const askedCount = () => engine.fake.records('request-begin').length;

const DOORS = ['/v1/chat/completions', '/v1/messages', '/v1/responses', '/api/chat', '/v1/completions', '/completion'];

/** The message of a refusal in the shape of the door's protocol. */
function messageOf(path: string, answer: unknown): unknown {
  const told = answer as { error?: unknown; type?: unknown };
  if (path.startsWith('/api/')) return told.error;
  if (path === '/v1/messages') expect(told.type).toBe('error');
  return (told.error as { message?: unknown } | undefined)?.message;
}

const utf8 = (text: string) => Uint8Array.from(Buffer.from(text));
const BROKEN: readonly [string, Uint8Array<ArrayBuffer>, RegExp][] = [
  ['nothing', utf8(''), /empty/],
  ['half of one', utf8('{"model":"some","messages":['), /ends at character 28/],
  ['one with something behind it', utf8('{"model":"some"} x'), /"x" at line 1, column 18/],
  ['two of them', utf8('{"model":"some"}{}'), /line 1, column 17/],
  ['NaN', utf8('{"model":"some",\n"temperature":NaN}'), /line 2, column 15/],
  ['a comma too many', utf8('{"model":"some",}'), /line 1, column 17/],
  ['a raw line feed in a string', utf8('{"model":"so\nme"}'), /line 1, column 10/],
  ['a list', utf8('[]'), /not an object/],
  ['invalid UTF-8', Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d), /UTF-8/],
  ['an overlong character', Uint8Array.of(0x7b, 0x22, 0xc0, 0xaf, 0x22, 0x3a, 0x31, 0x7d), /UTF-8/],
  ['UTF-16', Uint8Array.from(Buffer.from('\uFEFF{"model":"some"}', 'utf16le')), /UTF-8/],
  ['UTF-16 without a mark', Uint8Array.from(Buffer.from('{"model":"some"}', 'utf16le')), /line 1, column 2/],
  ['depth', utf8(`{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}`), /256 levels/],
  ['keys', utf8(`{"a":{${Array.from({ length: 1_000_000 }, (_, at) => `"${at}":1`).join(',')}}}`), /1000000 keys/],
];

describe('F-89, F-90: a body of', () => {
  for (const [what, bytes, words] of BROKEN) {
    test(`${what} is 400 at every door, in its words and with the place`, async () => {
      const before = askedCount();
      for (const path of DOORS) {
        const response = await post(url + path, bytes);
        expect([path, response.status]).toEqual([path, 400]);
        expect(messageOf(path, await response.json())).toMatch(words);
      }
      expect(askedCount()).toBe(before);
    });
  }
});

describe('F-89: a body', () => {
  test('with a byte order mark is read', async () => {
    expect((await post(`${url}/v1/chat/completions`, `\uFEFF${chat()}`)).status).toBe(200);
  });

  test('with half a character in it is answered, streamed, and the engine is sent none', async () => {
    const body = String.raw`{"stream":true,"messages":[{"role":"user","content":"a\ud83d"}]}`;
    const text = await (await post(`${url}/v1/chat/completions`, body)).text();
    expect(contentOf(text)).not.toBe('');
    expect(text).toContain('[DONE]');
    expect(lastAsked().messages).toEqual([{ role: 'user', content: 'a\uFFFD' }]);
    const anthropic = messagesBody().replace('"hi"', String.raw`"\udc00b"`);
    expect((await post(`${url}/v1/messages`, anthropic)).status).toBe(200);
    expect(lastAsked().messages).toEqual([{ role: 'user', content: '\uFFFDb' }]);
  });

  test('with two models means the last, for whoever looks: the name, the record and the engine', async () => {
    const messages = '"messages":[{"role":"user","content":"hi"}],"max_tokens":5';
    const last = [
      `{"model":"nobody",${messages},"model":"some"}`,
      `{"m\\u006fdel":"nobody",${messages},"model":"some"}`,
    ];
    for (const path of ['/v1/chat/completions', '/v1/messages']) {
      for (const body of last) {
        expect((await post(url + path, body)).status).toBe(200);
        expect(lastAsked().model).toBe('org/Some-Model');
      }
      const refused = await post(url + path, `{"model":"some",${messages},"mod\\u0065l":"nobody"}`);
      expect(refused.status).toBe(404);
    }
  });

  test('with two of anything is sent on as it was read', () => {
    const text = '{"n_discard":-1,"temperature":1,"temperature":2,"n_discard":-5,"messages":[]}';
    expect(parseJsonBody(text).body).toEqual({ n_discard: -5, temperature: 2, messages: [] });
  });
});

describe('F-90, S-42: __proto__ and constructor', () => {
  const traps = ['"__proto__":{"polluted":true}', '"constructor":{"prototype":{"polluted":true}}', '"toString":1'];

  test('in a body are fields like any other, at every door', async () => {
    for (const trap of traps) {
      const nested = `"tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object",${trap}},${trap}}}]`;
      const body = `{"model":"some","max_tokens":5,${trap},${nested},"messages":[{"role":"user","content":"hi",${trap}}]}`;
      for (const path of DOORS) expect((await post(url + path, body)).status).toBeLessThan(500);
    }
    expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false);
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  test('as a name of a model or of a role are names of none', async () => {
    for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
      expect((await post(`${url}/v1/chat/completions`, chat({ model: name }))).status).toBe(404);
      const role = chat({ messages: [{ role: name, content: 'x' }] });
      expect((await post(`${url}/v1/chat/completions`, role)).status).toBeLessThan(500);
    }
  });
});

const odd = fc.oneof(
  fc.constantFrom<unknown>(null, true, '', '5', 'x', [], {}, [null], [[]], [{}], { a: {} }, -1, 0, 1e99, 0.5, 2 ** 53),
  fc.string({ unit: 'grapheme', maxLength: 5 }),
);
const NAMES = [
  ...['model', 'messages', 'max_tokens', 'max_completion_tokens', 'n_discard', 'stream', 'stop', 'tools', 'n', 'seed'],
  ...['tool_choice', 'temperature', 'system', 'input', 'prompt', 'options', 'format', 'keep_alive', 'think', 'images'],
  ...['response_format', 'stream_options', 'thinking', 'metadata', 'logit_bias', 'grammar', 'json_schema', 'suffix'],
  ...['reasoning', 'text', 'previous_response_id', 'instructions', 'reasoning_effort', 'chat_template_kwargs', 'top_k'],
];

describe('F-91: fields of wrong types', () => {
  test('are 400, or passed as they are; never a mistake of Flow', async () => {
    const sent = fc.dictionary(fc.constantFrom(...NAMES), odd, { maxKeys: 4 });
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...DOORS), sent, async (path, fields) => {
        const usual = { model: 'some', messages: [{ role: 'user', content: 'hi' }], input: 'hi', prompt: 'hi' };
        const response = await post(url + path, JSON.stringify({ ...usual, max_tokens: 5, ...fields }));
        const text = await response.text();
        expect([200, 400, 404, 422]).toContain(response.status);
        expect(text).not.toContain('"internal"');
      }),
      { numRuns: 300 },
    );
  });

  test('in the table of the well known ones', async () => {
    const cases: readonly [object, number][] = [
      [{ model: 5 }, 400],
      [{ messages: {} }, 400],
      [{ messages: 'hi' }, 400],
      [{ max_tokens: -1 }, 200],
      [{ max_tokens: 1e99 }, 200],
      [{ max_tokens: '5' }, 200],
      [{ n_discard: -5 }, 200],
    ];
    for (const [fields, status] of cases) {
      const response = await post(`${url}/v1/chat/completions`, chat({ max_tokens: 2, ...fields }));
      expect([fields, response.status]).toEqual([fields, status]);
      if (response.ok) expect(lastAsked()).not.toHaveProperty('n_discard');
    }
  });
});
