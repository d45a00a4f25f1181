// How faults are told to Anthropic's clients: status, type, wording and the headers they act on.
import { describe, expect, test } from 'bun:test';
import { anthropic } from '#src/dialects/anthropic/anthropic.ts';
import { FAULTS, Fault, type FaultKind, type FaultParts } from '#src/faults.ts';
import { head } from './answers.ts';

const told: { readonly [Kind in FaultKind]: readonly [status: number, type: string] } = {
  'invalid-request': [400, 'invalid_request_error'],
  'context-overflow': [400, 'invalid_request_error'],
  unauthorized: [401, 'authentication_error'],
  forbidden: [403, 'permission_error'],
  'not-found': [404, 'not_found_error'],
  'model-not-found': [404, 'not_found_error'],
  'method-not-allowed': [405, 'invalid_request_error'],
  conflict: [409, 'invalid_request_error'],
  'too-large': [413, 'request_too_large'],
  'too-slow': [408, 'invalid_request_error'],
  'unsupported-media': [415, 'invalid_request_error'],
  unprocessable: [422, 'invalid_request_error'],
  'queue-full': [429, 'rate_limit_error'],
  'rate-limited': [429, 'rate_limit_error'],
  'quota-used': [429, 'rate_limit_error'],
  cancelled: [499, 'invalid_request_error'],
  'engine-refused': [502, 'api_error'],
  'engine-unreachable': [502, 'api_error'],
  'engine-died': [502, 'api_error'],
  'engine-silent': [504, 'timeout_error'],
  'engine-missing': [400, 'invalid_request_error'],
  'install-failed': [400, 'invalid_request_error'],
  offline: [400, 'invalid_request_error'],
  'hub-token-missing': [403, 'permission_error'],
  'hub-token-refused': [403, 'permission_error'],
  'hub-gated': [403, 'permission_error'],
  'hub-busy': [429, 'rate_limit_error'],
  'hub-broken': [502, 'api_error'],
  'download-damaged': [502, 'api_error'],
  'disk-full': [500, 'api_error'],
  'model-not-loaded': [400, 'invalid_request_error'],
  'model-unloaded': [529, 'overloaded_error'],
  'load-failed': [400, 'invalid_request_error'],
  'no-memory': [529, 'overloaded_error'],
  'queue-timeout': [529, 'overloaded_error'],
  'shutting-down': [529, 'overloaded_error'],
  'too-busy': [529, 'overloaded_error'],
  internal: [500, 'api_error'],
};

const refusal = (kind: FaultKind, parts: FaultParts = {}) =>
  anthropic.refusal(new Fault(kind, 'What happened.', parts), 'abc');
const messageOf = (body: object) => (body as { error: { message: string } }).error.message;

describe('a refusal', () => {
  const kinds = Object.keys(FAULTS) as FaultKind[];
  for (const kind of kinds) {
    test(`${kind} is ${told[kind].join(' ')}`, () => {
      const [status, type] = told[kind];
      const answer = refusal(kind);
      expect(answer.status).toBe(status);
      expect(answer.body).toEqual({
        type: 'error',
        error: { type, message: 'What happened.' },
        request_id: 'req_abc',
        ...overflow(kind),
      });
      expect(answer.headers['request-id']).toBe('req_abc');
      expect(answer.headers['x-should-retry']).toBe(String(FAULTS[kind].retry));
    });
  }

  test('a wait that may help says how long, in whole seconds', () => {
    expect(refusal('model-unloaded').headers['retry-after']).toBe('5');
    expect(refusal('queue-full', { retryAfterS: 1.2 }).headers['retry-after']).toBe('2');
    expect(refusal('shutting-down', { retryAfterS: 0 }).headers['retry-after']).toBe('1');
    expect(refusal('no-memory').headers['retry-after']).toBeUndefined();
    expect(refusal('invalid-request').headers['retry-after']).toBeUndefined();
  });

  test('a prompt that is too long is told in the words that make Claude Code compact', () => {
    const { status, body } = refusal('context-overflow', {
      details: { promptTokens: 9000, contextTokens: 4096 },
      hint: 'Load it larger.',
    });
    expect(status).toBe(400);
    expect(messageOf(body)).toBe('prompt is too long: 9000 tokens > 4096 maximum');
  });

  test('a hint follows the sentence', () => {
    expect(messageOf(refusal('load-failed', { hint: 'Lower the context.' }).body)).toBe(
      'What happened. Lower the context.',
    );
  });

  test('an engine’s own refusal keeps its status', () => {
    expect(refusal('engine-refused', { status: 400 })).toMatchObject({
      status: 400,
      body: { error: { type: 'invalid_request_error' } },
    });
    expect(refusal('engine-refused', { status: 503 })).toMatchObject({
      status: 529,
      body: { error: { type: 'overloaded_error' } },
    });
  });
});

// Without numbers there are no numbers to tell, but the wording is still known to clients.
function overflow(kind: FaultKind): object {
  if (kind !== 'context-overflow') return {};
  return { error: { type: 'invalid_request_error', message: 'prompt is too long: What happened.' } };
}

describe('silence and failure', () => {
  test('the heartbeat is a ping', () =>
    expect(anthropic.heartbeat(head)).toBe('event: ping\ndata: {"type":"ping"}\n\n'));

  test('a fault after the first byte is an error event with the same body', () => {
    const fault = new Fault('engine-silent', 'Silent for 600 s.');
    const body = JSON.stringify(anthropic.refusal(fault, 'abc').body);
    expect(anthropic.failure(fault, 'abc')).toBe(`event: error\ndata: ${body}\n\n`);
  });
});
