// The message-list normaliser: each rule by a table, then what must hold for any list. Translation from protocols is
// tested beside them.
import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import type { ChatMessage, ChatRequest } from '#src/dialects/chat-request.ts';
import { type ContentRules, normaliseMessages } from '#src/dialects/normalise.ts';

const rules: ContentRules = { stripAttribution: true, hasVision: false };
const ATTRIBUTION = 'the attribution line was left out (strip_attribution): it spoils the prompt cache';
const vision: ContentRules = { stripAttribution: true, hasVision: true };

// Lists as clients send them, which is wider than the canonical type.
const tidy = (messages: readonly object[], options: ContentRules = rules) =>
  normaliseMessages({ messages } as unknown as ChatRequest, options);
const tidied = (messages: readonly object[], options: ContentRules = rules) =>
  tidy(messages, options).request.messages as unknown as object[];

const call = (id: string, name = 'f', args: unknown = '{}') => ({
  id,
  type: 'function',
  function: { name, arguments: args },
});
const image = { type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } };
const text = (words: string) => ({ type: 'text', text: words });

const cases: readonly {
  name: string;
  from: readonly object[];
  to: readonly object[];
  options?: ContentRules;
  changes?: readonly string[];
}[] = [
  {
    name: 'a developer is a system',
    from: [
      { role: 'developer', content: 'a' },
      { role: 'user', content: 'b' },
    ],
    to: [
      { role: 'system', content: 'a' },
      { role: 'user', content: 'b' },
    ],
  },
  {
    name: 'all system text before the first answer leads, in order',
    from: [
      { role: 'system', content: 'a' },
      { role: 'developer', content: 'b' },
      { role: 'user', content: 'u' },
      { role: 'system', content: [text('c'), text('d')] },
      { role: 'assistant', content: 'x' },
    ],
    to: [
      { role: 'system', content: 'a\n\nb\n\nc\n\nd' },
      { role: 'user', content: 'u' },
      { role: 'assistant', content: 'x' },
    ],
  },
  {
    name: 'later system text stays at its place, folded into the user turn beside it',
    from: [
      { role: 'user', content: 'u' },
      { role: 'assistant', content: 'x' },
      { role: 'user', content: 'v' },
      { role: 'system', content: 's' },
    ],
    to: [
      { role: 'user', content: 'u' },
      { role: 'assistant', content: 'x' },
      { role: 'user', content: 'v\n\n<system-reminder>\ns\n</system-reminder>' },
    ],
    changes: ['later system text folded into user turns'],
  },
  {
    name: 'system text between a call and its result comes after the result, as a turn of its own',
    from: [
      { role: 'user', content: 'u' },
      { role: 'assistant', content: '', tool_calls: [call('1')] },
      { role: 'system', content: 's' },
      { role: 'tool', tool_call_id: '1', content: 'r' },
    ],
    to: [
      { role: 'user', content: 'u' },
      { role: 'assistant', content: '', tool_calls: [call('1')] },
      { role: 'tool', tool_call_id: '1', content: 'r' },
      { role: 'user', content: '<system-reminder>\ns\n</system-reminder>' },
    ],
    changes: ['later system text folded into user turns'],
  },
  {
    name: 'the attribution block goes, the rest of the system text stays',
    from: [
      { role: 'system', content: [text('x-anthropic-billing-header: cc_version=2.1.330.dcf;'), text('a'), text('b')] },
      { role: 'user', content: 'u' },
    ],
    to: [
      { role: 'system', content: 'a\n\nb' },
      { role: 'user', content: 'u' },
    ],
    changes: [ATTRIBUTION],
  },
  {
    name: 'the attribution line goes from a string as well',
    from: [
      { role: 'system', content: 'x-anthropic-billing-header: v;\n\na' },
      { role: 'user', content: 'u' },
    ],
    to: [
      { role: 'system', content: 'a' },
      { role: 'user', content: 'u' },
    ],
    changes: [ATTRIBUTION],
  },
  {
    name: 'a system message that was nothing but attribution goes',
    from: [
      { role: 'system', content: 'x-anthropic-billing-header: v;' },
      { role: 'user', content: 'u' },
    ],
    to: [{ role: 'user', content: 'u' }],
    changes: [ATTRIBUTION],
  },
  {
    name: 'the attribution stays when its removal is switched off',
    from: [
      { role: 'system', content: 'x-anthropic-billing-header: v;' },
      { role: 'user', content: 'u' },
    ],
    to: [
      { role: 'system', content: 'x-anthropic-billing-header: v;' },
      { role: 'user', content: 'u' },
    ],
    options: { stripAttribution: false, hasVision: false },
  },
  {
    name: 'a user may quote the attribution line',
    from: [{ role: 'user', content: 'x-anthropic-billing-header: v;' }],
    to: [{ role: 'user', content: 'x-anthropic-billing-header: v;' }],
  },
  {
    name: 'text parts become one string, empty ones leave no trace',
    from: [{ role: 'user', content: [text('a'), text(''), { ...text('b'), cache_control: { type: 'ephemeral' } }] }],
    to: [{ role: 'user', content: 'a\nb' }],
  },
  {
    name: 'no content is empty content',
    from: [
      { role: 'user', content: 'u' },
      { role: 'assistant', content: null, tool_calls: [call('1')] },
      { role: 'tool', tool_call_id: '1' },
    ],
    to: [
      { role: 'user', content: 'u' },
      { role: 'assistant', content: '', tool_calls: [call('1')] },
      { role: 'tool', tool_call_id: '1', content: '' },
    ],
  },
  {
    name: 'a refusal is text',
    from: [
      { role: 'user', content: 'u' },
      { role: 'assistant', content: [{ type: 'refusal', refusal: 'no' }] },
    ],
    to: [
      { role: 'user', content: 'u' },
      { role: 'assistant', content: 'no' },
    ],
  },
  {
    name: 'users in a row are one user',
    from: [
      { role: 'user', content: 'a' },
      { role: 'user', content: [text('b'), text('c')] },
    ],
    to: [{ role: 'user', content: 'a\n\nb\nc' }],
  },
  {
    name: 'assistants in a row are one, with all calls and thoughts',
    from: [
      { role: 'user', content: 'u' },
      { role: 'assistant', content: 'a', reasoning_content: 't', tool_calls: [call('1')] },
      { role: 'assistant', content: 'b', reasoning_content: 'v', tool_calls: [call('2')] },
      { role: 'tool', tool_call_id: '1', content: 'r' },
      { role: 'tool', tool_call_id: '2', content: 's' },
    ],
    to: [
      { role: 'user', content: 'u' },
      { role: 'assistant', content: 'a\n\nb', reasoning_content: 't\nv', tool_calls: [call('1'), call('2')] },
      { role: 'tool', tool_call_id: '1', content: 'r' },
      { role: 'tool', tool_call_id: '2', content: 's' },
    ],
  },
  {
    name: 'results follow their call in the order of the calls, before what the user says',
    from: [
      { role: 'assistant', content: '', tool_calls: [call('1'), call('2')] },
      { role: 'user', content: 'u' },
      { role: 'tool', tool_call_id: '2', content: 's' },
      { role: 'tool', tool_call_id: '1', content: 'r' },
    ],
    to: [
      { role: 'assistant', content: '', tool_calls: [call('1'), call('2')] },
      { role: 'tool', tool_call_id: '1', content: 'r' },
      { role: 'tool', tool_call_id: '2', content: 's' },
      { role: 'user', content: 'u' },
    ],
  },
  {
    name: 'calls that share an id take their results in turn',
    from: [
      { role: 'assistant', content: '', tool_calls: [call('0'), call('0')] },
      { role: 'tool', tool_call_id: '0', content: 'r' },
      { role: 'tool', tool_call_id: '0', content: 's' },
    ],
    to: [
      { role: 'assistant', content: '', tool_calls: [call('0'), call('0')] },
      { role: 'tool', tool_call_id: '0', content: 'r' },
      { role: 'tool', tool_call_id: '0', content: 's' },
    ],
  },
  {
    name: 'a missing result is filled in',
    from: [
      { role: 'assistant', content: '', tool_calls: [call('1')] },
      { role: 'user', content: 'u' },
    ],
    to: [
      { role: 'assistant', content: '', tool_calls: [call('1')] },
      { role: 'tool', tool_call_id: '1', content: '(no result)' },
      { role: 'user', content: 'u' },
    ],
    changes: ['a missing tool result was filled in'],
  },
  {
    name: 'a result without its call becomes user text',
    from: [
      { role: 'user', content: 'u' },
      { role: 'tool', tool_call_id: '9', content: 'r' },
      { role: 'assistant', content: 'a' },
    ],
    to: [
      { role: 'user', content: 'u\n\nResult of a tool call:\nr' },
      { role: 'assistant', content: 'a' },
    ],
    changes: ['a tool result without its call became user text'],
  },
  {
    name: 'images give way to a note when the model has no vision',
    from: [{ role: 'user', content: [text('look'), image] }],
    to: [{ role: 'user', content: 'look\n[image omitted: the model has no vision]' }],
    changes: ['images left out: the model has no vision'],
  },
  {
    name: 'images stay for a model that sees, and texts beside each other are joined',
    from: [
      { role: 'user', content: 'first' },
      { role: 'user', content: [text('a'), text('b'), image, text('c')] },
    ],
    to: [{ role: 'user', content: [text('first\n\na\nb'), image, text('c')] }],
    options: vision,
  },
  {
    name: 'thoughts have one name',
    from: [
      { role: 'user', content: 'u' },
      { role: 'assistant', content: 'a', reasoning: 't' },
    ],
    to: [
      { role: 'user', content: 'u' },
      { role: 'assistant', content: 'a', reasoning_content: 't' },
    ],
  },
  {
    name: 'arguments are text, and an empty list of calls is none',
    from: [
      { role: 'assistant', content: 'a', tool_calls: [] },
      { role: 'user', content: 'u' },
      { role: 'assistant', content: '', tool_calls: [call('1', 'f', { a: 1 })] },
      { role: 'tool', tool_call_id: '1', content: 'r' },
    ],
    to: [
      { role: 'assistant', content: 'a' },
      { role: 'user', content: 'u' },
      { role: 'assistant', content: '', tool_calls: [call('1', 'f', '{"a":1}')] },
      { role: 'tool', tool_call_id: '1', content: 'r' },
    ],
  },
  {
    name: 'unknown fields of a message survive',
    from: [
      { role: 'developer', content: 'a', name: 'n', weight: 3 },
      { role: 'user', content: [text('u')], x: 1 },
    ],
    to: [
      { role: 'system', content: 'a', name: 'n', weight: 3 },
      { role: 'user', content: 'u', x: 1 },
    ],
  },
  {
    name: 'an answer begun by the client stays at the end',
    from: [
      { role: 'user', content: [text('u')] },
      { role: 'assistant', content: 'It is ' },
    ],
    to: [
      { role: 'user', content: 'u' },
      { role: 'assistant', content: 'It is ' },
    ],
  },
];

describe('the normaliser', () => {
  for (const { name, from, to, options, changes } of cases) {
    test(name, () => {
      const result = tidy(from, options);
      expect(result.request.messages as unknown as object[]).toEqual([...to]);
      expect(result.changes).toEqual(changes ?? []);
      expect(tidied(to, options)).toEqual([...to]);
    });
  }

  test('a tidy request comes back as the same object', () => {
    const request: ChatRequest = {
      messages: [
        { role: 'system', content: 's' },
        { role: 'user', content: [{ type: 'text', text: 'a' }, image as never] },
        { role: 'assistant', content: '', tool_calls: [call('1') as never] },
        { role: 'tool', tool_call_id: '1', content: 'r' },
      ],
      temperature: 0,
    };
    expect(normaliseMessages(request, vision).request).toBe(request);
  });

  test('parts that nobody knows stay where they are', () => {
    const sound = { type: 'input_audio', input_audio: { data: 'AA', format: 'wav' } };
    const messages = [{ role: 'user', content: [null, 7, text('words'), sound] }];
    expect(tidied(messages)).toEqual(messages);
  });

  test('fields of the request that are not messages are left alone', () => {
    const request = { messages: [{ role: 'developer', content: 'a' }], seed: 7, extra: { a: 1 } };
    const { request: result } = normaliseMessages(request, rules);
    expect(result).toEqual({ messages: [{ role: 'system', content: 'a' }], seed: 7, extra: { a: 1 } });
  });

  test('what is no conversation is left for the engine to refuse', () => {
    for (const messages of [
      'hello',
      null,
      [null],
      [1],
      [{ role: 'user', content: 3 }],
      [{ role: 'assistant', tool_calls: 'f' }],
    ]) {
      const request = { messages } as unknown as ChatRequest;
      expect(normaliseMessages(request, rules).request).toBe(request);
    }
  });
});

/** Words that cannot be mistaken for one another or for a wrapping. */
const word = fc.integer({ min: 0, max: 0xffffff }).map((number) => `w${number.toString(16)}z`);
const words = fc.oneof(
  word,
  fc.constant(''),
  fc.tuple(word, word).map((pair) => pair.join('\n\n')),
);
const part = fc.oneof(
  words.map(text),
  fc.constant(image),
  words.map((refusal) => ({ type: 'refusal', refusal })),
);
const content = fc.oneof(words, fc.constant(null), fc.array(part, { maxLength: 4 }));
const id = fc.constantFrom('1', '2', '3');
const message = fc.oneof(
  fc.record({ role: fc.constantFrom('system', 'developer', 'user'), content }),
  fc.record({ role: fc.constant('assistant'), content, reasoning_content: words }),
  fc.record({
    role: fc.constant('assistant'),
    content,
    tool_calls: fc.array(
      fc.tuple(id, word).map(([key, name]) => call(key, name)),
      { maxLength: 3 },
    ),
  }),
  fc.record({ role: fc.constant('tool'), tool_call_id: id, content }),
);
const list = fc.array(message, { maxLength: 8 });

describe('for any list of messages', () => {
  for (const options of [rules, vision]) {
    const kind = options.hasVision ? 'with vision' : 'without vision';

    test(`doing it twice is doing it once, ${kind}`, () => {
      fc.assert(
        fc.property(list, (messages) => {
          const once = tidy(messages, options).request;
          const twice = normaliseMessages(once, options);
          expect(twice.request).toBe(once);
          expect(twice.changes).toEqual([]);
        }),
      );
    });

    test(`no word is lost, ${kind}`, () => {
      fc.assert(
        fc.property(list, (messages) => {
          const output = JSON.stringify(tidied(messages, options));
          for (const [found] of JSON.stringify(messages).matchAll(/w[0-9a-f]+z/g)) expect(output).toContain(found);
        }),
      );
    });

    test(`roles alternate and results answer calls, ${kind}`, () => {
      fc.assert(
        fc.property(list, (messages) => {
          expectTemplateShape(tidied(messages, options) as unknown as ChatMessage[]);
        }),
      );
    });
  }

  test('a string and a list of blocks with the same text give the same bytes', () => {
    fc.assert(
      fc.property(list, (messages) => {
        const asBlocks = messages.map((each) =>
          typeof each.content === 'string' ? { ...each, content: [text(each.content)] } : each,
        );
        expect(JSON.stringify(tidied(asBlocks))).toBe(JSON.stringify(tidied(messages)));
      }),
    );
  });
});

function expectTemplateShape(messages: readonly ChatMessage[]): void {
  let open: string[] = [];
  for (const [index, each] of messages.entries()) {
    const previous = messages[index - 1];
    if (each.role === 'system') expect(index).toBe(0);
    if (each.role === 'tool') {
      expect(open.shift()).toBe(each.tool_call_id);
      continue;
    }
    expect(open).toEqual([]);
    expect(each.role).not.toBe(previous?.role);
    open = (each.tool_calls ?? []).map((made) => made.id);
  }
  expect(open).toEqual([]);
}
