/**
 * The official `openai` client against a whole Flow with the real engine and `flow-demo`. Endings are in
 * endings.test.ts.
 */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { copyFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import OpenAI from 'openai';
import { realEngine } from '../support/real-engine.ts';
import { type RunningFlow, startFlow } from '../support/running-flow.ts';

const WEATHER_TOOL = {
  type: 'function',
  function: {
    name: 'get_weather',
    description: 'The weather in a city',
    parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  },
} as const;

let flow: RunningFlow;
let client: OpenAI;

beforeAll(async () => {
  flow = await startFlow({ engine: realEngine().executable });
  client = new OpenAI({ baseURL: `${flow.url}/v1`, apiKey: 'flow-local', maxRetries: 0 });
});

afterAll(async () => {
  await flow[Symbol.asyncDispose]();
});

describe('the openai client', () => {
  test('lists flow-demo with its context length', async () => {
    const models = await client.models.list();
    const demo = models.data.find((model) => model.id === 'flow-demo');
    expect(demo?.object).toBe('model');
    expect(demo).toHaveProperty('max_input_tokens');
  });

  test('gets a whole answer from a model that was not loaded', async () => {
    const { data, response } = await client.chat.completions
      .create({ model: 'flow-demo', messages: [{ role: 'user', content: 'Hello' }] })
      .withResponse();
    expect(data.choices[0]?.message.content?.toLowerCase()).toContain('demo');
    expect(data.choices[0]?.finish_reason).toBe('stop');
    expect(data.usage?.completion_tokens).toBeGreaterThan(0);
    expect(response.headers.get('x-flow-model')).toBe('flow-demo');
  });

  test('streams the same text, with usage only because it was asked for', async () => {
    const whole = await client.chat.completions.create({
      model: 'flow-demo',
      messages: [{ role: 'user', content: 'Hello' }],
    });
    const stream = await client.chat.completions.create({
      model: 'flow-demo',
      messages: [{ role: 'user', content: 'Hello' }],
      stream: true,
      stream_options: { include_usage: true },
    });
    let text = '';
    let usageChunks = 0;
    let finishes = 0;
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta.content ?? '';
      if (chunk.choices[0]?.finish_reason) finishes += 1;
      if (chunk.usage) usageChunks += 1;
      expect(chunk).not.toHaveProperty('prompt_progress');
    }
    expect(text).toBe(whole.choices[0]?.message.content ?? '');
    expect([finishes, usageChunks]).toEqual([1, 1]);
  });

  test('sees no usage chunk when it did not ask', async () => {
    const stream = await client.chat.completions.create({
      model: 'flow-demo',
      messages: [{ role: 'user', content: 'Hello' }],
      stream: true,
    });
    let withoutChoices = 0;
    for await (const chunk of stream) if (chunk.choices.length === 0) withoutChoices += 1;
    expect(withoutChoices).toBe(0);
  });

  test('gets a tool call whole, with arguments that fit the schema', async () => {
    const answer = await client.chat.completions.create({
      model: 'flow-demo',
      messages: [{ role: 'user', content: 'What is the weather in Paris?' }],
      tools: [WEATHER_TOOL],
    });
    const call = answer.choices[0]?.message.tool_calls?.[0];
    if (call?.type !== 'function') throw new Error('no function call');
    expect(call.function.name).toBe('get_weather');
    expect(JSON.parse(call.function.arguments)).toHaveProperty('city');
    expect(answer.choices[0]?.finish_reason).toBe('tool_calls');
  });

  test('gets a tool call whole with its probabilities, which the engine gives in no stream', async () => {
    const answer = await client.chat.completions.create({
      model: 'flow-demo',
      messages: [{ role: 'user', content: 'What is the weather in Paris?' }],
      tools: [WEATHER_TOOL],
      max_tokens: 300,
      logprobs: true,
    });
    expect(answer.choices[0]?.message.tool_calls).toHaveLength(1);
    expect(answer.choices[0]?.logprobs?.content?.length).toBeGreaterThan(0);
  });

  test('gets a tool call streamed in pieces, then answers the tool result', async () => {
    const runner = client.chat.completions.stream({
      model: 'flow-demo',
      messages: [{ role: 'user', content: 'What is the weather in Paris?' }],
      tools: [WEATHER_TOOL],
    });
    const deltas: string[] = [];
    runner.on('tool_calls.function.arguments.delta', (delta) => deltas.push(delta.arguments_delta));
    const { choices } = await runner.finalChatCompletion();
    const message = choices[0]?.message;
    const call = message?.tool_calls?.[0];
    if (!message || call?.type !== 'function') throw new Error('no function call');
    expect(deltas.length).toBeGreaterThan(1);
    const next = await client.chat.completions.create({
      model: 'flow-demo',
      messages: [
        { role: 'user', content: 'What is the weather in Paris?' },
        message,
        { role: 'tool', tool_call_id: call.id, content: 'Sunny, 21 degrees' },
      ],
      tools: [WEATHER_TOOL],
    });
    expect(next.choices[0]?.finish_reason).toBe('stop');
    expect(next.choices[0]?.message.content).toBeTruthy();
  });

  test('gets the thinking apart from the answer', async () => {
    const answer = await client.chat.completions.create({
      model: 'flow-demo',
      messages: [{ role: 'user', content: 'Please think about it' }],
    });
    const message = answer.choices[0]?.message;
    expect(message).toHaveProperty('reasoning_content');
    expect(message?.content).not.toContain('think>');
  });

  test('gets text completions, whole and streamed', async () => {
    const whole = await client.completions.create({ model: 'flow-demo', prompt: 'Hello', max_tokens: 4 });
    expect(whole.object).toBe('text_completion');
    const stream = await client.completions.create({
      model: 'flow-demo',
      prompt: 'Hello',
      max_tokens: 4,
      stream: true,
    });
    let chunks = 0;
    for await (const chunk of stream) chunks += chunk.choices.length;
    expect(chunks).toBeGreaterThan(0);
  });
});

describe('embeddings', () => {
  test('come from a model that is started for them', async () => {
    const path = join(flow.dataDir, 'models', 'embedder.gguf');
    copyFileSync(join(flow.dataDir, 'models', 'flow-demo.gguf'), path);
    await flow.json('/api/register-local', { path });
    const extra_args = ['--embeddings', '--pooling', 'mean'];
    await flow.json('/api/models/embedder/config', { launch: { extra_args } }, 'PUT');
    const answer = await client.embeddings.create({ model: 'embedder', input: ['hello', 'world'] });
    expect(answer.data.map((one) => one.embedding.length > 0)).toEqual([true, true]);
    expect(answer.usage.prompt_tokens).toBeGreaterThan(0);
  });
});

describe('a whole answer', () => {
  test.each([
    ['', { messages: [{ role: 'user', content: 'Hello' }] }],
    // A thinking model with a small limit is asked for a stream, so that Flow can end the answer itself.
    [
      ', also when it was put together from a stream',
      { messages: [{ role: 'user', content: 'think' }], max_tokens: 60 },
    ],
  ])('has the same fields as the engine gives when it is asked directly%s', async (_what, asked) => {
    const body = { model: 'flow-demo', ...asked, logprobs: true, top_logprobs: 2 };
    const throughFlow = await flow.json('/v1/chat/completions', body);
    const { body: fleet } = await flow.json('/api/fleet');
    const models = fleet.models as { modelId: string; state: { port: number; pid: number } }[];
    const state = models.find((model) => model.modelId === 'flow-demo')?.state;
    const environment = readFileSync(`/proc/${state?.pid}/environ`, 'utf8');
    const key = /(?:^|\0)LLAMA_API_KEY=([^\0]*)/.exec(environment)?.[1];
    const direct = await fetch(`http://127.0.0.1:${state?.port}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
      body: JSON.stringify(body),
    });
    expect(paths(throughFlow.body)).toEqual(paths(await direct.json()));
  });
});

/** Every path of a JSON value with its type, list places left out, sorted. */
function paths(value: unknown, at = ''): string[] {
  if (Array.isArray(value)) return [...new Set(value.flatMap((one) => paths(one, `${at}[]`)))].sort();
  if (typeof value !== 'object' || value === null) return [`${at}: ${value === null ? 'null' : typeof value}`];
  return [...new Set(Object.entries(value).flatMap(([key, one]) => paths(one, `${at}.${key}`)))].sort();
}

describe('the openai client is told', () => {
  test('404 model_not_found with near names for an unknown model', async () => {
    const failure = await client.chat.completions
      .create({ model: 'flow-dmeo', messages: [{ role: 'user', content: 'Hello' }] })
      .catch((cause: unknown) => cause);
    if (!(failure instanceof OpenAI.NotFoundError)) throw new Error(`not a 404: ${String(failure)}`);
    expect(failure.code).toBe('model_not_found');
    expect(failure.message).toContain('flow-demo');
  });

  test('400 for what is no JSON, and for messages of a wrong type', async () => {
    const garbage = await fetch(`${flow.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"model": "flow-demo", "messages": [',
    });
    expect(garbage.status).toBe(400);
    expect(await garbage.json()).toHaveProperty('error.type', 'invalid_request_error');
    const wrong = await flow.json('/v1/chat/completions', { model: 'flow-demo', messages: {} });
    expect(wrong.status).toBe(400);
  });

  test('400 context_length_exceeded with both numbers for a prompt beyond the context', async () => {
    const failure = await client.chat.completions
      .create({ model: 'flow-demo', messages: [{ role: 'user', content: 'word '.repeat(60_000) }] })
      .catch((cause: unknown) => cause);
    if (!(failure instanceof OpenAI.BadRequestError)) throw new Error(`not a 400: ${String(failure)}`);
    expect(failure.code).toBe('context_length_exceeded');
    expect(failure.message).toMatch(/\d{4,}.*\d{4,}/);
  });
});
