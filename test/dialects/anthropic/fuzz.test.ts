// Any body at all, sane or not: it is understood, or refused with the place that is wrong. And what was understood is
// a conversation that the normaliser makes whole.
import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { anthropic } from '#src/dialects/anthropic/anthropic.ts';
import type { ChatMessage } from '#src/dialects/chat-request.ts';
import { type ContentRules, normaliseMessages } from '#src/dialects/normalise.ts';
import { Fault } from '#src/faults.ts';
import type { JsonObject } from '#src/json.ts';
import { messagesBody } from './bodies.ts';

const PLACE = /^[a-z_]+(?:\.[a-z_0-9]+)*$/;
const rules: readonly ContentRules[] = [
  { stripAttribution: true, hasVision: false },
  { stripAttribution: false, hasVision: true, wantsShortCallIds: true, wantsAlternation: true },
  { stripAttribution: true, hasVision: true, wantsImagesFromUser: true },
];

/** The messages of a body that is understood; null when it is refused as it should be. */
function understood(body: JsonObject): readonly ChatMessage[] | null {
  try {
    const reading = anthropic.read(body);
    expect(reading.notes.every((note) => note !== '')).toBe(true);
    const request = JSON.parse(JSON.stringify(reading.request));
    expect(request.messages.length).toBeGreaterThan(0);
    return request.messages;
  } catch (cause) {
    if (!(cause instanceof Fault)) throw cause;
    expect(cause.kind).toBe('invalid-request');
    const place = cause.message.split(': ')[0] ?? '';
    expect(place).toMatch(PLACE);
    expect(cause.details.path).toBe(place);
    return null;
  }
}

describe('any body', () => {
  test('is understood or refused with a place', () => {
    let count = 0;
    fc.assert(
      fc.property(messagesBody({ isSane: false }), (body) => {
        if (understood(body) !== null) count += 1;
      }),
      { numRuns: 3000 },
    );
    expect(count).toBeGreaterThan(0);
  });

  test('of the grammar is understood, and becomes a conversation for every set of rules', () => {
    fc.assert(
      fc.property(messagesBody({ isSane: true }), (body) => {
        const messages = understood(body);
        if (messages === null) return;
        for (const each of rules) {
          const { request } = normaliseMessages({ messages }, each);
          expectConversation(request.messages);
          const again = normaliseMessages(request, each);
          expect(again.request).toBe(request);
          expect(again.changes).toEqual([]);
        }
      }),
      { numRuns: 1000 },
    );
  });
});

function expectConversation(messages: readonly ChatMessage[]): void {
  let open: string[] = [];
  for (const [index, each] of messages.entries()) {
    expect(['system', 'user', 'assistant', 'tool']).toContain(each.role);
    if (each.role === 'system') expect(index).toBe(0);
    if (each.role === 'tool') expect(each.tool_call_id).toBe(open.shift());
    else open = (each.tool_calls ?? []).map((call) => call.id);
  }
  expect(open).toEqual([]);
}
