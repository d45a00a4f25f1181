/** The official `@anthropic-ai/sdk` client against a whole Flow with the real engine and `flow-demo`. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import Anthropic from '@anthropic-ai/sdk';
import { realEngine } from '../support/real-engine.ts';
import { type RunningFlow, startFlow } from '../support/running-flow.ts';

const WEATHER_TOOL = {
  name: 'get_weather',
  description: 'The weather in a city',
  input_schema: { type: 'object' as const, properties: { city: { type: 'string' } }, required: ['city'] },
};

let flow: RunningFlow;
let client: Anthropic;

beforeAll(async () => {
  flow = await startFlow({ engine: realEngine().executable });
  client = new Anthropic({ baseURL: flow.url, apiKey: 'flow-local', maxRetries: 0 });
});

afterAll(async () => {
  await flow[Symbol.asyncDispose]();
});

const HELLO = [{ role: 'user' as const, content: 'Hello' }];

describe('the anthropic client', () => {
  test('gets a whole message from a model that was not loaded', async () => {
    const message = await client.messages.create({ model: 'flow-demo', max_tokens: 500, messages: HELLO });
    expect(message.id).toStartWith('msg_');
    expect(message.stop_reason).toBe('end_turn');
    expect(message.usage.input_tokens).toBeGreaterThan(0);
    expect(message.usage.output_tokens).toBeGreaterThan(0);
    const [block] = message.content;
    expect(block?.type === 'text' && block.text.toLowerCase()).toContain('demo');
  });

  test('streams the same message, with the exact prompt count in message_start', async () => {
    const whole = await client.messages.create({ model: 'flow-demo', max_tokens: 500, messages: HELLO });
    const stream = client.messages.stream({ model: 'flow-demo', max_tokens: 500, messages: HELLO });
    const types: string[] = [];
    let startTokens = 0;
    stream.on('streamEvent', (event) => {
      types.push(event.type);
      if (event.type !== 'message_start') return;
      startTokens = event.message.usage.input_tokens + (event.message.usage.cache_read_input_tokens ?? 0);
    });
    const message = await stream.finalMessage();
    expect(JSON.stringify(message.content)).toBe(JSON.stringify(whole.content));
    expect(startTokens).toBe(whole.usage.input_tokens + (whole.usage.cache_read_input_tokens ?? 0));
    expect(types[0]).toBe('message_start');
    expect(types.slice(-2)).toEqual(['message_delta', 'message_stop']);
  });

  test('gets thinking with a signature that is not empty, and may send it back', async () => {
    const first = await client.messages.create({
      model: 'flow-demo',
      max_tokens: 2000,
      thinking: { type: 'enabled', budget_tokens: 1024 },
      messages: [{ role: 'user', content: 'Hello' }],
    });
    const [thinking] = first.content;
    if (thinking?.type !== 'thinking') throw new Error('no thinking block');
    expect(thinking.thinking.length).toBeGreaterThan(0);
    expect(thinking.signature.length).toBeGreaterThan(0);
    const second = await client.messages.create({
      model: 'flow-demo',
      max_tokens: 2000,
      thinking: { type: 'enabled', budget_tokens: 1024 },
      messages: [
        { role: 'user', content: 'Hello' },
        { role: 'assistant', content: first.content },
        { role: 'user', content: 'And now?' },
      ],
    });
    expect(second.stop_reason).toBe('end_turn');
  });

  test('calls a tool, streamed, and answers its result', async () => {
    const messages: Anthropic.MessageParam[] = [{ role: 'user', content: 'What is the weather in Paris?' }];
    const stream = client.messages.stream({ model: 'flow-demo', max_tokens: 500, tools: [WEATHER_TOOL], messages });
    const pieces: string[] = [];
    stream.on('inputJson', (piece) => pieces.push(piece));
    const message = await stream.finalMessage();
    const use = message.content.find((block) => block.type === 'tool_use');
    if (use?.type !== 'tool_use') throw new Error('no tool use');
    expect(use.name).toBe('get_weather');
    expect(use.input).toHaveProperty('city');
    expect(message.stop_reason).toBe('tool_use');
    expect(pieces.length).toBeGreaterThan(1);
    const next = await client.messages.create({
      model: 'flow-demo',
      max_tokens: 500,
      tools: [WEATHER_TOOL],
      messages: [
        ...messages,
        { role: 'assistant', content: message.content },
        { role: 'user', content: [{ type: 'tool_result', tool_use_id: use.id, content: 'Sunny' }] },
      ],
    });
    expect(next.stop_reason).toBe('end_turn');
  });

  test('counts tokens as the engine does', async () => {
    const counted = await client.messages.countTokens({ model: 'flow-demo', messages: HELLO });
    const message = await client.messages.create({ model: 'flow-demo', max_tokens: 50, messages: HELLO });
    expect(counted.input_tokens).toBe(message.usage.input_tokens + (message.usage.cache_read_input_tokens ?? 0));
  });

  test('lists models, with names that Claude Code accepts', async () => {
    const models = await client.models.list();
    const ids = models.data.map((model) => model.id);
    expect(ids).toContain('flow-demo');
    expect(ids).toContain('claude-flow-flow-demo');
    const answer = await client.messages.create({ model: 'claude-flow-flow-demo', max_tokens: 50, messages: HELLO });
    expect(answer.type).toBe('message');
  });

  test('has its helper names served by the default model, and is told so', async () => {
    const { response } = await client.messages
      .create({ model: 'claude-haiku-4-5', max_tokens: 50, messages: HELLO })
      .withResponse();
    expect(response.headers.get('x-flow-model')).toBe('flow-demo');
  });
});

describe('the anthropic client is told', () => {
  test('404 not_found_error for an unknown model', async () => {
    const failure = await client.messages
      .create({ model: 'no-such-model', max_tokens: 50, messages: HELLO })
      .catch((cause: unknown) => cause);
    expect(failure).toBeInstanceOf(Anthropic.NotFoundError);
    expect(failure).toHaveProperty('error.error.type', 'not_found_error');
  });

  test('the wording that makes it compact when the prompt is too long', async () => {
    const failure = await client.messages
      .create({ model: 'flow-demo', max_tokens: 50, messages: [{ role: 'user', content: 'word '.repeat(60_000) }] })
      .catch((cause: unknown) => cause);
    expect(failure).toBeInstanceOf(Anthropic.BadRequestError);
    expect(String(failure)).toMatch(/prompt is too long: \d+ tokens > \d+ maximum/);
  });

  test('400 with the path of what is wrong', async () => {
    const { status, body } = await flow.json('/v1/messages', {
      model: 'flow-demo',
      max_tokens: 50,
      messages: [{ role: 'user', content: [{ type: 'text' }] }],
    });
    expect(status).toBe(400);
    expect(JSON.stringify(body)).toContain('messages.0.content.0');
  });
});
