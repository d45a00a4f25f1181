// Each kind of tool and of tool choice: what the model is offered, and how its call comes back.
import { describe, expect, test } from 'bun:test';
import { openResponses } from '#src/dialects/responses/responses.ts';
import type { JsonObject } from '#src/json.ts';
import { finish, head, toolArguments, toolStart } from '#test/dialects/anthropic/answers.ts';
import { mapMemory } from '#test/support/map-memory.ts';

const read = (body: JsonObject) => openResponses({ memory: mapMemory() }).read({ input: 'x', ...body });
const schema = { type: 'object', properties: { a: { type: 'string' } } };
const plain = { type: 'function', name: 'run', description: 'Runs.', parameters: schema, strict: true };
const custom = {
  type: 'custom',
  name: 'patch',
  description: 'Patches.',
  format: { type: 'grammar', syntax: 'lark', definition: 'start: /a+/' },
};
const group = {
  type: 'namespace',
  name: 'agents',
  description: 'Other agents.',
  tools: [
    { type: 'function', name: 'close', description: 'Closes one.' },
    { type: 'custom', name: 'tell' },
  ],
};

/** What the client gets when the model calls by this name. */
function returned(body: JsonObject, name: string, json: string): JsonObject {
  const collector = read(body).collector(head);
  for (const event of [toolStart(0, name), toolArguments(0, json), finish]) collector.push(event);
  const [call] = collector.result().output as JsonObject[];
  const { id: _id, call_id: _callId, status: _status, ...rest } = call ?? {};
  return rest;
}

describe('tools, there and back', () => {
  test('a function', () => {
    expect(read({ tools: [plain] }).request.tools).toEqual([
      { type: 'function', function: { name: 'run', description: 'Runs.', parameters: schema, strict: true } },
    ]);
    expect(returned({ tools: [plain] }, 'run', '{"a":"b"}')).toEqual({
      type: 'function_call',
      name: 'run',
      arguments: '{"a":"b"}',
    });
  });

  test('a function without parameters, and with those of chat', () => {
    const tools = [
      { type: 'function', name: 'a', parameters: null, description: null },
      { type: 'function', function: { name: 'b', parameters: { ...schema, $schema: 'x' } } },
    ];
    expect(read({ tools }).request.tools).toEqual([
      { type: 'function', function: { name: 'a', parameters: { type: 'object', properties: {} } } },
      { type: 'function', function: { name: 'b', parameters: schema } },
    ]);
  });

  test('a custom tool', () => {
    const [tool] = read({ tools: [custom] }).request.tools ?? [];
    expect(tool?.function).toMatchObject({
      name: 'patch',
      parameters: { type: 'object', properties: { input: { type: 'string' } }, required: ['input'] },
    });
    expect(tool?.function.description).toStartWith('Patches.\n\n');
    expect(tool?.function.description).toEndWith('lark grammar:\nstart: /a+/');
    expect(returned({ tools: [custom] }, 'patch', '{"input":"raw\\n"}')).toEqual({
      type: 'custom_tool_call',
      name: 'patch',
      input: 'raw\n',
    });
  });

  test('a grammar that would fill the prompt is not printed', () => {
    const format = { type: 'grammar', syntax: 'lark', definition: 'x'.repeat(3_000) };
    const [tool] = read({ tools: [{ ...custom, format }] }).request.tools ?? [];
    expect(tool?.function.description?.length).toBeLessThan(200);
  });

  test('a namespace', () => {
    const { request } = read({ tools: [group] });
    expect(request.tools?.map((tool) => tool.function.name)).toEqual(['agents__close', 'agents__tell']);
    expect(request.tools?.[0]?.function.description).toBe('agents: Other agents.\n\nCloses one.');
    expect(returned({ tools: [group] }, 'agents__close', '{}')).toEqual({
      type: 'function_call',
      name: 'close',
      namespace: 'agents',
      arguments: '{}',
    });
    expect(returned({ tools: [group] }, 'agents__tell', '{"input":"hi"}')).toEqual({
      type: 'custom_tool_call',
      name: 'tell',
      namespace: 'agents',
      input: 'hi',
    });
  });

  test('a namespace whose name ends in the separator, as those of MCP servers do', () => {
    const tools = [{ ...group, name: 'mcp__files__' }];
    expect(read({ tools }).request.tools?.[0]?.function.name).toBe('mcp__files__close');
    expect(returned({ tools }, 'mcp__files__close', '{}')).toMatchObject({ name: 'close', namespace: 'mcp__files__' });
  });

  test('a bare name that two groups have is not guessed', () => {
    const tools = [group, { ...group, name: 'others' }];
    expect(returned({ tools }, 'close', '{}')).not.toHaveProperty('namespace');
  });

  test('of two tools with one name the first is offered', () => {
    expect(read({ tools: [plain, { ...plain, description: 'Again.' }] }).request.tools).toHaveLength(1);
  });

  test.each([
    'web_search',
    'web_search_preview',
    'file_search',
    'computer',
    'computer_use_preview',
    'code_interpreter',
    'image_generation',
    'mcp',
    'tool_search',
    'local_shell',
    'shell',
    'apply_patch',
    'something_new',
  ])('%s is left out and said so', (type) => {
    const { request, notes } = read({ tools: [{ type }], tool_choice: 'auto', parallel_tool_calls: true });
    expect(notes).toEqual([`the tool ${type} was left out: a local model has none`]);
    for (const field of ['tools', 'tool_choice', 'parallel_tool_calls']) expect(request).not.toHaveProperty(field);
  });
});

describe('tool choice', () => {
  const choose = (tool_choice: unknown) => {
    const { request, notes } = read({ tools: [plain, custom, group], tool_choice });
    return { names: request.tools?.map((tool) => tool.function.name), choice: request.tool_choice, notes };
  };
  const all = ['run', 'patch', 'agents__close', 'agents__tell'];

  test.each([
    ['auto', 'auto', all, 'auto'],
    ['required', 'required', all, 'required'],
    ['none', 'none', all, 'none'],
    ['absent', undefined, all, undefined],
    ['a function', { type: 'function', name: 'run' }, ['run'], 'required'],
    ['a function as chat names it', { type: 'function', function: { name: 'run' } }, ['run'], 'required'],
    ['a custom tool', { type: 'custom', name: 'patch' }, ['patch'], 'required'],
    ['one of a namespace', { type: 'function', namespace: 'agents', name: 'close' }, ['agents__close'], 'required'],
    ['one of a namespace by its bare name', { type: 'function', name: 'close' }, ['agents__close'], 'required'],
    [
      'allowed tools',
      {
        type: 'allowed_tools',
        mode: 'auto',
        tools: [
          { type: 'function', name: 'run' },
          { type: 'custom', name: 'patch' },
        ],
      },
      ['run', 'patch'],
      'auto',
    ],
    [
      'allowed tools, one of them demanded',
      { type: 'allowed_tools', mode: 'required', tools: [{ type: 'function', name: 'run' }] },
      ['run'],
      'required',
    ],
  ])('%s', (_what, form, names, choice) => {
    expect(choose(form)).toEqual({ names, choice, notes: [] } as never);
  });

  test('a built-in tool as choice is taken as auto and said so', () => {
    expect(choose({ type: 'web_search_preview' })).toMatchObject({ names: all, choice: 'auto' });
    expect(choose({ type: 'web_search_preview' }).notes).toHaveLength(1);
  });

  test('a tool that was not offered is refused', () => {
    expect(() => choose({ type: 'function', name: 'fly' })).toThrow('tool_choice.name: the tool fly is not among');
  });

  test('whether calls may be parallel is passed on', () => {
    for (const parallel_tool_calls of [true, false]) {
      expect(read({ tools: [plain], parallel_tool_calls }).request.parallel_tool_calls).toBe(parallel_tool_calls);
    }
    expect(read({ tools: [plain] }).request).not.toHaveProperty('parallel_tool_calls');
  });
});

describe('other fields', () => {
  test.each([
    [{ max_output_tokens: 5 }, { max_tokens: 5 }],
    [
      { temperature: 0, top_p: 0.5 },
      { temperature: 0, top_p: 0.5 },
    ],
    [{ reasoning: { effort: null, summary: 'auto' } }, {}],
    [{ reasoning: { effort: 'none' } }, { chat_template_kwargs: { enable_thinking: false, thinking: false } }],
    [{ reasoning: { effort: 'minimal' } }, { chat_template_kwargs: { enable_thinking: false, thinking: false } }],
    [
      { reasoning: { effort: 'low' } },
      { chat_template_kwargs: { enable_thinking: true, thinking: true }, reasoning_effort: 'low' },
    ],
    [
      { reasoning: { effort: 'xhigh' } },
      { chat_template_kwargs: { enable_thinking: true, thinking: true }, reasoning_effort: 'high' },
    ],
    [{ text: { format: { type: 'text' }, verbosity: 'low' } }, {}],
    [{ text: { format: { type: 'json_object' } } }, { response_format: { type: 'json_object' } }],
    [
      { text: { format: { type: 'json_schema', name: 'n', schema: { ...schema, $schema: 's' }, strict: true } } },
      { response_format: { type: 'json_schema', json_schema: { name: 'n', schema, strict: true } } },
    ],
    [
      {
        store: false,
        include: ['reasoning.encrypted_content'],
        metadata: { a: 'b' },
        prompt_cache_key: 'k',
        service_tier: 'auto',
        client_metadata: {},
        truncation: 'disabled',
        background: false,
        conversation: null,
      },
      {},
    ],
  ] as const)('%j', (body, fields) => {
    const { request, notes } = read(body);
    const { messages: _messages, stream: _stream, ...rest } = request;
    expect(rest).toEqual(fields as never);
    expect(notes).toEqual([]);
  });

  test.each([
    [{ background: true }, 'background'],
    [{ conversation: 'conv_1' }, 'conversation'],
    [{ prompt: { id: 'pmpt_1' } }, 'prompt'],
    [{ max_output_tokens: 0 }, 'max_output_tokens'],
    [{ temperature: 'hot' }, 'temperature'],
    [{ stream: 'yes' }, 'stream'],
    [{ store: 'yes' }, 'store'],
    [{ text: { format: { type: 'poem' } } }, 'text.format.type'],
    [{ text: { format: { type: 'json_schema' } } }, 'text.format.schema'],
    [{ tools: [{ name: 'x' }] }, 'tools[0].type'],
    [{ tools: [{ ...group, tools: [{ type: 'function' }] }] }, 'tools[0].tools[0].name'],
  ])('%j is refused, and the place is named', (body, path) => {
    expect(() => read(body)).toThrow(`${path}: `);
  });

  test.each([[{ truncation: 'auto' }], [{ top_logprobs: 3 }], [{ max_tool_calls: 3 }], [{ context_management: [] }]])(
    '%j is left out and said so',
    (body) => {
      expect(read(body).notes).toHaveLength(1);
    },
  );
});
