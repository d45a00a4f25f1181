// What is no call is untouched: byte for byte, event by event, and at once.
import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { gist, tell, tellText, texts } from './support/answers.ts';

const PROSE: readonly string[] = [
  'Models write `<tool_call>` and then JSON.',
  'Models write <tool_call> and then {"name": "get_weather"} and </tool_call>.',
  'The tag <tool_call> opens it.\n\nThen <function=name> and <parameter=key> follow; </function> ends it.',
  '<tool_call>{"name": "unknown_tool", "arguments": {}}</tool_call>',
  '<tool_call>{"name": "get_weather", "arguments": [1, 2]}</tool_call>',
  '<tool_call>{"name": "get_weather", "arguments": "Paris"}</tool_call>',
  '<tool_call>{"name": "get_weather", "arguments": {}} is how a call looks</tool_call>',
  '<function=unknown><parameter=a>1</parameter></function>',
  '```xml\n<tool_call>{"name": "list_files", "arguments": {}}</tool_call>\n```\nand so on',
  '~~~~\n```\n<tool_call>{"name": "list_files", "arguments": {}}</tool_call>\n~~~\n<function=list_files></function>\n~~~~ \n',
  '   ```\n<tool_call>{"name": "list_files", "arguments": {}}</tool_call>',
  'Say ``<tool_call>{"name": "list_files", "arguments": {}}</tool_call> `` and nothing else',
  '1. a list\n   ```json\n   [TOOL_CALLS]list_files[ARGS]{}\n   ```\n',
  'Use &lt;div&gt; and &lt;tool_call&gt; with care &amp; love.',
  '&lt;tool_call&gt;{"name": "unknown", "arguments": {}}&lt;/tool_call&gt;',
  'a </think> b <think> c',
  '{"name": "Paris", "parameters": {"city": 1}}',
  '{"city": "Paris"}',
  '{"name": "list_files"}',
  '{"name": "get_weather", "parameters": {"city": "Paris", "unknown": 1}}',
  '{"name": "get_weather", "parameters": {"days": 1}}',
  'Here: {"name": "list_files", "parameters": {}}',
  '{"name": "list_files", "parameters": {}} calls the tool.',
  '[get_weather(city="Paris")] calls the tool.',
  '[link](https://example.org) and [TOOL_CALLS] and [x]',
  '[1, 2, 3]',
  '[list_files(the docs)](docs/list.md) says how.',
  '[list_files(path) and get_weather(city)] are what there is.',
  '<|tool_call_start|>[list_files(the docs)]<|tool_call_end|> is how it looks.',
  '>>> print(1)\n1',
  'functools[0] and functools.partial',
  'if a < b and c << 2: f(x) <- y',
  '<|tool_call>call:unknown{}<tool_call|>',
  '<invoke name="x">',
  '<tool_call>{<',
  '<tool_call>{"<',
  '<|channel|>final<|message|>Hi',
  '  \n ',
  '',
];

describe.each(PROSE.map((text) => [text]))('%j', (text) => {
  test('comes through as it is, whole and cut', () => {
    const want = text === '' ? [] : [{ text }];
    for (const pieces of [[text], [...text]]) {
      const told = tell(texts(pieces));
      expect(gist(told)).toEqual(want);
      expect(told.finish).toBe('stop');
      expect(told.uses).toEqual([]);
    }
  });
});

test('text that opens nothing is handed on at once, as the same events', () => {
  const prose = 'Plain text, with 1 < 2 > 0, a *list*:\n\n- one\n- two & three\n\n> quoted {x}; end. ';
  const pieces = prose.match(/.{1,2}[^<&[]/gs) ?? [];
  const events = texts(pieces);
  const told = tell(events, { finish: null });
  const late = events.filter((event, at) => told.events[at] !== event);
  expect(late).toEqual([]);
});

test('text that turned out to be none is handed on as the events it came in', () => {
  const events = texts(['So ', '<', 'tool', '_call', '>', ' is', ' a tag']);
  expect(tell(events, { finish: null }).events).toEqual(events);
  for (const [at, event] of tell(events, { finish: null }).events.entries()) expect(event).toBe(events[at] ?? event);
});

test('an answer that is JSON is not held back longer than its first key', () => {
  const events = texts(['{', '"ci', 'ty', '"', ': "Par', 'is"']);
  expect(tell(events, { finish: null }).events.length).toBe(events.length);
});

test.each([
  ['a link', '[list_files(the docs)](docs/list.md) says how. '],
  ['data with an id', '{"id": 7, "title": "x", "rows": [1, 2, 3], '],
  ['data with a type', '{"type": "object", "rows": [1, 2, 3], '],
])('an answer that begins as a call could, %s, streams', (_name, start) => {
  const events = texts([...start.padEnd(2_000, '"a": 1, ')]);
  expect(tell(events, { finish: null }).events.length).toBeGreaterThan(1_900);
});

const WORDS = [
  '<tool_call>',
  '</tool_call>',
  '<function=',
  'get_weather',
  '>',
  '<parameter=city>',
  '</parameter>',
  '</function>',
  '```',
  '\n',
  '`',
  '~~~',
  ' ',
  'prose ',
  '{',
  '}',
  '[',
  ']',
  '"name"',
  ':',
  '"',
  'name',
  ',',
  '<',
  '&lt;',
  '&gt;',
  '&',
  '[TOOL_CALLS]',
  '[ARGS]',
  '<|tool_call>',
  'call:',
  '<tool_call|>',
  '<|channel|>',
  'commentary to=',
  '<arg_key>',
  '</arg_key>',
  '<arg_value>',
  '<|python_tag|>',
  '<invoke name="',
  '<｜tool▁sep｜>',
  '<|im_end|>',
  'é',
  '🙂',
  '\\',
];

test('random prose with tags and fences comes through byte for byte when no tool has a name in it', () => {
  const tools = [{ type: 'function' as const, function: { name: 'never_named_here' } }];
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...WORDS), { maxLength: 40 }), (words) => {
      const told = tell(texts(words), { tools });
      expect(told.events.slice(0, -1).map((event) => ('text' in event ? event.text : ''))).toEqual(words);
      expect(told.finish).toBe('stop');
    }),
    { numRuns: 2_000 },
  );
});

test('a formal answer is a call when the model is known to write so', () => {
  const text = '{"name": "get_weather", "parameters": {"city": "Paris", "unknown": 1}}';
  const told = tellText(text, { traits: { callFormat: 'llama-json' } });
  expect(gist(told)).toEqual([{ call: 'get_weather', args: { city: 'Paris', unknown: 1 } }]);
});

test('only the formats that a person allows are looked for', () => {
  const text = '<tool_call>{"name": "list_files", "arguments": {}}</tool_call>';
  expect(gist(tellText(text, { switches: { call_formats: ['glm'] } }))).toEqual([{ text }]);
  expect(gist(tellText(text, { switches: { call_formats: ['hermes-json'] } }))).toEqual([
    { call: 'list_files', args: {} },
  ]);
});
