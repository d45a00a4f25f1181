// gpt-oss's channels as text: thoughts, answers and calls told apart, in any pieces.
import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import type { StreamEvent } from '#src/dialects/stream-event.ts';
import { channels, mayHaveChannels } from '#src/repairs/channels.ts';
import { contextOf, cut, finish, joined, TRAITS, text, thinking, through, throughChain } from './support/chain.ts';

const GPT_OSS = { ...TRAITS, family: 'gpt-oss', callFormat: 'harmony' as const, thinks: true };
const told = (events: readonly StreamEvent[]) => joined(through(channels, { traits: GPT_OSS }, events).events);
const analysis = (words: string) => `<|channel|>analysis<|message|>${words}<|end|>`;
const final = (words: string) => `<|start|>assistant<|channel|>final<|message|>${words}<|return|>`;

const ROWS: readonly (readonly [name: string, raw: string, want: readonly StreamEvent[]])[] = [
  ['a thought and an answer', analysis('Hm.') + final('Hi.'), [thinking('Hm.'), text('Hi.')]],
  ['a start before the thought', `<|start|>assistant${analysis('Hm.')}`, [thinking('Hm.')]],
  ['an answer alone, without its end', '<|channel|>final<|message|>Hi <|', [text('Hi <|')]],
  ['a form of the answer', '<|channel|>final <|constrain|>json<|message|>{}', [text('{}')]],
  [
    'words between thoughts',
    `${analysis('A')}<|channel|>commentary<|message|>B<|end|>\n${final('C')}`,
    [thinking('A'), text('BC')],
  ],
  [
    'a mark that is spoken of',
    `${analysis('The mark <|end|> ends it.')}${final('a <|return|> b')}`,
    [thinking('The mark <|end|> ends it.'), text('a <|return|> b')],
  ],
  ['a head that is cut', `${analysis('Hm.')}<|start|>assistant<|chan`, [thinking('Hm.')]],
  [
    'prose that speaks of channels',
    'It writes <|channel|>final<|message|>Hi',
    [text('It writes <|channel|>final<|message|>Hi')],
  ],
  ['a channel nobody knows', '<|channel|>other<|message|>Hi', [text('<|channel|>other<|message|>Hi')]],
  ['a head that never ends', `<|channel|>${'final '.repeat(40)}`, [text(`<|channel|>${'final '.repeat(40)}`)]],
  ['the beginning of a mark', '<|chan', [text('<|chan')]],
];

describe.each(ROWS)('%s', (_name, raw, want) => {
  test('is told apart in one piece, letter by letter and in two pieces', () => {
    expect(told([text(raw), finish()])).toEqual([...want, finish()]);
    expect(told([...cut(raw, [1]), finish()])).toEqual([...want, finish()]);
    for (let at = 1; at < raw.length; at += 1) {
      expect(told([text(raw.slice(0, at)), text(raw.slice(at)), finish()])).toEqual([...want, finish()]);
    }
  });
});

test('any way of cutting gives the same', () => {
  const words = [
    '<|start|>assistant',
    '<|channel|>',
    'analysis',
    'final',
    '<|message|>',
    '<|end|>',
    '<|return|>',
    '\n',
    'a',
  ];
  const raws = fc.array(fc.constantFrom(...words), { minLength: 1, maxLength: 14 }).map((parts) => parts.join(''));
  const lengths = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(raws, fc.boolean(), lengths, (rest, isMessage, sizes) => {
      const raw = isMessage ? `<|channel|>analysis<|message|>${rest}` : rest;
      expect(told([...cut(raw, sizes), finish()])).toEqual(told([text(raw), finish()]));
    }),
    { numRuns: 1_000 },
  );
});

test('a call in a channel is made by the chain, after its thought', () => {
  const call = '<|start|>assistant<|channel|>commentary to=functions.look <|constrain|>json<|message|>{"a":1}<|call|>';
  const tools = [{ type: 'function' as const, function: { name: 'look' } }];
  const { events } = throughChain({ traits: GPT_OSS, tools }, [...cut(analysis('Hm.') + call, [3]), finish()]);
  expect(joined(events)).toMatchObject([
    thinking('Hm.'),
    { type: 'tool-start', name: 'look' },
    { type: 'tool-arguments', json: '{"a":1}' },
    finish('tool-calls'),
  ]);
});

test('text that begins otherwise is handed on as the same events', () => {
  const events = [text('Well, '), text('<|channel|>final<|message|>'), finish()];
  for (const [at, event] of through(channels, { traits: GPT_OSS }, events).events.entries()) {
    expect(event).toBe(events[at] as StreamEvent);
  }
});

test('only models of this kind are looked at, and only if wished', () => {
  expect(mayHaveChannels(contextOf({ traits: GPT_OSS }))).toBe(true);
  expect(mayHaveChannels(contextOf({ traits: { ...TRAITS, thinks: true } }))).toBe(false);
  expect(mayHaveChannels(contextOf({ traits: GPT_OSS, switches: { think_tags: false } }))).toBe(false);
});
