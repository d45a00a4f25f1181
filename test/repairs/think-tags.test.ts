/** Thoughts that came as text, whole and cut at every character. With a real engine: `real-engine.test.ts`. */
import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import type { StreamEvent } from '#src/dialects/stream-event.ts';
import type { RepairContext } from '#src/repairs/stage.ts';
import { thinkTags } from '#src/repairs/think-tags.ts';
import type { RepairKind } from '#src/requests/request.ts';
import { cut, finish, joined, OPEN_THINKER, start, THINKER, TRAITS, text, thinking, through } from './support/chain.ts';

const EXPECTED = { traits: OPEN_THINKER, splitsThoughts: false };
const LEARNT: Partial<RepairContext> = { traits: THINKER, seen: new Set(['orphan-thought'] as const) };

const mended = (given: Partial<RepairContext>, events: readonly StreamEvent[]) => {
  const { events: out, uses } = through(thinkTags, given, events);
  return { events: joined(out), kinds: uses.map(({ kind }) => kind) };
};

const CASES: readonly {
  readonly name: string;
  readonly given: Partial<RepairContext>;
  readonly raw: string;
  readonly want: readonly StreamEvent[];
  readonly kinds: readonly RepairKind[];
}[] = [
  {
    name: 'a block at the beginning becomes a thought',
    given: { traits: THINKER },
    raw: '<think>\nLet me see.\n</think>\n\nHere it is.',
    want: [thinking('Let me see.'), text('Here it is.')],
    kinds: ['think-tags'],
  },
  {
    name: 'an empty block vanishes',
    given: { traits: THINKER },
    raw: '<think>\n\n</think>\n\nHere it is.',
    want: [text('Here it is.')],
    kinds: ['think-tags'],
  },
  {
    name: "a block in the middle, in Mistral's marks",
    given: { traits: THINKER },
    raw: 'First.\n[THINK]Hm.[/THINK]\nThen.',
    want: [text('First.\n'), thinking('Hm.'), text('Then.')],
    kinds: ['think-tags'],
  },
  {
    name: "Gemma's channel",
    given: { traits: THINKER },
    raw: '<|channel>thought\nHm.<channel|>Yes.',
    want: [thinking('Hm.'), text('Yes.')],
    kinds: ['think-tags'],
  },
  {
    name: 'a thought that the prompt opened, where the engine reads none',
    given: EXPECTED,
    raw: 'A thought.\n</think>\n\nThe answer.',
    want: [thinking('A thought.'), text('The answer.')],
    kinds: ['think-tags'],
  },
  {
    name: 'a thought that the prompt opened and the model opens again',
    given: EXPECTED,
    raw: '<think>A thought.</think>The answer.',
    want: [thinking('A thought.'), text('The answer.')],
    kinds: ['think-tags'],
  },
  {
    name: 'a thought without opener, of a model that was seen to lack it',
    given: LEARNT,
    raw: 'A thought.\n</think>\n\nThe answer.',
    want: [thinking('A thought.'), text('The answer.')],
    kinds: ['think-tags'],
  },
  {
    name: 'what never closes was the answer, and is told as such',
    given: EXPECTED,
    raw: 'The answer at once. ',
    want: [thinking('The answer at once. '), text('The answer at once. ')],
    kinds: ['unclosed-thought'],
  },
  {
    name: 'an orphan where none is expected is left out, and a lesson',
    given: { traits: THINKER },
    raw: 'A thought.\n</think>\n\nThe answer.',
    want: [text('A thought.\n\n\nThe answer.')],
    kinds: ['orphan-thought'],
  },
  {
    name: 'an orphan at the very end',
    given: { traits: THINKER },
    raw: 'A thought.\n</think>',
    want: [text('A thought.\n')],
    kinds: ['orphan-thought'],
  },
  {
    name: 'an orphan before any word',
    given: { traits: THINKER },
    raw: '</think>\n\nThe answer.',
    want: [text('The answer.')],
    kinds: ['think-tags'],
  },
  {
    name: 'a tag amid text that is never closed loses no text',
    given: { traits: THINKER },
    raw: 'Models open it with\n<think>\n\n and go on. ',
    want: [text('Models open it with\n'), thinking('and go on. '), text('<think>\n\n and go on. ')],
    kinds: ['think-tags'],
  },
  {
    name: 'a closing tag that is spoken of after the thought',
    given: { traits: THINKER },
    raw: '<think>Hm.</think>It ends with </think>\n</think> or so: </think>',
    want: [thinking('Hm.'), text('It ends with </think>\n</think> or so: </think>')],
    kinds: ['think-tags'],
  },
  {
    name: 'a thought that is closed twice',
    given: { traits: THINKER },
    raw: '<think>Hm.</think>\n\nOr.\n</think>\n\nYes.',
    want: [thinking('Hm.'), text('Or.\n\n\nYes.')],
    kinds: ['think-tags', 'think-tags'],
  },
  {
    name: 'a request without thoughts expects none',
    given: { ...EXPECTED, isThinkingOff: true },
    raw: 'The answer.',
    want: [text('The answer.')],
    kinds: [],
  },
];

describe('thoughts that came as text', () => {
  for (const { name, given, raw, want, kinds } of CASES) {
    test(`${name}: whole`, () => {
      expect(mended(given, [text(raw), finish()])).toEqual({ events: [...want, finish()], kinds: [...kinds] });
    });
    test(`${name}: cut at every character, and in two anywhere`, () => {
      const whole = mended(given, [text(raw), finish()]);
      expect(mended(given, [...cut(raw, [1]), finish()])).toEqual(whole);
      for (let at = 1; at < raw.length; at += 1) {
        expect(mended(given, [text(raw.slice(0, at)), text(raw.slice(at)), finish()])).toEqual(whole);
      }
    });
  }

  test('any way of cutting gives the same', () => {
    const words = fc.constantFrom(
      '<think>',
      '</think>',
      '\n',
      ' ',
      'word',
      '`',
      '```\n',
      '[THINK]',
      '[/THINK]',
      '<',
      '</',
    );
    const inputs = fc.record({
      raw: fc.array(words, { maxLength: 14 }).map((parts) => parts.join('')),
      lengths: fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 5 }),
      given: fc.constantFrom<Partial<RepairContext>>({ traits: THINKER }, EXPECTED, LEARNT),
      blanks: fc.constantFrom('', ' '.repeat(300)),
    });
    fc.assert(
      fc.property(inputs, ({ raw, lengths, given, blanks }) => {
        const all = raw + blanks + raw;
        fc.pre(all !== '');
        expect(mended(given, [...cut(all, lengths), finish()])).toEqual(mended(given, [text(all), finish()]));
      }),
      { numRuns: 400 },
    );
  });
});

describe('what is no thought', () => {
  const PROSE: readonly string[] = [
    'Close it with `</think>` and go on.',
    'Close it with </think> in the middle of a sentence.',
    '```\n<think>\nno\n</think>\n```\nDone.',
    'A <think> tag is opened here.',
    'x < y and [THIN] ice, <thinkers> of </thin',
    '~~~\n</think>\n~~~\n',
  ];
  for (const raw of PROSE) {
    test(`${JSON.stringify(raw)} passes, also for a model that thinks`, () => {
      const { events, uses } = through(thinkTags, { traits: THINKER }, [...cut(raw, [1]), finish()]);
      expect(joined(events)).toEqual([text(raw), finish()]);
      expect(uses).toEqual([]);
    });
  }

  test('text without a tag is handed on as the same events', () => {
    const events = [...cut('It is <b>bold</b>, and a < b `x`.\n\nYes [1].', [2, 3, 9]), finish()];
    const { events: out } = through(thinkTags, { traits: THINKER }, events);
    const original = events.filter((event) => out.includes(event));
    // A piece that could begin a tag is put together with the next; all others are the very same objects.
    expect(original.length).toBeGreaterThan(events.length - 6);
    expect(joined(out)).toEqual(joined(events));
  });

  test('a closing tag that is spoken of stays, also after a thought of the engine', () => {
    const events = [thinking('Hm.'), text('It ends with </think>\nand goes on.'), finish()];
    expect(joined(through(thinkTags, { traits: THINKER }, events).events)).toEqual(events);
  });

  test('an answer whose thoughts the engine has parsed is text from its first word', () => {
    const events = [thinking('Hm.'), text('The answer.'), finish()];
    expect(through(thinkTags, LEARNT, events).events).toEqual(events);
  });

  test('a thought that ends in a call is no answer', () => {
    const events = [text('I will call.'), start(0, 'a'), finish('tool-calls')];
    expect(through(thinkTags, EXPECTED, events).events).toEqual([
      thinking('I will call.'),
      start(0, 'a'),
      finish('tool-calls'),
    ]);
  });

  test('a thought that was cut off stays one', () => {
    const { events, uses } = through(thinkTags, EXPECTED, [text('A long thou'), finish('length')]);
    expect(events).toEqual([thinking('A long thou'), finish('length')]);
    expect(uses).toEqual([]);
  });

  test('the counts come after what was held back', () => {
    const usage: StreamEvent = {
      type: 'usage',
      usage: { inputTokens: 1, cachedTokens: 0, outputTokens: 1, thinkingTokens: null },
      timings: { prefillTokensPerS: null, decodeTokensPerS: null, prefillMs: null, decodeMs: null },
    };
    const { events } = through(thinkTags, { traits: THINKER }, [text('a <'), usage, finish()]);
    expect(joined(events)).toEqual([text('a <'), usage, finish()]);
  });

  test('a model that does not think keeps every byte', () => {
    const raw = '</think>\n<think>\nx\n</think>\n';
    const { events, uses } = through((_, next) => ({ push: next }), { traits: TRAITS }, [text(raw), finish()]);
    expect(events).toEqual([text(raw), finish()]);
    expect(uses).toEqual([]);
  });
});
