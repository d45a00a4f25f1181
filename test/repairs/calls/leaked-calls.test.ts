// The stage around the formats: order, indexes, ids, endings, thoughts and records. Formats: families.test.ts.
import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import type { StreamEvent } from '#src/dialects/stream-event.ts';
import { quickestMs } from '#test/support/quickest.ts';
import { FAMILIES } from '../../fixtures/calls/families.ts';
import { MORE_FAMILIES } from '../../fixtures/calls/more-families.ts';
import { gist, tell, tellText, texts } from './support/answers.ts';

const CALL = '<tool_call>{"name": "list_files", "arguments": {}}</tool_call>';
const thought = (text: string): StreamEvent => ({ type: 'thinking', text });
const engineCall = (index: number): StreamEvent[] => [
  { type: 'tool-start', index, id: `engine${index}`, name: 'list_files' },
  { type: 'tool-arguments', index, json: '{}' },
];
const callsOf = (events: readonly StreamEvent[]) =>
  events.flatMap((event) => (event.type === 'tool-start' ? [[event.index, event.id]] : []));

test('calls get ids of the request and count on', () => {
  expect(callsOf(tellText(`${CALL}\n${CALL}`).events)).toEqual([
    [0, 'call_abc0'],
    [1, 'call_abc1'],
  ]);
});

test('calls found after those of the engine count on from theirs', () => {
  const { events } = tell([...engineCall(0), ...engineCall(1), ...texts([CALL])]);
  expect(callsOf(events)).toEqual([
    [0, 'engine0'],
    [1, 'engine1'],
    [2, 'call_abc2'],
  ]);
});

test('calls of the engine after those that were found move on, arguments and all', () => {
  const { events } = tell([...texts([CALL]), ...engineCall(0)]);
  expect(callsOf(events)).toEqual([
    [0, 'call_abc0'],
    [1, 'engine0'],
  ]);
  expect(events.filter((event) => event.type === 'tool-arguments').map(({ index }) => index)).toEqual([0, 1]);
});

test('calls of the engine alone pass as the same events', () => {
  const events = [...texts(['Hi ']), ...engineCall(0), ...engineCall(1)];
  const told = tell(events, { finish: 'tool-calls' });
  for (const [at, event] of events.entries()) expect(told.events[at]).toBe(event);
  expect(told.finish).toBe('tool-calls');
});

test('each call is recorded with what was written and what came of it', () => {
  const { uses } = tellText(`a ${CALL}`);
  expect(uses).toEqual([
    { kind: 'leaked-call', note: 'a tool call as JSON in <tool_call> was text', before: CALL, after: 'list_files {}' },
  ]);
});

const NUMBERS = '{"id": 12345678901234567890, "share": 1.0}';
test.each([
  ['in an object', `<tool_call>{"name": "list_files", "arguments": ${NUMBERS}}</tool_call>`, 1],
  ['as a text', `<tool_call>{"name": "list_files", "arguments": ${JSON.stringify(NUMBERS)}}</tool_call>`, 1],
  [
    'in a function of a list',
    `[TOOL_CALLS][${Array(2).fill(`{"function": {"name": "list_files", "arguments": ${NUMBERS}}}`).join(', ')}]`,
    2,
  ],
  ['after a name', `[TOOL_CALLS]list_files[ARGS]${NUMBERS}`, 1],
  ['escaped', `&lt;tool_call&gt;{"name": "list_files", "arguments": ${NUMBERS}}&lt;/tool_call&gt;`, 1],
])('arguments that need no change keep the digits they were written with, %s', (_name, text, count) => {
  const written = tellText(text).events.flatMap((event) => (event.type === 'tool-arguments' ? [event.json] : []));
  expect(written).toEqual(Array(count).fill(NUMBERS));
});

test('arguments that are not JSON are written anew', () => {
  const { events } = tellText(
    "<tool_call>{'name': 'get_weather', 'arguments': {'city': 'Paris', 'days': 1,}}</tool_call>",
  );
  expect(events[1]).toMatchObject({ json: '{"city":"Paris","days":1}' });
});

test('a name that was written otherwise is recorded', () => {
  const { uses, parts } = tellText(CALL.replace('list_files', 'functions.list-files'));
  expect(parts).toMatchObject([{ call: 'list_files' }]);
  expect(uses[0]?.note).toContain('functions.list-files');
});

test('a name that could mean two tools means none', () => {
  const tools = ['do_it', 'do-it'].map((name) => ({ type: 'function' as const, function: { name } }));
  const text = '<tool_call>{"name": "do.it", "arguments": {}}</tool_call>';
  expect(gist(tellText(text, { tools }))).toEqual([{ text }]);
});

test('marks that leak after a call vanish, and elsewhere stay', () => {
  expect(gist(tellText(`a<|im_end|>b\n${CALL}\n<|im_end|>\n`))).toEqual([
    { text: 'a<|im_end|>b\n' },
    { call: 'list_files', args: {} },
  ]);
});

test('a filtered answer stays filtered', () => {
  expect(tellText(CALL, { finish: 'filtered' }).finish).toBe('filtered');
});

test('a fault lets out what was held, before it', () => {
  const told = tell(texts(['<tool_', 'call>{"na']), { finish: null });
  expect(told.events).toEqual([]);
  const ended = tell([...texts(['<tool_', 'call>{"na']), { type: 'tool-start', index: 0, id: 'x', name: 'y' }]);
  expect(ended.events.slice(0, 3).map(({ type }) => type)).toEqual(['text', 'text', 'tool-start']);
});

describe('thoughts', () => {
  test('a call with which the thought ends is made when nothing follows', () => {
    const told = tell([thought('I should.\n'), ...[...CALL].map(thought), thought('\n')]);
    expect(gist(told)).toEqual([{ thinking: `I should.\n${CALL}\n` }, { call: 'list_files', args: {} }]);
    expect(told.finish).toBe('tool-calls');
  });

  test.each([
    ['text follows', [thought(CALL), ...texts(['Done.'])], 'stop' as const],
    ['the engine calls', [thought(CALL), ...engineCall(0)], 'tool-calls' as const],
    ['the thought goes on', [thought(`${CALL} or not?`)], 'stop' as const],
    ['the call is not closed', [thought(CALL.slice(0, -5))], 'stop' as const],
    ['the answer was cut', [thought(CALL)], 'length' as const],
  ])('a call in a thought is left when %s', (_name, events, finish) => {
    const told = tell(events, { finish });
    expect(told.uses).toEqual([]);
    for (const [at, event] of events.entries()) expect(told.events[at]).toBe(event);
    expect(told.finish).toBe(finish);
  });

  test('white text after the thought is no answer', () => {
    const told = tell([thought(CALL), ...texts(['\n\n'])]);
    expect(told.finish).toBe('tool-calls');
  });
});

describe('cutting', () => {
  const rows = [...FAMILIES, ...MORE_FAMILIES].filter(({ callFormat, isWhole }) => !callFormat && !isWhole);
  const piece = fc.oneof(
    fc.constantFrom(...rows.map(({ text }) => text)),
    fc.constantFrom(
      'Prose. ',
      '\n\n',
      '```\n',
      '`',
      '<tool_call>',
      '&lt;',
      ' [x](y) ',
      '{"a": 1}',
      '</tool_call>',
      'é🙂',
    ),
    fc
      .constantFrom(...rows.map(({ text }) => text))
      .chain((text) => fc.nat(text.length).map((at) => text.slice(0, at))),
  );
  const answer = fc.array(piece, { maxLength: 6 }).map((pieces) => pieces.join(''));

  // Each once read otherwise in one piece than letter by letter.
  test.each([
    [
      'a key longer than keys are, that ends after all',
      `<tool_call>get_weather<arg_key>${'k'.repeat(300)}</arg_key><arg_value>`,
    ],
    [
      'an end of a value with which its function cannot go on',
      '<function=get_weather><parameter=city>a</parameter>\n</tx',
    ],
    ['a function within an unopened block', '<function=get_weather><parameter=city>Paris</parameter>\n</tool_call>'],
    ['a name given twice', '<tool_call>{"name": "x", "name": "list_files", "arguments": {}}</tool_call>'],
    ['an empty id', '<|tool_call:begin|><|tool_call:name|>list_files<|tool_call:args|>{}<|tool_call:end|>'],
    [
      'a name in two lines',
      '<｜tool▁call▁begin｜>function<｜tool▁sep｜>list\nfiles\n```json\n{}\n```<｜tool▁call▁end｜>',
    ],
    ['a head full of blanks', `<|tool_call_begin|>${' '.repeat(400)}list_files:0<|tool_call_argument_begin|>{}`],
    ['a message begun anew', '<|channel|>commentary to=functions.list_files <|start|>x<|message|>{}<|call|>'],
  ])('%s is the same in one piece and letter by letter', (_name, text) => {
    const whole = tellText(text);
    const cut = tell(texts([...text]));
    expect([gist(cut), cut.finish, cut.uses]).toEqual([gist(whole), whole.finish, whole.uses]);
  });

  test('a head of nothing but brackets costs no time', () => {
    const text = `[TOOL_CALLS]a${'[AAAAAAAAAA'.repeat(12)} x`;
    const tookMs = quickestMs(1_000, () => expect(gist(tellText(text))).toEqual([{ text }]));
    expect(tookMs).toBeLessThan(1_000);
  });

  test('any way of cutting an answer gives the same', () => {
    fc.assert(
      fc.property(answer, fc.array(fc.nat(40), { minLength: 1, maxLength: 50 }), (text, lengths) => {
        const pieces: string[] = [];
        for (let at = 0, turn = 0; at < text.length; turn += 1) {
          const length = lengths[turn % lengths.length] ?? 1;
          pieces.push(text.slice(at, at + length + 1));
          at += length + 1;
        }
        const whole = tellText(text);
        const cut = tell(texts(pieces));
        expect(gist(cut)).toEqual(gist(whole));
        expect(cut.finish).toBe(whole.finish);
        expect(cut.uses).toEqual(whole.uses);
      }),
      { numRuns: 1_500 },
    );
  });

  test('whatever is changed in an answer, nothing of it is lost', () => {
    const change = fc.record({
      at: fc.nat(2_000),
      cut: fc.nat(6),
      put: fc.constantFrom('', '<', '>', '"', '}', '{', '\n', '`', '\\', 'x', '</'),
    });
    fc.assert(
      fc.property(answer, fc.array(change, { maxLength: 4 }), (base, changes) => {
        const text = changes.reduce((old, { at, cut, put }) => {
          const place = at % (old.length + 1);
          return old.slice(0, place) + put + old.slice(place + cut);
        }, base);
        const told = tell(texts([...text]));
        expect(isAccountedFor(text, told.log)).toBe(true);
      }),
      { numRuns: 1_500 },
    );
  });
});

/** What may vanish around a call: white space, and the marks that templates put after one. */
const DROPPED = /^(?:\s|<\|\w+\|>|<\/?[\w:]+>|<\w+\|>|<\|\w+>|<｜[^｜>]*｜>|\[e~\[|&lt;[^;\s]*?&gt;)/;

type Entry = { readonly raw: boolean; readonly text: string };

/** Whether every character of the text came out, was written into a record or may vanish, and all in order. */
function isAccountedFor(text: string, log: readonly Entry[], last = ''): boolean {
  const [entry, ...others] = log;
  const places = [text];
  for (let rest = text; DROPPED.test(rest); ) {
    rest = rest.replace(DROPPED, '');
    places.unshift(rest);
  }
  if (!entry) return places.includes('');
  // Calls of one block share what they were written as.
  if (entry.raw && entry.text === last && isAccountedFor(text, others, last)) return true;
  return places.some(
    (rest) =>
      rest.startsWith(entry.text) && isAccountedFor(rest.slice(entry.text.length), others, entry.raw ? entry.text : ''),
  );
}
