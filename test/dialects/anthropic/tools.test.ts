// Anthropic's tools and tool choice as OpenAI's: what is offered, what is left out, what is forced.
import { describe, expect, test } from 'bun:test';
import { readRequest } from '#src/dialects/anthropic/request.ts';
import type { JsonObject } from '#src/json.ts';

const hello = [{ role: 'user', content: 'hello' }];
const read = (body: JsonObject) => readRequest({ messages: hello, ...body });
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
const chatTool = (name: string) => ({ type: 'function', function: { name, description: `does ${name}`, parameters } });
const names = (body: JsonObject) => (read(body).request.tools ?? []).map((each) => each.function.name);

describe('tools', () => {
  test('a tool is a function, without $schema and the fields only Anthropic knows', () => {
    const given = tool('f', { type: 'custom', cache_control: {}, eager_input_streaming: true, input_examples: [] });
    expect(read({ tools: [given] }).request.tools as unknown as object[]).toEqual([chatTool('f')]);
  });

  test('a tool may have no description and no schema', () => {
    expect(read({ tools: [{ name: 'f' }] }).request.tools as unknown as object[]).toEqual([
      { type: 'function', function: { name: 'f', parameters: { type: 'object', properties: {} } } },
    ]);
  });

  test('server tools go with a note, and with the last tool the choice goes too', () => {
    const { request, notes } = read({
      tools: [{ type: 'web_search_20250305', name: 'web_search', max_uses: 8 }],
      tool_choice: { type: 'tool', name: 'web_search' },
    });
    expect(Object.keys(request)).not.toContain('tools');
    expect(Object.keys(request)).not.toContain('tool_choice');
    expect(notes).toEqual(['the tool web_search was left out: web_search_20250305 runs at Anthropic only']);
  });

  test('deferred tools take part once they are mentioned, after all others', () => {
    const tools = [
      tool('a'),
      tool('late', { defer_loading: true }),
      tool('later', { defer_loading: true }),
      tool('b'),
      tool('DeferredToolPlaceholder', { defer_loading: true }),
    ];
    const reference = (name: string) => ({
      type: 'tool_result',
      tool_use_id: 't',
      content: [{ type: 'tool_reference', tool_name: name }],
    });
    expect(names({ tools })).toEqual(['a', 'b']);
    expect(names({ tools, messages: [{ role: 'user', content: [reference('later')] }] })).toEqual(['a', 'b', 'later']);
    expect(names({ tools, messages: [{ role: 'user', content: [reference('later'), reference('late')] }] })).toEqual([
      'a',
      'b',
      'later',
      'late',
    ]);
  });

  test('a tool may be added in mid-conversation, by definition or by name', () => {
    const addition = (added: object) => ({ role: 'system', content: [{ type: 'tool_addition', tool: added }] });
    const body = {
      tools: [tool('a'), tool('late', { defer_loading: true })],
      messages: [
        ...hello,
        addition({ type: 'tool_definition', definition: tool('b') }),
        addition({ type: 'tool_reference', name: 'late' }),
      ],
    };
    expect(names(body)).toEqual(['a', 'b', 'late']);
    expect(read(body).request.messages as unknown as object[]).toEqual(hello);
  });

  const choices: readonly { choice: unknown; fields: object }[] = [
    { choice: undefined, fields: {} },
    { choice: null, fields: {} },
    { choice: { type: 'auto' }, fields: { tool_choice: 'auto' } },
    { choice: 'auto', fields: { tool_choice: 'auto' } },
    { choice: { type: 'any' }, fields: { tool_choice: 'required' } },
    { choice: { type: 'none' }, fields: { tool_choice: 'none' } },
    {
      choice: { type: 'auto', disable_parallel_tool_use: true },
      fields: { tool_choice: 'auto', parallel_tool_calls: false },
    },
    { choice: { type: 'auto', disable_parallel_tool_use: false }, fields: { tool_choice: 'auto' } },
  ];
  for (const { choice, fields } of choices) {
    test(`the choice ${JSON.stringify(choice)}`, () => {
      const { tools, tool_choice, parallel_tool_calls } = read({ tools: [tool('f')], tool_choice: choice }).request;
      expect(JSON.parse(JSON.stringify({ tool_choice, parallel_tool_calls }))).toEqual(fields);
      expect(tools).toHaveLength(1);
    });
  }

  test('a named tool is the only one there is', () => {
    const { request } = read({ tools: [tool('f'), tool('g')], tool_choice: { type: 'tool', name: 'g' } });
    expect(request.tools as unknown as object[]).toEqual([chatTool('g')]);
    expect(request.tool_choice).toBe('required');
  });
});
