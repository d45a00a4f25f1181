// What engines that are not llama-server are asked, and what Flow does in their place: stop strings, forms, counting.
// What they answer is in foreign-engines.test.ts.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { answerOf, FOREIGN, type Foreign, streamOf, type Told } from './support/foreign-answers.ts';
import { chat, contentOf, foreignHouse, type House, messagesBody, post, until } from './support/house.ts';

type Body = Record<string, unknown> & { messages: { role: string; content: string }[] };

let house: House;
let url: string;
let asked: Body[];
let answers: Told[];
const enter = (engine: Foreign) => {
  house = foreignHouse(engine);
  house.server(async (request) => {
    asked.push((await request.json()) as Body);
    const told = answers.length > 1 ? answers.shift() : answers[0];
    return answerOf(streamOf(engine, told ?? { text: ['Hello'], finish: 'stop' }));
  });
  url = house.listen();
};
beforeEach(() => {
  asked = [];
  answers = [];
});
afterEach(async () => {
  await house.close();
  expect(house.lender.out).toBe(0);
  expect(house.tracker.settlements).toBe(house.tracker.opened);
});

const chatted = async (more: object) => {
  const response = await post(`${url}/v1/chat/completions`, chat(more));
  expect(response.status).toBe(200);
  return JSON.parse(await response.text());
};
const notes = async () => {
  await until(() => house.tracker.settled.length > 0, 'a settled ticket');
  return house.tracker.settled.flatMap(({ calls }) => calls.filter((call) => call.startsWith('repaired'))).join('\n');
};
const tool = (name: string, properties: object = {}) => ({
  type: 'function',
  function: { name, parameters: { type: 'object', properties, required: Object.keys(properties) } },
});

describe.each(FOREIGN)('%s is asked', (engine) => {
  beforeEach(() => enter(engine));

  test('by its own name of the model, for a stream with counts, and with a limit', async () => {
    for (const stream of [true, false]) await post(`${url}/v1/chat/completions`, chat({ stream, model: 'some' }));
    await post(`${url}/v1/messages`, messagesBody());
    for (const body of asked) {
      expect(body).toMatchObject({ model: '/models/some', stream: true, stream_options: { include_usage: true } });
      expect(body.max_tokens).toBeGreaterThan(0);
      expect(body.max_tokens).toBeLessThanOrEqual(4096);
    }
    expect(asked).toHaveLength(3);
  });

  test('with OpenAI’s newer name for the limit as the older one', async () => {
    await chatted({ max_completion_tokens: 7 });
    expect(asked[0]).toMatchObject({ max_tokens: 7 });
    expect(asked[0]).not.toHaveProperty('max_completion_tokens');
  });

  test('without what only llama-server knows, nor what would load other files', async () => {
    const fields = { return_progress: true, cache_prompt: true, id_slot: 1, n_predict: 9, verbose: true, seed: null };
    const files = { adapters: '/a', draft_model: '/d', chat_template: 'x' };
    await chatted({ ...fields, ...files, grammar: 'root ::= "a"', mirostat: 2, temperature: 0.5, repeat_penalty: 1.1 });
    const told = Object.keys(asked[0] ?? {}).sort();
    const kept = ['max_tokens', 'messages', 'model', 'repetition_penalty', 'stream', 'stream_options', 'temperature'];
    expect(told).toEqual(kept);
    expect(asked[0]).toMatchObject({ max_tokens: 9, repetition_penalty: 1.1 });
    expect(await notes()).toContain(`grammar, mirostat had no effect: ${engine}`);
  });

  test('to think or not where it reads that', async () => {
    await chatted({ chat_template_kwargs: { enable_thinking: false } });
    expect(asked[0]).toMatchObject({ chat_template_kwargs: { enable_thinking: false } });
    if (engine === 'mlx-vlm') expect(asked[0]).toMatchObject({ enable_thinking: false });
    else expect(asked[0]).not.toHaveProperty('enable_thinking');
  });

  test('for no more than one answer: several are refused without a load', async () => {
    const response = await post(`${url}/v1/chat/completions`, chat({ n: 2 }));
    expect(response.status).toBe(400);
    expect(await response.text()).toContain('one answer');
    expect(house.lender.acquired).toBe(0);
  });

  test('for no more stop strings than Flow can look for', async () => {
    for (const stop of [Array.from({ length: 65 }, (_, at) => `stop ${at}`), ['a'.repeat(1_001)]]) {
      const response = await post(`${url}/v1/chat/completions`, chat({ stop }));
      expect([response.status, await response.text()]).toEqual([400, expect.stringContaining('64 of 1000')]);
    }
    expect(asked).toHaveLength(0);
  });

  test('nothing that it has no route for, and that is said without a load', async () => {
    const refused = [
      ['/v1/embeddings', { input: 'a' }],
      ['/v1/rerank', { query: 'a', documents: ['b'] }],
      ['/infill', { input_prefix: 'a' }],
      ['/completion', { prompt: 'a' }],
      ['/tokenize', { content: 'a' }],
      ['/apply-template', { messages: [] }],
    ] as const;
    for (const [path, body] of refused) {
      const response = await post(`${url}${path}`, JSON.stringify({ model: 'some', ...body }));
      expect([path, response.status]).toEqual([path, 400]);
      expect(await response.text()).toContain(`${engine}, which`);
    }
    for (const path of ['/props', '/slots']) expect((await fetch(`${url}${path}?model=some`)).status).toBe(400);
    expect(house.lender.acquired).toBe(0);
    expect(asked).toHaveLength(0);
  });
});

test('of several answers at once none is lost, where the engine gives them', async () => {
  house = foreignHouse('openai');
  const choices = ['one', 'two'].map((content, index) => ({ index, delta: { content }, text: content }));
  const whole = ['one', 'two'].map((content, index) => ({ index, message: { content }, text: content }));
  house.server(async (request) => {
    const { stream } = (await request.json()) as { stream?: boolean };
    if (stream !== true) return Response.json({ object: 'x', choices: whole });
    const ended = choices.map(({ index }) => ({ index, delta: {}, text: '', finish_reason: 'stop' }));
    const frames = [...choices, ...ended].map((choice) => `data: ${JSON.stringify({ choices: [choice] })}\n\n`);
    return answerOf(`${frames.join('')}data: [DONE]\n\n`);
  });
  url = house.listen();
  const plain = { model: 'some', prompt: ['a', 'b'] };
  for (const stream of [true, false]) {
    const chatted = await post(`${url}/v1/chat/completions`, chat({ n: 2, stream }));
    expect([chatted.status, await chatted.text()]).toEqual([200, expect.stringMatching(/one.*two/s)]);
    const completed = await post(`${url}/v1/completions`, JSON.stringify({ ...plain, stream }));
    expect([completed.status, await completed.text()]).toEqual([200, expect.stringMatching(/one.*two/s)]);
  }
});

test('mlx_lm completes text, whole by a stream; servers without that route are not asked', async () => {
  const chunk = (text: string, more: object = {}) =>
    `data: ${JSON.stringify({ id: 'c', object: 'text_completion', model: '/m', choices: [{ index: 0, text, ...more }] })}\n\n`;
  house = foreignHouse('mlx-lm');
  house.server(async (request) => {
    asked.push((await request.json()) as Body);
    const usage = `data: ${JSON.stringify({ choices: [], usage: { prompt_tokens: 2, completion_tokens: 3 } })}\n\n`;
    const texts = `${chunk('on')}${chunk('ce E')}${chunk('ND upon')}${chunk('', { finish_reason: 'stop' })}`;
    return answerOf(`${texts}${usage}data: [DONE]\n\n`);
  });
  url = house.listen();
  const body = (more: object) => JSON.stringify({ model: 'some', prompt: 'Say', ...more });
  const whole = await (await post(`${url}/v1/completions`, body({}))).json();
  expect(whole).toMatchObject({
    object: 'text_completion',
    model: 'org/Some-Model',
    choices: [{ text: 'once END upon', finish_reason: 'stop' }],
    usage: { prompt_tokens: 2, completion_tokens: 3 },
  });
  expect(asked[0]).toMatchObject({ model: '/models/some', prompt: 'Say', stream: true });
  const stopped = await (await post(`${url}/v1/completions`, body({ stop: ['END'] }))).json();
  expect(stopped).toMatchObject({ choices: [{ text: 'once ', finish_reason: 'stop' }] });
  await house.close();
  enter('mlx-vlm');
  expect((await post(`${url}/v1/completions`, body({}))).status).toBe(400);
  expect(asked).toHaveLength(2);
});

describe('a stop string', () => {
  const pieces = ['Hello, w', 'orld! EN', 'Dx EN', 'D', ' never seen'];

  beforeEach(() => {
    enter('mlx-lm');
    answers = [{ text: pieces, finish: 'stop' }];
  });

  test('ends the answer in the middle of tokens, whole and streamed, and is not part of it', async () => {
    const whole = await chatted({ stop: ['END', ' seen'] });
    expect(whole.choices[0]).toMatchObject({ finish_reason: 'stop', message: { content: 'Hello, world! ' } });
    const text = await (await post(`${url}/v1/chat/completions`, chat({ stop: 'END', stream: true }))).text();
    expect(contentOf(text)).toBe('Hello, world! ');
    expect(text.match(/"finish_reason":"stop"/g)).toHaveLength(1);
    expect(text).toEndWith('data: [DONE]\n\n');
    expect(asked.every((body) => !Object.hasOwn(body, 'stop'))).toBe(true);
  });

  test('is named to Anthropic’s clients', async () => {
    const message = await (await post(`${url}/v1/messages`, messagesBody({ stop_sequences: ['xx', 'END'] }))).json();
    expect(message).toMatchObject({
      stop_reason: 'stop_sequence',
      stop_sequence: 'END',
      content: [{ text: 'Hello, world! ' }],
    });
  });

  test('leaves the counts to Flow: the prompt’s length is that of earlier ones, and what was read is counted', async () => {
    const system = 'x'.repeat(1_000);
    await post(`${url}/v1/messages`, messagesBody({ system }));
    const message = await (await post(`${url}/v1/messages`, messagesBody({ system, stop_sequences: ['END'] }))).json();
    expect(message.usage).toMatchObject({ input_tokens: 312, output_tokens: 3 });
    const messages = [
      { role: 'system', content: system },
      { role: 'user', content: 'hi' },
    ];
    const whole = await chatted({ messages, stop: ['END'] });
    expect(whole.usage.prompt_tokens).toBeGreaterThan(300);
    expect(whole.usage).toMatchObject({ completion_tokens: 3 });
  });

  test('that does not come changes nothing', async () => {
    const whole = await chatted({ stop: ['never seen again'] });
    expect(whole.choices[0].message.content).toBe(pieces.join(''));
  });

  test('closes the connection, so that the engine stops', async () => {
    const { promise: closed, resolve } = Promise.withResolvers<void>();
    await house.close();
    house = foreignHouse('mlx-lm');
    house.server((request) => {
      request.signal.addEventListener('abort', () => resolve());
      const frame = (content: string) => `data: ${JSON.stringify({ choices: [{ delta: { content } }] })}\n\n`;
      const body = new ReadableStream({
        start: (controller) => controller.enqueue(Buffer.from(frame('a EN') + frame('D b'))),
      });
      return new Response(body, { headers: { 'content-type': 'text/event-stream' } });
    });
    url = house.listen();
    expect((await chatted({ stop: 'END' })).choices[0].message.content).toBe('a ');
    await closed;
  });
});

describe('JSON by a schema', () => {
  const schema = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] };
  const format = { response_format: { type: 'json_schema', json_schema: { name: 'place', schema } } };
  beforeEach(() => enter('mlx-lm'));

  test('is asked for in words, and taken out of its fence', async () => {
    answers = [{ text: ['Sure:\n```json\n{"city":', ' "Paris"}\n```'], finish: 'stop' }];
    const whole = await chatted(format);
    expect(whole.choices[0].message.content).toBe('{"city": "Paris"}');
    expect(asked[0]).not.toHaveProperty('response_format');
    expect(asked[0]?.messages[0]).toMatchObject({ role: 'system', content: expect.stringContaining('"city"') });
    const text = await (await post(`${url}/v1/chat/completions`, chat({ ...format, stream: true }))).text();
    expect(contentOf(text)).toBe('{"city": "Paris"}');
  });

  test.each([true, false])('is asked for once more when it does not match: stream %p', async (stream) => {
    answers = [
      { text: ['{"town": "Paris"}'], finish: 'stop' },
      { text: ['{"city": "Paris"}'], finish: 'stop' },
    ];
    const response = await post(`${url}/v1/chat/completions`, chat({ ...format, stream }));
    const text = await response.text();
    expect(stream ? contentOf(text) : JSON.parse(text).choices[0].message.content).toBe('{"city": "Paris"}');
    expect(asked).toHaveLength(2);
    expect(asked[1]?.messages.slice(-2)).toMatchObject([
      { role: 'assistant', content: '{"town": "Paris"}' },
      { role: 'user', content: expect.stringContaining('city') },
    ]);
    expect(await notes()).toContain('asked once more');
  });

  test('that never matches is passed on as it is, once, with a note', async () => {
    answers = [{ text: ['no JSON'], finish: 'stop' }];
    const whole = await chatted(format);
    expect(whole.choices[0].message.content).toBe('no JSON');
    expect(asked).toHaveLength(2);
    expect(await notes()).toContain('handed on as it is');
  });

  test('without a schema is any object', async () => {
    answers = [
      { text: ['5'], finish: 'stop' },
      { text: ['{"a":1}'], finish: 'stop' },
    ];
    const whole = await chatted({ response_format: { type: 'json_object' } });
    expect(whole.choices[0].message.content).toBe('{"a":1}');
  });

  test('that was cut off is passed on as it is', async () => {
    answers = [{ text: ['{"city": "Par'], finish: 'length', outputTokens: 3 }];
    const whole = await chatted({ ...format, max_tokens: 3 });
    expect(whole.choices[0]).toMatchObject({ finish_reason: 'length', message: { content: '{"city": "Par' } });
    expect(asked).toHaveLength(1);
  });
});

describe('a call', () => {
  const tools = [tool('look', { at: { type: 'string' } }), tool('wait')];
  beforeEach(() => enter('mlx-lm'));

  test('that is required is asked for in words, and once more when none came', async () => {
    answers = [
      { text: ['I would look.'], finish: 'stop' },
      { call: { name: 'look', json: '{"at":"it"}' }, finish: 'tool_calls' },
    ];
    const whole = await chatted({ tools, tool_choice: 'required' });
    expect(whole.choices[0]).toMatchObject({
      finish_reason: 'tool_calls',
      message: { tool_calls: [{ function: { name: 'look' } }] },
    });
    expect(asked[0]).not.toHaveProperty('tool_choice');
    expect(asked[0]?.messages[0]).toMatchObject({ role: 'system', content: expect.stringContaining('call') });
    expect(asked[1]?.messages.at(-1)).toMatchObject({ role: 'user', content: expect.stringContaining('look, wait') });
  });

  test('of one tool leaves that tool alone', async () => {
    answers = [{ call: { name: 'wait', json: '{}' }, finish: 'tool_calls' }];
    await chatted({ tools, tool_choice: { type: 'function', function: { name: 'wait' } } });
    expect(asked).toHaveLength(1);
    expect(asked[0]).toMatchObject({ tools: [{ function: { name: 'wait' } }] });
  });

  test('that is not wanted is not possible: the tools are left out', async () => {
    await chatted({ tools, tool_choice: 'none' });
    expect(asked[0]).not.toHaveProperty('tools');
  });

  test('that does not match its schema is asked for once more', async () => {
    answers = [
      { call: { name: 'look', json: '{"where":"it"}' }, finish: 'tool_calls' },
      { call: { name: 'look', json: '{"at":"it"}' }, finish: 'tool_calls' },
    ];
    const whole = await chatted({ tools });
    expect(whole.choices[0].message.tool_calls).toMatchObject([{ function: { arguments: '{"at":"it"}' } }]);
    expect(asked).toHaveLength(2);
  });

  test('in the text is found', async () => {
    answers = [{ text: ['<tool_call>\n{"name": "wait", "argu', 'ments": {}}\n</tool_call>'], finish: 'stop' }];
    const whole = await chatted({ tools });
    expect(whole.choices[0]).toMatchObject({
      finish_reason: 'tool_calls',
      message: { tool_calls: [{ function: { name: 'wait' } }] },
    });
  });
});

describe('counting tokens', () => {
  const counted = async () => {
    const response = await post(`${url}/v1/messages/count_tokens`, messagesBody({ system: 'x'.repeat(1_000) }));
    expect(response.status).toBe(200);
    return { ...(await response.json()), isGuess: response.headers.get('x-flow-estimated') === 'input_tokens' };
  };

  test('is exact by one token of a loaded, idle engine', async () => {
    enter('mlx-lm');
    expect(await counted()).toEqual({ input_tokens: 312, isGuess: false });
    expect(asked[0]).toMatchObject({ max_tokens: 1, stream: true });
  });

  test('loads nothing: it is a guess, which learns from what the model answers', async () => {
    enter('mlx-lm');
    house.lender.phase = 'stopping';
    const first = await counted();
    expect(first.isGuess).toBe(true);
    expect(first.input_tokens).toBeGreaterThan(200);
    expect(first.input_tokens).toBeLessThan(300);
    await post(`${url}/v1/messages`, messagesBody({ system: 'x'.repeat(1_000) }));
    expect(await counted()).toEqual({ input_tokens: 312, isGuess: true });
    expect(asked).toHaveLength(1);
  });

  test('waits for nobody: a busy engine is not asked', async () => {
    enter('mlx-lm');
    house.lender.acquired += 1;
    expect((await counted()).isGuess).toBe(true);
    house.lender.disposed += 1;
    expect(asked).toHaveLength(0);
  });
});

test('a client that leaves ends the work, also of a whole answer', async () => {
  let [begun, closings] = [0, 0];
  house = foreignHouse('mlx-lm');
  house.server((request) => {
    begun += 1;
    request.signal.addEventListener('abort', () => {
      closings += 1;
    });
    const frame = `data: ${JSON.stringify({ choices: [{ delta: { content: 'a' } }] })}\n\n`;
    const body = new ReadableStream({ start: (controller) => controller.enqueue(Buffer.from(frame)) });
    return new Response(body, { headers: { 'content-type': 'text/event-stream' } });
  });
  url = house.listen();
  for (const stream of [true, false]) {
    const leaving = new AbortController();
    const before = begun;
    const answer = post(`${url}/v1/chat/completions`, chat({ stream }), { signal: leaving.signal })
      .then((response) => response.text())
      .catch(() => '');
    await until(() => begun > before, 'the engine was asked');
    leaving.abort();
    await answer;
  }
  await until(() => closings === 2, 'two closed connections');
  await until(() => house.tracker.settled.length === 2, 'two settled tickets');
  expect(house.tracker.settled.map(({ outcome }) => outcome.kind)).toEqual(['cancelled', 'cancelled']);
});
