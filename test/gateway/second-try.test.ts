// Two answers as one in the lanes, and one answer when there is no second. The whole way is in test/e2e/tool-schemas.
import { describe, expect, test } from 'bun:test';
import { chatFinishReason } from '#src/dialects/chat/encode.ts';
import type { StreamEvent } from '#src/dialects/stream-event.ts';
import { type Lane, TranslateLane } from '#src/gateway/lane.ts';
import { MendLane } from '#src/gateway/mend-lane.ts';
import type { MakeChain } from '#src/gateway/order.ts';
import { correctedText } from '#src/gateway/second-try.ts';
import { detectTraits } from '#src/models/traits.ts';
import { checkedCalls } from '#src/repairs/schemas/checked-calls.ts';
import type { Ticket } from '#src/requests/request.ts';

const TRAITS = detectTraits({ architecture: null, name: 'm', hfId: null, chatTemplate: null });
const SCHEMA = { type: 'object', properties: { path: { type: 'string', pattern: '^/' } } };
const TICKET = { id: 'r1', prefill() {} } as unknown as Ticket;
const HEAD = { requestId: 'r1', modelId: 'm', createdS: 1 };

const chain: MakeChain = (sink, askAgain) =>
  checkedCalls(
    {
      requestId: 'r1',
      tools: [],
      traits: TRAITS,
      switches: {},
      answerTokensMax: null,
      relaxed: new Map([['open', SCHEMA]]),
      stopStrings: [],
      form: null,
      seen: new Set(),
      splitsThoughts: true,
      isThinkingOff: false,
      report: () => {},
      ...(askAgain ? { askAgain } : {}),
    },
    sink,
  );

const frame = (chunk: object) =>
  `data: ${JSON.stringify({ id: 'engine', object: 'chat.completion.chunk', ...chunk })}\n\n`;
const delta = (part: object) => frame({ choices: [{ index: 0, delta: part, finish_reason: null }] });
const call = (index: number, name: string, json: string) =>
  delta({ tool_calls: [{ index, id: `id${index}`, function: { name, arguments: json } }] });
const end = (promptTokens: number, reason = chatFinishReason('tool-calls')) =>
  frame({ choices: [{ index: 0, delta: {}, finish_reason: reason }] }) +
  frame({ choices: [], usage: { prompt_tokens: promptTokens, completion_tokens: 7, total_tokens: promptTokens + 7 } }) +
  'data: [DONE]\n\n';
const WRONG = delta({ role: 'assistant', content: 'Hm.' }) + call(0, 'other', '{}') + call(1, 'open', '{"path":"a"}');
const RIGHT = delta({ role: 'assistant', content: null }) + call(0, 'open', '{"path":"/a"}');

const PARTS = { ticket: TICKET, head: HEAD, hidesProgress: true, wantsUsage: true, promptGuess: null };
const mendLane = () => new MendLane({ ...PARTS, chain });

function give(lane: Lane, stream: string): string {
  return Buffer.from(lane.take(Buffer.from(stream)) ?? '').toString();
}

function callsIn(text: string): string[] {
  const chunks = text.split('\n\n').filter((each) => each.startsWith('data: {'));
  return chunks
    .flatMap((each) => JSON.parse(each.slice(6)).choices[0]?.delta.tool_calls ?? [])
    .map((each) => `${each.index} ${each.function?.name ?? ''}${each.function?.arguments ?? ''}`);
}

describe('an answer with a wrong call', () => {
  test('goes on with the second answer: one finish, one [DONE], indexes that go on, counts of both', () => {
    const lane = mendLane();
    let text = give(lane, WRONG + end(100));
    expect(text).not.toContain('[DONE]');
    const first = lane.end();
    expect(first.correction?.calls).toHaveLength(2);
    text += `${first.piece ?? ''}${give(lane, RIGHT + end(180))}`;
    const { piece, ending, correction } = lane.end();
    text += piece ?? '';
    expect(correction).toBeNull();
    expect(callsIn(text)).toEqual(['0 other{}', '1 open', '1 {"path":"/a"}']);
    expect(text.match(/"finish_reason":"/g)).toHaveLength(1);
    expect(text.match(/\[DONE\]/g)).toHaveLength(1);
    expect(text).toContain('"usage":{"prompt_tokens":100,"completion_tokens":14,"total_tokens":114}');
    expect(ending).toMatchObject({ finish: 'tool-calls', fault: null, usage: { inputTokens: 100, outputTokens: 14 } });
  });

  test('has one id for all its frames, those of the counts too', () => {
    const lane = mendLane();
    let text = give(lane, WRONG + end(100));
    lane.end();
    text += give(lane, (RIGHT + end(180)).replaceAll('"id":"engine"', '"id":"again"'));
    text += lane.end().piece ?? '';
    expect(text).toContain('"usage"');
    expect(new Set(text.match(/"id":"(?:engine|again)"/g))).toEqual(new Set(['"id":"engine"']));
  });

  test('ends with its own call when the engine does not answer again', () => {
    const lane = mendLane();
    let text = give(lane, WRONG + end(100));
    const { correction } = lane.end();
    text += correction ? lane.giveUp(correction) : '';
    const { piece, ending } = lane.end();
    text += piece ?? '';
    expect(callsIn(text).at(-1)).toBe('1 {"path":"a"}');
    expect(text.match(/\[DONE\]/g)).toHaveLength(1);
    expect(text).toContain('"usage":{"prompt_tokens":100,"completion_tokens":7,"total_tokens":107}');
    expect(ending).toMatchObject({ finish: 'tool-calls', fault: null, usage: { inputTokens: 100, outputTokens: 7 } });
  });

  test('ends with its own call when the second answer breaks before it has begun', () => {
    const lane = mendLane();
    let text = give(lane, WRONG + end(100));
    lane.end();
    text += give(lane, delta({ role: 'assistant', content: null }));
    const { piece, ending } = lane.end();
    text += piece ?? '';
    expect(callsIn(text).at(-1)).toBe('1 {"path":"a"}');
    expect(ending).toMatchObject({ finish: 'tool-calls', fault: null });
  });

  test('is told as calls even if the second answer is only words', () => {
    const lane = mendLane();
    give(lane, WRONG + end(100));
    lane.end();
    expect(give(lane, delta({ content: 'No.' }) + end(150, 'stop'))).toContain('"finish_reason":"tool_calls"');
  });

  test('is one answer in translation too', () => {
    const events: StreamEvent[] = [];
    const encoder = { push: (event: StreamEvent) => (events.push(event) > 0 ? '' : ''), end: () => '' };
    const lane = new TranslateLane({ ticket: TICKET, encoder, chain });
    give(lane, WRONG + end(100));
    expect(lane.end().correction).not.toBeNull();
    give(lane, RIGHT + end(180));
    const { ending } = lane.end();
    const types: string[] = events.map(({ type }) => type);
    expect(types).toEqual(['text', 'tool-start', 'tool-arguments', 'tool-start', 'tool-arguments', 'usage', 'finish']);
    expect(events).toContainEqual({ type: 'tool-arguments', index: 1, json: '{"path":"/a"}' });
    expect(ending.usage).toMatchObject({ inputTokens: 100, outputTokens: 14 });
  });
});

test('the second question is the first one with the answer and the verdicts after it', () => {
  const first = { model: 'm', messages: [{ role: 'user', content: 'Hi' }], tools: [], stream: true };
  const calls = [{ name: 'open', json: '{"path":"a"}', verdict: 'No.' }];
  const text = correctedText(JSON.stringify(first), {
    text: 'Hm.',
    thinking: '',
    calls,
    wish: null,
    counts: null,
    handOn() {},
  });
  const { messages, ...rest } = JSON.parse(text);
  expect(rest).toEqual({ model: 'm', tools: [], stream: true });
  expect(messages.slice(1)).toEqual([
    {
      role: 'assistant',
      content: 'Hm.',
      tool_calls: [{ id: 'again0000', type: 'function', function: { name: 'open', arguments: '{"path":"a"}' } }],
    },
    { role: 'tool', tool_call_id: 'again0000', content: 'No.' },
  ]);
});
