// Chunks of a stream as one whole answer. Against the real engine's whole answers: test/e2e/openai-sdk.test.ts.
import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { ChunkJoiner } from '#src/dialects/chat/join-chunks.ts';

const joined = (...chunks: readonly object[]) => {
  const joiner = new ChunkJoiner();
  for (const chunk of chunks) joiner.push(JSON.stringify(chunk));
  joiner.push('[DONE]');
  return joiner.result();
};
const chunk = (delta: object, more: object = {}) => ({
  id: 'x',
  object: 'chat.completion.chunk',
  model: 'm',
  choices: [{ index: 0, delta, finish_reason: null, ...more }],
});

describe('joined chunks', () => {
  test('are the text, the thought, the finish and what comes at the end', () => {
    expect(
      joined(
        chunk({ role: 'assistant', content: null }),
        chunk({ role: 'assistant', reasoning_content: 'h' }),
        chunk({ reasoning_content: 'm' }),
        chunk({ content: 'a' }),
        chunk({ content: 'b' }),
        chunk({}, { finish_reason: 'stop' }),
        {
          id: 'x',
          object: 'chat.completion.chunk',
          model: 'm',
          choices: [],
          usage: { total_tokens: 3 },
          timings: { a: 1 },
        },
      ),
    ).toEqual({
      id: 'x',
      object: 'chat.completion',
      model: 'm',
      choices: [
        { index: 0, finish_reason: 'stop', message: { role: 'assistant', content: 'ab', reasoning_content: 'hm' } },
      ],
      usage: { total_tokens: 3 },
      timings: { a: 1 },
    });
  });

  test('of text are text', () => {
    const piece = (text: string, more: object = {}) => ({
      object: 'text_completion',
      choices: [{ index: 0, text, finish_reason: null, ...more }],
    });
    expect(joined(piece('a'), piece('b'), piece('', { finish_reason: 'length' }))).toEqual({
      object: 'text_completion',
      choices: [{ index: 0, text: 'ab', finish_reason: 'length' }],
    });
  });

  test('keep calls apart by their index, and name them once', () => {
    const start = (index: number) => ({
      tool_calls: [{ index, id: `id${index}`, type: 'function', function: { name: `f${index}`, arguments: '' } }],
    });
    const more = (index: number, json: string) => ({ tool_calls: [{ index, function: { arguments: json } }] });
    const { choices } = joined(
      chunk({ role: 'assistant', content: null }),
      chunk(start(0)),
      chunk(start(1)),
      chunk(more(0, '{"a"')),
      chunk(more(1, '{}')),
      chunk(more(0, ':1}')),
      chunk({}, { finish_reason: 'tool_calls' }),
    ) as { choices: { message: object }[] };
    expect(choices[0]?.message).toEqual({
      role: 'assistant',
      content: null,
      tool_calls: [
        { id: 'id0', type: 'function', function: { name: 'f0', arguments: '{"a":1}' } },
        { id: 'id1', type: 'function', function: { name: 'f1', arguments: '{}' } },
      ],
    });
  });

  test('keep probabilities, several choices, and fields that nobody knows', () => {
    const probability = (token: string) => ({ logprobs: { content: [{ token, logprob: -1 }] } });
    const answer = joined(
      chunk({ content: 'a', odd: 'x' }, probability('a')),
      chunk({ content: 'b', odd: 'y' }, probability('b')),
      { choices: [{ index: 1, delta: { content: 'c' }, finish_reason: 'length' }], own: { n: 1 } },
    );
    expect(answer).toMatchObject({ own: { n: 1 } });
    expect(answer.choices).toMatchObject([
      {
        message: { content: 'ab', odd: 'xy' },
        logprobs: {
          content: [
            { token: 'a', logprob: -1 },
            { token: 'b', logprob: -1 },
          ],
        },
      },
      { index: 1, message: { content: 'c' }, finish_reason: 'length' },
    ]);
  });

  test('are the same whether like ones are compared or each is parsed', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom('"', '\\', '"content":"x"', '\n', '', '\ud800'),
    );
    const one = fc.oneof(
      { weight: 6, arbitrary: text.map((content) => chunk({ content })) },
      { weight: 3, arbitrary: text.map((reasoning_content) => chunk({ reasoning_content })) },
      text.map((content) => chunk({ role: 'assistant', content, refusal: '' })),
      text.map((content) => chunk({ content, odd: 'x' })),
      text.map((content) => chunk({ content }, { index: 1 })),
      text.map((content) => chunk({ content }, { logprobs: { content: [{ token: content }] } })),
      { weight: 3, arbitrary: text.map((more) => ({ choices: [{ index: 0, text: more, logprobs: null }] })) },
      text.map((content) => ({ ...chunk({ content }), created: 2, timings: { n: 1 } })),
      fc.constant(chunk({}, { finish_reason: 'stop' })),
    );
    fc.assert(
      fc.property(fc.array(one, { maxLength: 30 }), (chunks) => {
        const compared = new ChunkJoiner();
        const parsed = new ChunkJoiner();
        for (const data of chunks.map((each) => JSON.stringify(each))) {
          compared.push(data);
          parsed.push(data);
          // Nothing is like this, so whatever follows is parsed.
          parsed.push('');
        }
        expect(compared.result()).toEqual(parsed.result());
      }),
      { numRuns: 5000 },
    );
  });

  test('take what is no chunk for nothing', () => {
    const joiner = new ChunkJoiner();
    for (const data of ['', '[DONE]', '[]', '{"choices":{}}', '{"choices":[null,1,"x"]}']) joiner.push(data);
    expect(joiner.result()).toEqual({ object: 'chat.completion', choices: [] });
  });
});
