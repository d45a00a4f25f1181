// What of a model's behaviour reaches an engine, by each door. The rules themselves are in behave.test.ts.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import type { Behaviour } from '#src/models/behaviour.ts';
import { detectTraits } from '#src/models/traits.ts';
import { chat, type Engine, House, messagesBody, post, recorded } from '#test/gateway/support/house.ts';

const TEMPLATE = '{% if enable_thinking %}<think>{% endif %}';

let house: House;
let engine: Engine;
let url: string;
let behaviour: Behaviour;
let asked: number;

beforeEach(async () => {
  asked = 0;
  behaviour = {};
  const plain = new House();
  house = new House({
    models: {
      resolve: (wanted) => ({ ...plain.services.models.resolve(wanted), behaviour }),
      list: () => plain.services.models.list(),
    },
    traits: ({ name, hfId }) => ({
      ...detectTraits({ architecture: null, name, hfId, chatTemplate: TEMPLATE }),
      thinks: true,
      thinkingSwitches: ['enable_thinking'],
    }),
  });
  url = house.listen();
  engine = await house.engine();
});
afterEach(() => house.close());

/** The body that the engine was asked with. */
async function sent(path: string, body: string): Promise<Record<string, unknown>> {
  const response = await post(`${url}${path}`, body);
  expect(response.status).toBe(200);
  await response.text();
  asked += 1;
  return (await recorded(engine, 'request-begin', asked))[asked - 1]?.body ?? {};
}

describe.each([
  ['chat', '/v1/chat/completions', chat({ temperature: 1 })],
  ['chat, streamed', '/v1/chat/completions', chat({ temperature: 1, stream: true })],
  ['Anthropic', '/v1/messages', messagesBody({ temperature: 1, max_tokens: 5000 })],
])('%s', (_what, path, body) => {
  test('defaults fill, the caller wins, forced wins over the caller, stripped is gone', async () => {
    behaviour = { temperature: 0.1, top_k: 20, repetition_penalty: 1.1, chat_template_kwargs: { a: 1 } };
    expect(await sent(path, body)).toMatchObject({
      temperature: 1,
      top_k: 20,
      repeat_penalty: 1.1,
      chat_template_kwargs: { a: 1 },
    });
    behaviour = { forced: { temperature: 0.2, chat_template_kwargs: { b: 2 } } };
    expect(await sent(path, body)).toMatchObject({ temperature: 0.2, chat_template_kwargs: { b: 2 } });
    behaviour = { stripped: ['temperature'] };
    expect(await sent(path, body)).not.toHaveProperty('temperature');
  });
});

test('a limit that is stripped does not come back under its newer name', async () => {
  behaviour = { stripped: ['max_tokens'], repairs: { thinking_room: false } };
  const body = await sent('/v1/chat/completions', chat({ max_completion_tokens: 7 }));
  expect(body).not.toHaveProperty('max_tokens');
  expect(body).not.toHaveProperty('max_completion_tokens');
});

test('Anthropic’s absence of thinking stays off whatever the model’s own default is', async () => {
  behaviour = { enable_thinking: true };
  expect(await sent('/v1/messages', messagesBody())).toMatchObject({
    chat_template_kwargs: { enable_thinking: false },
  });
  behaviour = { forced: { enable_thinking: true } };
  expect(await sent('/v1/messages', messagesBody())).toMatchObject({ chat_template_kwargs: { enable_thinking: true } });
});

test('text completions get the sampling alone', async () => {
  behaviour = { temperature: 0.1, enable_thinking: false, chat_template_kwargs: { a: 1 } };
  const body = await sent('/v1/completions', JSON.stringify({ prompt: 'x', max_tokens: 4 }));
  expect(body).toMatchObject({ temperature: 0.1, max_tokens: 4 });
  expect(body).not.toHaveProperty('chat_template_kwargs');
});

test('embeddings, and requests to which nothing applies, go out in the client’s own bytes', async () => {
  const texts: string[] = [];
  const other = new House({
    models: {
      resolve: (wanted) => ({ ...house.services.models.resolve(wanted), behaviour: { forced: { top_k: 3 } } }),
      list: () => house.services.models.list(),
    },
  });
  other.server(async (request) => {
    texts.push(await request.text());
    return Response.json({ object: 'list', data: [], choices: [] });
  });
  const door = other.listen();
  const input = JSON.stringify({ model: 'org/Some-Model', input: 'x' });
  const plain = chat({ model: 'org/Some-Model', n: 2, top_k: 3, odd: { kept: [1] } });
  await post(`${door}/v1/embeddings`, input);
  await post(`${door}/v1/chat/completions`, plain);
  await other.close();
  expect(texts).toEqual([input, plain]);
});
