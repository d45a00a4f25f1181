// OpenAI chat through the repairs, without sockets: what they leave alone passes byte for byte, what they change is
// written anew. The repairs themselves: test/repairs. Verbatim and translated lanes: lane.test.ts.
import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import type { StreamEvent } from '#src/dialects/stream-event.ts';
import { MendLane } from '#src/gateway/mend-lane.ts';
import { mendWhole } from '#src/gateway/mend-whole.ts';
import type { Sink, Stage } from '#src/repairs/stage.ts';
import { CountingTracker, contentOf, dataOf } from './support/house.ts';

const HEAD = { requestId: 'r1', modelId: 'm', createdS: 1 };
const chunk = (delta: object, more: object = {}) =>
  `data: ${JSON.stringify({
    id: 'chatcmpl-engine',
    object: 'chat.completion.chunk',
    created: 7,
    model: 'm',
    own_field: 'kept',
    choices: [{ index: 0, delta, finish_reason: null, ...more }],
  })}\n\n`;
const ROLE = chunk({ role: 'assistant', content: null });
const PROGRESS = `data: ${JSON.stringify({
  choices: [{ index: 0, delta: { role: 'assistant', content: null } }],
  prompt_progress: { total: 9, cache: 0, processed: 9 },
})}\n\n`;
const text = (words: string) => chunk({ content: words });
const finish = (reason: string) => chunk({}, { finish_reason: reason });
const USAGE = `data: ${JSON.stringify({
  choices: [],
  usage: { prompt_tokens: 9, completion_tokens: 3 },
  timings: { predicted_n: 3, prompt_n: 9, predicted_per_second: 50 },
})}\n\n`;
const DONE = 'data: [DONE]\n\n';
const STREAM = [ROLE, text('é'), text('👩‍👩‍👧‍👦'), text('"q"\n'), finish('stop'), USAGE, DONE].join('');

type Maker = (next: Sink) => (event: StreamEvent) => void;
const stageOf =
  (make: Maker) =>
  (sink: Sink): Stage => ({ push: make(sink) });
const untouched: Maker = (next) => next;
/** Holds every text back until the end. */
const holding: Maker = (next) => {
  let held = '';
  return (event) => {
    if (event.type === 'text') held += event.text;
    else {
      if (event.type === 'finish' || event.type === 'fault') next({ type: 'text', text: held });
      next(event);
    }
  };
};
/** Makes a call of the word CALL. */
const calling: Maker = (next) => {
  let calls = 0;
  return (event) => {
    if (event.type === 'text' && event.text === 'CALL') {
      next({ type: 'tool-start', index: calls, id: `call_${calls}`, name: 'look' });
      next({ type: 'tool-arguments', index: calls, json: '{}' });
      calls += 1;
    } else if (event.type === 'finish' && calls > 0) next({ ...event, reason: 'tool-calls' });
    else next(event);
  };
};
/** Ends the answer at the word STOP. */
const stopping: Maker = (next) => (event) =>
  next(
    event.type === 'text' && event.text === 'STOP' ? { type: 'finish', reason: 'length', stopSequence: null } : event,
  );
/** Turns an error into an end. */
const recovering: Maker = (next) => (event) =>
  next(event.type === 'fault' ? { type: 'finish', reason: 'stop', stopSequence: null } : event);

function lane(make: Maker, options: { wantsUsage?: boolean; hidesProgress?: boolean } = {}) {
  const ticket = new CountingTracker().open({
    route: '/',
    dialect: 'chat',
    wantedModel: null,
    isStream: true,
    client: null,
  });
  return new MendLane({
    ticket,
    head: HEAD,
    hidesProgress: options.hidesProgress ?? true,
    wantsUsage: options.wantsUsage ?? false,
    chain: stageOf(make),
    promptGuess: null,
  });
}

function carry(made: MendLane, stream: string, places: readonly number[] = []) {
  const bytes = Buffer.from(stream);
  const sorted = [...new Set(places.map((place) => place % (bytes.length + 1)))].sort((a, b) => a - b);
  const out: string[] = [];
  for (const [at, from] of [0, ...sorted].entries()) {
    const piece = made.take(Uint8Array.from(bytes.subarray(from, sorted[at] ?? bytes.length)));
    if (piece !== null) out.push(Buffer.from(piece).toString());
    if (made.isOver) break;
  }
  const { piece, ending } = made.end();
  if (piece !== null) out.push(piece);
  return { out, text: out.join(''), ending };
}

const chunks = (stream: string) =>
  dataOf(stream)
    .filter((data) => data !== '[DONE]')
    .map((data) => JSON.parse(data));

describe('what no repair touches', () => {
  test('passes byte for byte without the progress, however it is cut', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(5_000), { maxLength: 30 }), (places) => {
        const { text: all, ending, out } = carry(lane(untouched), PROGRESS + STREAM, places);
        expect(all).toBe(STREAM);
        for (const piece of out) expect(piece).toEndWith('\n\n');
        expect(ending).toMatchObject({ finish: 'stop', fault: null, usage: { inputTokens: 9, outputTokens: 3 } });
      }),
      { numRuns: 300 },
    );
  });

  test('is handed out as the very bytes that arrived', () => {
    const made = lane(untouched);
    const arrived = Buffer.from(ROLE + text('a') + text('b'));
    expect(made.take(arrived)).toBe(arrived);
    expect(made.outputTokens).toBe(2);
  });

  test('keeps progress that the client asked for', () => {
    expect(carry(lane(untouched, { hidesProgress: false }), PROGRESS + STREAM).text).toBe(PROGRESS + STREAM);
  });

  test('keeps an error of the engine, once', () => {
    const error = 'data: {"error":{"message":"x","code":500}}\n\n';
    const { text: all, ending } = carry(lane(untouched), ROLE + text('a') + error);
    expect(all).toBe(ROLE + text('a') + error);
    expect(ending).toMatchObject({ isUntold: false, fault: { message: 'x' } });
  });

  test('leaves an answer that breaks off to be told', () => {
    const { text: all, ending } = carry(lane(untouched), ROLE + text('a') + text('b').slice(0, 20));
    expect(all).toBe(ROLE + text('a'));
    expect(ending).toMatchObject({ isUntold: true, fault: { kind: 'engine-died' }, finish: null });
  });

  test('gives a last frame that lacks its empty line', () => {
    expect(carry(lane(untouched), (STREAM + DONE).slice(0, -2)).text.endsWith(DONE)).toBeTrue();
  });
});

describe('what a repair changes', () => {
  test('comes in chunks of the engine’s own look, before the finish', () => {
    const { text: all, ending } = carry(lane(holding), STREAM);
    expect(contentOf(all)).toBe('é👩‍👩‍👧‍👦"q"\n');
    const [, told, last] = chunks(all);
    expect(told).toMatchObject({ id: 'chatcmpl-engine', created: 7, own_field: 'kept' });
    expect(last.choices[0]).toMatchObject({ finish_reason: 'stop' });
    expect(dataOf(all).at(-1)).toBe('[DONE]');
    expect(ending).toMatchObject({ finish: 'stop', usage: { outputTokens: 3 }, timings: { decodeTokensPerS: 50 } });
  });

  test('names the role when the frame that named it was changed', () => {
    const first = chunk({ role: 'assistant', content: 'CALL' });
    const [opening] = chunks(carry(lane(calling), first + finish('stop') + DONE).text);
    expect(opening.choices[0].delta).toMatchObject({ role: 'assistant' });
  });

  test('is a call with an index, and the finish says so in the engine’s own frame', () => {
    const stream = ROLE + text('a') + text('CALL') + text('b') + text('CALL') + finish('stop') + USAGE + DONE;
    const { text: all, ending } = carry(lane(calling), stream);
    const deltas = chunks(all).map((each) => each.choices[0]?.delta ?? {});
    const calls = deltas.flatMap((delta) => delta.tool_calls ?? []);
    expect(calls.map((call) => call.index)).toEqual([0, 0, 1, 1]);
    expect(calls[0]).toEqual({ index: 0, id: 'call_0', type: 'function', function: { name: 'look', arguments: '' } });
    expect(calls[1]).toEqual({ index: 0, function: { arguments: '{}' } });
    expect(contentOf(all)).toBe('ab');
    const ended = chunks(all).find((each) => each.choices[0]?.finish_reason);
    expect(ended).toMatchObject({ own_field: 'kept', choices: [{ finish_reason: 'tool_calls' }] });
    expect(ending.finish).toBe('tool-calls');
  });

  test('or is the engine’s own, whose finish hides it', () => {
    const call = { index: 0, id: 'c', type: 'function', own: 1, function: { name: 'look', arguments: '{}' } };
    const stream = ROLE + chunk({ tool_calls: [call] }) + finish('stop') + USAGE + DONE;
    expect(carry(lane(untouched), stream).text).toBe(stream.replace('"stop"', '"tool_calls"'));
    const body = {
      choices: [{ message: { role: 'assistant', content: null, tool_calls: [call] }, finish_reason: 'stop' }],
    };
    expect(mendWhole(body, stageOf(untouched))).toMatchObject({ choices: [{ finish_reason: 'tool_calls' }] });
  });

  test('may come with the finish in one frame', () => {
    const both = chunk({ content: 'CALL' }, { finish_reason: 'stop' });
    const { text: all } = carry(lane(calling), ROLE + both + DONE);
    const parts = chunks(all).map((each) => each.choices[0]);
    expect(parts.at(-1)).toMatchObject({ delta: {}, finish_reason: 'tool_calls' });
    expect(JSON.stringify(parts)).not.toContain('CALL"');
  });

  test('may end the answer: the rest is not read, and counts are what was seen', () => {
    const made = lane(stopping, { wantsUsage: true });
    const { text: all, ending } = carry(made, PROGRESS + ROLE + text('a') + text('STOP') + text('never') + STREAM);
    expect(made.isOver).toBeTrue();
    expect(contentOf(all)).toBe('a');
    expect(chunks(all).at(-2).choices[0].finish_reason).toBe('length');
    expect(chunks(all).at(-1)).toMatchObject({ choices: [], usage: { prompt_tokens: 9, total_tokens: 11 } });
    expect(dataOf(all).at(-1)).toBe('[DONE]');
    expect(ending).toMatchObject({ finish: 'length', fault: null, usage: { inputTokens: 9, outputTokens: 2 } });
  });

  test('may turn an error into an end', () => {
    const error = 'data: {"error":{"message":"Failed to parse","code":500}}\n\n';
    const { text: all, ending } = carry(lane(recovering), ROLE + text('a') + error);
    expect(all).not.toContain('Failed to parse');
    expect(chunks(all).at(-1).choices[0].finish_reason).toBe('stop');
    expect(ending).toMatchObject({ fault: null, finish: 'stop' });
  });

  test('is told before the fault of an engine that breaks off', () => {
    const { text: all, ending } = carry(lane(holding), ROLE + text('a'));
    expect(contentOf(all)).toBe('a');
    expect(ending.isUntold).toBeTrue();
  });
});

describe('thoughts under mlx_lm’s name', () => {
  test('are told under the one that clients look for', () => {
    const stream = ROLE + chunk({ role: 'assistant', reasoning: 'hm' }) + text('a') + finish('stop') + DONE;
    const { text: all } = carry(lane(untouched), stream);
    expect(chunks(all)[1]).toMatchObject({ own_field: 'kept', choices: [{ delta: { reasoning_content: 'hm' } }] });
    expect(all).not.toContain('"reasoning":');
  });

  test('pass when both names are there', () => {
    const both = chunk({ reasoning: 'hm', reasoning_content: 'hm' });
    const stream = ROLE + both + finish('stop') + DONE;
    expect(carry(lane(untouched), stream).text).toBe(stream);
  });
});

describe('a whole answer', () => {
  const whole = (message: object, more: object = {}) => ({
    id: 'x',
    own_field: 'kept',
    choices: [{ index: 0, message: { role: 'assistant', refusal: null, ...message }, finish_reason: 'stop', ...more }],
    usage: { total_tokens: 3 },
  });
  const mend = (answer: ReturnType<typeof whole>, make: Maker) => mendWhole(answer, stageOf(make));

  test('that no repair touches is left as it is', () => {
    expect(mend(whole({ content: 'a', reasoning_content: 'hm' }), untouched)).toBeNull();
    expect(mend(whole({ content: '' }), untouched)).toBeNull();
  });

  test('has its thoughts under the name that clients look for', () => {
    expect(mend(whole({ content: 'a', reasoning: 'hm' }), untouched)).toEqual(
      whole({ content: 'a', reasoning_content: 'hm' }),
    );
  });

  test('is mended by the repairs of the stream; all other fields stay', () => {
    expect(mend(whole({ content: 'CALL', reasoning_content: 'hm' }), calling)).toEqual(
      whole(
        {
          content: null,
          reasoning_content: 'hm',
          tool_calls: [{ id: 'call_0', type: 'function', function: { name: 'look', arguments: '{}' } }],
        },
        { finish_reason: 'tool_calls' },
      ) as never,
    );
  });

  test('keeps the engine’s calls beside those that were found', () => {
    const call = { id: 'own', type: 'function', function: { name: 'own', arguments: '{"a":1}' } };
    const mended = mend(whole({ content: 'x', tool_calls: [call] }, { finish_reason: 'tool_calls' }), holding);
    expect(mended).toMatchObject({ choices: [{ message: { content: 'x', tool_calls: [call] } }] });
  });

  test('of several choices, or of none, is left alone', () => {
    const { choices, ...rest } = whole({ content: 'CALL' });
    expect(mendWhole({ ...rest, choices: [...choices, ...choices] }, stageOf(calling))).toBeNull();
    expect(mendWhole({ ...rest, choices: [] }, stageOf(calling))).toBeNull();
    expect(mendWhole({ data: [] }, stageOf(calling))).toBeNull();
  });
});
