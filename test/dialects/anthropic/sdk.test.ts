// Anthropic's own SDK reads our streams, over a socket: it must accept each, and gather the very message that the
// collector gives.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import Anthropic, { APIError } from '@anthropic-ai/sdk';
import fc from 'fast-check';
import { anthropic } from '#src/dialects/anthropic/anthropic.ts';
import type { StreamEvent } from '#src/dialects/stream-event.ts';
import { Fault } from '#src/faults.ts';
import {
  answer,
  collected,
  encoded,
  finish,
  head,
  prompt,
  text,
  thinking,
  toolArguments,
  toolStart,
  usage,
} from './answers.ts';

let reply: () => Response = () => new Response();
let server: Bun.Server<undefined>;
let client: Anthropic;

beforeAll(() => {
  server = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: () => reply() });
  client = new Anthropic({ baseURL: `http://127.0.0.1:${server.port}`, apiKey: 'none', maxRetries: 0 });
});
afterAll(() => server.stop(true));

const ask = { model: 'flow-test', max_tokens: 10, messages: [{ role: 'user' as const, content: 'hello' }] };

async function streamed(events: readonly StreamEvent[]): Promise<object> {
  const body = anthropic.heartbeat(head) + encoded(events);
  reply = () => new Response(body, { headers: { 'content-type': 'text/event-stream' } });
  const { parsed_output, ...message } = await client.messages.stream(ask).finalMessage();
  expect(parsed_output).toBeNull();
  return JSON.parse(JSON.stringify(message));
}

async function errorOf(action: () => Promise<unknown>): Promise<APIError> {
  const cause = await action().catch((thrown: unknown) => thrown);
  if (cause instanceof APIError) return cause;
  throw new Error(`Expected an API error, got ${String(cause)}`);
}

describe('the official SDK', () => {
  test('gathers the message that the collector gives', async () => {
    const events = [
      prompt,
      thinking('hm'),
      text('Hello '),
      text('world \u{1f600}'),
      toolStart(0, 'Bash'),
      toolStart(1, 'Read'),
      toolArguments(1, '{"path":"a"}'),
      toolArguments(0, '{"command":"ls"}'),
      usage,
      finish,
    ];
    expect(await streamed(events)).toEqual(collected(events));
  });

  test('gathers it for any answer', async () => {
    await fc.assert(
      fc.asyncProperty(answer, async (events) => {
        expect(await streamed(events)).toEqual(JSON.parse(JSON.stringify(collected(events))));
      }),
      { numRuns: 60 },
    );
  });

  test('reads the whole message when it did not ask for a stream', async () => {
    const message = collected([prompt, text('a'), usage, finish]);
    reply = () => Response.json(message);
    expect((await client.messages.create(ask)) as object).toEqual(message);
  });

  test('throws the fault of a stream', async () => {
    const fault = new Fault('model-unloaded', 'The model was unloaded.');
    const error = await errorOf(() => streamed([prompt, text('a'), { type: 'fault', fault }]));
    expect(error.type).toBe('overloaded_error');
    expect(error.message).toContain('The model was unloaded.');
  });

  test('throws when a stream breaks off', async () => {
    expect((await errorOf(() => streamed([prompt, text('a')]))).type).toBe('api_error');
  });

  test('finds type, status and request id in a refusal', async () => {
    const refusal = anthropic.refusal(new Fault('queue-full', 'Too many.'), 'abc');
    reply = () => Response.json(refusal.body, { status: refusal.status, headers: refusal.headers });
    const error = await errorOf(() => client.messages.create(ask));
    expect([error.status, error.type, error.requestID]).toEqual([429, 'rate_limit_error', 'req_abc']);
  });
});
