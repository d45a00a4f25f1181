// Bodies that nobody should send: each is understood or refused with a Fault, and nothing else ever happens.
import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { openResponses } from '#src/dialects/responses/responses.ts';
import { Fault } from '#src/faults.ts';
import type { JsonObject } from '#src/json.ts';
import { finish, head, text } from '#test/dialects/anthropic/answers.ts';
import { mapMemory } from '#test/support/map-memory.ts';

const TYPES = [
  ...['message', 'reasoning', 'function_call', 'function_call_output', 'custom_tool_call', 'item_reference'],
  ...['custom_tool_call_output', 'additional_tools', 'tool_search_call', 'tool_search_output', 'compaction'],
  ...['local_shell_call', 'shell_call_output', 'computer_call', 'computer_call_output', 'mcp_call', 'program'],
];
const FIELDS = [
  'id',
  'role',
  'content',
  'call_id',
  'name',
  'arguments',
  'input',
  'output',
  'summary',
  'tools',
  'action',
];
const odd = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  fc.constantFrom('user', 'assistant', 'a', [], {}, [{ type: 'input_text' }]),
);
const sound = fc.constantFrom(
  { role: 'user', content: 'x' },
  { type: 'function_call', call_id: 'c', name: 'f', arguments: '{}' },
);
const strange = fc
  .record({ type: fc.constantFrom(...TYPES) }, { requiredKeys: [] })
  .chain((typed) =>
    fc.dictionary(fc.constantFrom(...FIELDS), odd, { maxKeys: 5 }).map((fields) => ({ ...typed, ...fields })),
  );
const item = fc.oneof({ weight: 3, arbitrary: sound }, strange);
const mostlyAbsent = fc.option(odd, { freq: 2 });
const tool = fc
  .record({ type: fc.constantFrom('function', 'custom', 'namespace', 'mcp', 'odd') })
  .chain((typed) =>
    fc
      .dictionary(fc.constantFrom('name', 'parameters', 'description', 'tools', 'format', 'strict'), odd)
      .map((fields) => ({ ...typed, ...fields })),
  );
const body = fc.record(
  {
    input: fc.oneof(odd, fc.array(item, { maxLength: 6 })),
    tools: fc.oneof(mostlyAbsent, fc.array(tool, { maxLength: 4 })),
    tool_choice: mostlyAbsent,
    instructions: mostlyAbsent,
    reasoning: mostlyAbsent,
    text: mostlyAbsent,
    store: mostlyAbsent,
    previous_response_id: mostlyAbsent,
    metadata: mostlyAbsent,
    user: mostlyAbsent,
  },
  { requiredKeys: [] },
);

test('any body is understood or refused, and an answer to it can be told', () => {
  let understood = 0;
  fc.assert(
    fc.property(body, (given) => {
      const dialect = openResponses({ memory: mapMemory() });
      try {
        const reading = dialect.read(given as JsonObject);
        const collector = reading.collector(head);
        for (const event of [text('a'), finish]) collector.push(event);
        expect(collector.result().status).toBe('completed');
        understood += 1;
      } catch (cause) {
        if (!(cause instanceof Fault)) throw cause;
        expect(cause.status).toBeLessThan(500);
      }
    }),
    { numRuns: 2_000 },
  );
  expect(understood).toBeGreaterThan(20);
});

test('references that point at themselves or at each other come to an end', () => {
  const dialect = openResponses({ memory: mapMemory() });
  for (const input of [
    [{ id: 'a' }],
    [
      { type: 'item_reference', id: 'a' },
      { type: 'item_reference', id: 'a' },
    ],
  ]) {
    expect(() => dialect.read({ input })).toThrow("Item with id 'a' not found.");
  }
});

test('an answer is looked at once, however many of its items are referred to', () => {
  const memory = mapMemory();
  const items = Array.from({ length: 500 }, (_, index) => ({ type: 'message', id: `msg_a_i${index}`, role: 'user' }));
  const input = items.map((item) => ({ ...item, content: 'x' }));
  memory.keep({ id: 'resp_a', previousId: null, createdS: 0, input, response: {}, owner: null }, { isLasting: false });
  let looks = 0;
  const find = (id: string) => {
    looks += 1;
    return memory.find(id);
  };
  const dialect = openResponses({ memory: { ...memory, find } });
  const { request } = dialect.read({ input: items.map(({ id }) => ({ type: 'item_reference', id })) });
  expect(request.messages).toHaveLength(500);
  expect(looks).toBe(1);
});

test('references cannot multiply a long item', () => {
  const memory = mapMemory();
  const long = { type: 'message', id: 'msg_a_i0', role: 'user', content: 'x'.repeat(1_000) };
  memory.keep(
    { id: 'resp_a', previousId: null, createdS: 0, input: [long], response: {}, owner: null },
    { isLasting: false },
  );
  const input = Array.from({ length: 3 }, () => ({ type: 'item_reference', id: 'msg_a_i0' }));
  expect(() => openResponses({ memory }).read({ input })).toThrow('input[1].id: the item');
});

test.each([
  [
    'message',
    { role: 'assistant', content: Array.from({ length: 1_000_000 }).fill({ type: 'output_text', text: 'x' }) },
  ],
  ['reasoning', { summary: Array.from({ length: 1_000_000 }).fill('x') }],
  ['additional_tools', { tools: Array.from({ length: 1_000_000 }).fill({ type: 'function', name: 'f' }) }],
])('a million parts in an item of type %s are read', (type, item) => {
  const input = [
    { type, ...item },
    { role: 'user', content: 'x' },
  ];
  expect(openResponses({ memory: mapMemory() }).read({ input }).request.messages.length).toBeGreaterThan(0);
});
