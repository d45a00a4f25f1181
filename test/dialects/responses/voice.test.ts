// How Responses tells faults that come before the first byte.
import { describe, expect, test } from 'bun:test';
import { openResponses } from '#src/dialects/responses/responses.ts';
import { Fault } from '#src/faults.ts';
import { mapMemory } from '#test/support/map-memory.ts';
import { eventsOf } from './stream-rules.ts';

const dialect = openResponses({ memory: mapMemory() });
const refusal = (fault: Fault) => dialect.refusal(fault, 'r1');

describe('a refusal', () => {
  test('an overflow has the code by which Codex compacts, and the numbers', () => {
    const details = { promptTokens: 9000, contextTokens: 4096, engineError: { type: 'exceed_context_size_error' } };
    const { status, body } = refusal(new Fault('context-overflow', 'too long', { details }));
    expect(status).toBe(400);
    expect(body.error).toMatchObject({
      type: 'invalid_request_error',
      code: 'context_length_exceeded',
      param: 'input',
    });
    expect((body.error as { message: string }).message).toStartWith(
      "This model's maximum context length is 4096 tokens. However, your messages resulted in 9000 tokens.",
    );
  });

  test('what somebody must mend first is not a status that Codex repeats', () => {
    for (const kind of ['load-failed', 'engine-missing', 'install-failed', 'offline', 'model-not-loaded'] as const) {
      expect(refusal(new Fault(kind, 'x'))).toMatchObject({
        status: 400,
        body: { error: { type: 'invalid_request_error' } },
      });
    }
  });

  test('what may pass by itself keeps its status', () => {
    expect(refusal(new Fault('queue-full', 'x')).status).toBe(429);
    expect(refusal(new Fault('no-memory', 'x')).status).toBe(503);
    expect(refusal(new Fault('shutting-down', 'x'))).toMatchObject({ status: 503, headers: { 'retry-after': '5' } });
  });

  test('the place that is wrong is the param', () => {
    try {
      dialect.read({ input: [{ role: 'robot', content: 'x' }] });
      throw new Error('nothing was refused');
    } catch (cause) {
      expect(refusal(cause as Fault).body.error).toMatchObject({ param: 'input[0].role', code: null });
    }
  });
});

test('a failure without an answer is an error event', () => {
  const [event] = eventsOf(dialect.failure(new Fault('engine-died', 'It died.'), 'r1'));
  expect(event).toEqual({ type: 'error', code: 'backend_died', message: 'It died.', param: null, sequence_number: 0 });
});

test('a heartbeat is a comment', () => {
  expect(dialect.heartbeat({ requestId: 'r1', modelId: 'm', createdS: 0 })).toMatch(/^: .*\n\n$/);
});
