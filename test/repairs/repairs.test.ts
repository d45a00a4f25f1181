/** The whole chain: its order, its switches, and that it leaves alone what needs no mending. */
import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import type { StreamEvent } from '#src/dialects/stream-event.ts';
import { Fault } from '#src/faults.ts';
import type { RepairSwitches } from '#src/models/behaviour.ts';
import { repairChain } from '#src/repairs/repairs.ts';
import {
  args,
  contextOf,
  cut,
  finish,
  joined,
  OPEN_THINKER,
  start,
  THINKER,
  text,
  thinking,
  throughChain,
  tool,
} from './support/chain.ts';

const TOOLS = [tool('look', { place: { type: 'string' }, days: { type: 'integer' } })];
const LEAK = '<tool_call>\n{"name": "look", "arguments": {"place": "a", "days": "2"}}\n</tool_call>';
const kindsOf = (uses: readonly { kind: string }[]) => uses.map(({ kind }) => kind);

/** Calls as name and arguments, ids aside. */
const plain = (events: readonly StreamEvent[]) =>
  joined(events).map((event) => (event.type === 'tool-start' ? { ...event, id: '' } : event));

describe('the chain', () => {
  test('is none when nothing could need mending, so that bytes pass unread', () => {
    const sink = () => {};
    expect(repairChain(contextOf({ switches: { loop_guard: false } }), sink)).toBeNull();
    expect(repairChain(contextOf(), sink)).not.toBeNull();
    const off: RepairSwitches = {
      loop_guard: false,
      engine_parser: false,
      think_tags: false,
      leaked_calls: false,
      typed_arguments: false,
      duplicate_calls: false,
      truncated_calls: false,
    };
    expect(repairChain(contextOf({ tools: TOOLS, traits: OPEN_THINKER, switches: off }), sink)).toBeNull();
    expect(repairChain(contextOf({ switches: { loop_guard: false }, answerTokensMax: 5 }), sink)).not.toBeNull();
  });

  test('mends a thought, a leaked call in its wrong types, and its repetition, in one answer', () => {
    const raw = `<think>\nHm.\n</think>\n\nI look.\n${LEAK}\n${LEAK}`;
    const given = { tools: TOOLS, traits: THINKER };
    const { events, uses } = throughChain(given, [text(raw), finish()]);
    const calls = events.filter(({ type }) => type === 'tool-start');
    expect(calls).toHaveLength(1);
    expect(joined(events)[0]).toEqual(thinking('Hm.'));
    expect(events.at(-1)).toEqual(finish('tool-calls'));
    const json = events.flatMap((event) => (event.type === 'tool-arguments' ? [event.json] : [])).join('');
    expect(JSON.parse(json)).toEqual({ place: 'a', days: 2 });
    expect(new Set(kindsOf(uses))).toEqual(new Set(['think-tags', 'leaked-call', 'typed-arguments', 'duplicate-call']));
    for (let length = 1; length < 40; length += 1) {
      expect(plain(throughChain(given, [...cut(raw, [length]), finish()]).events)).toEqual(plain(events));
    }
  });

  test('finds the call in what the engine could not parse', () => {
    const fault = new Fault('engine-refused', `Failed to parse input at pos 8: ${LEAK}`, { status: 500 });
    const { events, uses } = throughChain({ tools: TOOLS }, [text('I look.\n'), { type: 'fault', fault }]);
    expect(events.at(-1)).toEqual(finish('tool-calls'));
    expect(events.filter(({ type }) => type === 'tool-start')).toHaveLength(1);
    expect(kindsOf(uses)).toContain('engine-parser');
  });

  test('a thought that is the answer after all ends as text behind it', () => {
    const given = { tools: TOOLS, traits: OPEN_THINKER, splitsThoughts: false };
    const { events } = throughChain(given, [...cut('The answer at once.', [3]), finish()]);
    expect(joined(events)).toEqual([thinking('The answer at once.'), text('The answer at once.'), finish()]);
  });
});

describe('each switch turns its repair off', () => {
  const CASES: readonly (readonly [keyof RepairSwitches, readonly StreamEvent[]])[] = [
    ['think_tags', [text('<think>\nHm.\n</think>\n\nYes.'), finish()]],
    ['leaked_calls', [text(LEAK), finish()]],
    ['typed_arguments', [start(0, 'look'), args(0, '{"days":"2"}'), finish('tool-calls')]],
    [
      'duplicate_calls',
      [start(0, 'look'), args(0, '{"days":2}'), start(1, 'look'), args(1, '{"days":2}'), finish('tool-calls')],
    ],
    ['truncated_calls', [start(0, 'look'), args(0, '{"days":2'), finish('tool-calls')]],
    ['loop_guard', [text('Round and round it goes. '.repeat(400)), finish()]],
    [
      'engine_parser',
      [
        text('Yes.'),
        {
          type: 'fault',
          fault: new Fault('engine-refused', 'Failed to parse input at pos 1: x', { status: 500 }),
        },
      ],
    ],
  ];
  for (const [name, events] of CASES) {
    test(name, () => {
      const given = { tools: TOOLS, traits: THINKER };
      expect(throughChain(given, events).events).not.toEqual([...events]);
      const off = throughChain({ ...given, switches: { [name]: false } }, events);
      expect(off.events).toEqual([...events]);
      expect(off.uses).toEqual([]);
    });
  }
});

describe('what needs no mending', () => {
  const PROSE: readonly string[] = [
    'A plain answer.\n\nWith two paragraphs, a < b, and `code`.\n',
    'Qwen writes `<tool_call>` and closes thoughts with `</think>`.',
    '```xml\n<tool_call>\n{"name": "look", "arguments": {}}\n</tool_call>\n<think>\n</think>\n```\nSo it is.',
    '| a | b |\n|---|---|\n| 1 | 2 |\n',
    '[1, 2, 3] and {"name": "nobody"} [THE] end <thing>\n',
    'Grüße 👋🏽 aus 日本: 👨‍👩‍👧‍👦 ✅\n',
  ];
  for (const raw of PROSE) {
    test(`${JSON.stringify(raw.slice(0, 40))} comes through byte for byte, however it is cut`, () => {
      for (const lengths of [[1], [2, 3], [7], [1_000]]) {
        const { events, uses } = throughChain({ tools: TOOLS, traits: THINKER }, [...cut(raw, lengths), finish()]);
        expect(joined(events)).toEqual([text(raw), finish()]);
        expect(uses).toEqual([]);
      }
    });
  }

  test('ordinary words, thoughts and calls are the same events in the same order', () => {
    const word = fc.stringMatching(/^[a-zA-Z0-9 .,;:!?\n]{1,12}$/);
    const piece = fc.oneof(word.map(text), word.map(thinking));
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), fc.integer({ min: 0, max: 99 }), (pieces, days) => {
        const call = [start(0, 'look'), ...cut(`{"place":"x","days":${days}}`, [3], (json) => args(0, json))];
        const events = [...pieces, ...call, finish('tool-calls')];
        const { events: out } = throughChain({ tools: TOOLS, traits: THINKER }, events);
        expect(out).toHaveLength(events.length);
        expect(out.every((event, at) => event === events[at])).toBe(true);
      }),
    );
  });
});
