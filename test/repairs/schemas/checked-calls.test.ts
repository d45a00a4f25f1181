// Calls of relaxed tools: what is held, mended, sent back to the model or handed on. With real engines: test/e2e.
import { describe, expect, test } from 'bun:test';
import type { StreamEvent } from '#src/dialects/stream-event.ts';
import { detectTraits } from '#src/models/traits.ts';
import { checkedCalls } from '#src/repairs/schemas/checked-calls.ts';
import type { Correction } from '#src/repairs/schemas/correction.ts';
import type { RepairContext } from '#src/repairs/stage.ts';
import type { RepairUse } from '#src/requests/request.ts';

const OPEN = {
  type: 'object',
  properties: { path: { type: 'string', pattern: '^/' }, line: { type: 'integer', maximum: 10 } },
  required: ['path'],
};
const start = (index: number, name = 'open'): StreamEvent => ({ type: 'tool-start', index, id: `c${index}`, name });
const json = (index: number, text: string): StreamEvent => ({ type: 'tool-arguments', index, json: text });
const text = (words: string): StreamEvent => ({ type: 'text', text: words });
const FINISH: StreamEvent = { type: 'finish', reason: 'tool-calls', stopSequence: null };
const CUT: StreamEvent = { type: 'finish', reason: 'length', stopSequence: null };

function run(events: readonly StreamEvent[], { mayAsk = true }: { mayAsk?: boolean } = {}) {
  const out: StreamEvent[] = [];
  const uses: RepairUse[] = [];
  const corrections: Correction[] = [];
  const context: RepairContext = {
    requestId: 'r1',
    tools: [],
    traits: detectTraits({ architecture: null, name: 'm', hfId: null, chatTemplate: null }),
    switches: {},
    answerTokensMax: null,
    relaxed: new Map([['open', OPEN]]),
    stopStrings: [],
    form: null,
    seen: new Set(),
    splitsThoughts: true,
    isThinkingOff: false,
    report: (use) => uses.push(use),
    askAgain: (correction) => mayAsk && corrections.push(correction) > 0,
  };
  const stage = checkedCalls(context, (event) => out.push(event));
  for (const event of events) stage.push(event);
  return { out, uses, corrections };
}

describe('a call of a relaxed tool', () => {
  test('that matches comes out as it was, when it is whole', () => {
    const events = [text('Look.'), start(0), json(0, '{"path":"/a'), json(0, '"}'), FINISH];
    const { out, uses } = run(events);
    expect(out).toEqual(events);
    expect(uses).toEqual([]);
  });

  test('does not hold up the calls of other tools', () => {
    const { out } = run([start(0, 'other'), json(0, '{"a":')]);
    expect(out).toHaveLength(2);
  });

  test('is mended where only one thing can be meant, and the record says so', () => {
    const { out, uses } = run([start(0), json(0, '{"path":"/a","line":"3"}'), FINISH]);
    expect(out).toContainEqual(json(0, '{"path":"/a","line":3}'));
    expect(uses).toMatchObject([{ kind: 'tool-schema', note: expect.stringContaining('line') }]);
  });

  test('is kept back and corrected, with what the model said and what was wrong', () => {
    const { out, corrections } = run([text('Look.'), start(0), json(0, '{"path":"a"}'), FINISH]);
    expect(out).toEqual([text('Look.')]);
    expect(corrections).toMatchObject([{ text: 'Look.', calls: [{ name: 'open', json: '{"path":"a"}' }] }]);
    expect(corrections[0]?.calls[0]?.verdict).toContain('`path` should be a text that matches ^/, not "a"');
  });

  test('keeps back the calls that follow a wrong one, and tells the model to make them again', () => {
    const { out, corrections } = run([start(0), json(0, '{"path":"a"}'), start(1, 'other'), json(1, '{}'), FINISH]);
    expect(out).toEqual([]);
    expect(corrections[0]?.calls[1]?.verdict).toContain('Make it again');
  });

  test('tells the model which calls were accepted before the wrong one', () => {
    const { out, corrections } = run([start(0, 'other'), json(0, '{}'), start(1), json(1, '{"path":"a"}'), FINISH]);
    expect(out).toHaveLength(2);
    expect(corrections[0]?.calls[0]?.verdict).toContain('Do not make it again');
  });

  test('is handed on as it was when asking again came to nothing', () => {
    const events = [start(0), json(0, '{"path":"a"}'), FINISH];
    const { out, corrections, uses } = run(events);
    corrections[0]?.handOn();
    expect(out).toEqual(events);
    expect(uses.at(-1)?.note).toContain('handed on as it is');
  });

  test('is handed on as it was, with a record, when it cannot be asked for again', () => {
    const events = [start(0), json(0, '{"path":"a"}'), FINISH];
    const { out, uses } = run(events, { mayAsk: false });
    expect(out).toEqual(events);
    expect(uses).toMatchObject([{ kind: 'tool-schema', before: '{"path":"a"}' }]);
  });

  test('that was cut off, or is no JSON, is not judged', () => {
    for (const events of [
      [start(0), json(0, '{"path":"a"'), CUT],
      [start(0), json(0, '{"path":'), FINISH],
    ]) {
      const { out, corrections } = run(events);
      expect(out).toEqual(events);
      expect(corrections).toEqual([]);
    }
  });

  test('is not judged by the arguments that have not come, when calls interleave', () => {
    const { out, corrections } = run([start(0), start(1), json(1, '{"path":"/b"}'), json(0, '{"path":"/a"}'), FINISH]);
    expect(corrections).toEqual([]);
    expect(out.filter(({ type }) => type === 'tool-arguments')).toHaveLength(2);
  });

  test('without a word of arguments is judged as an empty object', () => {
    expect(run([start(0), FINISH]).corrections[0]?.calls[0]?.verdict).toContain('`path` should be given');
  });

  test('comes out before a fault', () => {
    const { out } = run([start(0), json(0, '{"path":"a"}'), { type: 'fault', fault: new Error() as never }]);
    expect(out.map(({ type }) => type)).toEqual(['tool-start', 'tool-arguments', 'fault']);
  });
});
