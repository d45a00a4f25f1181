/** What ends an answer: verbatim repetition, a limit of Flow's own, the engine's parser. */
import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import type { StreamEvent } from '#src/dialects/stream-event.ts';
import { Fault } from '#src/faults.ts';
import { answerLimit } from '#src/repairs/answer-limit.ts';
import { loopGuard } from '#src/repairs/loop-guard.ts';
import { isParserFault, parserRecovery } from '#src/repairs/parser-fault.ts';
import { args, cut, finish, joined, start, text, thinking, through } from './support/chain.ts';

describe('the loop guard', () => {
  const lengthOf = (events: readonly StreamEvent[]) =>
    events.reduce(
      (sum, event) => sum + (event.type === 'text' || event.type === 'thinking' ? event.text.length : 0),
      0,
    );
  const guarded = (events: readonly StreamEvent[]) => through(loopGuard, {}, events);

  test('stops a block of any length that comes again and again, in text and in thought', () => {
    for (const period of [16, 17, 59, 64, 333, 1000, 2000]) {
      const block = blockOf(period);
      for (const [make, charactersMin] of [
        [text, 8_000],
        [thinking, 4_000],
      ] as const) {
        const { events, uses } = guarded([text('Well.'), ...cut(block.repeat(200_000 / period), [5], make), finish()]);
        expect(events.at(-1)).toEqual(finish('length'));
        expect(lengthOf(events)).toBeLessThan(Math.max(26 * period, charactersMin + 3 * period) + 1_200);
        expect(uses.map(({ kind }) => kind)).toEqual(['loop']);
        expect(uses[0]?.note).toContain(`same ${period} characters`);
      }
    }
  });

  test('lets a sentence be written two hundred times, as a pupil may have to', () => {
    const events = [...cut('I will not talk while others do. \n'.repeat(200), [4]), finish()];
    expect(guarded(events)).toEqual({ events, uses: [] });
  });

  test('stops data that comes again and again, later than sentences', () => {
    for (const period of [16, 59, 333, 2000]) {
      const block = '<td>0</td>|'.repeat(200).slice(0, period - 1);
      const { events } = guarded([...cut(`${block}\n`.repeat(400_000 / period), [5]), finish()]);
      expect(events.at(-1)).toEqual(finish('length'));
      expect(lengthOf(events)).toBeLessThan(Math.max(34 * period, 16_000 + 3 * period) + 1_200);
    }
  });

  test('stops a single character without end, and blanks sooner', () => {
    expect(lengthOf(guarded([...cut('a'.repeat(100_000), [3])]).events)).toBeLessThan(17_000);
    expect(lengthOf(guarded([...cut(' \n'.repeat(50_000), [3])]).events)).toBeLessThan(5_000);
  });

  test('stops at the same character, however the text is cut', () => {
    const raw = `Intro. ${blockOf(70).repeat(200)}`;
    const whole = guarded([text(raw), finish()]);
    for (const lengths of [[1], [3, 4, 5], [511], [513], [4096]]) {
      expect(joined(guarded([...cut(raw, lengths), finish()]).events)).toEqual(joined(whole.events));
    }
  });

  test('stops arguments too, later', () => {
    const { events } = guarded([start(0, 'write'), ...cut(blockOf(80).repeat(2_000), [5], (json) => args(0, json))]);
    expect(events.at(-1)).toEqual(finish('length'));
    const sizes = events.map((event) => (event.type === 'tool-arguments' ? event.json.length : 0));
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeGreaterThan(16_000);
  });

  const rows = (count: number, row: (at: number) => string) =>
    Array.from({ length: count }, (_, at) => row(at)).join('');
  const LEGITIMATE: readonly (readonly [name: string, text: string])[] = [
    ['a table whose rows differ in a number', rows(2_000, (at) => `| item ${at} | yes | no | 0 | 0 | 0 |\n`)],
    ['a table of twenty equal rows', '| a | b | c | d | e | f | g | h |\n'.repeat(20)],
    ['test data: eighty equal lines', '{"id": 1, "name": "test", "active": true},\n'.repeat(80)],
    ['a ruler', `${'='.repeat(3_000)}\n`],
    ['zeros in base64', `data:application/octet-stream;base64,${'A'.repeat(12_000)}==`],
    ['a list of zeros', '0, '.repeat(3_000)],
    ['a drawing', rows(60, (at) => `${' '.repeat(at)}/${'#'.repeat(120 - 2 * at)}\\\n`)],
    ['code with equal lines', 'assert.equal(result, expected);\n'.repeat(60)],
    ['a map of zeros', `[${'0, '.repeat(64)}],\n`.repeat(64)],
    ['an empty table', `<tr>${'<td></td>'.repeat(10)}</tr>\n`.repeat(120)],
    ['three hundred equal rows of a database', "INSERT INTO jobs VALUES (NULL, 'x', 0);\n".repeat(300)],
    ['rules of tables', '| --- | --- | --- |\n'.repeat(200)],
    ['a log', rows(500, (at) => `12:00:${at} INFO worker: nothing to do, sleeping for another 60 seconds\n`)],
    ['a path', `M0 0 ${'l1 0 l0 1 l-1 0 l0 -1 '.repeat(500)}Z`],
    ['closing tags', '</div>\n'.repeat(500)],
    ['a counted list', rows(3_000, (at) => `${at + 1}. Step\n`)],
    [
      'a poem with a refrain',
      rows(20, (at) => `Verse ${at}\n${'Row, row, row your boat, gently down the stream.\n'.repeat(3)}`),
    ],
  ];
  for (const [name, raw] of LEGITIMATE) {
    test(`lets pass ${name}, as the same events`, () => {
      const events = [...cut(raw, [4]), finish()];
      const { events: out, uses } = guarded(events);
      expect(out.every((event, at) => event === events[at]) && out.length === events.length).toBe(true);
      expect(uses).toEqual([]);
    });
  }

  test('lets pass any text that does not repeat', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ minLength: 1, maxLength: 40 }), { minLength: 1, maxLength: 60 }), (parts) => {
        const events = parts.map((part, at) => text(`${at}${part}`));
        expect(guarded(events).events).toEqual(events);
      }),
    );
  });

  function blockOf(length: number): string {
    let block = '';
    for (let at = 0; block.length < length; at += 1) block += `word${at} `;
    return block.slice(0, length);
  }
});

describe("the limit of Flow's own", () => {
  test('counts text and arguments, not thoughts, and ends the answer once', () => {
    const events = [thinking('a'), thinking('b'), text('c'), start(0, 'x'), args(0, '{'), text('d'), finish()];
    const { events: out } = through((_, next) => answerLimit(2, next), {}, events);
    expect(out).toEqual([...events.slice(0, 5), finish('length')]);
  });

  test('leaves a shorter answer alone', () => {
    const events = [text('c'), finish()];
    expect(through((_, next) => answerLimit(2, next), {}, events).events).toEqual(events);
  });
});

describe("the engine's own parser", () => {
  const fault = (message: string, status = 500) => new Fault('engine-refused', message, { status });
  const FORMAT = fault('The model produced output that does not match the expected peg-native format');
  const told = (events: readonly StreamEvent[], last = FORMAT) =>
    joined(through(parserRecovery, {}, [...events, { type: 'fault', fault: last }]).events);

  test('is told from a refusal', () => {
    const MINE = [
      'Failed to parse input at pos 184: <tool_call>',
      'The model produced output that does not match the expected Content-only format',
      'Unexpected empty grammar stack after accepting piece: } (92)',
    ];
    for (const message of MINE) expect(isParserFault(fault(message))).toBe(true);
    const NOT_MINE = [
      fault('Failed to parse input at pos 3: x', 400),
      fault('Failed to parse grammar'),
      fault('Failed to parse messages: Missing role'),
      fault('JSON schema conversion failed: the pattern does not match the expected format'),
      fault('Jinja Exception: Failed to parse input at pos 3'),
      new Fault('engine-died', 'Failed to parse input at pos 3: x'),
    ];
    for (const other of NOT_MINE) expect(isParserFault(other)).toBe(false);
  });

  test('keeps calls that are whole', () => {
    const events = [text('I look.'), start(0, 'a'), args(0, '{"x":'), args(0, '1}')];
    expect(told(events)).toEqual([...joined(events), finish('tool-calls')]);
  });

  test('ends a call that is not whole as too long', () => {
    const events = [start(0, 'a'), args(0, '{}'), start(1, 'a'), args(1, '{"x":')];
    expect(told(events)).toEqual([...events, finish('length')]);
    expect(told([start(0, 'a')])).toEqual([start(0, 'a'), finish('length')]);
  });

  test('keeps text', () => {
    expect(told([text('The answer.')])).toEqual([text('The answer.'), finish('stop')]);
  });

  test('hands on the rest that it quotes, but not what has come already', () => {
    const quoted = fault('Failed to parse input at pos 9: it is.\n<tool_call>\n{"name":"a"}\n</tool_call>');
    expect(told([text('Well, here it is.')], quoted)).toEqual([
      text('Well, here it is.\n<tool_call>\n{"name":"a"}\n</tool_call>'),
      finish('stop'),
    ]);
  });

  test('stays a fault when nothing has come, or only thoughts', () => {
    const last: StreamEvent = { type: 'fault', fault: FORMAT };
    expect(told([])).toEqual([last]);
    expect(told([thinking('Hm.')])).toEqual([thinking('Hm.'), last]);
  });

  test('does not mend what is no fault of the parser', () => {
    const died = new Fault('engine-died', 'It died.');
    expect(told([text('Half an ans')], died)).toEqual([text('Half an ans'), { type: 'fault', fault: died }]);
  });
});
