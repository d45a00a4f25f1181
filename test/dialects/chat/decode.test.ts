// The engine's chat chunks as events. Frames are tested in test/stream, whole exchanges in test/gateway.
import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { ChatDecoder } from '#src/dialects/chat/decode.ts';
import type { StreamEvent } from '#src/dialects/stream-event.ts';

const chunk = (delta: object, more: object = {}, finish: string | null = null) =>
  JSON.stringify({
    choices: [{ finish_reason: finish, index: 0, delta }],
    created: 1795366481,
    id: 'chatcmpl-x',
    model: 'm',
    object: 'chat.completion.chunk',
    ...more,
  });

function decode(datas: readonly string[]): StreamEvent[] {
  const decoder = new ChatDecoder('r1');
  return [...datas.flatMap((data) => decoder.push(data)), ...decoder.end()];
}

/** Each frame read by a decoder that has learnt nothing. */
const decodeSlowly = (datas: readonly string[]) => datas.flatMap((data) => new ChatDecoder('r1').push(data));

const usage = { completion_tokens: 3, prompt_tokens: 11, prompt_tokens_details: { cached_tokens: 4 } };
const timings = {
  cache_n: 4,
  prompt_n: 7,
  prompt_ms: 2,
  prompt_per_second: 3500,
  predicted_n: 3,
  predicted_ms: 1,
  predicted_per_second: 3000,
};

describe('the decoder', () => {
  test('gives text, usage and finish in the order of the grammar', () => {
    const events = decode([
      chunk({ role: 'assistant', content: null }),
      chunk({ content: 'a' }),
      chunk({ content: 'b' }),
      chunk({}, {}, 'stop'),
      JSON.stringify({ choices: [], usage, timings }),
      '[DONE]',
      chunk({ content: 'after the end' }),
    ]);
    expect(events).toEqual([
      { type: 'text', text: 'a' },
      { type: 'text', text: 'b' },
      {
        type: 'usage',
        usage: { inputTokens: 11, cachedTokens: 4, outputTokens: 3, thinkingTokens: null },
        timings: { prefillTokensPerS: 3500, decodeTokensPerS: 3000, prefillMs: 2, decodeMs: 1 },
      },
      { type: 'finish', reason: 'stop', stopSequence: null },
    ]);
  });

  test('names the stop sequence that was met, where the engine tells it', () => {
    const own = (stopping_word: unknown) => ({ __verbose: { stop_type: 'word', stopping_word } });
    const finishOf = (...datas: string[]) => decode([chunk({ content: 'a' }), ...datas]).at(-1);
    expect(finishOf(chunk({}, own('</block>'), 'stop'))).toEqual({
      type: 'finish',
      reason: 'stop',
      stopSequence: '</block>',
    });
    expect(finishOf(chunk({}, own(''), 'stop'))).toMatchObject({ stopSequence: null });
    expect(finishOf(chunk({}, own(7), 'stop'))).toMatchObject({ stopSequence: null });
    expect(
      finishOf(JSON.stringify({ content: '', stop: true, stop_type: 'word', stopping_word: 'END' })),
    ).toMatchObject({
      stopSequence: 'END',
    });
  });

  test('reads counts from timings alone', () => {
    const counts = decode([chunk({ content: 'a' }), chunk({}, { timings }, 'length')]).at(-2);
    expect(counts).toMatchObject({ usage: { inputTokens: 11, cachedTokens: 4, outputTokens: 3 } });
  });

  test('reads thinking under both its names', () => {
    const events = decode([chunk({ reasoning_content: 'a' }), chunk({ reasoning: 'b' }), chunk({ reasoning: 'c' })]);
    expect(events.slice(0, 3)).toEqual(['a', 'b', 'c'].map((text) => ({ type: 'thinking', text })));
  });

  test('streams tool calls, and knows one that is complete in one chunk', () => {
    const events = decode([
      chunk({ tool_calls: [{ index: 0, id: 'x', type: 'function', function: { name: 'f', arguments: '' } }] }),
      chunk({ tool_calls: [{ index: 0, function: { arguments: '{"a"' } }] }),
      chunk({ tool_calls: [{ index: 0, id: 'x', function: { name: 'f', arguments: ':1}' } }] }),
      chunk({ tool_calls: [{ index: 1, function: { name: 'g', arguments: '{}' } }] }),
      chunk({}, {}, 'stop'),
    ]);
    expect(events.filter((event) => event.type !== 'usage')).toEqual([
      { type: 'tool-start', index: 0, id: 'x', name: 'f' },
      { type: 'tool-arguments', index: 0, json: '{"a"' },
      { type: 'tool-arguments', index: 0, json: ':1}' },
      { type: 'tool-start', index: 1, id: 'call_r1_1', name: 'g' },
      { type: 'tool-arguments', index: 1, json: '{}' },
      { type: 'finish', reason: 'tool-calls', stopSequence: null },
    ]);
  });

  test('gives a call cut by the limit as length, so that nobody executes it', () => {
    const call = { index: 0, id: 'x', function: { name: 'f', arguments: '{"a' } };
    expect(decode([chunk({ tool_calls: [call] }), chunk({}, {}, 'length')]).at(-1)).toMatchObject({ reason: 'length' });
  });

  test('gives the progress of the prompt', () => {
    const progress = { prompt_progress: { total: 10, cache: 2, processed: 5, time_ms: 1 } };
    expect(decode([chunk({ role: 'assistant', content: null }, progress)])[0]).toEqual({
      type: 'prompt',
      promptTokens: 10,
      cachedTokens: 2,
      processedTokens: 5,
    });
  });

  test('turns an error in the stream into one fault, and no finish', () => {
    const error = JSON.stringify({ error: { code: 500, message: 'slot broke', type: 'server_error' } });
    const events = decode([chunk({ content: 'a' }), error, chunk({}, {}, 'stop'), '[DONE]']);
    expect(events.map((event) => event.type)).toEqual(['text', 'fault']);
    expect(events[1]).toMatchObject({ fault: { kind: 'engine-refused', status: 500, message: 'slot broke' } });
  });

  test('never invents a finish', () => {
    for (const datas of [[], ['[DONE]'], [chunk({ content: 'a' })], [chunk({ content: 'a' }), '[DONE]']]) {
      expect(decode(datas).at(-1)).toMatchObject({ type: 'fault', fault: { kind: 'engine-died' } });
    }
  });

  test('survives what is no chunk', () => {
    const odd = ['', 'x', '5', 'null', '[]', '{}', '{"choices":5}', '{"choices":[null]}', '{"choices":[{}]}'];
    const odder = [
      { content: 5 },
      { content: null },
      { tool_calls: 5 },
      { tool_calls: [null, {}] },
      { tool_calls: [{ index: -1 }] },
    ];
    expect(decodeSlowly([...odd, ...odder.map((delta) => chunk(delta)), '{"choices":[{"delta":null}]}'])).toEqual([]);
  });

  test('reads only the first of several choices', () => {
    const many = JSON.stringify({
      choices: [
        { index: 1, delta: { content: 'b' } },
        { index: 0, delta: { content: 'a' } },
      ],
    });
    expect(decodeSlowly([many])).toEqual([{ type: 'text', text: 'a' }]);
  });

  test('understands a whole answer given in place of a stream', () => {
    const answer = JSON.stringify({
      choices: [{ index: 0, finish_reason: 'stop', message: { content: 'hi' } }],
      usage,
    });
    expect(decode([answer]).map((event) => event.type)).toEqual(['text', 'usage', 'finish']);
  });
});

describe('comparing instead of parsing', () => {
  const text = fc.oneof(
    fc.string({ unit: 'grapheme' }),
    fc.string({ unit: 'binary' }),
    fc.constantFrom('"', '\\', '\\"', '"content":"x"', '","finish_reason":"stop"', '\n', '\u0000', '"}}],', '\ud800'),
  );
  const delta = fc.oneof(
    { weight: 6, arbitrary: text.map((content): object => ({ content })) },
    { weight: 3, arbitrary: text.map((content): object => ({ reasoning_content: content })) },
    text.map((content): object => ({ reasoning: content })),
    text.map((content): object => ({ role: 'assistant', content })),
    fc.tuple(text, text).map(([content, reasoning_content]): object => ({ content, reasoning_content })),
    fc.tuple(text, text).map(([content, other]): object => ({ content, more: { content: other } })),
    text.map((json): object => ({ tool_calls: [{ index: 0, id: 'i', function: { name: 'f', arguments: json } }] })),
    fc.constant({}),
  );
  const more = fc.oneof(
    { weight: 8, arbitrary: fc.constant({}) },
    fc.constantFrom<object>(
      { created: 2 },
      { usage },
      { timings },
      { prompt_progress: { total: 1 } },
      { content: 'top' },
    ),
  );
  const finish = fc.oneof({ weight: 9, arbitrary: fc.constant(null) }, fc.constantFrom('stop', 'length'));
  const spacing = fc.constantFrom(0, 0, 0, 1);

  test('gives exactly what parsing gives', () => {
    const frame = fc
      .tuple(delta, more, finish, spacing)
      .map(([each, rest, reason, spaces]) =>
        spaces === 0 ? chunk(each, rest, reason) : JSON.stringify(JSON.parse(chunk(each, rest, reason)), null, spaces),
      );
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 30 }), (frames) => {
        const decoder = new ChatDecoder('r1');
        const opened = new Set<number>();
        for (const data of frames) {
          const quick = decoder.push(data);
          const slow = new ChatDecoder('r1').push(data).filter((event) => {
            if (event.type !== 'tool-start') return true;
            const isNew = !opened.has(event.index);
            opened.add(event.index);
            return isNew;
          });
          expect(quick).toEqual(slow);
        }
      }),
      { numRuns: 5000 },
    );
  });

  test('reads garbage in the place of the text as parsing would', () => {
    const template = chunk({ content: '@' });
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (garbage) => {
        const data = template.replace('@', () => garbage);
        const decoder = new ChatDecoder('r1');
        decoder.push(chunk({ content: 'learnt' }));
        expect(decoder.push(data)).toEqual(new ChatDecoder('r1').push(data));
      }),
      { numRuns: 5000 },
    );
  });
});
