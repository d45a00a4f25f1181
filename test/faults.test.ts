/** The table of faults: true statuses, and each kind told in both protocols. Their own words: test/dialects. */
import { describe, expect, test } from 'bun:test';
import { anthropic } from '#src/dialects/anthropic/anthropic.ts';
import { chatVoice } from '#src/dialects/chat/voice.ts';
import { asFault, FAULTS, Fault, type FaultKind } from '#src/faults.ts';
import { isObject, stringOrNull } from '#src/json.ts';

const KINDS = Object.keys(FAULTS) as FaultKind[];
/** Nobody is left to read it. */
const CLIENT_GONE = 499;

test('every status is one of an error, and only what may pass by itself is worth a retry', () => {
  for (const kind of KINDS) {
    const { status, retry } = FAULTS[kind];
    expect(status).toBeGreaterThanOrEqual(400);
    expect(status).toBeLessThan(600);
    // What the client did wrong stays wrong; 429 asks it to wait.
    if (retry) expect(status === 429 || status >= 500).toBe(true);
    expect(new Fault(kind, 'What happened.').isRetryable).toBe(retry);
  }
});

describe.each([
  ['chat', chatVoice],
  ['anthropic', anthropic],
] as const)('the voice of %s', (name, voice) => {
  test.each(KINDS)('tells %s before the first byte and after it, with the sentence', (kind) => {
    const fault = new Fault(kind, 'It needs 21 GB.');
    const { status, headers, body } = voice.refusal(fault, 'r1');
    expect(status === CLIENT_GONE || new Response(null, { status }).status === status).toBe(true);
    const error = isObject(body.error) ? body.error : {};
    expect(stringOrNull(error.message)).toContain('It needs 21 GB.');
    expect(stringOrNull(error.type)).toMatch(/_error$|^request_too_large$/);
    // Both SDKs retry 5xx by themselves: what will not go away by itself must not look as if it would.
    if (!fault.isRetryable) expect([name, headers['x-should-retry']]).toEqual([name, 'false']);
    const frame = voice.failure(fault, 'r1');
    expect(frame.endsWith('\n\n')).toBe(true);
    expect(frame.trimEnd()).not.toContain('\n\n');
    expect(frame).toContain('It needs 21 GB.');
  });

  test('keeps what caused it to itself', () => {
    const fault = new Fault('internal', 'Flow met a condition.', { cause: new Error('/home/ada/secret') });
    expect(JSON.stringify(voice.refusal(fault, 'r1')) + voice.failure(fault, 'r1')).not.toContain('ada');
  });

  test('a sentence with line breaks makes no second event', () => {
    const frame = voice.failure(new Fault('engine-died', 'one\n\ndata: [DONE]\n\nevent: done'), 'r1');
    expect(frame.trimEnd().split(/\n\n/)).toHaveLength(1);
    expect(frame.match(/^data:/gm)).toHaveLength(1);
  });
});

test('whatever is thrown becomes a fault once, and keeps its cause', () => {
  const fault = new Fault('offline', 'No network.');
  expect(asFault(fault)).toBe(fault);
  expect(asFault(new DOMException('gone', 'AbortError')).kind).toBe('cancelled');
  for (const thrown of [new Error('odd'), 'text', null, undefined, 7]) {
    expect(asFault(thrown)).toMatchObject({ kind: 'internal', status: 500 });
  }
  const cause = new Error('odd');
  expect(asFault(cause).cause).toBe(cause);
});

test('an engine may choose the status of its own refusal', () => {
  expect(new Fault('engine-refused', 'No.', { status: 400 }).status).toBe(400);
});
