// What single models want of a message list, and the odd spellings that clients of OpenAI chat use. The rules for all
// models are in normalise.test.ts.
import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import type { ChatMessage, ChatRequest } from '#src/dialects/chat-request.ts';
import { type ContentRules, normaliseMessages } from '#src/dialects/normalise.ts';

const plain: ContentRules = { stripAttribution: true, hasVision: true };
const shortIds: ContentRules = { ...plain, wantsShortCallIds: true };
const strict: ContentRules = { ...plain, wantsAlternation: true };
const userImages: ContentRules = { ...plain, wantsImagesFromUser: true };
const mistral: ContentRules = { ...plain, wantsShortCallIds: true, wantsAlternation: true };

const tidy = (messages: readonly object[], rules: ContentRules) =>
  normaliseMessages({ messages } as unknown as ChatRequest, rules);
const tidied = (messages: readonly object[], rules: ContentRules = plain) =>
  tidy(messages, rules).request.messages as unknown as object[];

const call = (id: unknown, name = 'f', args: unknown = '{}') => ({
  ...(id === undefined ? {} : { id }),
  type: 'function',
  function: { name, arguments: args },
});
const asked = { role: 'user', content: 'u' };
const image = (data: string) => ({ type: 'image_url', image_url: { url: `data:image/png;base64,${data}` } });
const text = (words: string) => ({ type: 'text', text: words });

describe('a template that wants short call ids', () => {
  const history = [
    asked,
    { role: 'assistant', content: '', tool_calls: [call('call_mock001'), call('abcDEF123')] },
    { role: 'tool', tool_call_id: 'call_mock001', content: 'r' },
    { role: 'tool', tool_call_id: 'abcDEF123', content: 's' },
  ];

  test('gets nine letters or digits, the same in calls and results; ids of that form stay', () => {
    const [, answer, first, second] = tidied(history, shortIds) as ChatMessage[];
    const ids = answer?.tool_calls?.map((each) => each.id) ?? [];
    expect(ids[0]).toMatch(/^[A-Za-z0-9]{9}$/);
    expect(ids[1]).toBe('abcDEF123');
    expect([first?.tool_call_id, second?.tool_call_id]).toEqual([ids[0] ?? '', ids[1] ?? '']);
  });

  test('gets the same ids in the next turn', () => {
    const longer = [...history, { role: 'assistant', content: 'x' }, asked];
    expect(tidied(longer, shortIds).slice(0, history.length)).toEqual(tidied(history, shortIds));
  });

  test('no other template does', () => {
    expect(tidied(history)).toEqual(history);
  });
});

describe('a template that wants user and assistant in turns', () => {
  const results = [
    { role: 'assistant', content: '', tool_calls: [call('1'), call('2')] },
    { role: 'tool', tool_call_id: '1', content: 'r' },
    { role: 'tool', tool_call_id: '2', content: 's' },
  ];

  test('gets what the user says after results within the last of them', () => {
    const { request, changes } = tidy([asked, ...results, { role: 'user', content: 'go on' }], strict);
    expect(request.messages.slice(-2) as unknown as object[]).toEqual([
      { role: 'tool', tool_call_id: '1', content: 'r' },
      { role: 'tool', tool_call_id: '2', content: 's\n\ngo on' },
    ]);
    expect(changes).toEqual([
      'user text after a tool result folded into it: the template wants user and assistant in turns',
    ]);
  });

  test('also in the middle, and after a result that was missing', () => {
    const messages = [
      asked,
      ...results.slice(0, 2),
      { role: 'user', content: 'stop' },
      { role: 'assistant', content: 'x' },
    ];
    expect(tidied(messages, strict).slice(3)).toEqual([
      { role: 'tool', tool_call_id: '2', content: '(no result)\n\nstop' },
      { role: 'assistant', content: 'x' },
    ]);
  });
});

describe('an engine that sees images in user turns only', () => {
  const calls = { role: 'assistant', content: '', tool_calls: [call('1'), call('2')] };
  const next = '[image: in the next message]';

  test('gets those of results after all results, before what the user says', () => {
    const messages = [
      asked,
      calls,
      { role: 'tool', tool_call_id: '1', content: [text('a'), image('A')] },
      { role: 'tool', tool_call_id: '2', content: [image('B')] },
      { role: 'user', content: 'look' },
    ];
    const { request, changes } = tidy(messages, userImages);
    expect(request.messages.slice(2) as unknown as object[]).toEqual([
      { role: 'tool', tool_call_id: '1', content: `a\n${next}` },
      { role: 'tool', tool_call_id: '2', content: next },
      { role: 'user', content: [image('A'), image('B'), text('look')] },
    ]);
    expect(changes).toEqual(['images of tool results moved into the user turn after them']);
  });

  test('gets a user turn of their own where none follows', () => {
    const messages = [asked, calls, { role: 'tool', tool_call_id: '1', content: [image('A')] }];
    expect(tidied(messages, userImages).slice(2)).toEqual([
      { role: 'tool', tool_call_id: '1', content: next },
      { role: 'tool', tool_call_id: '2', content: '(no result)' },
      { role: 'user', content: [image('A')] },
    ]);
  });
});

const spellings: readonly {
  name: string;
  from: readonly object[];
  to: readonly object[];
  changes?: readonly string[];
}[] = [
  {
    name: 'a function call of old is a tool call, its function message the result',
    from: [
      asked,
      { role: 'assistant', content: null, function_call: { name: 'f', arguments: '{"a":1}' } },
      { role: 'function', name: 'f', content: 'r' },
    ],
    to: [
      asked,
      { role: 'assistant', content: '', tool_calls: [call('call_1', 'f', '{"a":1}')] },
      { role: 'tool', tool_call_id: 'call_1', name: 'f', content: 'r' },
    ],
  },
  {
    name: 'calls and results without ids find each other by their order',
    from: [
      asked,
      { role: 'assistant', content: '', tool_calls: [call(undefined, 'f'), call('', 'g')] },
      { role: 'tool', content: 'r' },
      { role: 'tool', tool_call_id: '', content: 's' },
    ],
    to: [
      asked,
      { role: 'assistant', content: '', tool_calls: [call('call_1', 'f'), call('call_2', 'g')] },
      { role: 'tool', tool_call_id: 'call_1', content: 'r' },
      { role: 'tool', tool_call_id: 'call_2', content: 's' },
    ],
  },
  {
    name: 'a result in parts is one text',
    from: [
      asked,
      { role: 'assistant', content: '', tool_calls: [call('1')] },
      { role: 'tool', tool_call_id: '1', content: [text('a'), text('b')] },
    ],
    to: [
      asked,
      { role: 'assistant', content: '', tool_calls: [call('1')] },
      { role: 'tool', tool_call_id: '1', content: 'a\nb' },
    ],
  },
  {
    name: 'arguments that were cut off are wrapped, those that are missing are none',
    from: [
      asked,
      { role: 'assistant', content: '', tool_calls: [call('1', 'f', '{"a":'), call('2', 'f', '')] },
      { role: 'tool', tool_call_id: '1', content: 'r' },
      { role: 'tool', tool_call_id: '2', content: 's' },
    ],
    to: [
      asked,
      {
        role: 'assistant',
        content: '',
        tool_calls: [call('1', 'f', '{"INVALID_JSON":"{\\"a\\":"}'), call('2', 'f', '{}')],
      },
      { role: 'tool', tool_call_id: '1', content: 'r' },
      { role: 'tool', tool_call_id: '2', content: 's' },
    ],
    changes: ['arguments of an earlier tool call that are no JSON object were wrapped'],
  },
  {
    name: 'thoughts by their third name',
    from: [asked, { role: 'assistant', content: 'a', reasoning_text: 't' }],
    to: [asked, { role: 'assistant', content: 'a', reasoning_content: 't' }],
  },
  {
    name: 'an image whose address is a plain text',
    from: [{ role: 'user', content: [{ type: 'image_url', image_url: 'data:image/png;base64,A' }] }],
    to: [{ role: 'user', content: [image('A')] }],
  },
  {
    name: 'a text file is a document',
    from: [
      {
        role: 'user',
        content: [
          text('read'),
          { type: 'file', file: { filename: 'a "b".md', file_data: `data:text/markdown;base64,${btoa('# Hi')}` } },
        ],
      },
    ],
    to: [{ role: 'user', content: 'read\n<document title="a &quot;b&quot;.md">\n# Hi\n</document>' }],
  },
  {
    name: 'a PDF leaves words that help',
    from: [{ role: 'user', content: [{ type: 'file', file: { file_data: 'data:application/pdf;base64,JVBE' } }] }],
    to: [{ role: 'user', content: '[PDF omitted. Its text can be read with a tool such as pdftotext.]' }],
    changes: ['a PDF document was left out: a local model cannot read it, a tool such as pdftotext can'],
  },
  {
    name: 'an uploaded file is left for the engine to refuse, and sound passes',
    from: [
      {
        role: 'user',
        content: [
          { type: 'file', file: { file_id: 'f' } },
          { type: 'input_audio', input_audio: { data: 'AA', format: 'wav' } },
        ],
      },
    ],
    to: [
      {
        role: 'user',
        content: [
          { type: 'file', file: { file_id: 'f' } },
          { type: 'input_audio', input_audio: { data: 'AA', format: 'wav' } },
        ],
      },
    ],
  },
];

describe('spellings of OpenAI chat', () => {
  for (const { name, from, to, changes } of spellings) {
    test(name, () => {
      const result = tidy(from, plain);
      expect(result.request.messages as unknown as object[]).toEqual([...to]);
      expect(result.changes).toEqual(changes ?? []);
      expect(tidied(to)).toEqual([...to]);
    });
  }
});

const word = fc.integer({ min: 0, max: 0xffffff }).map((number) => `w${number.toString(16)}z`);
const part = fc.oneof(word.map(text), word.map(image), fc.constant(text('')));
const content = fc.oneof(word, fc.constant(null), fc.array(part, { maxLength: 3 }));
const id = fc.constantFrom('1', '2', 'call_3', 'abcDEF123', undefined, '');
const args = fc.oneof(
  fc.constantFrom<unknown>('{}', '', '{"a":', 'null', '[1]', [], [1], 7, false, null, undefined),
  word.map((a) => ({ a })),
);
const message = fc.oneof(
  fc.record({ role: fc.constantFrom('system', 'user', 'developer'), content }),
  fc.record({ role: fc.constant('assistant'), content }),
  fc.record({
    role: fc.constant('assistant'),
    content,
    tool_calls: fc.array(
      fc.tuple(id, word, args).map(([key, name, given]) => call(key, name, given)),
      { maxLength: 3 },
    ),
  }),
  fc.record({
    role: fc.constant('assistant'),
    content,
    function_call: word.map((name) => ({ name, arguments: '{}' })),
  }),
  fc
    .record({ role: fc.constantFrom('tool', 'function'), key: id, content })
    .map(({ key, ...result }) => (key === undefined ? result : { ...result, tool_call_id: key })),
);
const list = fc.array(message, { maxLength: 8 });

describe('for any list of messages and each set of rules', () => {
  const all: readonly [name: string, rules: ContentRules][] = [
    ['plain', plain],
    ['short ids', shortIds],
    ['turns', strict],
    ['both', mistral],
    ['images from users', userImages],
  ];
  for (const [name, rules] of all) {
    test(`doing it twice is doing it once: ${name}`, () => {
      fc.assert(
        fc.property(list, (messages) => {
          const once = tidy(messages, rules).request;
          const twice = normaliseMessages(once, rules);
          expect(twice.changes).toEqual([]);
          expect(twice.request).toBe(once);
        }),
      );
    });

    test(`no word is lost: ${name}`, () => {
      fc.assert(
        fc.property(list, (messages) => {
          const output = JSON.stringify(tidied(messages, rules));
          for (const [found] of JSON.stringify(messages).matchAll(/w[0-9a-f]+z/g)) expect(output).toContain(found);
        }),
      );
    });

    test(`every result answers its call, and templates find what they want: ${name}`, () => {
      fc.assert(
        fc.property(list, (messages) => {
          expectShape(tidied(messages, rules) as ChatMessage[], rules);
        }),
      );
    });
  }
});

function expectShape(messages: readonly ChatMessage[], rules: ContentRules): void {
  let open: string[] = [];
  for (const [index, each] of messages.entries()) {
    const previous = messages[index - 1];
    if (each.role === 'tool') {
      expect(each.tool_call_id).toBe(open.shift());
      if (rules.wantsImagesFromUser) expect(JSON.stringify(each)).not.toContain('image_url');
      continue;
    }
    expect(open).toEqual([]);
    expect(each.role).not.toBe(previous?.role);
    if (rules.wantsAlternation && each.role === 'user') expect(previous?.role).not.toBe('tool');
    open = (each.tool_calls ?? []).map((made) => made.id);
    for (const made of each.tool_calls ?? []) {
      expect(made.id).toMatch(rules.wantsShortCallIds ? /^[A-Za-z0-9]{9}$/ : /./);
      expect(JSON.parse(made.function.arguments)).toBeObject();
    }
  }
  expect(open).toEqual([]);
}
