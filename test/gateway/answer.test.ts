// The ways a request can end, over real sockets and fake engines in real processes: each settles once, each lease is
// given back once. Decoding is tested in test/dialects, framing in test/stream and test/transport.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { Fault } from '#src/faults.ts';
import { chat, contentOf, dataOf, House, messagesBody, post, recorded, until } from './support/house.ts';

let house: House;
let url: string;
beforeEach(() => {
  house = new House();
  url = house.listen();
});
afterEach(async () => {
  await house.close();
  expect(house.lender.out).toBe(0);
  expect(house.tracker.settlements).toBe(house.tracker.opened);
});

const streamed = (more: object = {}) => chat({ stream: true, ...more });
const ended = () => until(() => house.tracker.settled.length > 0, 'a settled ticket');
const outcome = () => house.tracker.settled[0]?.outcome;

describe('a complete answer', () => {
  test('streamed passes untouched, without the progress that only Flow asked for', async () => {
    const engine = await house.engine({ tokens: 5, prefill_ms: 20 });
    const response = await post(`${url}/v1/chat/completions`, streamed());
    const text = await response.text();
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    expect(response.headers.get('x-flow-model')).toBe('org/Some-Model');
    expect(text).not.toContain('prompt_progress');
    expect(text).not.toContain('"usage"');
    expect(text).toEndWith('data: [DONE]\n\n');
    await ended();
    expect(outcome()).toMatchObject({ kind: 'completed', finishReason: 'stop', usage: { outputTokens: 5 } });
    expect(house.tracker.settled[0]?.prefills.length).toBeGreaterThan(0);
    const direct = await post(`${engine.baseUrl}/v1/chat/completions`, streamed(), {
      headers: { authorization: 'Bearer engine-key' },
    });
    const shape = (all: string) =>
      dataOf(all).map((data) => data.replace(/"(id|created|timings)":("[^"]*"|\d+|\{[^}]*\})/g, ''));
    expect(shape(text)).toEqual(shape(await direct.text()));
  });

  test('gives progress and usage to a client that asks for them', async () => {
    await house.engine({ tokens: 2, prefill_ms: 20 });
    const asked = streamed({ return_progress: true, stream_options: { include_usage: true } });
    const text = await (await post(`${url}/v1/chat/completions`, asked)).text();
    expect(text).toContain('prompt_progress');
    expect(text).toContain('"usage"');
  });

  test('not streamed is the engine’s body, byte for byte', async () => {
    const body =
      '{ "odd":1.0, "choices":[{"finish_reason":"stop","message":{"content":"é"}}],\n' +
      '"usage":{"prompt_tokens":3,"completion_tokens":4} }';
    house.server(() => new Response(body, { headers: { 'content-type': 'application/json; charset=utf-8' } }));
    // One that may be joined from a stream is not the engine's own text any more.
    const response = await post(`${url}/v1/chat/completions`, chat({ n: 2 }));
    expect(await response.text()).toBe(body);
    expect(response.headers.get('content-type')).toBe('application/json; charset=utf-8');
    expect(outcome()).toMatchObject({
      kind: 'completed',
      usage: { inputTokens: 3, outputTokens: 4 },
      finishReason: 'stop',
    });
  });

  test('of several choices says what was relaxed too', async () => {
    await house.engine({ tokens: 2 });
    const parameters = { type: 'object', properties: { a: { type: 'string', pattern: '\\d' } } };
    const tools = [{ type: 'function', function: { name: 'look', parameters } }];
    const response = await post(`${url}/v1/chat/completions`, chat({ n: 2, tools }));
    expect(response.headers.get('x-flow-relaxed')).toBe('look.a: pattern');
    await response.text();
  });

  test('in Anthropic’s protocol, streamed and not', async () => {
    await house.engine({ pieces: ['Hello', ' world'], thinking: ['hm'] });
    const asked = { model: 'some', max_tokens: 50, messages: [{ role: 'user', content: 'hi' }] };
    const whole = await (await post(`${url}/v1/messages`, JSON.stringify(asked))).json();
    expect(whole).toMatchObject({ type: 'message', model: 'org/Some-Model' });
    expect(JSON.stringify(whole.content)).toContain('Hello world');
    const stream = await (await post(`${url}/v1/messages`, JSON.stringify({ ...asked, stream: true }))).text();
    expect(stream.match(/event: message_start/g)).toHaveLength(1);
    expect(stream.match(/event: message_stop/g)).toHaveLength(1);
    await until(() => house.tracker.settled.length === 2);
  });

  test('of completions, embeddings, rerank and token counts', async () => {
    await house.engine({ tokens: 2 });
    const text = await (await post(`${url}/v1/completions`, JSON.stringify({ prompt: 'a', stream: true }))).text();
    expect(text).toEndWith('data: [DONE]\n\n');
    const embedded = await (await post(`${url}/embeddings`, JSON.stringify({ input: ['a', 'b'] }))).json();
    expect(embedded.data).toHaveLength(2);
    const ranked = await (await post(`${url}/v1/rerank`, JSON.stringify({ query: 'a', documents: ['b'] }))).json();
    expect(ranked.results).toHaveLength(1);
    const counted = { model: 'some', messages: [{ role: 'user', content: 'hello there' }] };
    const count = await post(`${url}/v1/messages/count_tokens`, JSON.stringify(counted));
    expect((await count.json()).input_tokens).toBeGreaterThan(0);
    await until(() => house.tracker.settled.length === 4);
    expect(house.tracker.settled.map((each) => each.outcome.kind)).toEqual(Array(4).fill('completed'));
  });
});

describe('before anything is committed', () => {
  test('a refusal is a status, and no lease is asked for', async () => {
    house.lender.refused = new Fault('no-memory', 'Needs 400 GB.');
    const response = await post(`${url}/v1/chat/completions`, streamed());
    expect(response.status).toBe(503);
    expect(response.headers.get('x-should-retry')).toBe('false');
    expect(await response.json()).toMatchObject({ error: { message: 'Needs 400 GB.', code: 'insufficient_memory' } });
    expect(house.lender.acquired).toBe(0);
  });

  test('an unknown model is 404 in each protocol’s shape', async () => {
    const openai = await post(`${url}/v1/chat/completions`, chat({ model: 'nope' }));
    expect(openai.status).toBe(404);
    expect(await openai.json()).toMatchObject({ error: { code: 'model_not_found' } });
    const anthropic = await post(`${url}/v1/messages`, chat({ model: 'nope', max_tokens: 1 }));
    expect(anthropic.status).toBe(404);
    expect(await anthropic.json()).toMatchObject({ type: 'error', error: { type: 'not_found_error' } });
  });

  test('F-19: an engine’s refusal keeps its status, streamed and not', async () => {
    const error = {
      code: 400,
      message: 'too long',
      type: 'exceed_context_size_error',
      n_prompt_tokens: 9000,
      n_ctx: 4096,
    };
    await house.engine({ status: 400, body: { error } });
    for (const body of [chat(), streamed()]) {
      const response = await post(`${url}/v1/chat/completions`, body);
      expect(response.status).toBe(400);
      expect(await response.json()).toMatchObject({ error: { code: 'context_length_exceeded', n_ctx: 4096 } });
    }
    const asked = messagesBody({ stream: true });
    const anthropic = await post(`${url}/v1/messages`, asked);
    expect(anthropic.status).toBe(400);
    expect(await anthropic.text()).toContain('prompt is too long: 9000 tokens > 4096 maximum');
  });

  test('F-19: HTML from an engine becomes an error object with its status', async () => {
    await house.engine({ status: 500, body: '<h1>Oh no</h1>' });
    const response = await post(`${url}/v1/chat/completions`, chat());
    expect(response.status).toBe(500);
    expect(await response.json()).toMatchObject({ error: { message: 'The engine answered 500: Oh no' } });
  });

  test('F-19: an error of the engine, or a grammar that it refuses, is passed on in shape and told to its lease', async () => {
    const refusals = [
      [500, { code: 500, message: 'slot is broken', type: 'server_error' }],
      [400, { code: 400, message: 'failed to parse grammar', type: 'invalid_request_error' }],
    ] as const;
    for (const [index, [status, error]] of refusals.entries()) {
      await house.engine({ status, body: { error } });
      house.lender.generation = index + 1;
      for (const body of [chat(), streamed()]) {
        const response = await post(`${url}/v1/chat/completions`, body);
        expect(response.status).toBe(status);
        expect(await response.json()).toMatchObject({ error: { message: error.message, type: error.type } });
      }
    }
    expect(house.lender.answers).toEqual([500, 500, 400, 400]);
    expect(house.lender.unloads).toEqual([]);
  });

  test('nothing listening is a status, after one more try', async () => {
    const response = await post(`${url}/v1/chat/completions`, streamed());
    expect([502, 200]).toContain(response.status);
    await response.text();
    await ended();
    expect(outcome()).toMatchObject({ kind: 'failed', fault: { kind: 'engine-unreachable' } });
    expect(house.lender.acquired).toBe(2);
  });
});

describe('a wait', () => {
  test('of more than half a second commits the answer; the engine’s refusal is then a frame', async () => {
    await house.engine({ status: 400 });
    const gate = Promise.withResolvers<void>();
    house.lender.gate = gate.promise;
    const response = await post(`${url}/v1/chat/completions`, streamed());
    expect(response.status).toBe(200);
    gate.resolve();
    const frames = dataOf(await response.text());
    expect(frames).toHaveLength(1);
    expect(JSON.parse(frames[0] ?? '')).toMatchObject({ error: { message: 'scripted failure' } });
  });
});

describe('an engine that dies', () => {
  test('F-02: before any byte is asked again on a fresh lease, silently', async () => {
    const first = await house.engine({ crash_after_tokens: 0 });
    await house.engine({ tokens: 3 });
    const sent = post(`${url}/v1/chat/completions`, streamed());
    await recorded(first, 'request-begin');
    house.lender.generation = 2;
    const text = await (await sent).text();
    expect(text).toEndWith('data: [DONE]\n\n');
    expect(text).not.toContain('error');
    expect(house.lender.acquired).toBe(2);
    await ended();
    expect(outcome()).toMatchObject({ kind: 'completed' });
  });

  test('F-02: twice before any byte is an error', async () => {
    const first = await house.engine({ crash_after_tokens: 0 });
    await house.engine({ crash_after_tokens: 0 });
    const sent = post(`${url}/v1/chat/completions`, chat());
    await recorded(first, 'request-begin');
    house.lender.generation = 2;
    const response = await sent;
    expect(response.status).toBe(502);
    expect(await response.json()).toMatchObject({ error: { code: 'backend_died' } });
    expect(house.lender.acquired).toBe(2);
  });

  test('F-01: in the middle leaves the tokens so far, then one error frame and no [DONE]', async () => {
    await house.engine({ crash_after_tokens: 4, tokens: 50, tokens_per_s: 200 });
    const text = await (await post(`${url}/v1/chat/completions`, streamed())).text();
    expect(dataOf(text).filter((data) => data.includes('"content"')).length).toBeGreaterThanOrEqual(4);
    expect(text.match(/"error"/g)).toHaveLength(1);
    expect(text).not.toContain('[DONE]');
    await ended();
    expect(outcome()).toMatchObject({ kind: 'failed', fault: { kind: 'engine-died' } });
    expect(house.lender.acquired).toBe(1);
  });

  test('F-01: in the middle of Anthropic’s stream ends it with an error event', async () => {
    await house.engine({ crash_after_tokens: 4, tokens: 50, tokens_per_s: 200 });
    const asked = messagesBody({ stream: true });
    const text = await (await post(`${url}/v1/messages`, asked)).text();
    expect(text.match(/event: error/g)).toHaveLength(1);
    expect(text).not.toContain('message_stop');
  });

  test('because it was unloaded says so', async () => {
    const engine = await house.engine({ tokens: 500, tokens_per_s: 100 });
    const response = await post(`${url}/v1/chat/completions`, streamed());
    house.lender.endAll(new Fault('model-unloaded', 'It was unloaded.'));
    expect(await response.text()).toContain('model_unloaded');
    engine.kill();
    await ended();
    expect(outcome()).toMatchObject({ fault: { kind: 'model-unloaded' } });
  });

  test('F-31: cleanly but without a finish is an error all the same', async () => {
    house.bytes((write, end) => {
      write('HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n');
      write('data: {"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}]}\n\ndata: {"choi');
      end();
    });
    const frames = dataOf(await (await post(`${url}/v1/chat/completions`, streamed())).text());
    expect(frames.at(-1)).toContain('backend_died');
    await ended();
    expect(outcome()).toMatchObject({ kind: 'failed' });
  });
});

describe('a client that leaves', () => {
  const leave = async (body: string, reach: () => Promise<unknown>, path = '/v1/chat/completions') => {
    const controller = new AbortController();
    const gone = post(`${url}${path}`, body, { signal: controller.signal })
      .then((response) => response.text())
      .catch(() => 'gone');
    await reach();
    controller.abort();
    await gone;
    await ended();
    expect(outcome()).toMatchObject({ kind: 'cancelled', by: 'client' });
    expect(house.lender.out).toBe(0);
  };

  for (const body of [chat(), streamed()]) {
    const kind = body === chat() ? 'whole' : 'streamed';
    test(`F-24: while it waits for a lease gives up its place (${kind})`, async () => {
      house.lender.gate = new Promise(() => {});
      await leave(body, () => until(() => house.lender.waiting === 1));
      expect(house.lender.waiting).toBe(0);
    });

    test(`while it waits after the commit gives up its place (${kind})`, async () => {
      house.lender.gate = new Promise(() => {});
      await leave(body, () => Bun.sleep(700));
      expect(house.lender.waiting).toBe(0);
    });

    test(`before the engine’s headers closes the engine’s socket (${kind})`, async () => {
      const engine = await house.engine({ hang_before_headers: true });
      await leave(body, () => recorded(engine, 'request-begin'));
      expect(await recorded(engine, 'request-abort')).toMatchObject([{ phase: 'headers' }]);
    });

    test(`F-26: in the prefill closes the engine’s socket (${kind})`, async () => {
      const engine = await house.engine({ hang_in_prefill: true });
      await leave(body, () => recorded(engine, 'request-begin').then(() => Bun.sleep(500)));
      expect(await recorded(engine, 'request-abort')).toMatchObject([{ phase: 'prefill' }]);
    });

    test(`F-27: in the generation closes the engine’s socket (${kind})`, async () => {
      const engine = await house.engine({ tokens: 10_000, tokens_per_s: 100 });
      // Of a whole answer nobody hears before its end.
      const begun = () => recorded(engine, 'request-begin').then(() => Bun.sleep(500));
      await leave(body, kind === 'whole' ? begun : () => until(() => house.tracker.generated > 0));
      expect(await recorded(engine, 'request-abort')).toMatchObject([{ phase: 'generation' }]);
    });
  }

  test('of Anthropic’s protocol closes the engine’s socket too', async () => {
    const engine = await house.engine({ tokens: 10_000, tokens_per_s: 100 });
    const asked = messagesBody();
    await leave(asked, () => until(() => house.tracker.generated > 0), '/v1/messages');
    await recorded(engine, 'request-abort');
  });
});

describe('a user who cancels', () => {
  test('a stream ends it with an error frame', async () => {
    const engine = await house.engine({ tokens: 10_000, tokens_per_s: 100 });
    const response = await post(`${url}/v1/chat/completions`, streamed());
    await recorded(engine, 'request-begin');
    house.tracker.controllers.get('r1')?.abort();
    expect(dataOf(await response.text()).at(-1)).toContain('"cancelled"');
    await ended();
    expect(outcome()).toMatchObject({ kind: 'cancelled', by: 'user' });
    await recorded(engine, 'request-abort');
  });

  test('a whole answer gives a status', async () => {
    const engine = await house.engine({ tokens: 10_000, tokens_per_s: 100 });
    const sent = post(`${url}/v1/chat/completions`, chat());
    await recorded(engine, 'request-begin');
    house.tracker.controllers.get('r1')?.abort();
    expect((await sent).status).toBe(499);
  });
});

describe('what engines do wrong', () => {
  const variants = ['crlf', 'comments', 'no_done', 'no_final_newline', 'onebyte'] as const;
  for (const sse of variants) {
    test(`F-31: an event stream of the kind ${sse} arrives whole, in both protocols`, async () => {
      await house.engine({ sse, pieces: ['Grüße ', '👩‍👩‍👧‍👦', ' end'] });
      const text = await (await post(`${url}/v1/chat/completions`, streamed())).text();
      expect(contentOf(text.replaceAll('\r\n', '\n'))).toBe('Grüße 👩‍👩‍👧‍👦 end');
      expect(text).not.toContain('"error"');
      const asked = messagesBody({ stream: true });
      const anthropic = await (await post(`${url}/v1/messages`, asked)).text();
      expect(anthropic).toContain('message_stop');
      expect(anthropic).not.toContain('\uFFFD');
      await until(() => house.tracker.settled.length === 2);
      expect(house.tracker.settled.map((each) => each.outcome.kind)).toEqual(['completed', 'completed']);
    });
  }

  test('F-33: an error in the stream is the one terminal', async () => {
    house.server(() => {
      const head = 'data: {"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}]}\n\n';
      return new Response(`${head}data: {"error":{"code":500,"message":"broke","type":"server_error"}}\n\n`);
    });
    const text = await (await post(`${url}/v1/chat/completions`, streamed())).text();
    expect(text.match(/"error"/g)).toHaveLength(1);
    await ended();
    expect(outcome()).toMatchObject({ kind: 'failed', fault: { message: 'broke' } });
  });

  test('F-33: an error object with status 200 is an error', async () => {
    house.server(() => Response.json({ error: { code: 500, message: 'broke', type: 'server_error' } }));
    const response = await post(`${url}/v1/chat/completions`, chat());
    expect(response.status).toBe(500);
    expect(await response.json()).toMatchObject({ error: { message: 'broke' } });
  });
});
