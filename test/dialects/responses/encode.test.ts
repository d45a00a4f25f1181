// The stream that Responses clients get, and the whole answer: rules for any answer, and the details that matter.
import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { openResponses } from '#src/dialects/responses/responses.ts';
import type { StreamEvent } from '#src/dialects/stream-event.ts';
import { Fault } from '#src/faults.ts';
import type { JsonObject } from '#src/json.ts';
import {
  answer,
  finish,
  head,
  prompt,
  text,
  thinking,
  toolArguments,
  toolStart,
  usage,
} from '#test/dialects/anthropic/answers.ts';
import { mapMemory } from '#test/support/map-memory.ts';
import { typeErrors } from './event-types.ts';
import { checkStream, eventsOf, type WireEvent, wordsOf } from './stream-rules.ts';

const clock = { wallMs: () => 1_760_000_005_000 };
const TOOLS = [
  { type: 'function', name: 'tool-0', parameters: {} },
  { type: 'custom', name: 'tool-1' },
  { type: 'namespace', name: 'group', description: 'A group', tools: [{ type: 'function', name: 'tool-2' }] },
];

function reading(body: JsonObject = {}) {
  const memory = mapMemory();
  return { memory, ...openResponses({ memory, clock }).read({ input: 'x', tools: TOOLS, ...body }) };
}

function encoded(events: readonly StreamEvent[], body: JsonObject = {}): string {
  const encoder = reading(body).encoder(head);
  return events.map((event) => encoder.push(event)).join('') + encoder.end();
}

function collected(events: readonly StreamEvent[], body: JsonObject = {}): JsonObject {
  const collector = reading(body).collector(head);
  for (const event of events) collector.push(event);
  return collector.result();
}

const output = (response: JsonObject) => response.output as readonly Record<string, unknown>[];
const cut: StreamEvent = { type: 'finish', reason: 'length', stopSequence: null };

describe('any answer', () => {
  test('is told by the rules, and the stream and the whole agree', () => {
    fc.assert(
      fc.property(answer, (events) => {
        const response = checkStream(eventsOf(encoded(events)));
        expect(response as JsonObject).toEqual(JSON.parse(JSON.stringify(collected(events))));
      }),
      { numRuns: 300 },
    );
  });

  test('that breaks off anywhere ends as failed, never as completed', () => {
    fc.assert(
      fc.property(answer, fc.nat(), (events, where) => {
        const begun = events.slice(0, where % events.length);
        const response = checkStream(eventsOf(encoded(begun)));
        expect(response.status).toBe('failed');
        expect(response.error).toMatchObject({ code: 'server_error' });
        expect(() => collected(begun)).toThrow(Fault);
      }),
      { numRuns: 200 },
    );
  });

  test('that is cut off by the limit is incomplete, and no call in it is done unless it is whole', () => {
    fc.assert(
      fc.property(answer, fc.nat(), (events, where) => {
        const begun = [...events.slice(0, where % events.length), cut];
        const response = checkStream(eventsOf(encoded(begun)));
        expect(response.status).toBe('incomplete');
        expect(response.incomplete_details).toEqual({ reason: 'max_output_tokens' });
        expect(response as JsonObject).toEqual(JSON.parse(JSON.stringify(collected(begun))));
        for (const item of output(response)) {
          if (item.type !== 'function_call' || item.status !== 'completed') continue;
          expect(() => JSON.parse(String(item.arguments))).not.toThrow();
        }
      }),
      { numRuns: 200 },
    );
  });

  test('has the types that the official client declares', () => {
    const samples = [...fc.sample(answer, { numRuns: 12, seed: 4 }), [prompt, text('a'), usage, cut]];
    const streams = samples.map((events) => eventsOf(encoded(events)));
    const failed = eventsOf(encoded([text('a'), { type: 'fault', fault: new Fault('engine-died', 'It died.') }]));
    const events: WireEvent[] = [...streams.flat(), ...failed].map(asTheClientSeesIt);
    expect(typeErrors('ResponseStreamEvent', events)).toEqual([]);
  }, 180_000);
});

/**
 * The client adds `output_text` to a response by itself. Its types do not know two things that OpenAI itself sends: no
 * usage yet as null, and the status of a custom call.
 */
function asTheClientSeesIt(event: WireEvent): WireEvent {
  const told: WireEvent = JSON.parse(JSON.stringify(event), (_key, value) => {
    const { status: _status, ...call } = value?.type === 'custom_tool_call' ? value : {};
    return value?.type === 'custom_tool_call' ? call : value;
  });
  if (!('response' in told)) return told;
  const { usage: counts, ...response } = told.response as JsonObject;
  return { ...told, response: { ...response, ...(counts === null ? {} : { usage: counts }), output_text: '' } };
}

describe('items', () => {
  test('thought, words and a call, in this order, with ids that name the answer', () => {
    const response = collected([
      thinking('Hm.'),
      text('I will.'),
      toolStart(0),
      toolArguments(0, '{"a":1}'),
      usage,
      finish,
    ]);
    const id = head.requestId;
    expect(output(response)).toEqual([
      { id: `rs_${id}_0`, type: 'reasoning', status: 'completed', summary: [{ type: 'summary_text', text: 'Hm.' }] },
      {
        id: `msg_${id}_1`,
        type: 'message',
        status: 'completed',
        role: 'assistant',
        content: [{ type: 'output_text', text: 'I will.', annotations: [], logprobs: [] }],
      },
      {
        id: `fc_${id}_2`,
        type: 'function_call',
        status: 'completed',
        call_id: 'id-0',
        name: 'tool-0',
        arguments: '{"a":1}',
      },
    ]);
    expect(response).toMatchObject({ id: `resp_${id}`, status: 'completed', completed_at: 1_760_000_005 });
  });

  test('a call of a custom tool is its raw text, streamed as it comes', () => {
    const raw = '*** Begin "Patch"\n+ü 👋\\n\n';
    const json = JSON.stringify({ input: raw });
    const pieces = [...json].map((letter) => toolArguments(0, letter));
    const events = eventsOf(encoded([toolStart(0, 'tool-1'), ...pieces, finish]));
    const response = checkStream(events);
    expect(output(response)[0]).toMatchObject({ type: 'custom_tool_call', name: 'tool-1', input: raw });
    expect(events.filter(({ type }) => type === 'response.custom_tool_call_input.delta').length).toBeGreaterThan(10);
  });

  test('a call into a namespace comes back with its namespace and bare name', () => {
    for (const name of ['group__tool-2', 'tool-2']) {
      const [call] = output(collected([toolStart(0, name), toolArguments(0, '{}'), finish]));
      expect(call).toMatchObject({ type: 'function_call', name: 'tool-2', namespace: 'group' });
    }
  });

  test('a call without arguments has an empty object, streamed and whole', () => {
    const response = checkStream(eventsOf(encoded([toolStart(0), finish])));
    expect(output(response)[0]).toMatchObject({ arguments: '{}' });
  });

  test('parallel calls whose pieces interleave are told one after the other', () => {
    const response = checkStream(
      eventsOf(
        encoded([
          toolStart(0),
          toolArguments(0, '{"a":'),
          toolStart(1, 'tool-1'),
          toolArguments(1, '{"input":"b'),
          toolArguments(0, '1}'),
          toolArguments(1, '"}'),
          finish,
        ]),
      ),
    );
    expect(output(response).map(wordsOf)).toEqual(['{"a":1}', 'b']);
  });

  test('a call that the limit cut off is incomplete and has no closing events', () => {
    for (const [name, json] of [
      ['tool-0', '{"a":"b'],
      ['tool-1', '{"input":"*** Begin'],
      ['tool-0', ''],
    ] as const) {
      const events = eventsOf(encoded([toolStart(0, name), toolArguments(0, json), cut]));
      expect(output(checkStream(events))[0]).toMatchObject({ status: 'incomplete' });
      expect(events.some(({ type }) => type.endsWith('.done'))).toBe(false);
    }
  });

  test('words that the limit cut off are incomplete', () => {
    expect(output(collected([text('On and'), cut]))[0]).toMatchObject({ status: 'incomplete' });
  });

  test('an answer that was filtered says so', () => {
    const filtered: StreamEvent = { type: 'finish', reason: 'filtered', stopSequence: null };
    expect(collected([text('a'), filtered])).toMatchObject({
      status: 'incomplete',
      incomplete_details: { reason: 'content_filter' },
    });
  });
});

describe('the end', () => {
  test('counts: the prompt with its cached part, and thoughts among what was written', () => {
    expect(collected([text('a'), usage, finish]).usage).toEqual({
      input_tokens: 100,
      input_tokens_details: { cached_tokens: 60, cache_write_tokens: 0 },
      output_tokens: 7,
      output_tokens_details: { reasoning_tokens: 2 },
      total_tokens: 107,
    });
  });

  test('an engine that counts nothing is counted by pieces', () => {
    expect(collected([prompt, thinking('a'), thinking('b'), text('c'), finish]).usage).toMatchObject({
      input_tokens: 100,
      output_tokens: 3,
      output_tokens_details: { reasoning_tokens: 2 },
    });
  });

  test.each([
    ['context-overflow', 'context_length_exceeded'],
    ['queue-full', 'rate_limit_exceeded'],
    ['engine-died', 'server_error'],
    ['engine-silent', 'server_error'],
    ['invalid-request', 'invalid_prompt'],
    ['load-failed', 'invalid_prompt'],
    ['no-memory', 'server_error'],
    ['cancelled', 'invalid_prompt'],
  ] as const)('a fault of kind %s has the code %s', (kind, code) => {
    const fault = new Fault(kind, 'The reason.');
    const response = checkStream(eventsOf(encoded([text('a'), { type: 'fault', fault }])));
    expect(response.error).toMatchObject({ code, message: 'The reason.' });
    expect(output(response)[0]).toMatchObject({ status: 'incomplete' });
  });

  test('a fault before anything else still begins with created', () => {
    const fault = new Fault('load-failed', 'The file is broken.');
    expect(eventsOf(encoded([{ type: 'fault', fault }])).map(({ type }) => type)).toEqual([
      'response.created',
      'response.in_progress',
      'response.failed',
    ]);
  });

  test('nothing comes after the end', () => {
    const encoder = reading().encoder(head);
    encoder.push(finish);
    expect(encoder.push(text('late')) + encoder.end()).toBe('');
  });
});

describe('what is kept', () => {
  const kept = (body: JsonObject, events: readonly StreamEvent[] = [text('a'), finish]) => {
    const { memory, encoder } = reading(body);
    const told = encoder(head);
    for (const event of events) told.push(event);
    return memory.kept.get(`resp_${head.requestId}`);
  };

  test('by default in memory, with store: true for good, with store: false not at all', () => {
    expect(kept({})?.isLasting).toBe(false);
    expect(kept({ store: null })?.isLasting).toBe(false);
    expect(kept({ store: true })?.isLasting).toBe(true);
    expect(kept({ store: false })).toBeUndefined();
  });

  test('input items get an id when they came without one', () => {
    const input = [
      { role: 'user', content: 'a' },
      { type: 'message', id: 'mine', role: 'user', content: 'b' },
    ];
    expect(kept({ input })?.kept.input).toEqual([
      { type: 'message', id: `msg_${head.requestId}_i0`, role: 'user', content: 'a' },
      { type: 'message', id: 'mine', role: 'user', content: 'b' },
    ]);
  });

  test('an answer that never came to an end is not kept', () => {
    expect(kept({}, [text('a')])).toBeUndefined();
    expect(kept({}, [text('a'), { type: 'fault', fault: new Fault('engine-died', 'x') }])).toBeUndefined();
  });
});
