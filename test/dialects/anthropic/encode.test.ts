// Events as Anthropic's stream and as its whole message: exact frames, order of blocks, faults, and the rules for any
// answer.
// The official SDK's reading of the same streams: sdk.test.ts.
import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { anthropicEncoder } from '#src/dialects/anthropic/encode.ts';
import type { FinishReason, StreamEvent } from '#src/dialects/stream-event.ts';
import { Fault } from '#src/faults.ts';
import {
  answer,
  collected,
  encoded,
  finish,
  head,
  noTimings,
  prompt,
  text,
  thinking,
  toolArguments,
  toolStart,
  usage,
} from './answers.ts';
import { checkStream, framesOf } from './stream-rules.ts';

/** The order of a stream in short: `+text` opens, `.` is a delta, `-` closes. */
function shape(events: readonly StreamEvent[]): string {
  return framesOf(encoded(events))
    .map(({ event, data }) => {
      if (event === 'content_block_start') return `+${(data.content_block as { type: string }).type}`;
      if (event === 'content_block_delta')
        return (data.delta as { type: string }).type === 'signature_delta' ? 's' : '.';
      return event === 'content_block_stop' ? '-' : event;
    })
    .join(' ');
}

const around = (blocks: string) => `message_start ping ${blocks}${blocks === '' ? '' : ' '}message_delta message_stop`;

describe('the stream', () => {
  test('a thought and a text, frame by frame', () => {
    const stream = encoded([prompt, thinking('hm'), text('Hel'), text('lo\n'), usage, finish]);
    const signature = btoa('flow:0123456789ab:0');
    expect(stream).toBe(
      [
        'event: message_start\ndata: {"type":"message_start","message":{"id":"msg_0123456789ab","type":"message","role":"assistant","model":"flow-test","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":40,"cache_creation_input_tokens":0,"cache_read_input_tokens":60,"output_tokens":1}}}',
        'event: ping\ndata: {"type":"ping"}',
        'event: content_block_start\ndata: {"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}',
        'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"hm"}}',
        `event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"${signature}"}}`,
        'event: content_block_stop\ndata: {"type":"content_block_stop","index":0}',
        'event: content_block_start\ndata: {"type":"content_block_start","index":1,"content_block":{"type":"text","text":""}}',
        'event: content_block_delta\ndata: {"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"Hel"}}',
        'event: content_block_delta\ndata: {"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"lo\\n"}}',
        'event: content_block_stop\ndata: {"type":"content_block_stop","index":1}',
        'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"input_tokens":40,"cache_creation_input_tokens":0,"cache_read_input_tokens":60,"output_tokens":7,"output_tokens_details":{"thinking_tokens":2}}}',
        'event: message_stop\ndata: {"type":"message_stop"}',
        '',
      ].join('\n\n'),
    );
  });

  test('it begins with the engine’s word on the prompt, before there is any content', () => {
    const encoder = anthropicEncoder(head);
    expect(framesOf(encoder.push(prompt)).map(({ event }) => event)).toEqual(['message_start', 'ping']);
    expect(encoder.push(prompt)).toBe('');
  });

  test('a call opens with its id in our form and streams its arguments', () => {
    const frames = framesOf(encoded([toolStart(0, 'Bash'), toolArguments(0, '{"a"'), toolArguments(0, ':1}'), finish]));
    expect(frames[2]?.data).toEqual({
      type: 'content_block_start',
      index: 0,
      content_block: { type: 'tool_use', id: 'toolu_id-0', name: 'Bash', input: {} },
    });
    expect(frames[3]?.data.delta).toEqual({ type: 'input_json_delta', partial_json: '{"a"' });
  });

  const orders: readonly { name: string; events: readonly StreamEvent[]; blocks: string }[] = [
    { name: 'no content', events: [], blocks: '' },
    { name: 'empty pieces leave nothing', events: [text(''), thinking(''), text('')], blocks: '' },
    {
      name: 'a thought that resumes is a new block',
      events: [thinking('a'), text('b'), thinking('c')],
      blocks: '+thinking . s - +text . - +thinking . s -',
    },
    { name: 'a call without arguments', events: [text('a'), toolStart(0)], blocks: '+text . - +tool_use -' },
    {
      name: 'calls one after the other stream',
      events: [
        toolStart(0),
        toolArguments(0, '{'),
        toolArguments(0, '}'),
        toolStart(1),
        toolArguments(1, '{'),
        toolArguments(1, '}'),
      ],
      blocks: '+tool_use . . - +tool_use . . -',
    },
    {
      name: 'interleaved calls wait for each other',
      events: [
        toolStart(0),
        toolStart(1),
        toolArguments(1, '{"b"'),
        toolArguments(0, '{"}":'),
        toolArguments(1, ':1}'),
        toolArguments(0, '2}'),
      ],
      blocks: '+tool_use . . - +tool_use . -',
    },
    {
      name: 'text after a call that is not complete waits too',
      events: [toolStart(0), text('a'), toolStart(1), text('b'), toolArguments(1, '{}'), toolArguments(0, '{}')],
      blocks: '+tool_use . - +text . - +tool_use . - +text . -',
    },
    {
      name: 'more after the end of the arguments is not told',
      events: [toolStart(0), toolArguments(0, '{}'), text('a'), toolArguments(0, '\n')],
      blocks: '+tool_use . - +text . -',
    },
  ];
  for (const { name, events, blocks } of orders) {
    test(`order: ${name}`, () => expect(shape([...events, finish])).toBe(around(blocks)));
  }

  test('the second of two interleaved calls is told as soon as the first is complete, and then streams', () => {
    const encoder = anthropicEncoder(head);
    for (const event of [toolStart(0), toolStart(1), toolArguments(1, '{"b"')]) encoder.push(event);
    expect(encoder.push(toolArguments(0, '{}'))).toContain('{\\"b\\"');
    expect(framesOf(encoder.push(toolArguments(1, ':1}')))).toHaveLength(1);
  });
});

describe('the end', () => {
  const call = [toolStart(0), toolArguments(0, '{}')];
  const reasons: readonly {
    reason: FinishReason;
    stopSequence?: string;
    events?: readonly StreamEvent[];
    expected: string;
  }[] = [
    { reason: 'stop', expected: 'end_turn' },
    { reason: 'stop', stopSequence: '</block>', expected: 'stop_sequence' },
    { reason: 'length', expected: 'max_tokens' },
    { reason: 'filtered', expected: 'refusal' },
    { reason: 'tool-calls', events: call, expected: 'tool_use' },
    { reason: 'stop', events: call, expected: 'tool_use' },
    { reason: 'length', events: call, expected: 'max_tokens' },
    { reason: 'tool-calls', expected: 'end_turn' },
  ];
  for (const { reason, stopSequence = null, events = [text('a')], expected } of reasons) {
    test(`${reason} with ${events.length > 1 ? 'a call' : 'text'} is ${expected}`, () => {
      const all: StreamEvent[] = [...events, { type: 'finish', reason, stopSequence }];
      const stop = { stop_reason: expected, stop_sequence: stopSequence };
      expect(framesOf(encoded(all)).at(-2)?.data.delta).toEqual(stop);
      expect(collected(all)).toMatchObject(stop);
    });
  }

  test('an engine that never counts has its pieces counted', () => {
    const events: StreamEvent[] = [text('a'), text('b'), thinking('c'), finish];
    const counted = { input_tokens: 0, cache_creation_input_tokens: 0, cache_read_input_tokens: 0, output_tokens: 3 };
    expect(collected(events).usage).toEqual(counted);
    expect(framesOf(encoded(events)).at(-2)?.data.usage).toEqual(counted);
  });

  test('the engine’s last count wins over its first', () => {
    const last: StreamEvent = {
      type: 'usage',
      usage: { inputTokens: 90, cachedTokens: null, outputTokens: 2, thinkingTokens: null },
      timings: noTimings,
    };
    expect(collected([prompt, text('a'), last, finish]).usage).toEqual({
      input_tokens: 30,
      cache_creation_input_tokens: 0,
      cache_read_input_tokens: 60,
      output_tokens: 2,
    });
  });

  test('a fault is the last frame, and nothing comes after it', () => {
    const fault = new Fault('engine-died', 'The engine died.');
    const frames = framesOf(encoded([prompt, text('a'), { type: 'fault', fault }, text('b'), finish]));
    checkStream(frames);
    expect(frames.at(-1)).toEqual({
      event: 'error',
      data: {
        type: 'error',
        error: { type: 'api_error', message: 'The engine died.' },
        request_id: 'req_0123456789ab',
      },
    });
    expect(() => collected([text('a'), { type: 'fault', fault }, finish])).toThrow(fault);
  });

  test('an answer that breaks off ends with a fault, never with an invented finish', () => {
    const frames = framesOf(encoded([prompt, toolStart(0), toolArguments(0, '{"a":')]));
    expect(frames.at(-1)?.event).toBe('error');
    expect(frames.map(({ event }) => event)).not.toContain('message_stop');
    expect(() => collected([prompt, text('a')])).toThrow('The answer broke off');
  });

  test('nothing comes after the end', () => {
    const encoder = anthropicEncoder(head);
    encoder.push(finish);
    expect([encoder.push(text('a')), encoder.push(finish), encoder.end(), encoder.end()]).toEqual(['', '', '', '']);
  });
});

describe('the whole message', () => {
  test('has the fields of the protocol', () => {
    const events = [prompt, thinking('hm'), text('a'), toolStart(0, 'f'), toolArguments(0, '{"x":1}'), usage, finish];
    expect(collected(events)).toEqual({
      id: 'msg_0123456789ab',
      type: 'message',
      role: 'assistant',
      model: 'flow-test',
      content: [
        { type: 'thinking', thinking: 'hm', signature: btoa('flow:0123456789ab:0') },
        { type: 'text', text: 'a' },
        { type: 'tool_use', id: 'toolu_id-0', name: 'f', input: { x: 1 } },
      ],
      stop_reason: 'tool_use',
      stop_sequence: null,
      usage: {
        input_tokens: 40,
        cache_creation_input_tokens: 0,
        cache_read_input_tokens: 60,
        output_tokens: 7,
        output_tokens_details: { thinking_tokens: 2 },
      },
    });
  });

  test('a call cut off by the token limit is not in it', () => {
    const cut: StreamEvent[] = [
      text('a'),
      toolStart(0),
      toolArguments(0, '{"command":"rm -'),
      { type: 'finish', reason: 'length', stopSequence: null },
    ];
    expect(collected(cut)).toMatchObject({ content: [{ type: 'text', text: 'a' }], stop_reason: 'max_tokens' });
  });

  test('arguments that are no object are handed over as what they are', () => {
    for (const json of ['{"a":', '[1]', 'x']) {
      const events: StreamEvent[] = [toolStart(0), toolArguments(0, json), finish];
      expect(collected(events).content).toMatchObject([{ input: { INVALID_JSON: json } }]);
    }
  });
});

describe('for any answer', () => {
  test('the stream keeps the rules of the protocol', () => {
    fc.assert(
      fc.property(answer, (events) => checkStream(framesOf(encoded(events)))),
      { numRuns: 300 },
    );
  });

  test('with a fault or a break at any place it still does', () => {
    fc.assert(
      fc.property(answer, fc.nat(40), fc.boolean(), (events, place, isFault) => {
        const head: StreamEvent[] = events.slice(0, Math.min(place, events.length - 1));
        const fault: StreamEvent = { type: 'fault', fault: new Fault('engine-died', 'It died.') };
        const frames = framesOf(encoded(isFault ? [...head, fault, ...events.slice(place)] : head));
        checkStream(frames);
        expect(frames.at(-1)?.event).toBe('error');
      }),
    );
  });

  test('all text, thoughts and arguments arrive, whole', () => {
    fc.assert(
      fc.property(answer, (events) => {
        const said = (type: 'text' | 'thinking') =>
          events.map((event) => (event.type === type ? event.text : '')).join('');
        const told = (type: string, field: string) =>
          framesOf(encoded(events))
            .map(({ data }) => data.delta as Record<string, string> | undefined)
            .map((delta) => (delta?.type === type ? delta[field] : ''))
            .join('');
        expect(told('text_delta', 'text')).toBe(said('text'));
        expect(told('thinking_delta', 'thinking')).toBe(said('thinking'));
        const calls = events.filter((event) => event.type === 'tool-start').length;
        expect(
          framesOf(encoded(events)).filter(
            ({ data }) => (data.content_block as { type?: string })?.type === 'tool_use',
          ),
        ).toHaveLength(calls);
      }),
    );
  });

  test('the stream does not depend on where the pieces were cut', () => {
    fc.assert(
      fc.property(answer, (events) => {
        const cut = events.flatMap((event): StreamEvent[] =>
          event.type === 'tool-arguments' ? [...event.json].map((json) => ({ ...event, json })) : [event],
        );
        expect(collected(cut).content).toEqual(collected(events).content);
      }),
    );
  });
});
