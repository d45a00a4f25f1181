// Anthropic bodies as canonical chat requests: blocks, thinking, refusals. Tools: tools.test.ts; whole recorded
// requests: recordings.test.ts.
import { describe, expect, test } from 'bun:test';
import { readRequest } from '#src/dialects/anthropic/request.ts';
import { Fault } from '#src/faults.ts';
import type { JsonObject } from '#src/json.ts';

const hello = [{ role: 'user', content: 'hello' }];
const read = (body: JsonObject) => readRequest({ messages: hello, ...body });
const messagesOf = (messages: readonly object[], body: JsonObject = {}) =>
  readRequest({ messages, ...body }).request.messages as unknown as object[];
const userParts = (...content: object[]) => messagesOf([{ role: 'user', content }]);
const image = (media: string, data: string) => ({ type: 'image', source: { type: 'base64', media_type: media, data } });
const imageUrl = (url: string) => ({ type: 'image_url', image_url: { url } });
const text = (words: string) => ({ type: 'text', text: words });

const blockCases: readonly {
  name: string;
  blocks: readonly object[];
  parts: readonly object[];
  notes?: readonly string[];
}[] = [
  {
    name: 'text, without its cache mark and citations',
    blocks: [{ ...text('a'), cache_control: {}, citations: [] }],
    parts: [text('a')],
  },
  { name: 'an image in base64', blocks: [image('image/png', 'QUJD')], parts: [imageUrl('data:image/png;base64,QUJD')] },
  {
    name: 'an image whose address holds it',
    blocks: [{ type: 'image', source: { type: 'url', url: 'data:image/png;base64,QUJD' } }],
    parts: [imageUrl('data:image/png;base64,QUJD')],
  },
  {
    name: 'a document of text, with title and context',
    blocks: [
      { type: 'document', title: 'A "b"', context: 'c', source: { type: 'text', media_type: 'text/plain', data: 'd' } },
    ],
    parts: [text('<document title="A &quot;b&quot;">'), text('c'), text('d'), text('</document>')],
  },
  {
    name: 'a document of blocks',
    blocks: [{ type: 'document', source: { type: 'content', content: [text('a'), image('image/gif', 'R0')] } }],
    parts: [text('<document>'), text('a'), imageUrl('data:image/gif;base64,R0'), text('</document>')],
  },
  {
    name: 'a PDF, as a note in its place',
    blocks: [
      { type: 'document', title: 'plan', source: { type: 'base64', media_type: 'application/pdf', data: 'JVBE' } },
    ],
    parts: [text('[PDF omitted: plan. Its text can be read with a tool such as pdftotext.]')],
    notes: ['a PDF document was left out: a local model cannot read it, a tool such as pdftotext can'],
  },
  {
    name: 'a search result',
    blocks: [{ type: 'search_result', title: 'T', source: 'https://example.org', content: [text('found')] }],
    parts: [text('[T](https://example.org)'), text('found')],
  },
  {
    name: 'a block of the future, as a note',
    blocks: [text('a'), { type: 'hologram', data: 'x' }],
    parts: [text('a')],
    notes: ['a block of type hologram was left out: it means nothing to a local model'],
  },
  {
    name: 'an upload to a container, as a note',
    blocks: [text('a'), { type: 'container_upload', file_id: 'f' }],
    parts: [text('a')],
    notes: ['a block of type container_upload was left out: its tool runs at Anthropic only'],
  },
];

describe('a user block', () => {
  for (const { name, blocks, parts, notes } of blockCases) {
    test(name, () => {
      const result = read({ messages: [{ role: 'user', content: blocks }] });
      expect(result.request.messages as unknown as object[]).toEqual([{ role: 'user', content: [...parts] }]);
      expect(result.notes).toEqual(notes ?? []);
    });
  }

  test('results come first, as tool messages with the engine’s own ids', () => {
    const content = [
      text('and now?'),
      { type: 'tool_result', tool_use_id: 'toolu_a', content: 'r' },
      { type: 'tool_result', tool_use_id: 'b' },
    ];
    expect(userParts(...content)).toEqual([
      { role: 'tool', tool_call_id: 'a', content: [text('r')] },
      { role: 'tool', tool_call_id: 'b', content: [] },
      { role: 'user', content: [text('and now?')] },
    ]);
  });

  const results: readonly { name: string; block: object; content: readonly object[] }[] = [
    { name: 'null', block: { content: null }, content: [] },
    {
      name: 'an image',
      block: { content: [image('image/png', 'QQ')] },
      content: [imageUrl('data:image/png;base64,QQ')],
    },
    {
      name: 'text and a PDF',
      block: { content: [text('read'), { type: 'document', source: { type: 'base64', data: '' } }] },
      content: [text('read'), text('[PDF omitted. Its text can be read with a tool such as pdftotext.]')],
    },
    { name: 'a failure', block: { content: 'no such file', is_error: true }, content: [text('Error: no such file')] },
    {
      name: 'a failure that says so itself',
      block: { content: [text('Error: gone')], is_error: true },
      content: [text('Error: gone')],
    },
    { name: 'a failure without words', block: { is_error: true }, content: [text('Error:')] },
    { name: 'a success marked as such', block: { content: 'ok', is_error: false }, content: [text('ok')] },
    {
      name: 'a tool brought in',
      block: { content: [{ type: 'tool_reference', tool_name: 'Web' }] },
      content: [text('Tool Web is now available.')],
    },
  ];
  for (const { name, block, content } of results) {
    test(`a tool result: ${name}`, () => {
      expect(userParts({ type: 'tool_result', tool_use_id: 'toolu_a', ...block })).toEqual([
        { role: 'tool', tool_call_id: 'a', content: [...content] },
      ]);
    });
  }
});

describe('an assistant turn', () => {
  const turn = (...content: object[]) => read({ messages: [...hello, { role: 'assistant', content }, ...hello] });
  const spoken = (...content: object[]) => turn(...content).request.messages.slice(1, -1) as unknown as object[];

  test('thought, text and call become one message', () => {
    expect(
      spoken({ type: 'thinking', thinking: 'hm', signature: 'c2ln' }, text('let me see'), {
        type: 'tool_use',
        id: 'toolu_x',
        name: 'Bash',
        input: { command: 'ls', n: [1] },
        cache_control: {},
      }),
    ).toEqual([
      {
        role: 'assistant',
        content: [text('let me see')],
        reasoning_content: 'hm',
        tool_calls: [{ id: 'x', type: 'function', function: { name: 'Bash', arguments: '{"command":"ls","n":[1]}' } }],
      },
    ]);
  });

  test('an id without our prefix is taken as it is', () => {
    expect(spoken({ type: 'tool_use', id: 'call_1', name: 'f' })).toEqual([
      {
        role: 'assistant',
        content: [],
        tool_calls: [{ id: 'call_1', type: 'function', function: { name: 'f', arguments: '{}' } }],
      },
    ]);
  });

  test('redacted thinking and server tools go, with a note each; a turn of nothing else goes whole', () => {
    const { request, notes } = turn(
      { type: 'redacted_thinking', data: 'x' },
      { type: 'server_tool_use', id: 's', name: 'web_search', input: {} },
      { type: 'web_search_tool_result', tool_use_id: 's', content: [] },
    );
    expect(request.messages).toEqual([
      { role: 'user', content: 'hello' },
      { role: 'user', content: 'hello' },
    ]);
    expect(notes).toHaveLength(3);
  });

  test('a string is text', () => {
    expect(messagesOf([...hello, { role: 'assistant', content: 'It is' }])[1]).toEqual({
      role: 'assistant',
      content: 'It is',
    });
  });
});

describe('system text', () => {
  test('as a string or blocks, at the top and between messages', () => {
    const messages = messagesOf(
      [...hello, { role: 'system', content: 'late' }, { role: 'system', content: [text('later')] }],
      {
        system: [{ ...text('a'), cache_control: {} }, text('b')],
      },
    );
    expect(messages).toEqual([
      { role: 'system', content: [text('a'), text('b')] },
      { role: 'user', content: 'hello' },
      { role: 'system', content: 'late' },
      { role: 'system', content: [text('later')] },
    ]);
    expect(messagesOf(hello, { system: 'a' })[0]).toEqual({ role: 'system', content: [text('a')] });
  });
});

const schema = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  type: 'object',
  properties: { a: { type: 'string' } },
};
const parameters = { type: 'object', properties: { a: { type: 'string' } } };
const tool = (name: string, more: object = {}) => ({
  name,
  description: `does ${name}`,
  input_schema: schema,
  ...more,
});
describe('other fields', () => {
  const off = { chat_template_kwargs: { enable_thinking: false, thinking: false } };
  const on = { chat_template_kwargs: { enable_thinking: true, thinking: true } };
  const cases: readonly { name: string; body: JsonObject; fields: object }[] = [
    { name: 'nothing said', body: {}, fields: { max_tokens: 4096, ...off, stream: false } },
    {
      name: 'limits',
      body: { max_tokens: 9, stop_sequences: ['</block>'] },
      fields: { max_tokens: 9, stop: ['</block>'], verbose: true, timings_per_token: false, ...off, stream: false },
    },
    { name: 'no stops', body: { stop_sequences: [] }, fields: { max_tokens: 4096, ...off, stream: false } },
    {
      name: 'sampling',
      body: { temperature: 0, top_p: 0.9, top_k: 40 },
      fields: { max_tokens: 4096, temperature: 0, top_p: 0.9, top_k: 40, ...off, stream: false },
    },
    {
      name: 'model and stream',
      body: { model: 'm', stream: true },
      fields: { model: 'm', max_tokens: 4096, ...off, stream: true },
    },
    {
      name: 'thinking within a budget',
      body: { thinking: { type: 'enabled', budget_tokens: 2047 } },
      fields: { max_tokens: 4096, ...on, thinking_budget_tokens: 2047, stream: false },
    },
    {
      name: 'adaptive thinking with effort',
      body: { thinking: { type: 'adaptive' }, output_config: { effort: 'xhigh' } },
      fields: { max_tokens: 4096, ...on, reasoning_effort: 'high', stream: false },
    },
    {
      name: 'thinking between tools, before there is a result',
      body: { thinking: { type: 'between_tools' }, output_config: { effort: 'low' } },
      fields: { max_tokens: 4096, ...off, stream: false },
    },
    {
      name: 'thinking between tools, after a result',
      body: {
        thinking: { type: 'between_tools' },
        output_config: { effort: 'low' },
        messages: [{ role: 'user', content: [{ type: 'tool_result', tool_use_id: 'a', content: 'r' }] }],
      },
      fields: { max_tokens: 4096, ...on, reasoning_effort: 'low', stream: false },
    },
    {
      name: 'thinking off',
      body: { thinking: { type: 'disabled' } },
      fields: { max_tokens: 4096, ...off, stream: false },
    },
    {
      name: 'effort without thinking',
      body: { output_config: { effort: 'high' } },
      fields: { max_tokens: 4096, ...off, stream: false },
    },
    {
      name: 'structured output',
      body: { output_config: { format: { type: 'json_schema', schema } } },
      fields: {
        max_tokens: 4096,
        ...off,
        response_format: { type: 'json_schema', json_schema: { name: 'out', schema: parameters, strict: true } },
        stream: false,
      },
    },
    {
      name: 'fields without meaning here',
      body: {
        metadata: { user_id: 'u' },
        context_management: { edits: [] },
        service_tier: 'auto',
        speed: 'fast',
        anything: 1,
        cache_control: {},
      },
      fields: { max_tokens: 4096, ...off, stream: false },
    },
  ];
  for (const { name, body, fields } of cases) {
    test(name, () => {
      const { messages, ...rest } = read(body).request;
      expect(rest as object).toEqual(fields);
    });
  }

  test('a promise that no local engine keeps is noted', () => {
    expect(read({ mcp_servers: [{ name: 'x' }], container: null }).notes).toEqual([
      'mcp_servers was left out: only Anthropic serves it',
    ]);
  });
});

describe('a body that is wrong names the place', () => {
  const user = (content: unknown) => ({ messages: [...hello, ...hello, ...hello, { role: 'user', content }] });
  const cases: readonly [path: string, body: JsonObject][] = [
    ['messages', { messages: undefined }],
    ['messages', { messages: [] }],
    ['messages.0', { messages: ['hello'] }],
    ['messages.1.role', { messages: [...hello, { role: 'tool', content: 'x' }] }],
    ['messages.3.content', user(7)],
    ['messages.3.content.0', user(['x'])],
    ['messages.3.content.0.type', user([{ text: 'x' }])],
    ['messages.3.content.0.text', user([{ type: 'text' }])],
    ['messages.3.content.0.source', user([{ type: 'image' }])],
    ['messages.3.content.0.source.type', user([{ type: 'image', source: { type: 'file', file_id: 'f' } }])],
    ['messages.3.content.0.source.media_type', user([{ type: 'image', source: { type: 'base64', data: 'x' } }])],
    [
      'messages.3.content.0.source.url',
      user([{ type: 'document', source: { type: 'url', url: 'https://example.org' } }]),
    ],
    ['messages.3.content.0.source.type', user([{ type: 'document', source: { type: 'file', file_id: 'f' } }])],
    [
      'messages.3.content.0.source.url',
      user([{ type: 'image', source: { type: 'url', url: 'https://example.org/a.png' } }]),
    ],
    [
      'messages.3.content.0.content.0.source.url',
      user([
        { type: 'tool_result', tool_use_id: 'x', content: [{ type: 'image', source: { type: 'url', url: 'x' } }] },
      ]),
    ],
    ['messages', { messages: [{ role: 'assistant', content: [{ type: 'redacted_thinking', data: 'x' }] }] }],
    ['stop_sequences.0', { stop_sequences: [''] }],
    ['messages.3.content.0.tool_use_id', user([{ type: 'tool_result' }])],
    [
      'messages.3.content.0.content.1.type',
      user([{ type: 'tool_result', tool_use_id: 'x', content: [text('a'), {}] }]),
    ],
    [
      'messages.0.content.0.input',
      { messages: [{ role: 'assistant', content: [{ type: 'tool_use', id: 'a', name: 'b', input: 'x' }] }] },
    ],
    ['messages.0.content.0.thinking', { messages: [{ role: 'assistant', content: [{ type: 'thinking' }] }] }],
    ['system', { system: 7 }],
    ['system.1.text', { system: [text('a'), { type: 'text', text: 1 }] }],
    ['model', { model: 7 }],
    ['max_tokens', { max_tokens: 0 }],
    ['max_tokens', { max_tokens: '9' }],
    ['stream', { stream: 'yes' }],
    ['temperature', { temperature: 'hot' }],
    ['stop_sequences', { stop_sequences: 'x' }],
    ['stop_sequences.1', { stop_sequences: ['a', 1] }],
    ['thinking', { thinking: true }],
    ['thinking.budget_tokens', { thinking: { type: 'enabled', budget_tokens: 'all' } }],
    ['tools', { tools: {} }],
    ['tools.0.name', { tools: [{ description: 'x' }] }],
    ['tools.1.input_schema', { tools: [tool('a'), { name: 'b', input_schema: 'x' }] }],
    ['tool_choice.type', { tools: [tool('a')], tool_choice: { type: 'all' } }],
    ['tool_choice.name', { tools: [tool('a')], tool_choice: { type: 'tool', name: 'b' } }],
    ['output_config.format.type', { output_config: { format: { type: 'xml' } } }],
    ['output_config.format.schema', { output_config: { format: { type: 'json_schema' } } }],
  ];
  for (const [path, body] of cases) {
    test(`${path} in ${JSON.stringify(body).slice(0, 70)}`, () => {
      const thrown = faultOf(() => read(body));
      expect(thrown.kind).toBe('invalid-request');
      expect(thrown.message.split(': ')[0]).toBe(path);
    });
  }
});

function faultOf(action: () => unknown): Fault {
  try {
    action();
  } catch (cause) {
    if (cause instanceof Fault) return cause;
    throw cause;
  }
  throw new Error('Expected a fault');
}
