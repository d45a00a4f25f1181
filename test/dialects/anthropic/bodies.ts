/** Random bodies of `/v1/messages` for tests: by the grammar of Anthropic's types, with junk where it is asked for. */
import fc from 'fast-check';
import type { JsonObject } from '#src/json.ts';

const word = fc.constantFrom(
  'a',
  'hello',
  '',
  'x-anthropic-billing-header: v;',
  '<tool_call>',
  '\ud83d',
  '\u0000',
  '{"',
);
const name = fc.constantFrom('f', 'Bash', 'get_weather', 'mcp__a-b.c');
const id = fc.constantFrom('toolu_1', 'toolu_2', 'call_3', 'abcDEF123');
const junk = fc.oneof(
  fc.constantFrom<unknown>(null, true, 0, -1, 1e308, '', 'junk', [], {}, [[]], { type: 'text' }, { type: null }),
  fc.jsonValue({ maxDepth: 2 }),
);

const text = word.map((words) => ({ type: 'text', text: words, cache_control: { type: 'ephemeral' } }));
const image = fc.constant({ type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'QUJD' } });
const document = fc.constantFrom(
  { type: 'document', title: 't', source: { type: 'text', media_type: 'text/plain', data: 'd' } },
  { type: 'document', source: { type: 'content', content: [{ type: 'text', text: 'd' }] } },
  { type: 'document', context: 'c', source: { type: 'base64', media_type: 'application/pdf', data: 'JVBE' } },
);
const found = fc.constantFrom<object>(
  { type: 'search_result', title: 't', source: 's', content: [{ type: 'text', text: 'f' }] },
  { type: 'tool_reference', tool_name: 'f' },
);
const readable = fc.oneof({ weight: 4, arbitrary: text }, image, document, found);
const result = fc.record(
  {
    type: fc.constant('tool_result'),
    tool_use_id: id,
    content: fc.oneof(word, fc.constant(null), fc.array(readable, { maxLength: 3 })),
    is_error: fc.boolean(),
  },
  { requiredKeys: ['type', 'tool_use_id'] },
);
const change = fc.record({
  type: fc.constantFrom('tool_addition', 'tool_removal'),
  tool: name.map((each) => ({ type: 'tool_reference', name: each })),
});
const server = fc.constantFrom<object>(
  { type: 'server_tool_use', id: 's', name: 'web_search', input: {} },
  { type: 'web_search_tool_result', tool_use_id: 's', content: [] },
  { type: 'redacted_thinking', data: 'x' },
  { type: 'mcp_tool_use', id: 'm', name: 'n', server_name: 's', input: {} },
  { type: 'compaction', content: 'so far' },
  { type: 'hologram' },
);
const thought = word.map((thinking) => ({ type: 'thinking', thinking, signature: 'c2ln' }));
const use = fc.record({ type: fc.constant('tool_use'), id, name, input: fc.dictionary(word, word, { maxKeys: 2 }) });

const message = fc.oneof(
  fc.record({
    role: fc.constant('user'),
    content: fc.oneof(word, fc.array(fc.oneof(readable, result), { maxLength: 4 })),
  }),
  fc.record({
    role: fc.constant('assistant'),
    content: fc.oneof(word, fc.array(fc.oneof(text, thought, use, server), { maxLength: 4 })),
  }),
  fc.record({
    role: fc.constant('system'),
    content: fc.oneof(word, fc.array(fc.oneof(text, change), { maxLength: 2 })),
  }),
);
const tool = fc.oneof(
  fc.record({
    name,
    description: word,
    input_schema: fc.constantFrom<object>(
      {},
      { type: 'object', properties: { a: { type: 'string', pattern: '^a' } }, required: ['a'] },
      { $schema: 'x', properties: { n: { type: 'integer', minimum: 1 } } },
    ),
    defer_loading: fc.boolean(),
  }),
  fc.constantFrom<object>(
    { type: 'web_search_20250305', name: 'web_search' },
    { type: 'bash_20250124', name: 'bash' },
    { type: 'mcp_toolset', mcp_server_name: 's' },
  ),
);
const optional = {
  system: fc.oneof(word, fc.array(text, { maxLength: 2 })),
  tools: fc.array(tool, { maxLength: 3 }),
  tool_choice: fc.constantFrom({ type: 'auto' }, { type: 'none' }, { type: 'auto', disable_parallel_tool_use: true }),
  thinking: fc.constantFrom(
    { type: 'adaptive', display: 'omitted' },
    { type: 'enabled', budget_tokens: 64 },
    { type: 'disabled' },
    { type: 'between_tools' },
  ),
  stop_sequences: fc.constantFrom([], ['</block>']),
  metadata: fc.constant({ user_id: '{"session_id":"s"}' }),
  context_management: fc.constant({ edits: [{ type: 'clear_tool_uses_20250919' }] }),
  output_config: fc.constantFrom({ effort: 'max' }, { effort: 'low' }, {}),
  stream: fc.boolean(),
};

/** Bodies that Anthropic's own types allow; or such with junk at one to three places. */
export function messagesBody({ isSane }: { isSane: boolean }): fc.Arbitrary<JsonObject> {
  const sane = fc.record(
    { max_tokens: fc.constant(64), messages: fc.array(message, { minLength: 1, maxLength: 5 }), ...optional },
    { requiredKeys: ['max_tokens', 'messages'] },
  );
  if (isSane) return sane;
  const spots = fc.array(fc.tuple(fc.nat(), junk), { minLength: 1, maxLength: 3 });
  return fc.tuple(sane, spots).map(([body, places]) => {
    const spoilt = structuredClone(body) as JsonObject;
    for (const [spot, value] of places) {
      const holders = holdersOf(spoilt);
      const [holder, key] = holders[spot % holders.length] ?? [spoilt, 'messages'];
      holder[key] = structuredClone(value);
    }
    return spoilt;
  });
}

type Holder = Record<string | number, unknown>;

/** Every place of a value: who holds it, and under which key. */
function holdersOf(value: unknown): (readonly [Holder, string | number])[] {
  if (typeof value !== 'object' || value === null) return [];
  const holder = value as Holder;
  return Object.keys(value).flatMap((key) => [[holder, key] as const, ...holdersOf(holder[key])]);
}
