/** The official `openai` client's Responses against a whole Flow: `flow-demo` and a scripted model. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import OpenAI from 'openai';
import type { ResponseInputItem } from 'openai/resources/responses/responses';
import { checkStream, eventsOf } from '#test/dialects/responses/stream-rules.ts';
import { realEngine } from '../support/real-engine.ts';
import { type RunningFlow, startFlow, until } from '../support/running-flow.ts';
import { hermesCall, writeCallingModel } from './support/calling-model.ts';

const WEATHER_TOOL = {
  type: 'function' as const,
  name: 'get_weather',
  description: 'The weather in a city',
  parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  strict: null,
};
const PATCH = '*** Begin Patch\n*** Add File: a.txt\n+Grüße "quoted" \\ 👋\n*** End Patch\n';

let folder: string;
let flow: RunningFlow;
let client: OpenAI;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'flow-responses-'));
  mkdirSync(join(folder, 'models'));
  await writeCallingModel(join(folder, 'models', 'caller.gguf'), [
    { name: 'plain', text: 'A plain answer of a few words.' },
    { name: 'patchit', text: `I will.\n${hermesCall('apply_patch', { input: PATCH })}` },
    { name: 'agentit', text: hermesCall('agents__close', { target: 'one' }) },
    { name: 'endless', text: 'Round and round it goes; ', end: 'repeat' },
    { name: 'after', text: 'It is done.' },
  ]);
  await start();
  await flow.json('/api/models/scan', {});
});

async function start(): Promise<void> {
  flow = await startFlow({
    dataDir: folder,
    engine: realEngine().executable,
    environment: { FLOW_MODELS_DIR: join(folder, 'models') },
  });
  client = new OpenAI({ baseURL: `${flow.url}/v1`, apiKey: 'flow-local', maxRetries: 0 });
}

afterAll(async () => {
  await flow[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

const model = 'flow-demo';
const failureOf = (promise: Promise<unknown>) => promise.then(() => null).catch((cause: unknown) => cause);

describe('the openai client', () => {
  test('gets a whole response from a model that was not loaded', async () => {
    const response = await client.responses.create({ model, input: 'Hello' });
    expect(response.id).toStartWith('resp_');
    expect(response.status).toBe('completed');
    expect(response.output_text.toLowerCase()).toContain('demo');
    expect(response.usage?.input_tokens).toBeGreaterThan(0);
    expect(response.usage?.output_tokens).toBeGreaterThan(0);
  });

  test('streams the same response', async () => {
    const whole = await client.responses.create({ model, input: 'Hello' });
    const stream = client.responses.stream({ model, input: 'Hello' });
    const deltas: string[] = [];
    stream.on('response.output_text.delta', ({ delta }) => deltas.push(delta));
    const response = await stream.finalResponse();
    expect(deltas.length).toBeGreaterThan(5);
    expect(deltas.join('')).toBe(whole.output_text);
    expect(response.output_text).toBe(whole.output_text);
    expect(response.usage?.total_tokens).toBe(whole.usage?.total_tokens ?? -1);
  });

  test('sees thoughts as a summary, and may send them back', async () => {
    const input: ResponseInputItem[] = [{ role: 'user', content: 'Hello' }];
    const first = await client.responses.create({ model, input, reasoning: { effort: 'high' }, store: false });
    expect(first.output.map(({ type }) => type)).toEqual(['reasoning', 'message']);
    expect(first.usage?.output_tokens_details.reasoning_tokens).toBeGreaterThan(0);
    const again = [...input, ...first.output, { role: 'user' as const, content: 'And now?' }] as ResponseInputItem[];
    expect((await client.responses.create({ model, input: again, store: false })).status).toBe('completed');
  });

  test('calls a function, streamed, and answers its result', async () => {
    const input: ResponseInputItem[] = [{ role: 'user', content: 'What is the weather in Paris?' }];
    const stream = client.responses.stream({ model, input, tools: [WEATHER_TOOL] });
    let pieces = 0;
    stream.on('response.function_call_arguments.delta', () => {
      pieces += 1;
    });
    const response = await stream.finalResponse();
    const call = response.output.find((item) => item.type === 'function_call');
    if (call?.type !== 'function_call') throw new Error('no call');
    expect(call.name).toBe('get_weather');
    expect(JSON.parse(call.arguments)).toHaveProperty('city');
    expect(pieces).toBeGreaterThan(1);
    const next = await client.responses.create({
      model,
      tools: [WEATHER_TOOL],
      previous_response_id: response.id,
      input: [{ type: 'function_call_output', call_id: call.call_id, output: 'Sunny' }],
    });
    expect(next.status).toBe('completed');
    expect(next.output.at(-1)?.type).toBe('message');
    expect(next.previous_response_id).toBe(response.id);
  });

  test('gets the raw text of a custom tool, streamed and whole', async () => {
    const tools = [{ type: 'custom' as const, name: 'apply_patch' }];
    const whole = await client.responses.create({ model: 'caller', input: 'please patchit now', tools });
    expect(whole.output.map(({ type }) => type)).toEqual(['message', 'custom_tool_call']);
    const stream = client.responses.stream({ model: 'caller', input: 'please patchit now', tools });
    const deltas: string[] = [];
    stream.on('response.custom_tool_call_input.delta', ({ delta }) => deltas.push(delta));
    const response = await stream.finalResponse();
    expect(deltas.join('')).toBe(PATCH);
    expect(deltas.length).toBeGreaterThan(3);
    for (const { output } of [whole, response]) {
      expect(output.at(-1)).toMatchObject({ type: 'custom_tool_call', name: 'apply_patch', input: PATCH });
    }
  });

  test('gets a call into a namespace with its namespace', async () => {
    const close = {
      type: 'function' as const,
      name: 'close',
      parameters: { properties: { target: { type: 'string' } } },
    };
    const { output } = await client.responses.create({
      model: 'caller',
      input: 'please agentit now',
      tools: [{ type: 'namespace', name: 'agents', description: 'Others', tools: [close] }],
    });
    expect(output.at(-1)).toMatchObject({ type: 'function_call', name: 'close', namespace: 'agents' });
  });

  test('gets structured output', async () => {
    const schema = { type: 'object', properties: { answer: { type: 'string' } }, required: ['answer'] };
    const response = await client.responses.create({
      model,
      input: 'Hello',
      text: { format: { type: 'json_schema', name: 'answer', schema, strict: true } },
    });
    expect(JSON.parse(response.output_text)).toHaveProperty('answer');
  });

  test('is told that an answer was cut off', async () => {
    const response = await client.responses.create({ model, input: 'Please count for me', max_output_tokens: 5 });
    expect(response).toMatchObject({ status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } });
    expect(response.output[0]).toMatchObject({ status: 'incomplete' });
  });

  test('counts tokens as the engine does', async () => {
    const counted = await client.responses.inputTokens.count({ model, input: 'Hello', tools: [WEATHER_TOOL] });
    const response = await client.responses.create({ model, input: 'Hello', tools: [WEATHER_TOOL] });
    expect(counted).toEqual({ object: 'response.input_tokens', input_tokens: response.usage?.input_tokens ?? -1 });
  });

  test('counts the conversation that it goes on with', async () => {
    const first = await client.responses.create({ model, input: 'Hello', instructions: 'Be brief.' });
    const second = await client.responses.create({ model, input: 'And now?', previous_response_id: first.id });
    const third = await client.responses.create({ model, input: 'And then?', previous_response_id: second.id });
    expect(second.usage?.input_tokens).toBeGreaterThan(first.usage?.input_tokens ?? Number.NaN);
    expect(third.usage?.input_tokens).toBeGreaterThan(second.usage?.input_tokens ?? Number.NaN);
  });
});

describe('kept responses', () => {
  test('can be looked at, listed, forgotten; then nothing is left', async () => {
    const made = await client.responses.create({ model, input: [{ role: 'user', content: 'Hello' }] });
    const { output_text: _text, ...found } = await client.responses.retrieve(made.id);
    expect(JSON.stringify(found.output)).toBe(JSON.stringify(made.output));
    const items = await client.responses.inputItems.list(made.id);
    expect(items.data).toHaveLength(1);
    expect(items.data[0]).toMatchObject({ type: 'message', role: 'user' });
    await client.responses.delete(made.id);
    for (const look of [client.responses.retrieve(made.id), client.responses.inputItems.list(made.id)]) {
      expect(await failureOf(Promise.resolve(look))).toBeInstanceOf(OpenAI.NotFoundError);
    }
    expect(await failureOf(client.responses.delete(made.id))).toBeInstanceOf(OpenAI.NotFoundError);
    const gone = await failureOf(client.responses.create({ model, input: 'x', previous_response_id: made.id }));
    expect(gone).toBeInstanceOf(OpenAI.BadRequestError);
    expect(gone).toMatchObject({ code: 'previous_response_not_found', param: 'previous_response_id' });
  });

  test('input items come in pages, the newest first unless asked otherwise', async () => {
    const input: ResponseInputItem[] = ['a', 'b', 'c'].map((content) => ({ role: 'user', content }));
    const { id } = await client.responses.create({ model, input });
    const contents: unknown[] = [];
    for await (const item of client.responses.inputItems.list(id, { limit: 2, order: 'asc' })) {
      contents.push('content' in item && item.content);
    }
    expect(contents).toEqual(['a', 'b', 'c']);
    const newest = await client.responses.inputItems.list(id, { limit: 1 });
    expect(newest.data[0]).toMatchObject({ content: 'c' });
  });

  test('store: false keeps nothing', async () => {
    const { id } = await client.responses.create({ model, input: 'Hello', store: false });
    expect(await failureOf(client.responses.retrieve(id))).toBeInstanceOf(OpenAI.NotFoundError);
  });

  test('store: true survives a restart, what was not asked for does not', async () => {
    const lasting = await client.responses.create({ model, input: 'Hello', store: true });
    const passing = await client.responses.create({ model, input: 'Hello' });
    await flow[Symbol.asyncDispose]();
    await start();
    expect((await client.responses.retrieve(lasting.id)).output_text).toBe(lasting.output_text);
    expect(await failureOf(client.responses.retrieve(passing.id))).toBeInstanceOf(OpenAI.NotFoundError);
    const next = await client.responses.create({ model, input: 'And now?', previous_response_id: lasting.id });
    expect(next.status).toBe('completed');
  }, 180_000);
});

describe('the openai client is told', () => {
  test('404 model_not_found for an unknown model', async () => {
    const failure = await failureOf(client.responses.create({ model: 'no-such-model', input: 'x' }));
    expect(failure).toBeInstanceOf(OpenAI.NotFoundError);
    expect(failure).toMatchObject({ code: 'model_not_found', param: 'model' });
  });

  test('400 with the path of what is wrong', async () => {
    const { status, body } = await flow.json('/v1/responses', { model, input: [{ role: 'robot', content: 'x' }] });
    expect(status).toBe(400);
    expect(body.error).toMatchObject({ type: 'invalid_request_error', param: 'input[0].role' });
  });

  test('an overflow by the code that makes agents compact, streamed and not', async () => {
    const input = 'word '.repeat(300_000);
    const failure = await failureOf(client.responses.create({ model, input }));
    expect(failure).toBeInstanceOf(OpenAI.BadRequestError);
    expect(failure).toMatchObject({ code: 'context_length_exceeded', param: 'input' });
    expect(String(failure)).toMatch(/maximum context length is \d+ tokens/);
    // A stream is committed after half a second; an engine that takes longer to count so much is told in the stream.
    const streamed = await client.responses.create({ model, input, stream: true }).catch((cause: unknown) => cause);
    if (streamed instanceof OpenAI.BadRequestError) {
      expect(streamed).toMatchObject({ code: 'context_length_exceeded', param: 'input' });
      return;
    }
    const events = await Array.fromAsync(streamed as AsyncIterable<OpenAI.Responses.ResponseStreamEvent>);
    const last = events.at(-1);
    if (last?.type !== 'response.failed') throw new Error(`it ended with ${last?.type}`);
    expect(String(last.response.error?.code)).toBe('context_length_exceeded');
  }, 180_000);

  test('an answer that a user of Flow cancels has failed, in the stream’s own order', async () => {
    const response = await fetch(`${flow.url}/v1/responses`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'caller', input: 'please endless now', stream: true }),
    });
    let told = '';
    let isCancelled = false;
    for await (const piece of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      told += piece;
      if (isCancelled || !told.includes('output_text.delta')) continue;
      isCancelled = true;
      const id = /"id":"resp_([^"]+)"/.exec(told)?.[1];
      expect((await flow.json(`/api/requests/${id}/cancel`, {})).status).toBeLessThan(300);
    }
    const failed = checkStream(eventsOf(told));
    // Codex repeats every other code, and what was cancelled would come back.
    expect(failed).toMatchObject({ status: 'failed', error: { code: 'invalid_prompt' } });
    expect(String((failed.error as { message: string }).message)).toContain('cancelled');
  });
});

describe('on the wire', () => {
  test('a stream keeps to the rules of the client’s own types', async () => {
    for (const body of [
      { model, input: 'Hello' },
      { model, input: 'Hello', reasoning: { effort: 'high' } },
      { model, input: 'x', tools: [WEATHER_TOOL] },
      { model: 'caller', input: 'please patchit now', tools: [{ type: 'custom', name: 'apply_patch' }] },
      {
        model: 'caller',
        input: 'please patchit now',
        tools: [{ type: 'custom', name: 'apply_patch' }],
        max_output_tokens: 8,
      },
    ]) {
      const response = await fetch(`${flow.url}/v1/responses`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ ...body, stream: true }),
      });
      expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
      const told = checkStream(eventsOf(await response.text()));
      expect(told.status).toBe('max_output_tokens' in body ? 'incomplete' : 'completed');
    }
  });

  test('a handshake is refused with the status after which Codex turns to POST', async () => {
    const response = await fetch(`${flow.url}/v1/responses`, {
      headers: {
        upgrade: 'websocket',
        connection: 'Upgrade',
        'sec-websocket-version': '13',
        'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
      },
    });
    expect(response.status).toBe(426);
    expect((await flow.json('/v1/responses')).status).toBe(405);
  });

  test('the warm-up of Codex is answered', async () => {
    const { status, body } = await flow.json('/v1/responses', { model, input: '', max_output_tokens: 1 });
    expect(status).toBe(200);
    expect(body.status).toBe('incomplete');
  });

  test('the request’s record names the protocol, what was left out, and never the prompt', async () => {
    const secret = 'a-very-secret-prompt';
    const { body } = await flow.json('/v1/responses', {
      model,
      input: secret,
      tools: [{ type: 'web_search' }],
      store: true,
    });
    const id = String(body.id).replace('resp_', '');
    const record = await until('the record', async () => {
      const rows = (await flow.json('/api/telemetry?limit=5')).body;
      return (rows.records as Record<string, unknown>[]).find((row) => row.request_id === id);
    });
    expect(record).toMatchObject({ dialect: 'responses', outcome: 'completed' });
    expect(JSON.stringify(record)).toContain('the tool web_search was left out');
    expect(JSON.stringify(record) + flow.output()).not.toContain(secret);
  });
});
