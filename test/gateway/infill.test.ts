/** Gaps filled by the engine's `/infill`, before a server that answers as llama-server does. */
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { dataOf, House, post } from './support/house.ts';

const house = new House();
let url: string;
const bodies: { path: string; body: Record<string, unknown> }[] = [];
const FRAMES = [
  { index: 0, content: 'return', tokens: [1], stop: false, id_slot: 0, tokens_predicted: 1, tokens_evaluated: 5 },
  { index: 0, content: ' a', tokens: [2], stop: false, id_slot: 0, tokens_predicted: 2, tokens_evaluated: 5 },
  {
    index: 0,
    content: '',
    stop: true,
    stop_type: 'limit',
    tokens_predicted: 2,
    tokens_evaluated: 5,
    timings: { cache_n: 1, prompt_n: 4, prompt_ms: 1, predicted_n: 2, predicted_ms: 2 },
  },
];

beforeAll(() => {
  house.server(async (request) => {
    bodies.push({ path: new URL(request.url).pathname, body: (await request.json()) as Record<string, unknown> });
    const text = FRAMES.map((frame) => `data: ${JSON.stringify(frame)}\n\n`).join('');
    return new Response(text, { headers: { 'content-type': 'text/event-stream' } });
  });
  url = house.listen();
});

afterAll(() => house.close());

const gap = { model: 'some', prompt: 'function', suffix: '}', max_tokens: 2, temperature: 0.3, echo: true };

test('a completion with a suffix is asked as a gap and told as a completion', async () => {
  const response = await post(`${url}/v1/completions`, JSON.stringify(gap));
  expect(await response.json()).toMatchObject({
    object: 'text_completion',
    choices: [{ index: 0, text: 'return a', finish_reason: 'length', logprobs: null }],
    usage: { prompt_tokens: 5, completion_tokens: 2, total_tokens: 7, prompt_tokens_details: { cached_tokens: 1 } },
  });
  expect(bodies.at(-1)).toMatchObject({
    path: '/infill',
    body: { input_prefix: 'function', input_suffix: '}', n_predict: 2, temperature: 0.3 },
  });
  for (const name of ['prompt', 'suffix', 'max_tokens', 'echo']) expect(bodies.at(-1)?.body).not.toHaveProperty(name);
});

test('streamed, each piece is a chunk, and the counts come where they were asked for', async () => {
  const ask = { ...gap, stream: true, stream_options: { include_usage: true } };
  const data = dataOf(await (await post(`${url}/v1/completions`, JSON.stringify(ask))).text());
  expect(data.at(-1)).toBe('[DONE]');
  const chunks = data.slice(0, -1).map((each) => JSON.parse(each));
  expect(chunks.flatMap(({ choices }) => choices.map((choice: { text: string }) => choice.text))).toEqual([
    'return',
    ' a',
    '',
  ]);
  expect(chunks.at(-2)?.choices[0].finish_reason).toBe('length');
  expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { total_tokens: 7 } });
});

test('a list of prompts cannot have a gap', async () => {
  const response = await post(`${url}/v1/completions`, JSON.stringify({ ...gap, prompt: ['a', 'b'] }));
  expect(response.status).toBe(400);
  expect(await response.json()).toMatchObject({ error: { message: expect.stringContaining('prompt') } });
});

test('without a suffix the body passes', async () => {
  await (await post(`${url}/v1/completions`, '{"model":"some","prompt":"a","suffix":""}')).text();
  expect(bodies.at(-1)).toMatchObject({ path: '/v1/completions', body: { prompt: 'a' } });
});

test('what cannot be had beside a suffix is left out and said so', async () => {
  await post(`${url}/v1/completions`, JSON.stringify({ ...gap, n: 3, best_of: 1, logprobs: null }));
  const calls = house.tracker.settled.at(-1)?.calls.filter((call) => call.startsWith('repaired'));
  expect(calls).toEqual([
    'repaired: n was left out: the engine fills a gap once, with text only',
    'repaired: echo was left out: the engine fills a gap once, with text only',
  ]);
});

test('no text before the gap is an empty one; without a gap it is missing', async () => {
  for (const prompt of [null, undefined, '']) {
    expect((await post(`${url}/v1/completions`, JSON.stringify({ ...gap, prompt }))).status).toBe(200);
    expect(bodies.at(-1)?.body).toMatchObject({ input_prefix: '', input_suffix: '}' });
  }
  for (const prompt of [null, undefined]) {
    const refused = await post(`${url}/v1/completions`, JSON.stringify({ model: 'some', prompt }));
    expect([refused.status, await refused.json()]).toMatchObject([
      400,
      { error: { message: 'prompt: a text, a list of texts, or tokens are required' } },
    ]);
  }
});
