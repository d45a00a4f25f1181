// S-34, S-35: nothing in a body makes Flow, or an engine for it, ask another address. Counted by a server that would be
// asked. The rules alone: engine-body.test.ts.
import { afterAll, beforeAll, beforeEach, expect, test } from 'bun:test';
import { chat, foreignHouse, House, messagesBody, post } from './support/house.ts';

let trap: Bun.Server<undefined>;
let trapped: number;
let house: House;
let url: string;

beforeAll(async () => {
  trap = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch: () => {
      trapped += 1;
      return new Response('caught');
    },
  });
  house = new House();
  url = house.listen();
  await house.engine({ tokens: 2 });
});
beforeEach(() => {
  trapped = 0;
});
afterAll(async () => {
  await house.close();
  await trap.stop(true);
});

const addresses = () => [
  `${trap.url}api/models`,
  trap.url.href.replace('http', 'HTTP'),
  ` ${trap.url}`,
  'file:///etc/passwd',
  'http://169.254.169.254/latest/meta-data',
  'http://[::ffff:169.254.169.254]/',
  'gopher://127.0.0.1/',
  '//127.0.0.1/x',
  '/etc/passwd',
];

test('S-34: an address in place of an image, a file or a sound is 400 at every door, and nothing is fetched', async () => {
  const inChat = (part: object) => chat({ messages: [{ role: 'user', content: [part] }] });
  const inMessage = (block: object) => messagesBody({ messages: [{ role: 'user', content: [block] }] });
  const inResponse = (part: object) =>
    JSON.stringify({ model: 'some', input: [{ type: 'message', role: 'user', content: [part] }] });
  for (const address of addresses()) {
    const asked: readonly [string, string][] = [
      ['/v1/chat/completions', inChat({ type: 'image_url', image_url: { url: address } })],
      ['/v1/chat/completions', inChat({ type: 'image_url', image_url: address })],
      ['/v1/chat/completions', inChat({ type: 'video_url', video_url: { url: address } })],
      ['/v1/chat/completions', inChat({ type: 'audio_url', audio_url: { url: address } })],
      ['/v1/messages', inMessage({ type: 'image', source: { type: 'url', url: address } })],
      ['/v1/messages', inMessage({ type: 'document', source: { type: 'url', url: address } })],
      ['/v1/messages/count_tokens', inMessage({ type: 'image', source: { type: 'url', url: address } })],
      ['/v1/responses', inResponse({ type: 'input_image', image_url: address })],
      ['/v1/responses', inResponse({ type: 'input_file', file_url: address })],
      ['/apply-template', inChat({ type: 'image_url', image_url: { url: address } })],
      ['/upstream/org/Some-Model/v1/chat/completions', inChat({ type: 'image_url', image_url: { url: address } })],
    ];
    for (const [path, body] of asked) {
      const response = await post(url + path, body);
      expect([path, body, response.status]).toEqual([path, body, 400]);
    }
  }
  expect(trapped).toBe(0);
});

const STRANGE = { api_base: 'X', base_url: 'X', api_key: 'k', user_config: { model_list: [{ api_base: 'X' }] } };

test('S-35: other providers in a body move no request, and another server is not told of them', async () => {
  const strange = JSON.parse(JSON.stringify(STRANGE).replaceAll('X', trap.url.href));
  for (const [path, body] of [
    ['/v1/chat/completions', chat(strange)],
    ['/v1/messages', messagesBody({ ...strange, metadata: strange })],
    ['/v1/completions', JSON.stringify({ prompt: 'x', ...strange })],
  ] as const) {
    expect((await post(url + path, body)).status).toBe(200);
  }
  const peer = foreignHouse('openai');
  try {
    const heard: Record<string, unknown>[] = [];
    peer.server(async (request) => {
      heard.push(await request.json());
      const message = { role: 'assistant', content: 'x' };
      return Response.json({ choices: [{ index: 0, finish_reason: 'stop', message }] });
    });
    const peerUrl = peer.listen();
    for (const stream of [true, false]) {
      await (await post(`${peerUrl}/v1/chat/completions`, chat({ stream, ...strange }))).text();
      await (await post(`${peerUrl}/v1/messages`, messagesBody({ stream, ...strange }))).text();
    }
    expect(heard).toHaveLength(4);
    for (const body of heard) expect(Object.keys(body).filter((name) => name in STRANGE)).toEqual([]);
  } finally {
    await peer.close();
  }
  expect(trapped).toBe(0);
});
