/** Calls that the engine parsed: typed, made once, found whole. Calls that leaked as text: `calls/`. */
import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import type { StreamEvent } from '#src/dialects/stream-event.ts';
import { duplicateCalls } from '#src/repairs/duplicate-calls.ts';
import type { RepairContext, Sink, Stage } from '#src/repairs/stage.ts';
import { truncatedCalls } from '#src/repairs/truncated-calls.ts';
import { typedCalls } from '#src/repairs/typed-arguments.ts';
import { args, cut, finish, joined, start, text, through, tool } from './support/chain.ts';

const TOOLS = [
  tool('edit', {
    path: { type: 'string' },
    line: { type: 'integer' },
    all: { type: 'boolean' },
    options: { type: 'object', properties: { depth: { type: 'number' } } },
    tags: { type: 'array', items: { type: 'string' } },
    any: {},
  }),
  tool('undo', {}),
];
const GIVEN = { tools: TOOLS };
type Make = (context: RepairContext, next: Sink) => Stage;

/** The calls that came out: name and arguments. */
function calls(events: readonly StreamEvent[]): readonly [string, string][] {
  const found = new Map<number, [string, string]>();
  for (const event of events) {
    if (event.type === 'tool-start') found.set(event.index, [event.name, '']);
    else if (event.type === 'tool-arguments') {
      const call = found.get(event.index);
      if (call) call[1] += event.json;
    }
  }
  return [...found.values()];
}

function answer(json: string, lengths: readonly number[], name = 'edit'): StreamEvent[] {
  return [start(0, name), ...cut(json, lengths, (piece) => args(0, piece)), finish('tool-calls')];
}

const run = (make: Make, events: readonly StreamEvent[]) => through(make, GIVEN, events);

describe('types of arguments', () => {
  const CASES: readonly (readonly [raw: string, want: string])[] = [
    ['{"line":"12"}', '{"line":12}'],
    ['{"all": "True", "path": "a"}', '{"all": true, "path": "a"}'],
    ['{"path":5,"line":1}', '{"path":"5","line":1}'],
    ['{"path": true}', '{"path": "true"}'],
    ['{"path":{"a": [1]}}', '{"path":"{\\"a\\": [1]}"}'],
    ['{"options":"{\\"depth\\":2}"}', '{"options":{"depth":2}}'],
    ['{"options":{"depth":"2"}}', '{"options":{"depth":2}}'],
    ['{"tags":"[\\"a\\",\\"b\\"]","line":"3"}', '{"tags":["a","b"],"line":3}'],
    ['"{\\"line\\": \\"4\\"}"', '{"line":4}'],
    ['"{\\"line\\":4}"', '{"line":4}'],
  ];
  for (const [raw, want] of CASES) {
    test(`${raw} becomes ${want}, however it is cut`, () => {
      for (let length = 1; length <= raw.length; length += 1) {
        const { events, uses } = run(typedCalls, answer(raw, [length]));
        expect(calls(events)).toEqual([['edit', want]]);
        expect(uses.map(({ kind }) => kind)).toEqual(['typed-arguments']);
      }
    });
  }

  const KEPT: readonly string[] = [
    '{"line":12,"path":"12","all":false,"options":{"depth":1},"tags":["1"],"any":"5"}',
    '{"line":"twelve"}',
    '{"unknown":"7"}',
    '{"path":"a \\" b","line":1',
    '"no object"',
    '{"path":null}',
    '',
  ];
  for (const raw of KEPT) {
    test(`${raw} stays, as the same events in the same order`, () => {
      for (const lengths of [[1], [3], [7, 2], [1000]]) {
        const events = answer(raw, lengths);
        const { events: out, uses } = run(typedCalls, events);
        expect(out).toHaveLength(events.length);
        expect(out.every((event, at) => event === events[at])).toBe(true);
        expect(uses).toEqual([]);
      }
    });
  }

  test('however arguments are cut, also as one text: the same, and what they were but for their types', () => {
    const value = fc.oneof(
      fc.string(),
      fc.integer(),
      fc.boolean(),
      fc.constantFrom('1', 'true', '{}', '["a"]', 'null', null),
      fc.jsonValue({ maxDepth: 2 }),
    );
    const keys = fc.constantFrom('path', 'line', 'all', 'options', 'tags', 'any', 'unknown');
    const inputs = fc.record({
      values: fc.dictionary(keys, value),
      indent: fc.constantFrom(0, 2),
      isText: fc.boolean(),
      lengths: fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 4 }),
    });
    fc.assert(
      fc.property(inputs, ({ values, indent, isText, lengths }) => {
        const object = JSON.stringify(values, null, indent);
        const raw = isText ? JSON.stringify(object) : object;
        const whole = calls(run(typedCalls, answer(raw, [raw.length])).events)[0]?.[1] ?? '';
        expect(calls(run(typedCalls, answer(raw, lengths)).events)[0]?.[1]).toBe(whole);
        expect(Object.keys(JSON.parse(whole))).toEqual(Object.keys(values));
      }),
      { numRuns: 400 },
    );
  });

  test('what the schema wants streams: nothing is held back', () => {
    const out: StreamEvent[] = [];
    const uses: RepairContext['report'] = () => {};
    const given = { tools: TOOLS, report: uses };
    const seen: number[] = [];
    const events = answer('{"path":"a long text of a file","line":12}', [4]);
    through(
      (context, next) => {
        const stage = typedCalls({ ...context, ...given }, (event) => {
          out.push(event);
          next(event);
        });
        return {
          push: (event) => {
            stage.push(event);
            seen.push(out.length);
          },
        };
      },
      GIVEN,
      events,
    );
    expect(seen).toEqual(events.map((_, at) => at + 1));
  });
});

describe('calls made twice', () => {
  const call = (index: number, name: string, json: string) => [start(index, name), args(index, json)];

  test('once is enough, also when they are not neighbours and differ in blanks', () => {
    const events = [
      ...call(0, 'edit', '{"path": "a", "line": 1}'),
      ...call(1, 'edit', '{"path":"b"}'),
      ...call(2, 'edit', '{"path":"a","line":1}'),
      ...call(3, 'edit', '{"path":"c"}'),
      finish('tool-calls'),
    ];
    const { events: out, uses } = run(duplicateCalls, events);
    expect(calls(out)).toEqual([
      ['edit', '{"path": "a", "line": 1}'],
      ['edit', '{"path":"b"}'],
      ['edit', '{"path":"c"}'],
    ]);
    expect(out.flatMap((event) => (event.type === 'tool-start' ? [event.index] : []))).toEqual([0, 1, 2]);
    expect(uses.map(({ kind }) => kind)).toEqual(['duplicate-call']);
  });

  test('calls without arguments may be meant twice', () => {
    const events = [...call(0, 'undo', '{}'), ...call(1, 'undo', '{}'), finish('tool-calls')];
    expect(run(duplicateCalls, events).events).toEqual(events);
  });

  test('a call that was cut off in the middle of a repetition is still told, so that it ends as too long', () => {
    const events = [...call(0, 'edit', '{"path":"abc"}'), ...call(1, 'edit', '{"path":"a'), finish('tool-calls')];
    expect(run(duplicateCalls, events).events).toEqual(events);
  });

  test('the same call without end is a loop', () => {
    const events = Array.from({ length: 40 }, (_, index) => call(index, 'edit', '{"path":"a"}')).flat();
    const { events: out, uses } = run(duplicateCalls, [...events, finish('tool-calls')]);
    expect(out).toEqual([...call(0, 'edit', '{"path":"a"}'), finish('tool-calls')]);
    expect(uses.at(-1)?.kind).toBe('loop');
  });

  test('however calls are cut: the same calls once each, in their order', () => {
    const names = fc.constantFrom('edit', 'undo', 'other');
    const values = fc.record({ name: names, path: fc.constantFrom('a', 'ab', 'b') });
    const inputs = fc.record({
      made: fc.array(values, { minLength: 1, maxLength: 8 }),
      lengths: fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 4 }),
    });
    fc.assert(
      fc.property(inputs, ({ made, lengths }) => {
        const events = made.flatMap(({ name, path }, index) => [
          start(index, name),
          ...cut(`{"path": "${path}"}`, lengths, (piece) => args(index, piece)),
        ]);
        const { events: out } = run(duplicateCalls, [...events, finish('tool-calls')]);
        const wanted = [...new Set(made.map(({ name, path }) => `${name} {"path": "${path}"}`))];
        expect(calls(out).map(([name, json]) => `${name} ${json}`)).toEqual(wanted);
      }),
    );
  });
});

describe('calls that were cut off', () => {
  const reasonOf = (json: string, reason: 'stop' | 'tool-calls' | 'length' = 'tool-calls') => {
    const { events, uses } = run(truncatedCalls, [text('I call.'), start(0, 'edit'), args(0, json), finish(reason)]);
    const last = events.at(-1);
    return [last?.type === 'finish' ? last.reason : null, uses.length];
  };

  test('end the answer as too long, at whatever character', () => {
    const json = '{"path":"a } \\" b","options":{"depth":[1,2]}}';
    for (let length = 1; length < json.length; length += 1) {
      expect(reasonOf(json.slice(0, length))).toEqual(['length', 1]);
      expect(reasonOf(json.slice(0, length), 'stop')).toEqual(['length', 1]);
    }
    expect(reasonOf(json)).toEqual(['tool-calls', 0]);
  });

  test('are left alone when the engine says so itself', () => {
    expect(reasonOf('{"a', 'length')).toEqual(['length', 0]);
  });

  test('are not those without arguments', () => {
    expect(reasonOf('')).toEqual(['tool-calls', 0]);
    expect(reasonOf(' ')).toEqual(['tool-calls', 0]);
  });

  test('nothing of an answer that is whole is touched', () => {
    const events = [text('x'), start(0, 'edit'), args(0, '{}'), finish('tool-calls')];
    const { events: out } = run(truncatedCalls, events);
    expect(out.every((event, at) => event === events[at])).toBe(true);
    expect(joined(out)).toEqual(joined(events));
  });
});
