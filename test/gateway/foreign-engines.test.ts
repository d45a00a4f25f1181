// Engines that are not llama-server, by what they were recorded to say: through the official SDKs. What they are asked
// and cannot do is in foreign-requests.test.ts; the real programs are in test/e2e/mlx.test.ts.
import { afterEach, describe, expect, test } from 'bun:test';
import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { answerOf, FOREIGN, type Foreign, streamOf, type Told } from './support/foreign-answers.ts';
import { chat, dataOf, foreignHouse, type House, messagesBody, post, until } from './support/house.ts';

let house: House;
afterEach(async () => {
  await house.close();
  expect(house.lender.out).toBe(0);
  expect(house.tracker.settlements).toBe(house.tracker.opened);
});

/** A gateway before an engine that tells this. */
function telling(engine: Foreign, told: Told): string {
  house = foreignHouse(engine);
  house.server(() => answerOf(streamOf(engine, told)));
  return house.listen();
}
const openai = (url: string) => new OpenAI({ baseURL: `${url}/v1`, apiKey: 'x', maxRetries: 0 });
const anthropic = (url: string) => new Anthropic({ baseURL: url, apiKey: 'x', maxRetries: 0 });
const messages = [{ role: 'user' as const, content: 'Hi' }];
const settled = () => until(() => house.tracker.settled.length > 0, 'a settled ticket');
const outcome = () => house.tracker.settled[0]?.outcome;

const THOUGHT: Told = { thinking: ['I ', 'should'], text: ['Hello', ' there'], finish: 'stop' };
const CALL: Told = { call: { name: 'get_weather', json: '{"city": "Paris"}' }, finish: 'tool_calls' };
const tools = [
  {
    type: 'function' as const,
    function: { name: 'get_weather', parameters: { type: 'object', properties: { city: { type: 'string' } } } },
  },
];

describe.each(FOREIGN)('%s', (engine) => {
  test('streams text and thoughts to OpenAI’s SDK, once, under our name of the model', async () => {
    const url = telling(engine, THOUGHT);
    const stream = await openai(url).chat.completions.create({
      model: 'some',
      messages,
      stream: true,
      stream_options: { include_usage: true },
    });
    let [text, thinking, finishes, roles] = ['', '', 0, 0];
    let usage: OpenAI.CompletionUsage | null | undefined = null;
    for await (const chunk of stream) {
      expect(chunk).toMatchObject({ id: expect.any(String), object: 'chat.completion.chunk', model: 'org/Some-Model' });
      const [choice] = chunk.choices;
      text += choice?.delta.content ?? '';
      thinking += (choice?.delta as { reasoning_content?: string } | undefined)?.reasoning_content ?? '';
      if (choice?.delta.role) roles += 1;
      if (choice) expect(choice).toMatchObject({ index: 0 });
      if (choice?.finish_reason) finishes += 1;
      if (chunk.choices.length === 0) usage = chunk.usage;
    }
    expect([text, thinking, finishes, roles]).toEqual(['Hello there', 'I should', 1, 1]);
    expect(usage).toMatchObject({ prompt_tokens: 312, completion_tokens: 26, total_tokens: 338 });
    await settled();
    expect(outcome()).toMatchObject({ kind: 'completed', usage: { inputTokens: 312, outputTokens: 26 } });
  });

  test('gives no frame without a choice to a client that did not ask for the counts', async () => {
    const url = telling(engine, THOUGHT);
    const text = await (await post(`${url}/v1/chat/completions`, chat({ stream: true }))).text();
    const frames = dataOf(text).filter((data) => data !== '[DONE]');
    expect(frames.every((data) => JSON.parse(data).choices.length === 1)).toBe(true);
    expect(JSON.parse(frames.at(-1) ?? '')).toMatchObject({ usage: { completion_tokens: 26 } });
    expect(text).not.toContain('keepalive');
    expect(text).not.toContain('/models/some');
    expect(text).toEndWith('data: [DONE]\n\n');
  });

  test('answers whole to OpenAI’s SDK, though it is only asked for streams', async () => {
    const url = telling(engine, THOUGHT);
    const answer = await openai(url).chat.completions.create({ model: 'some', messages });
    expect(answer).toMatchObject({
      object: 'chat.completion',
      model: 'org/Some-Model',
      choices: [
        {
          index: 0,
          finish_reason: 'stop',
          message: { role: 'assistant', content: 'Hello there', reasoning_content: 'I should' },
        },
      ],
      usage: { prompt_tokens: 312, completion_tokens: 26 },
    });
    expect(JSON.stringify(answer)).not.toContain('"reasoning":');
  });

  test('makes a call in both protocols, streamed and whole', async () => {
    const url = telling(engine, CALL);
    const whole = await openai(url).chat.completions.create({ model: 'some', messages, tools });
    expect(whole.choices[0]).toMatchObject({
      finish_reason: 'tool_calls',
      message: {
        content: null,
        tool_calls: [
          {
            id: expect.any(String),
            type: 'function',
            function: { name: 'get_weather', arguments: '{"city": "Paris"}' },
          },
        ],
      },
    });
    const runner = openai(url).chat.completions.stream({ model: 'some', messages, tools });
    const final = await runner.finalChatCompletion();
    expect(final.choices[0]?.message.tool_calls?.[0]).toMatchObject({
      id: expect.any(String),
      function: { name: 'get_weather', arguments: '{"city": "Paris"}' },
    });
    const tool = { name: 'get_weather', input_schema: { type: 'object' as const } };
    const asked = { model: 'some', max_tokens: 50, messages, tools: [tool] };
    const message = await anthropic(url).messages.create(asked);
    expect(message).toMatchObject({
      stop_reason: 'tool_use',
      content: [{ type: 'tool_use', name: 'get_weather', input: { city: 'Paris' } }],
      usage: { output_tokens: 26 },
    });
    const streamed = await anthropic(url).messages.stream(asked).finalMessage();
    expect(streamed).toMatchObject({
      stop_reason: 'tool_use',
      content: [{ type: 'tool_use', input: { city: 'Paris' } }],
    });
  });

  test('says that the limit ended the answer, in both protocols', async () => {
    const url = telling(engine, { text: ['one', 'two'], finish: 'length', outputTokens: 2 });
    const { choices } = await openai(url).chat.completions.create({ model: 'some', messages, max_tokens: 2 });
    expect(choices[0]?.finish_reason).toBe('length');
    const message = await anthropic(url).messages.create({ model: 'some', messages, max_tokens: 2 });
    expect(message.stop_reason).toBe('max_tokens');
  });

  test('whose parser lost a call says `stop`, and it is written down', async () => {
    const url = telling(engine, { text: ['Let me see.'], finish: 'tool_calls' });
    const whole = await openai(url).chat.completions.create({ model: 'some', messages });
    expect(whole.choices[0]).toMatchObject({ finish_reason: 'stop', message: { content: 'Let me see.' } });
    const text = await (await post(`${url}/v1/chat/completions`, chat({ stream: true }))).text();
    expect(text).toContain('"finish_reason":"stop"');
    expect(text).not.toContain('"finish_reason":"tool_calls"');
    await settled();
    expect(house.tracker.settled[0]?.calls.join()).toContain('lost a tool call');
  });

  test.each<[string, Told]>([
    ['lost', { text: ['Let me see.'], finish: 'tool_calls' }],
    ['thrown away', { thinking: ['Hm.'], finish: 'stop' }],
  ])('whose call was %s is asked once more', async (_, first) => {
    for (const stream of [true, false]) {
      house = foreignHouse(engine);
      const answers = [streamOf(engine, first), streamOf(engine, CALL)];
      house.server(() => answerOf(answers.shift() ?? streamOf(engine, { text: ['No more.'], finish: 'stop' })));
      const { completions } = openai(house.listen()).chat;
      const asked = { model: 'some', messages, tools };
      const answer = stream ? await completions.stream(asked).finalChatCompletion() : await completions.create(asked);
      expect(answer.choices[0]).toMatchObject({
        finish_reason: 'tool_calls',
        message: { tool_calls: [{ function: { name: 'get_weather', arguments: '{"city": "Paris"}' } }] },
      });
      expect(answers).toEqual([]);
      if (stream) await house.close();
    }
  });

  test('that breaks off is an error, never an end', async () => {
    house = foreignHouse(engine);
    const [begun] = streamOf(engine, THOUGHT).split(' there');
    house.server(() => answerOf(`${begun?.slice(0, begun.lastIndexOf('data: '))}`));
    const url = house.listen();
    const text = await (await post(`${url}/v1/chat/completions`, chat({ stream: true }))).text();
    expect(text).not.toContain('"finish_reason":"');
    expect(text).toContain('"error"');
    expect((await post(`${url}/v1/chat/completions`, chat())).status).toBeGreaterThanOrEqual(500);
    const message = await (await post(`${url}/v1/messages`, messagesBody({ stream: true }))).text();
    expect(message).toContain('event: error');
    expect(message).not.toContain('message_stop');
  });
});

test('an engine whose generating thread has died is ended, so that the next request gets a fresh one', async () => {
  house = foreignHouse('mlx-lm');
  house.server((request) => {
    const isHealth = new URL(request.url).pathname === '/health';
    if (isHealth) return Response.json({ status: 'unavailable' }, { status: 503 });
    return Response.json({ error: 'generation thread died' }, { status: 404 });
  });
  const url = house.listen();
  expect((await post(`${url}/v1/chat/completions`, chat())).status).toBe(500);
  await until(() => house.lender.unloads.length === 1, 'an unload');
  expect(house.lender.unloads).toMatchObject([{ reason: 'unhealthy' }]);
});

describe('some other server that speaks OpenAI chat', () => {
  test('is asked whole for whole answers, with what is in that protocol, and named as ours', async () => {
    house = foreignHouse('openai');
    const asked: Record<string, unknown>[] = [];
    const choice = { index: 0, finish_reason: 'stop', message: { role: 'assistant', content: 'Hi', odd: 1 } };
    const usage = { prompt_tokens: 3, completion_tokens: 4, total_tokens: 7 };
    house.server(async (request) => {
      asked.push((await request.json()) as Record<string, unknown>);
      return Response.json({ id: 'x', object: 'chat.completion', model: 'theirs', choices: [choice], usage });
    });
    const url = house.listen();
    const body = chat({ stop: ['a'], n: 1, seed: 3, response_format: { type: 'json_object' }, cache_prompt: true });
    const answer = await (await post(`${url}/v1/chat/completions`, body)).json();
    expect(answer).toEqual({
      id: 'x',
      object: 'chat.completion',
      model: 'org/Some-Model',
      choices: [choice],
      usage,
    });
    expect(asked[0]).toEqual({
      messages: [{ role: 'user', content: 'hi' }],
      model: '/models/some',
      stop: ['a'],
      n: 1,
      seed: 3,
      response_format: { type: 'json_object' },
      stream: false,
    });
    await settled();
    expect(outcome()).toMatchObject({ kind: 'completed', usage: { inputTokens: 3, outputTokens: 4 } });
  });

  test('answers streams and embeddings', async () => {
    house = foreignHouse('openai');
    house.server((request) => {
      const isChat = request.url.endsWith('/v1/chat/completions');
      if (isChat) return answerOf(streamOf('mlx-lm', THOUGHT));
      return Response.json({ object: 'list', model: 'theirs', data: [{ index: 0, embedding: [1] }] });
    });
    const url = house.listen();
    const message = await anthropic(url).messages.stream({ model: 'some', messages, max_tokens: 99 }).finalMessage();
    expect(message).toMatchObject({ stop_reason: 'end_turn', usage: { input_tokens: 311, output_tokens: 26 } });
    const vectors = await (await post(`${url}/v1/embeddings`, JSON.stringify({ input: 'a' }))).json();
    expect(vectors).toEqual({ object: 'list', model: 'org/Some-Model', data: [{ index: 0, embedding: [1] }] });
  });
});

test('the answers of an HTTP/1.0 server end with its connection', async () => {
  house = foreignHouse('mlx-lm');
  house.bytes((write, end) => {
    write(`HTTP/1.0 200 OK\r\nServer: BaseHTTP/0.6\r\nContent-type: text/event-stream\r\n\r\n`);
    write(streamOf('mlx-lm', THOUGHT));
    end();
  });
  const url = house.listen();
  for (let times = 0; times < 2; times += 1) {
    const answer = await openai(url).chat.completions.create({ model: 'some', messages });
    expect(answer.choices[0]?.message.content).toBe('Hello there');
  }
});

test('mlx_lm’s comments tell how far the prompt is read', async () => {
  const url = telling('mlx-lm', THOUGHT);
  for (const stream of [true, false]) await (await post(`${url}/v1/chat/completions`, chat({ stream }))).text();
  await (await post(`${url}/v1/messages`, messagesBody({ stream: true }))).text();
  await until(() => house.tracker.settled.length === 3, 'three settled tickets');
  const read = { promptTokens: 312, cachedTokens: 0 };
  for (const { prefills } of house.tracker.settled) {
    expect(prefills).toMatchObject([
      { ...read, processedTokens: 256 },
      { ...read, processedTokens: 312 },
    ]);
  }
});

test('several calls under one index, or under none, are several calls', async () => {
  const head = { id: 'c', object: 'chat.completion.chunk', created: 1, model: 'x' };
  const call = (name: string, id?: string, index?: number) => ({
    id,
    index,
    function: { name, arguments: { at: name } },
  });
  for (const calls of [
    [call('one', 'a', 0), call('two', 'b', 0)],
    [call('one'), call('two')],
  ]) {
    house = foreignHouse('mlx-lm');
    const frames = calls.map((each) => ({ ...head, choices: [{ delta: { tool_calls: [each] } }] }));
    const last = { ...head, choices: [{ delta: {}, finish_reason: 'tool_calls' }] };
    house.server(() => answerOf([...frames, last].map((frame) => `data: ${JSON.stringify(frame)}\n\n`).join('')));
    const named = ['one', 'two'].map((name) => ({ type: 'function' as const, function: { name } }));
    const answer = await openai(house.listen()).chat.completions.create({ model: 'some', messages, tools: named });
    const made = answer.choices[0]?.message.tool_calls ?? [];
    expect(made).toMatchObject([
      { function: { name: 'one', arguments: '{"at":"one"}' } },
      { function: { name: 'two', arguments: '{"at":"two"}' } },
    ]);
    expect(new Set(made.map(({ id }) => id)).size).toBe(2);
    if (calls[0]?.id === 'a') await house.close();
  }
});

describe('an error', () => {
  const failing = (engine: Foreign, answer: () => Response): string => {
    house = foreignHouse(engine);
    house.server(answer);
    return house.listen();
  };
  const bodyOf = async (response: Response): Promise<{ error: { message: string } }> =>
    JSON.parse(await response.text());

  test('within a stream, with an end after it, is an error and nothing else', async () => {
    const error = { message: 'Too many requests. Service is at capacity.', type: 'rate_limit_exceeded', code: '429' };
    const end = { choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] };
    const stream = `data: ${JSON.stringify({ error })}\n\ndata: ${JSON.stringify(end)}\n\ndata: [DONE]\n\n`;
    const url = failing('mlx-openai-server', () => answerOf(stream));
    const streamed = await (await post(`${url}/v1/chat/completions`, chat({ stream: true }))).text();
    expect(streamed).toContain('Service is at capacity');
    expect(streamed).not.toContain('finish_reason');
    expect(streamed).not.toContain('[DONE]');
    const whole = await post(`${url}/v1/chat/completions`, chat());
    expect(whole.status).toBe(429);
    const message = await post(`${url}/v1/messages`, messagesBody());
    expect(message.status).toBe(429);
    expect(await message.json()).toMatchObject({ type: 'error', error: { type: 'rate_limit_error' } });
  });

  test('of mlx-vlm’s parser in the middle of a call ends the answer as cut off', async () => {
    const chunk = (delta: object) => `data: ${JSON.stringify({ id: 'c', choices: [{ index: 0, delta }] })}\n\n`;
    const stream = [
      chunk({ content: 'Let me see.' }),
      chunk({ tool_calls: [{ index: 0, id: 'a', function: { name: 'get_weather', arguments: '' } }] }),
      chunk({ tool_calls: [{ index: 0, function: { arguments: '{"city": "Par' } }] }),
      `data: ${JSON.stringify({ error: "Expecting ',' delimiter: line 1 column 54 (char 53)" })}\n\n`,
    ].join('');
    const url = failing('mlx-vlm', () => answerOf(stream));
    const text = await (await post(`${url}/v1/chat/completions`, chat({ stream: true, tools }))).text();
    expect(text).toContain('"finish_reason":"length"');
    expect(text).toContain('[DONE]');
  });

  test.each<[string, number, unknown, number, string]>([
    ['a picture', 404, { error: "Only 'text' content type is supported." }, 400, "Only 'text' content type"],
    ['a thread that died', 404, { error: 'generation thread died' }, 500, 'generation thread died'],
    ['a template', 404, { error: 'jinja2.exceptions.TemplateError: no' }, 400, 'TemplateError'],
    ['an unknown model', 404, { detail: { error: { message: "Model 'x' not found.", code: 404 } } }, 500, 'not found'],
    [
      'validation',
      422,
      { detail: [{ loc: ['body', 'n'], msg: 'Input should be 1' }] },
      400,
      'body.n: Input should be 1',
    ],
    ['words', 500, { detail: 'There is no Stream(cpu, 1)' }, 500, 'no Stream'],
    ['full', 429, { detail: { error: { message: 'at capacity', code: '429' } } }, 429, 'at capacity'],
  ])('about %s is told in each protocol: %p %p', async (_, status, body, told, words) => {
    const url = failing('mlx-lm', () => Response.json(body, { status }));
    for (const stream of [true, false]) {
      const answer = await post(`${url}/v1/chat/completions`, chat({ stream }));
      expect(answer.status).toBe(told);
      expect((await bodyOf(answer)).error.message).toContain(words);
      const message = await post(`${url}/v1/messages`, messagesBody({ stream }));
      expect(await message.text()).toContain(words);
      expect(message.status >= 500).toBe(told >= 500);
    }
  });
});
