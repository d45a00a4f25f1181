/** Trees, titles, request bodies, frames and files of conversations. Whole answers: answers.test.ts. */
import { describe, expect, test } from 'bun:test';
import { asMarkdown, fileName } from '#src/chat/export.ts';
import { RawExchanges } from '#src/chat/raw-exchanges.ts';
import { requestBody } from '#src/chat/request-body.ts';
import { AnswerReading, refusalOf } from '#src/chat/stream-reading.ts';
import { titleOf } from '#src/chat/title.ts';
import { leafBelow, pathTo, shownBranch, withAllBelow } from '#src/chat/tree.ts';
import { PLAIN_SETTINGS, type Turn } from '#src/chat/turn.ts';

function turn(id: string, parentId: string | null, parts: Partial<Turn> = {}): Turn {
  return {
    ...{ id, parentId, conversationId: 'c', role: 'user', content: id, reasoning: '', images: [], calls: [] },
    ...{ modelId: null, pairId: null, state: 'done', trouble: null, figures: null, createdAtMs: 0 },
    ...parts,
  };
}

describe('the tree', () => {
  const answer = { role: 'assistant' } as const;
  const turns = [
    turn('q1', null),
    turn('a1', 'q1', answer),
    turn('a2', 'q1', answer),
    turn('q2', 'a1'),
    turn('q2b', 'a1'),
    turn('a3', 'q2b', answer),
  ];

  test('a branch goes from the first question to its leaf, and tells the versions of each turn', () => {
    expect(pathTo(turns, 'a3').map(({ id }) => id)).toEqual(['q1', 'a1', 'q2b', 'a3']);
    const shown = shownBranch(turns, 'a3');
    expect(shown.map(({ versions }) => versions)).toEqual([['q1'], ['a1', 'a2'], ['q2', 'q2b'], ['a3']]);
  });

  test('another version is shown with the newest of what followed it', () => {
    expect(leafBelow(turns, 'q1')).toBe('a2');
    expect(leafBelow(turns, 'a1')).toBe('a3');
    expect(leafBelow(turns, 'q2')).toBe('q2');
  });

  test('what goes with a turn is all that came after it', () => {
    expect(withAllBelow(turns, 'a1')).toEqual(['a1', 'q2', 'q2b', 'a3']);
  });

  test('answers of a pair are one version, shown side by side', () => {
    const pair = [turn('x', 'q1', { ...answer, pairId: 'p' }), turn('y', 'q1', { ...answer, pairId: 'p' })];
    const [, shown] = shownBranch([...turns.slice(0, 2), ...pair], 'y');
    expect(shown?.versions).toEqual(['a1', 'y']);
    expect(shown?.pair.map(({ id }) => id)).toEqual(['x', 'y']);
  });

  test('turns that name each other as parents end', () => {
    expect(pathTo([turn('a', 'b'), turn('b', 'a')], 'a').length).toBeGreaterThan(0);
  });
});

test('a title is the first words of the question, whole characters and whole words', () => {
  expect(titleOf('  Hello   there\nmore')).toBe('Hello there');
  expect(titleOf('\n\n```\ncode')).toBe('code');
  expect(titleOf('')).toBe('New conversation');
  expect(titleOf('word '.repeat(40))).toBe(`${'word '.repeat(12).trimEnd()}…`);
  expect(titleOf('👋🏽'.repeat(40)).isWellFormed()).toBe(true);
});

describe('the request', () => {
  test('carries the system prompt, images as parts, calls with their results, and only what was chosen', () => {
    const image = 'data:image/png;base64,AA==';
    const call = { id: 'c1', name: 'shell_command', arguments: '{}' };
    const branch = [
      turn('q', null, { images: [image] }),
      turn('a', 'q', { role: 'assistant', content: '', calls: [call] }),
      turn('t', 'a', { role: 'tool', content: 'result' }),
    ];
    const body = requestBody(branch, { ...PLAIN_SETTINGS, system: 'Be brief.', temperature: 0, thinking: 'off' }, 'm');
    expect(body).toEqual({
      model: 'm',
      messages: [
        { role: 'system', content: 'Be brief.' },
        {
          role: 'user',
          content: [
            { type: 'text', text: 'q' },
            { type: 'image_url', image_url: { url: image } },
          ],
        },
        {
          role: 'assistant',
          content: '',
          tool_calls: [{ id: 'c1', type: 'function', function: { name: 'shell_command', arguments: '{}' } }],
        },
        { role: 'tool', content: 'result', tool_call_id: 'c1' },
      ],
      stream: true,
      stream_options: { include_usage: true },
      temperature: 0,
      chat_template_kwargs: { enable_thinking: false, thinking: false },
    });
  });

  test('leaves out answers of which nothing came, and names no model when none is chosen', () => {
    const branch = [turn('q', null), turn('a', 'q', { role: 'assistant', content: '' }), turn('q2', 'a')];
    const { messages, model } = requestBody(branch, PLAIN_SETTINGS, '');
    expect([JSON.stringify(messages), model]).toEqual([
      '[{"role":"user","content":"q"},{"role":"user","content":"q2"}]',
      undefined,
    ]);
  });
});

describe('the answer', () => {
  test('is text, thoughts, calls in pieces, usage and a finish', () => {
    const reading = new AnswerReading();
    const delta = (value: object, finish: string | null = null) =>
      reading.read(JSON.stringify({ choices: [{ delta: value, finish_reason: finish }] }));
    delta({ role: 'assistant', content: null });
    delta({ reasoning_content: 'hm' });
    delta({ content: 'Hi' });
    delta({ tool_calls: [{ index: 0, id: 'c', function: { name: 'f', arguments: '{"a"' } }] });
    delta({ tool_calls: [{ index: 0, function: { arguments: ':1}' } }] });
    delta({}, 'tool_calls');
    reading.read(
      '{"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":3,"prompt_tokens_details":{"cached_tokens":4}}}',
    );
    for (const odd of ['[DONE]', 'not json', '[]', '{"choices":7}']) reading.read(odd);
    const { content, reasoning, calls, finishReason, inputTokens, cachedTokens, outputTokens, trouble } = reading;
    expect({ content, reasoning, calls, finishReason, inputTokens, cachedTokens, outputTokens, trouble }).toEqual({
      content: 'Hi',
      reasoning: 'hm',
      calls: [{ id: 'c', name: 'f', arguments: '{"a":1}' }],
      finishReason: 'tool_calls',
      inputTokens: 9,
      cachedTokens: 4,
      outputTokens: 3,
      trouble: null,
    });
  });

  test('says why it ended, as an event or as a refusal', () => {
    const reading = new AnswerReading();
    reading.read('{"error":{"message":"The engine died.","hint":"Load it again."}}');
    expect(reading.trouble).toEqual({ message: 'The engine died.', hint: 'Load it again.' });
    expect(refusalOf('{"error":{"message":"No."}}', 404)).toEqual({ message: 'No.', hint: null });
    expect(refusalOf('<html>', 502).message).toContain('502');
  });
});

test('raw exchanges are few and bounded', () => {
  const raw = new RawExchanges();
  for (let index = 0; index < 50; index += 1) raw.begin(`t${index}`, 'request');
  for (let index = 0; index < 20; index += 1) raw.add('t49', 'x'.repeat(100_000));
  expect(raw.find('t0')).toBeNull();
  expect(raw.find('t49')?.isCut).toBe(true);
  expect(raw.find('t49')?.response.length).toBeLessThan(700_000);
});

test('a Markdown file holds the branch that is shown, and its name suits every system', () => {
  const turns = [
    turn('q', null),
    turn('a', 'q', { role: 'assistant', modelId: 'm', content: 'Yes.', reasoning: 'one\ntwo' }),
  ];
  const times = { createdAtMs: 0, updatedAtMs: 0 };
  const conversation = { id: 'c', title: 'T', settings: PLAIN_SETTINGS, leafId: 'a', isPinned: false, ...times };
  expect(asMarkdown(conversation, turns)).toBe('# T\n\n## You\n\nq\n\n## m\n\n> *Thoughts*\n>\n> one\n> two\n\nYes.\n');
  expect([fileName('../Über: "x"?', 'md'), fileName('日本', 'json')]).toEqual(['U-ber-x.md', 'conversation.json']);
});
