/** Ollama's bodies, field by field, as the canonical request. The answers are in `answer.test.ts`. */
import { describe, expect, test } from 'bun:test';
import { readKeepAlive } from '#src/dialects/ollama/keep-alive.ts';
import { ollamaDialect } from '#src/dialects/ollama/ollama.ts';
import { readPlain } from '#src/dialects/ollama/request.ts';
import { Fault } from '#src/faults.ts';
import type { JsonObject } from '#src/json.ts';

const chat = (body: JsonObject) => ollamaDialect('chat').read({ messages: [{ role: 'user', content: 'hi' }], ...body });
const messagesOf = (...messages: readonly JsonObject[]) => chat({ messages }).request.messages;
const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

function faultOf(run: () => unknown): string {
  try {
    run();
  } catch (cause) {
    if (cause instanceof Fault && cause.kind === 'invalid-request') return cause.message;
    throw cause;
  }
  throw new Error('nothing was refused');
}

describe('a message', () => {
  const table: readonly [string, JsonObject, unknown][] = [
    ['system text', { role: 'system', content: 'be brief' }, { role: 'system', content: 'be brief' }],
    ['a developer’s text', { role: 'developer', content: 'be brief' }, { role: 'system', content: 'be brief' }],
    ['user text', { role: 'user', content: 'hi' }, { role: 'user', content: 'hi' }],
    ['no content', { role: 'user', content: null }, { role: 'user', content: '' }],
    [
      'an image',
      { role: 'user', content: 'what is it?', images: [PNG] },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'what is it?' },
          { type: 'image_url', image_url: { url: `data:image/png;base64,${PNG}` } },
        ],
      },
    ],
    [
      'an image that says what it is',
      { role: 'user', content: '', images: ['data:image/webp;base64,UklGRg=='] },
      { role: 'user', content: [{ type: 'image_url', image_url: { url: 'data:image/webp;base64,UklGRg==' } }] },
    ],
    [
      'OpenAI’s parts',
      { role: 'user', content: [{ type: 'text', text: 'hi' }] },
      { role: 'user', content: [{ type: 'text', text: 'hi' }] },
    ],
    [
      'a thought',
      { role: 'assistant', content: '4', thinking: '2 + 2' },
      { role: 'assistant', content: '4', reasoning_content: '2 + 2' },
    ],
    [
      'a call without an id',
      { role: 'assistant', content: '', tool_calls: [{ function: { name: 'look', arguments: { at: [1] } } }] },
      {
        role: 'assistant',
        content: '',
        tool_calls: [{ id: 'call_0_0', type: 'function', function: { name: 'look', arguments: '{"at":[1]}' } }],
      },
    ],
    [
      'a call with an id and a text',
      { role: 'assistant', tool_calls: [{ id: 'x1', function: { name: 'look', arguments: '{"at":2}' } }] },
      {
        role: 'assistant',
        content: '',
        tool_calls: [{ id: 'x1', type: 'function', function: { name: 'look', arguments: '{"at":2}' } }],
      },
    ],
  ];
  for (const [what, told, read] of table) {
    test(`with ${what}`, () => expect(messagesOf(told)).toEqual([read] as never));
  }

  test('of a tool finds its call by name, else in order', () => {
    const calls = { role: 'assistant', tool_calls: ['a', 'b', 'a'].map((name) => ({ function: { name } })) };
    const [, ...results] = messagesOf(
      calls,
      { role: 'tool', tool_name: 'b', content: 'of b' },
      { role: 'tool', content: 'of the first a' },
      { role: 'tool', tool_name: 'a', content: 'of the second a' },
      { role: 'tool', tool_name: 'nobody', content: 'of no call' },
    );
    expect(results.map(({ tool_call_id, name }) => [tool_call_id, name])).toEqual([
      ['call_0_1', 'b'],
      ['call_0_0', 'a'],
      ['call_0_2', 'a'],
      ['call_4', 'nobody'],
    ]);
  });
});

describe('a field', () => {
  const switched = (isOn: boolean) => ({ chat_template_kwargs: { enable_thinking: isOn, thinking: isOn } });
  const table: readonly [JsonObject, JsonObject][] = [
    [{ think: true }, switched(true)],
    [{ think: false }, switched(false)],
    [{ think: 'low' }, { ...switched(true), reasoning_effort: 'low' }],
    [{ think: 'max' }, { ...switched(true), reasoning_effort: 'high' }],
    [{ format: 'json' }, { response_format: { type: 'json_object' } }],
    [
      { format: { $schema: 'x', type: 'object' } },
      {
        response_format: {
          type: 'json_schema',
          json_schema: { name: 'out', schema: { type: 'object' }, strict: true },
        },
      },
    ],
    [{ options: { temperature: 0, top_k: 4, top_p: 0.5, min_p: 0.1 } }, { temperature: 0, top_k: 4, top_p: 0.5 }],
    [{ options: { seed: 7, repeat_penalty: 1.1 } }, { seed: 7, repeat_penalty: 1.1 }],
    [{ options: { presence_penalty: 1, frequency_penalty: 2 } }, { presence_penalty: 1, frequency_penalty: 2 }],
    [{ options: { num_predict: 12 } }, { max_tokens: 12 }],
    [{ options: { stop: 'END' } }, { stop: ['END'] }],
    [{ options: { stop: ['a', 'b'] } }, { stop: ['a', 'b'] }],
    [
      { tools: [{ type: 'function', function: { name: 'look', parameters: { $schema: 'x', type: 'object' } } }] },
      { tools: [{ type: 'function', function: { name: 'look', parameters: { type: 'object' } } }] },
    ],
  ];
  for (const [told, read] of table) {
    test(`${JSON.stringify(told)}`, () => expect(chat(told).request).toMatchObject(read));
  }

  test('that is absent leaves the model its habits', () => {
    expect(chat({}).request).toEqual({ messages: [{ role: 'user', content: 'hi' }], stream: true });
    const request = chat({ options: { num_predict: -1, stop: [] }, format: '', think: null }).request;
    expect(Object.keys(request)).toEqual(['messages', 'stream']);
  });

  test('without effect is noted', () => {
    const { notes } = chat({ options: { num_ctx: 8192, num_gpu: 1 }, logprobs: true });
    expect(notes.join('\n')).toMatch(/num_ctx, num_gpu[\s\S]*logprobs/);
    expect(chat({ options: { temperature: 1 }, logprobs: false }).notes).toEqual([]);
  });

  test('stream is on unless it is off', () => {
    expect([{}, { stream: true }, { stream: false }].map((body) => chat(body).wantsStream)).toEqual([
      true,
      true,
      false,
    ]);
  });

  const odd: readonly [JsonObject, string][] = [
    [{ messages: 'hi' }, 'messages'],
    [{ messages: [{ role: 'robot', content: '' }] }, 'messages.0.role'],
    [{ messages: [{ role: 'user', content: 5 }] }, 'messages.0.content'],
    [{ messages: [{ role: 'user', images: [''] }] }, 'messages.0.images.0'],
    [{ messages: [{ role: 'assistant', tool_calls: [{}] }] }, 'messages.0.tool_calls.0.function'],
    [{ tools: [{ function: {} }] }, 'tools.0.function.name'],
    [{ think: 'a lot' }, 'think'],
    [{ format: 'yaml' }, 'format'],
    [{ options: { temperature: 'hot' } }, 'options.temperature'],
    [{ options: { stop: [1] } }, 'options.stop.0'],
    [{ stream: 'yes' }, 'stream'],
    [{ model: 5 }, 'model'],
  ];
  for (const [body, place] of odd) {
    test(`${JSON.stringify(body)} is refused at ${place}`, () => {
      expect(faultOf(() => chat(body))).toStartWith(`${place}: `);
    });
  }
});

describe('generate', () => {
  const generate = (body: JsonObject) => ollamaDialect('generate').read(body);

  test('is a conversation of one turn', () => {
    const { request } = generate({ model: 'm', system: 'be brief', prompt: 'hi', images: [PNG] });
    expect(request).toEqual({
      model: 'm',
      messages: [
        { role: 'system', content: 'be brief' },
        {
          role: 'user',
          content: [
            { type: 'text', text: 'hi' },
            { type: 'image_url', image_url: { url: `data:image/png;base64,${PNG}` } },
          ],
        },
      ],
      stream: true,
    });
  });

  test('says what it leaves out', () => {
    const { notes } = generate({ prompt: 'hi', context: [1, 2], template: '{{ .Prompt }}' });
    expect(notes.join('\n')).toMatch(/context[\s\S]*template/);
    expect(generate({ prompt: 'hi', context: [], template: '' }).notes).toEqual([]);
  });

  test('goes past the template when raw or with a suffix', () => {
    expect(readPlain({ prompt: 'hi' })).toBeNull();
    expect(readPlain({ prompt: 'hi', raw: true, options: { num_predict: 3 } })).toMatchObject({
      kind: 'completion',
      fields: { prompt: 'hi', max_tokens: 3 },
      wantsStream: true,
    });
    expect(readPlain({ prompt: 'a', suffix: 'c', stream: false, system: 'x' })).toMatchObject({
      kind: 'infill',
      fields: { prompt: 'a', suffix: 'c' },
      wantsStream: false,
      notes: [expect.stringContaining('system')],
    });
    expect(faultOf(() => readPlain({ raw: true, images: [PNG] }))).toStartWith('images: ');
    // Clients with one shape of body for all requests.
    expect(readPlain({ raw: true, images: [] })).toMatchObject({ kind: 'completion' });
  });
});

describe('keep_alive', () => {
  const table: readonly [unknown, unknown][] = [
    [undefined, 'default'],
    [null, 'default'],
    ['', 'default'],
    [0, 0],
    ['0', 0],
    [300, 300],
    ['300', 300],
    ['5m', 300],
    ['1h30m', 5400],
    ['1.5h', 5400],
    ['300ms', 0.3],
    [-1, 'forever'],
    ['-1', 'forever'],
    ['-1m', 'forever'],
    [1e12, 'forever'],
  ];
  for (const [told, read] of table) {
    test(`${JSON.stringify(told)} is ${read}`, () => expect(readKeepAlive(told)).toEqual(read as never));
  }
  for (const odd of ['soon', '5 minutes', '5m3', {}, true, Number.NaN]) {
    test(`${JSON.stringify(odd)} is refused`, () => {
      expect(faultOf(() => readKeepAlive(odd))).toStartWith('keep_alive: ');
    });
  }
});
