/** S-40, S-41: what an engine hears of a client's request: an explicit list of headers, whatever the client sent. */
import { afterEach, beforeEach, expect, test } from 'bun:test';
import { chat, House, messagesBody, post } from './support/house.ts';

let house: House;
let url: string;
let heard: { search: string; headers: Map<string, string> }[];
beforeEach(() => {
  house = new House();
  url = house.listen();
  heard = [];
  house.server((request) => {
    // A copy: they are gone when the answer is.
    heard.push({ search: new URL(request.url).search, headers: new Map(request.headers) });
    return Response.json({
      choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content: 'a' } }],
      usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
      data: [],
      tokens: [],
    });
  });
});
afterEach(() => house.close());

const HOSTILE = {
  'x-conversation-id': 'abc',
  'x-api-key': 'the-client-key',
  authorization: 'Bearer the-client-key',
  cookie: 'flow=1',
  'x-forwarded-for': '1.2.3.4',
  forwarded: 'for=1.2.3.4',
  'x-flow-hops': '1',
  origin: 'http://127.0.0.1',
  referer: 'http://127.0.0.1/secret',
  'user-agent': 'the-client',
  'anthropic-beta': 'x',
  'accept-language': 'xx',
  'x-anything': 'the-client',
  connection: 'x-api-key, x-anything',
  te: 'trailers',
};
/** Its type, its key, and what HTTP itself needs. */
const ALLOWED = ['accept', 'accept-encoding', 'authorization', 'connection', 'content-length', 'content-type', 'host'];

test.each([
  ['/v1/chat/completions', chat()],
  ['/v1/completions', JSON.stringify({ prompt: 'a' })],
  ['/v1/embeddings', JSON.stringify({ input: 'a' })],
  ['/v1/messages', messagesBody()],
  ['/upstream/org/Some-Model/completion', JSON.stringify({ prompt: 'a' })],
  ['/upstream/org/Some-Model/tokenize', JSON.stringify({ content: 'a' })],
])('S-40, S-41, F-28: nothing of the client’s headers reaches the engine by %s', async (path, body) => {
  await (await post(`${url}${path}`, body, { headers: HOSTILE })).text();
  expect(heard.length).toBeGreaterThan(0);
  for (const request of heard) {
    expect([...request.headers.keys()].filter((name) => !ALLOWED.includes(name))).toEqual([]);
    expect(request.headers.get('authorization')).toBe('Bearer engine-key');
    expect([...request.headers.values()].join()).not.toContain('the-client');
  }
});

test('S-40: a look at the engine passes on no header and no query that was not meant for it', async () => {
  const base = `${url}/upstream/org/Some-Model`;
  await (await fetch(`${base}/slots?action=erase&fail_on_no_slot=1`, { headers: HOSTILE })).text();
  expect(heard.map(({ search }) => search)).toEqual(['']);
  expect([...(heard[0]?.headers.keys() ?? [])].filter((name) => !ALLOWED.includes(name))).toEqual([]);
});
