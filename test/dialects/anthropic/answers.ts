/** Answers for tests: random ones that keep to the grammar of StreamEvent, and the way to encode and collect them. */
import fc from 'fast-check';
import { anthropicCollector } from '#src/dialects/anthropic/collect.ts';
import { anthropicEncoder } from '#src/dialects/anthropic/encode.ts';
import type { StreamEvent } from '#src/dialects/stream-event.ts';
import type { JsonObject } from '#src/json.ts';

export const head = { requestId: '0123456789ab', modelId: 'flow-test', createdS: 1_760_000_000 };
export const noTimings = { prefillTokensPerS: null, decodeTokensPerS: null, prefillMs: null, decodeMs: null };
export const prompt: StreamEvent = { type: 'prompt', promptTokens: 100, cachedTokens: 60, processedTokens: 60 };
export const finish: StreamEvent = { type: 'finish', reason: 'stop', stopSequence: null };
export const usage: StreamEvent = {
  type: 'usage',
  usage: { inputTokens: 100, cachedTokens: 60, outputTokens: 7, thinkingTokens: 2 },
  timings: noTimings,
};

export const text = (words: string): StreamEvent => ({ type: 'text', text: words });
export const thinking = (words: string): StreamEvent => ({ type: 'thinking', text: words });
export const toolStart = (index: number, name = `tool-${index}`): StreamEvent => ({
  type: 'tool-start',
  index,
  id: `id-${index}`,
  name,
});
export const toolArguments = (index: number, json: string): StreamEvent => ({ type: 'tool-arguments', index, json });

const STOPS = ['</block>'];

/** The whole stream of these events. */
export function encoded(events: readonly StreamEvent[]): string {
  const encoder = anthropicEncoder(head, STOPS);
  return events.map((event) => encoder.push(event)).join('') + encoder.end();
}

/** The whole message of these events. */
export function collected(events: readonly StreamEvent[]): JsonObject {
  const collector = anthropicCollector(head, STOPS);
  for (const event of events) collector.push(event);
  return collector.result();
}

const words = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom('', ' ', '\n\n', '"}', '\u2028', '\ud83d', '\ude00'),
);
const input = fc.dictionary(
  fc.string().filter((key) => key !== '__proto__'),
  fc.oneof(fc.string(), fc.integer(), fc.constant({ a: ['}"', null] })),
);

/** A call's arguments in pieces; sometimes none at all. */
const pieces = fc
  .tuple(
    fc.oneof(
      input.map((value) => JSON.stringify(value)),
      fc.constant(''),
    ),
    fc.array(fc.nat(60), { maxLength: 4 }),
  )
  .map(([json, cuts]) => {
    const ends = [...new Set([...cuts.filter((cut) => cut < json.length), json.length])].sort((a, b) => a - b);
    return ends.map((end, index) => json.slice(ends[index - 1] ?? 0, end));
  });

type Item =
  | { readonly kind: 'text' | 'thinking'; readonly text: string }
  | { readonly kind: 'calls'; readonly calls: string[][]; readonly order: number[] };

const item: fc.Arbitrary<Item> = fc.oneof(
  fc.record({ kind: fc.constantFrom<'text' | 'thinking'>('text', 'thinking'), text: words }),
  fc.record({
    kind: fc.constant<'calls'>('calls'),
    calls: fc.array(pieces, { minLength: 1, maxLength: 3 }),
    order: fc.array(fc.nat(2), { maxLength: 20 }),
  }),
);

/** Any complete answer of the grammar: parallel calls interleave at random. */
export const answer: fc.Arbitrary<StreamEvent[]> = fc
  .record({
    prompts: fc.array(fc.constant(prompt), { maxLength: 2 }),
    items: fc.array(item, { maxLength: 8 }),
    usages: fc.array(fc.constant(usage), { maxLength: 1 }),
    reason: fc.constantFrom<'stop' | 'tool-calls' | 'filtered'>('stop', 'tool-calls', 'filtered'),
    stopSequence: fc.constantFrom(null, '</block>'),
  })
  .map(({ prompts, items, usages, reason, stopSequence }) => {
    const content: StreamEvent[] = [];
    let calls = 0;
    for (const each of items) {
      if (each.kind !== 'calls') {
        content.push({ type: each.kind, text: each.text });
        continue;
      }
      content.push(...interleaved(each.calls, each.order, calls));
      calls += each.calls.length;
    }
    return [...prompts, ...content, ...usages, { type: 'finish', reason, stopSequence }];
  });

function interleaved(calls: readonly string[][], order: readonly number[], firstIndex: number): StreamEvent[] {
  const queues = calls.map((jsons, index): StreamEvent[] => [
    toolStart(firstIndex + index),
    ...jsons.map((json) => toolArguments(firstIndex + index, json)),
  ]);
  const events: StreamEvent[] = [];
  for (const pick of [...order, ...queues.flatMap((queue, index) => queue.map(() => index))]) {
    const next = queues[pick]?.shift();
    if (next !== undefined) events.push(next);
  }
  return events;
}
