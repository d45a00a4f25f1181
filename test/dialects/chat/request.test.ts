// What clients of OpenAI chat write about tools. Messages: test/dialects/normalise.
import { describe, expect, test } from 'bun:test';
import { toolFields } from '#src/dialects/chat/request.ts';
import { Fault } from '#src/faults.ts';
import type { JsonObject } from '#src/json.ts';

const named = (name: string) => ({ name, description: 'd', parameters: { type: 'object', properties: {} } });
const tool = (name: string) => ({ type: 'function', function: named(name) });
const choose = (name: string) => ({ type: 'function', function: { name } });
const tools = [tool('f'), tool('g'), tool('h')];

const cases: readonly {
  name: string;
  body: JsonObject;
  set: object;
  drop?: readonly string[];
  notes?: readonly string[];
}[] = [
  { name: 'tools and nothing else', body: { tools }, set: {} },
  { name: 'a choice in one word', body: { tools, tool_choice: 'required' }, set: {} },
  {
    name: 'a choice in one word, in an object',
    body: { tools, tool_choice: { type: 'none' } },
    set: { tool_choice: 'none' },
  },
  { name: 'no choice', body: { tools, tool_choice: null }, set: {} },
  {
    name: 'one tool: it is all there is to choose from',
    body: { tools, tool_choice: choose('g') },
    set: { tools: [tool('g')], tool_choice: 'required' },
  },
  {
    name: 'one tool, as Responses writes it',
    body: { tools, tool_choice: { type: 'function', name: 'g' } },
    set: { tools: [tool('g')], tool_choice: 'required' },
  },
  {
    name: 'some tools, in the order of the list',
    body: {
      tools,
      tool_choice: { type: 'allowed_tools', allowed_tools: { mode: 'auto', tools: [choose('h'), choose('f')] } },
    },
    set: { tools: [tool('f'), tool('h')], tool_choice: 'auto' },
  },
  {
    name: 'some tools, one of which must be called',
    body: { tools, tool_choice: { type: 'allowed_tools', allowed_tools: { mode: 'required', tools: [choose('h')] } } },
    set: { tools: [tool('h')], tool_choice: 'required' },
  },
  {
    name: 'functions of old',
    body: { functions: [named('f')] },
    set: { tools: [tool('f')] },
    drop: ['functions', 'function_call'],
  },
  {
    name: 'functions of old and a word of choice',
    body: { functions: [named('f')], function_call: 'none' },
    set: { tools: [tool('f')], tool_choice: 'none' },
    drop: ['functions', 'function_call'],
  },
  {
    name: 'functions of old and the choice of one',
    body: { functions: [named('f'), named('g')], function_call: { name: 'g' } },
    set: { tools: [tool('g')], tool_choice: 'required' },
    drop: ['functions', 'function_call'],
  },
  {
    name: 'a tool that no local engine has',
    body: { tools: [tool('f'), { type: 'web_search' }] },
    set: { tools: [tool('f')] },
    notes: ['tools of type web_search were left out: no local engine has them'],
  },
  {
    name: 'nothing but such tools',
    body: { tools: [{ type: 'web_search' }, { type: 'code_interpreter' }], tool_choice: 'auto' },
    set: {},
    drop: ['tools', 'tool_choice'],
    notes: [
      'tools of type web_search were left out: no local engine has them',
      'tools of type code_interpreter were left out: no local engine has them',
    ],
  },
  { name: 'tools of no known shape, for the engine to refuse', body: { tools: [7, {}, null] }, set: {} },
  { name: 'functions beside tools', body: { tools, functions: [named('x')] }, set: {} },
];

describe('the tools of a chat request', () => {
  const legacy = ['functions were sent as tools: the calls of the answer are tool_calls'];
  for (const { name, body, set, drop, notes } of cases) {
    test(name, () => {
      const read = toolFields(body);
      expect(read.set as object).toEqual(set);
      expect(read.drop).toEqual(drop ?? []);
      expect(read.notes).toEqual(notes ?? (drop ? legacy : []));
    });
  }

  test('a tool of free text is refused with its place', () => {
    const custom = { type: 'custom', custom: { name: 'x' } };
    expect(() => toolFields({ tools: [tool('f'), custom] })).toThrow(/^tools\.1\.type: custom tools/);
  });

  for (const choice of [choose('x'), { type: 'function' }, {}, { type: 'allowed_tools', allowed_tools: {} }]) {
    test(`a choice of no tool is refused: ${JSON.stringify(choice)}`, () => {
      expect(() => toolFields({ tools, tool_choice: choice })).toThrow(Fault);
      expect(() => toolFields({ tools, tool_choice: choice })).toThrow(/^tool_choice names/);
    });
  }
});
