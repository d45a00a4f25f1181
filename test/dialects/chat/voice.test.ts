// Faults in OpenAI's shape. Which faults happen when is tested in test/gateway.
import { describe, expect, test } from 'bun:test';
import { faultOfAnswer } from '#src/dialects/chat/engine-word.ts';
import { chatVoice } from '#src/dialects/chat/voice.ts';
import { FAULTS, Fault, type FaultKind } from '#src/faults.ts';

const refusal = (kind: FaultKind, parts = {}) => chatVoice.refusal(new Fault(kind, 'What happened.', parts), 'r1');
const KINDS: readonly FaultKind[] = Object.keys(FAULTS) as FaultKind[];

describe("OpenAI's voice", () => {
  test('gives each kind its status and an envelope with message, type, param and code', () => {
    for (const kind of KINDS) {
      const { status, body, headers } = refusal(kind);
      expect(status).toBe(FAULTS[kind].status);
      expect(Object.keys(body.error as object).sort()).toEqual(['code', 'message', 'param', 'type']);
      expect(headers['x-request-id']).toBe('r1');
    }
  });

  test('forbids the retry of what will not go away, and says when to retry what will', () => {
    expect(refusal('load-failed').headers['x-should-retry']).toBe('false');
    expect(refusal('queue-full').headers).toMatchObject({ 'retry-after': '5' });
    expect(refusal('queue-full').headers['x-should-retry']).toBeUndefined();
    expect(refusal('shutting-down', { retryAfterS: 1.2 }).headers['retry-after']).toBe('2');
  });

  test('names an unknown model as OpenAI does', () => {
    expect(refusal('model-not-found').body).toMatchObject({
      error: { code: 'model_not_found', param: 'model', type: 'invalid_request_error' },
    });
  });

  test("tells an overflow in OpenAI's words and keeps the engine's numbers", () => {
    const error = {
      code: 400,
      message: 'too long',
      type: 'exceed_context_size_error',
      n_prompt_tokens: 9000,
      n_ctx: 4096,
    };
    const fault = faultOfAnswer(400, JSON.stringify({ error }));
    expect(fault.details).toMatchObject({ promptTokens: 9000, contextTokens: 4096 });
    const { status, body } = chatVoice.refusal(fault, 'r1');
    expect(status).toBe(400);
    expect(body).toMatchObject({ error: { code: 'context_length_exceeded', n_prompt_tokens: 9000, n_ctx: 4096 } });
    expect(JSON.stringify(body)).toContain("This model's maximum context length is 4096 tokens. However,");
  });

  test('keeps what the engine said of its own refusal', () => {
    const own = { error: { code: 400, message: 'bad grammar', type: 'invalid_request_error', more: 1 } };
    const { status, body } = chatVoice.refusal(faultOfAnswer(400, JSON.stringify(own)), 'r1');
    expect(status).toBe(400);
    expect(body).toEqual({ error: { ...own.error, param: null } });
  });

  test('quotes an engine that answers HTML, and blames the request for a broken template', () => {
    expect(faultOfAnswer(500, '<html><h1>Oh</h1> no</html>')).toMatchObject({
      status: 500,
      message: 'The engine answered 500: Oh no',
    });
    const jinja = { error: { code: 500, message: 'Jinja Exception: roles must alternate', type: 'server_error' } };
    const fault = faultOfAnswer(500, JSON.stringify(jinja));
    expect(fault.status).toBe(400);
    // Its words for itself would say otherwise than the status.
    expect(chatVoice.refusal(fault, 'r1').body.error).toMatchObject({ type: 'invalid_request_error', code: 400 });
    for (const message of [
      'audio input is not supported - hint: …',
      'Failed to parse tools: Unsupported tool type: x',
    ]) {
      expect(faultOfAnswer(500, JSON.stringify({ error: { code: 500, message } })).status).toBe(400);
    }
  });

  test('ends a broken stream with an error and without [DONE]', () => {
    const text = chatVoice.failure(new Fault('engine-died', 'The engine\ndied.'), 'r1');
    expect(text).toStartWith('data: {"error":{"message":"The engine\\ndied."');
    expect(text).toEndWith('}}\n\n');
    expect(text).not.toContain('[DONE]');
  });
});
