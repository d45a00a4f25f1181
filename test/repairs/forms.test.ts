// Stop strings and asked forms, stage by stage. Through a gateway: test/gateway/foreign-requests.test.ts.
import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import type { StreamEvent } from '#src/dialects/stream-event.ts';
import { askedForm } from '#src/repairs/asked-form.ts';
import type { Correction } from '#src/repairs/schemas/correction.ts';
import type { AskedForm } from '#src/repairs/stage.ts';
import { stopStrings } from '#src/repairs/stop-strings.ts';
import { contextOf } from './support/chain.ts';

const text = (piece: string): StreamEvent => ({ type: 'text', text: piece });
const FINISH: StreamEvent = { type: 'finish', reason: 'stop', stopSequence: null };
const CALL: StreamEvent = { type: 'tool-start', index: 0, id: 'a', name: 'look' };
const textOf = (events: readonly StreamEvent[]) =>
  events.map((event) => (event.type === 'text' ? event.text : '')).join('');

function stopped(strings: readonly string[], events: readonly StreamEvent[]): StreamEvent[] {
  const out: StreamEvent[] = [];
  const stage = stopStrings(strings, (event) => out.push(event));
  for (const event of events) stage.push(event);
  return out;
}

describe('stop strings', () => {
  test('are found however the text is cut, and nothing else is lost', () => {
    const letters = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 40 });
    const strings = fc.array(fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: 1, maxLength: 5 }), {
      minLength: 1,
      maxLength: 4,
    });
    fc.assert(
      fc.property(
        letters,
        strings,
        fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1 }),
        (whole, stops, cuts) => {
          const pieces: string[] = [];
          for (let at = 0, cut = 0; at < whole.length; at += cuts[cut % cuts.length] ?? 1, cut += 1) {
            pieces.push(whole.slice(at, at + (cuts[cut % cuts.length] ?? 1)));
          }
          const out = stopped(stops, [...pieces.map(text), FINISH]);
          const places = stops.map((stop) => whole.indexOf(stop)).filter((at) => at >= 0);
          // Which of two strings ends the answer may depend on the cuts; that none gets past never does.
          const told = textOf(out);
          if (places.length === 0) expect(told).toBe(whole);
          else expect([whole.startsWith(told), told.length <= Math.min(...places) + 5]).toEqual([true, true]);
          expect(stops.some((stop) => told.includes(stop))).toBe(false);
          expect(out.filter(({ type }) => type === 'finish')).toHaveLength(1);
        },
      ),
      { seed: 4, numRuns: 2_000 },
    );
  });

  test('hold back only what may become one, and leave all else as the very same event', () => {
    const plain = text('nothing of it');
    expect(stopped(['END'], [plain])[0]).toBe(plain);
    expect(textOf(stopped(['END'], [text('a EN')]))).toBe('a ');
    expect(textOf(stopped(['END'], [text('a EN'), CALL]))).toBe('a EN');
    expect(stopped(['END'], [CALL, text('xEND')]).at(-1)).toMatchObject({ reason: 'tool-calls', stopSequence: 'END' });
  });

  test('of which one begins another: the longer one ends it', () => {
    const out = stopped(['ab', 'abc'], [text('1abc2')]);
    expect(out.at(-1)).toMatchObject({ stopSequence: 'abc' });
  });
});

function formed(form: AskedForm, events: readonly StreamEvent[], mayAsk = true) {
  const out: StreamEvent[] = [];
  const asked: Correction[] = [];
  const notes: string[] = [];
  const context = {
    ...contextOf(),
    report: ({ note }: { note: string }) => void notes.push(note),
    askAgain: (correction: Correction) => {
      if (mayAsk) asked.push(correction);
      return mayAsk;
    },
  };
  const stage = askedForm(form, context, (event) => out.push(event));
  for (const event of events) stage.push(event);
  return { out, asked, notes };
}

const SCHEMA = { type: 'object', properties: { a: { type: 'integer' } }, required: ['a'] };
const JSON_FORM: AskedForm = { kind: 'json', schema: SCHEMA };

describe('JSON', () => {
  test.each<[string, string]>([
    ['{"a":1}', '{"a":1}'],
    ['\n{"a":1}\n', '{"a":1}'],
    ['```json\n{"a":1}\n```', '{"a":1}'],
    ['Here it is: {"a":1}. Enjoy!', '{"a":1}'],
    ['{"a":"1"}', '{"a":1}'],
  ])('%p is told as %p', (said, told) => {
    const { out, asked } = formed(JSON_FORM, [text(said.slice(0, 4)), text(said.slice(4)), FINISH]);
    expect(textOf(out)).toBe(told);
    expect(out.at(-1)).toBe(FINISH);
    expect(asked).toHaveLength(0);
  });

  test.each(['no', '{"b":1}', '{"a":', '[1]', ''])(
    '%p is asked for once more; without another try it is passed on',
    (said) => {
      const usage: StreamEvent = {
        type: 'usage',
        usage: { inputTokens: 1, cachedTokens: null, outputTokens: 2, thinkingTokens: null },
        timings: { prefillTokensPerS: null, decodeTokensPerS: null, prefillMs: null, decodeMs: null },
      };
      const first = formed(JSON_FORM, [text(said), usage, FINISH]);
      expect(first.out).toEqual([]);
      expect(first.asked).toMatchObject([
        { text: said, calls: [], wish: expect.any(String), counts: { type: 'usage' } },
      ]);
      first.asked[0]?.handOn();
      expect(first.out).toEqual([text(said), usage, FINISH]);
      const last = formed(JSON_FORM, [text(said), usage, FINISH], false);
      expect(last.out).toEqual([text(said), usage, FINISH]);
      expect(last.notes.join()).toContain('handed on as it is');
    },
  );

  test('is not looked for in what was cut off, became a call, or failed', () => {
    const cut: StreamEvent = { type: 'finish', reason: 'length', stopSequence: null };
    expect(formed(JSON_FORM, [text('{"a'), cut]).out).toEqual([text('{"a'), cut]);
    const calls: StreamEvent = { type: 'finish', reason: 'tool-calls', stopSequence: null };
    expect(formed(JSON_FORM, [text('Hm.'), CALL, calls]).out).toEqual([text('Hm.'), CALL, calls]);
  });
});

describe('a call', () => {
  const form: AskedForm = { kind: 'call', tools: ['look'] };

  test('that comes is let through as it comes', () => {
    const { out, asked } = formed(form, [text('a'), CALL, FINISH]);
    expect(out).toEqual([text('a'), CALL, FINISH]);
    expect(asked).toHaveLength(0);
  });

  test('that does not come is asked for, after the text that has been told', () => {
    const { out, asked } = formed(form, [text('a'), FINISH]);
    expect(out).toEqual([text('a')]);
    expect(asked).toMatchObject([{ text: 'a', wish: expect.stringContaining('look') }]);
  });

  test('that was lost, or thrown away without a word, is asked for', () => {
    const lost = (hasLostCall: boolean, said: string) =>
      formed({ kind: 'answer', hasLostCall: () => hasLostCall }, [text(said), FINISH]).asked.length;
    expect([lost(true, 'Hm.'), lost(false, ' \n'), lost(false, 'Hm.')]).toEqual([1, 1, 0]);
  });
});
