/** Events as Ollama's lines and as whole answers: their grammar over random events, and that both tell the same. */
import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import type { AnswerShape } from '#src/dialects/ollama/answer-lines.ts';
import { ollamaDialect } from '#src/dialects/ollama/ollama.ts';
import type { StreamEvent } from '#src/dialects/stream-event.ts';
import { Fault } from '#src/faults.ts';

const HEAD = { requestId: 'r1', modelId: 'some "model"', createdS: 1_760_000_000 };
const USAGE: StreamEvent = {
  type: 'usage',
  usage: { inputTokens: 7, cachedTokens: 3, outputTokens: 5, thinkingTokens: null },
  timings: { prefillTokensPerS: null, decodeTokensPerS: null, prefillMs: 2, decodeMs: 3 },
};
const finish = (reason: 'stop' | 'length' | 'tool-calls' | 'filtered'): StreamEvent => ({
  type: 'finish',
  reason,
  stopSequence: null,
});

type Line = Record<string, unknown> & { done?: boolean; message?: Spoken; error?: string };
type Spoken = { role?: string; content?: string; response?: string; thinking?: string; tool_calls?: unknown[] };

function linesOf(shape: AnswerShape, events: readonly StreamEvent[]): Line[] {
  const encoder = ollamaDialect(shape)
    .read(shape === 'chat' ? { messages: [] } : { prompt: 'hi' })
    .encoder(HEAD);
  const text = events.map((event) => encoder.push(event)).join('') + encoder.end();
  expect(text).toEndWith('\n');
  return text
    .slice(0, -1)
    .split('\n')
    .map((line) => JSON.parse(line));
}

function wholeOf(shape: AnswerShape, events: readonly StreamEvent[]): Line {
  const collector = ollamaDialect(shape)
    .read(shape === 'chat' ? { messages: [] } : { prompt: 'hi' })
    .collector(HEAD);
  for (const event of events) collector.push(event);
  return collector.result();
}

const text = fc.string({ unit: 'binary', maxLength: 12 });
const call = fc.record({ name: fc.constantFrom('look', 'go'), input: fc.dictionary(fc.string(), fc.jsonValue()) });
const piece = fc.oneof(
  fc.record({ kind: fc.constant('text' as const), text }),
  fc.record({ kind: fc.constant('thinking' as const), text }),
  fc.record({ kind: fc.constant('call' as const), call, cut: fc.nat() }),
);
const answers = fc.record({
  pieces: fc.array(piece, { maxLength: 12 }),
  reason: fc.constantFrom('stop' as const, 'length' as const, 'tool-calls' as const, 'filtered' as const),
});

/** Pieces as events; a call's arguments come in two parts. */
function eventsOf(pieces: readonly (typeof piece extends fc.Arbitrary<infer Piece> ? Piece : never)[]): StreamEvent[] {
  let calls = 0;
  return pieces.flatMap((each): StreamEvent[] => {
    if (each.kind !== 'call') return [{ type: each.kind, text: each.text }];
    const index = calls++;
    const json = JSON.stringify(each.call.input);
    const at = each.cut % (json.length + 1);
    return [
      { type: 'tool-start', index, id: `c${index}`, name: each.call.name },
      { type: 'tool-arguments', index, json: json.slice(0, at) },
      { type: 'tool-arguments', index, json: json.slice(at) },
    ];
  });
}

describe('random answers', () => {
  for (const shape of ['chat', 'generate'] as const) {
    test(`${shape}: every line is JSON of the grammar, and the whole is their sum`, () => {
      fc.assert(
        fc.property(answers, ({ pieces, reason }) => {
          const events = [...eventsOf(pieces), USAGE, finish(reason)];
          const lines = linesOf(shape, events);
          const whole = wholeOf(shape, events);
          const spoken = lines.map((line): Spoken => (shape === 'chat' ? (line.message ?? {}) : (line as Spoken)));
          const word = shape === 'chat' ? 'content' : 'response';
          expect(lines.map(({ done }) => done)).toEqual(lines.map((_, at) => at === lines.length - 1));
          for (const line of lines) {
            expect(line).toMatchObject({ model: HEAD.modelId, created_at: '2025-10-09T08:53:20.000Z' });
            expect(typeof (shape === 'chat' ? line.message : line)?.[word]).toBe('string');
          }
          const sum: Spoken = shape === 'chat' ? (whole.message ?? {}) : (whole as Spoken);
          expect(spoken.map((each) => each[word] ?? '').join('')).toBe(sum[word] ?? '');
          expect(spoken.map((each) => each.thinking ?? '').join('')).toBe(sum.thinking ?? '');
          expect(spoken.flatMap((each) => each.tool_calls ?? [])).toEqual(sum.tool_calls ?? []);
          expect(sum.tool_calls ?? []).toHaveLength(pieces.filter(({ kind }) => kind === 'call').length);
          const { message: _message, response: _response, thinking: _thinking, tool_calls: _calls, ...end } = whole;
          expect(lines.at(-1)).toMatchObject(end);
        }),
      );
    });
  }

  test('that end with a fault have it as their last line, and no whole', () => {
    fc.assert(
      fc.property(answers, ({ pieces }) => {
        const fault = new Fault('engine-died', 'The engine died.', { hint: 'Look at the log.' });
        const events: StreamEvent[] = [...eventsOf(pieces), { type: 'fault', fault }, { type: 'text', text: 'more' }];
        const lines = linesOf('chat', events);
        expect(lines.at(-1)).toEqual({ error: 'The engine died. Look at the log.' });
        expect(lines.filter((line) => line.done === true)).toEqual([]);
        expect(() => wholeOf('chat', events)).toThrow('The engine died.');
      }),
    );
  });

  test('without a finish are not given one', () => {
    expect(linesOf('chat', [{ type: 'text', text: 'so' }]).at(-1)).toHaveProperty('error');
    expect(() => wholeOf('chat', [{ type: 'text', text: 'so' }])).toThrow('broke off');
  });
});

describe('a call', () => {
  const start: StreamEvent = { type: 'tool-start', index: 0, id: 'c0', name: 'look' };
  const given = (json: string): StreamEvent => ({ type: 'tool-arguments', index: 0, json });

  test('is told in one line, as soon as it is whole', () => {
    const encoder = ollamaDialect('chat').read({ messages: [] }).encoder(HEAD);
    expect(encoder.push(start)).toBe('');
    expect(encoder.push(given('{"a":"}'))).toBe('');
    expect(JSON.parse(encoder.push(given('"}')))).toMatchObject({
      message: { content: '', tool_calls: [{ id: 'c0', function: { index: 0, name: 'look', arguments: { a: '}' } } }] },
      done: false,
    });
  });

  test('without arguments has none', () => {
    const message = wholeOf('chat', [start, finish('tool-calls')]).message;
    expect(message?.tool_calls).toEqual([{ id: 'c0', function: { index: 0, name: 'look', arguments: {} } }]);
  });

  test('that the token limit cut off is never told', () => {
    const events = [start, given('{"a":"x'), finish('length')];
    expect(wholeOf('chat', events).message).not.toHaveProperty('tool_calls');
    expect(linesOf('chat', events)).toHaveLength(1);
  });

  test('whose arguments are no object says so in them', () => {
    const message = wholeOf('chat', [start, given('{"a":'), finish('tool-calls')]).message;
    expect(message?.tool_calls).toMatchObject([{ function: { arguments: { INVALID_JSON: '{"a":' } } }]);
  });

  test('calls may interleave', () => {
    const more: StreamEvent[] = [
      { type: 'tool-start', index: 1, id: 'c1', name: 'go' },
      { type: 'tool-arguments', index: 1, json: '{"b":2}' },
    ];
    const events = [start, given('{"a":'), ...more, given('1}'), finish('tool-calls')];
    const calls = linesOf('chat', events).flatMap((line) => line.message?.tool_calls ?? []);
    expect(calls).toMatchObject([{ function: { arguments: { b: 2 } } }, { function: { arguments: { a: 1 } } }]);
  });
});

describe('the last line', () => {
  test('has counts, and times in nanoseconds', () => {
    expect(wholeOf('generate', [{ type: 'text', text: 'so' }, USAGE, finish('length')])).toEqual({
      model: HEAD.modelId,
      created_at: '2025-10-09T08:53:20.000Z',
      response: 'so',
      done: true,
      done_reason: 'length',
      total_duration: 5_000_000,
      load_duration: 0,
      prompt_eval_count: 7,
      prompt_eval_duration: 2_000_000,
      eval_count: 5,
      eval_duration: 3_000_000,
    });
  });

  test('has the durations that were measured', () => {
    const durations = { totalMs: () => 20, loadMs: () => 12 };
    const collector = ollamaDialect('chat', durations).read({ messages: [] }).collector(HEAD);
    collector.push(finish('tool-calls'));
    expect(collector.result()).toMatchObject({ done_reason: 'stop', total_duration: 2e7, load_duration: 1.2e7 });
  });
});

test('an answer that the engine did not count is counted by its pieces', () => {
  const prompt: StreamEvent = { type: 'prompt', promptTokens: 9, cachedTokens: 0, processedTokens: 9 };
  const events = [prompt, { type: 'text', text: 'a' } as const, { type: 'text', text: 'b' } as const, finish('length')];
  const counts = { prompt_eval_count: 9, eval_count: 2 };
  expect(wholeOf('chat', events)).toMatchObject(counts);
  expect(linesOf('chat', events).at(-1)).toMatchObject(counts);
});

test('a heartbeat is a piece without a word', () => {
  const [chat, generate] = (['chat', 'generate'] as const).map((shape) => ollamaDialect(shape).heartbeat(HEAD));
  expect(JSON.parse(chat ?? '')).toMatchObject({ message: { role: 'assistant', content: '' }, done: false });
  expect(JSON.parse(generate ?? '')).toMatchObject({ response: '', done: false });
});
