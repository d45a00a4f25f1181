// Bodies of any shape at each reader: a Fault that says what is wrong, or a request; never a programmer's mistake.
// What is refused and why is tested in routes.test.ts, engine-body.test.ts and test/dialects.
import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { anthropic } from '#src/dialects/anthropic/anthropic.ts';
import type { ChatRequest } from '#src/dialects/chat-request.ts';
import { normaliseMessages } from '#src/dialects/normalise.ts';
import { Fault } from '#src/faults.ts';
import { engineText, limitChanges, refuseDanger } from '#src/gateway/engine-body.ts';
import { parseJsonBody } from '#src/gateway/json-body.ts';

const odd = fc.oneof(
  fc.constantFrom<unknown>(null, true, [], {}, [null], [{}], [5], ''),
  fc.integer(),
  fc.string({ unit: 'grapheme' }),
);
const shape = (fields: Record<string, fc.Arbitrary<unknown>>) => fc.record(fields, { requiredKeys: [] });
const fieldsOf = (...names: string[]) => Object.fromEntries(names.map((name) => [name, odd]));
const type = fc.constantFrom(
  ...['text', 'image', 'image_url', 'tool_use', 'tool_result', 'thinking', 'document', 'search_result'],
  ...['tool_reference', 'tool_addition', 'input_text', 'refusal', 'redacted_thinking', 'compaction', 'unknown'],
);
const source = shape({
  ...fieldsOf('data', 'media_type', 'url', 'content'),
  type: fc.constantFrom('base64', 'url', 'text', 'content'),
});
const block = shape({
  ...fieldsOf('text', 'id', 'name', 'input', 'tool_use_id', 'content', 'thinking', 'tool_name', 'tool', 'is_error'),
  ...fieldsOf('refusal', 'title', 'cache_control', 'input_schema', 'defer_loading'),
  type: fc.oneof(type, odd),
  source: fc.oneof(odd, source),
  image_url: fc.oneof(odd, shape(fieldsOf('url'))),
});
const call = shape({ ...fieldsOf('id', 'type'), function: fc.oneof(odd, shape(fieldsOf('name', 'arguments'))) });
const some = (what: fc.Arbitrary<unknown>) => fc.oneof(odd, fc.array(fc.oneof(odd, what), { maxLength: 4 }));
const message = shape({
  ...fieldsOf('tool_call_id', 'reasoning_content', 'reasoning'),
  role: fc.oneof(fc.constantFrom('system', 'user', 'assistant', 'tool', 'developer', '__proto__'), odd),
  content: some(block),
  tool_calls: some(call),
});
const body = shape({
  ...fieldsOf('model', 'max_tokens', 'tool_choice', 'output_config', 'stop_sequences', 'stream', 'grammar'),
  ...fieldsOf('max_completion_tokens', 'json_schema'),
  messages: some(message),
  system: some(block),
  tools: some(block),
  thinking: fc.oneof(odd, block),
});

/** Whatever is thrown is a Fault for the client. */
function orFault(work: () => void): void {
  try {
    work();
  } catch (cause) {
    if (!(cause instanceof Fault) || cause.kind !== 'invalid-request') throw cause;
  }
}

test('F-91: a body of any shape is read or refused, in both protocols', () => {
  fc.assert(
    fc.property(body, fc.boolean(), (sent, hasVision) => {
      const rules = { stripAttribution: true, hasVision };
      const json = parseJsonBody(JSON.stringify(sent));
      orFault(() => {
        const { request } = normaliseMessages(json.body as unknown as ChatRequest, rules);
        expect(normaliseMessages(request, rules).request).toEqual(request);
        refuseDanger(request);
      });
      orFault(() => {
        const { set, drop } = limitChanges(json.body);
        expect(JSON.parse(engineText(json, { set: { ...set, model: 'm' }, drop }))).toMatchObject({ model: 'm' });
      });
      orFault(() => refuseDanger(normaliseMessages(anthropic.read(json.body).request, rules).request));
    }),
    { numRuns: 3_000 },
  );
});
