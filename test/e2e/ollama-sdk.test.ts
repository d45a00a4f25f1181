/**
 * The official `ollama` client against a whole Flow with the real engine: `flow-demo`, and scripted models that make
 * embeddings and fill gaps. Fields and lines have their tables in test/dialects/ollama.
 */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ollama } from 'ollama';
import { ScriptBook } from '#src/models/demo-script.ts';
import { realEngine } from '../support/real-engine.ts';
import { type RunningFlow, startFlow, until } from '../support/running-flow.ts';
import { COMMON_SCRIPTS, writeScriptedModel } from '../support/scripted-model.ts';

const FILLING = 'return a + b;';
const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
const WEATHER_TOOL = {
  type: 'function',
  function: {
    name: 'get_weather',
    description: 'The weather in a city',
    parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  },
};

let dataDir: string;
let flow: RunningFlow;
let client: Ollama;

beforeAll(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'flow-ollama-'));
  const models = join(dataDir, 'models');
  mkdirSync(models);
  const count = (value: number) => ({ type: 'uint32' as const, value });
  await writeScriptedModel(join(models, 'talker.gguf'), { scripts: COMMON_SCRIPTS });
  await writeScriptedModel(join(models, 'embedder.gguf'), {
    scripts: { any: FILLING },
    metadata: new Map([['llama.pooling_type', count(1)]]),
  });
  await writeScriptedModel(join(models, 'filler.gguf'), {
    scripts: { gap: FILLING },
    metadata: new Map([
      ['tokenizer.ggml.fim_pre_token_id', count(tokenOf('<|im_start|>'))],
      ['tokenizer.ggml.fim_suf_token_id', count(tokenOf('<|im_start|>'))],
      ['tokenizer.ggml.fim_mid_token_id', count(tokenOf('<|play_gap|>'))],
    ]),
  });
  flow = await startFlow({ dataDir, engine: realEngine().executable });
  for (const name of ['talker', 'embedder', 'filler']) {
    await flow.json('/api/register-local', { path: join(models, `${name}.gguf`) });
  }
  client = new Ollama({ host: flow.url });
});

afterAll(async () => {
  await flow[Symbol.asyncDispose]();
  rmSync(dataDir, { recursive: true, force: true });
});

/** The id that a token has in the model with the one script `gap`. */
function tokenOf(text: string): number {
  const book = new ScriptBook();
  book.script('gap', FILLING, 'stop', true);
  return book.finish().tokens.findIndex((token) => token.text === text);
}

const hello = { model: 'flow-demo', messages: [{ role: 'user', content: 'Hello' }] };
const isLoaded = async (name: string) => (await client.ps()).models.some((model) => model.name === name);
const refusal = (promise: Promise<unknown>) => promise.then(() => null).catch((cause: unknown) => cause);

async function loadedUntil(name: string): Promise<number> {
  const model = (await client.ps()).models.find((each) => each.name === name);
  if (!model) throw new Error(`${name} is not loaded`);
  return new Date(model.expires_at).getTime();
}

describe('chat', () => {
  test('is answered whole, by a model that was not loaded', async () => {
    const answer = await client.chat(hello);
    expect(answer).toMatchObject({ model: 'flow-demo', done: true, done_reason: 'stop' });
    expect(answer.message.role).toBe('assistant');
    expect(answer.message.content).toContain('demo');
    expect(answer.eval_count).toBeGreaterThan(10);
    expect(answer.prompt_eval_count).toBeGreaterThan(0);
    expect(answer.total_duration).toBeGreaterThanOrEqual(answer.load_duration + answer.eval_duration);
  });

  test('streams the same words, and tells of its end once', async () => {
    const whole = await client.chat(hello);
    const parts = await Array.fromAsync(await client.chat({ ...hello, stream: true }));
    expect(parts.map((part) => part.message.content).join('')).toBe(whole.message.content);
    expect(parts.filter((part) => part.done)).toHaveLength(1);
    expect(parts.at(-1)).toMatchObject({ done_reason: 'stop', eval_count: whole.eval_count });
  });

  test('is streamed where nobody says otherwise', async () => {
    const response = await fetch(`${flow.url}/api/chat`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      // The client writes its own wish into the request that it is given.
      body: JSON.stringify({ model: hello.model, messages: hello.messages }),
    });
    expect(response.headers.get('content-type')).toBe('application/x-ndjson');
    expect((await response.text()).trim().split('\n').length).toBeGreaterThan(10);
  });

  test('thinks when asked to, and not when asked not to', async () => {
    const thoughtful = { ...hello, messages: [{ role: 'user', content: 'Please think' }] };
    const [on, off] = [
      await client.chat({ ...thoughtful, think: true }),
      await client.chat({ ...hello, think: false }),
    ];
    expect(on.message.thinking?.length).toBeGreaterThan(0);
    expect(on.message.content).not.toContain('<think>');
    expect(off.message.thinking).toBeUndefined();
  });

  test('calls a tool in one line, and answers its result', async () => {
    const question = { role: 'user', content: 'What is the weather in Paris?' };
    const asked = { model: 'flow-demo', messages: [question], tools: [WEATHER_TOOL] };
    const parts = await Array.fromAsync(await client.chat({ ...asked, stream: true }));
    const calls = parts.flatMap((part) => part.message.tool_calls ?? []);
    expect(calls).toMatchObject([{ function: { name: 'get_weather', arguments: { city: expect.any(String) } } }]);
    expect(parts.at(-1)?.done_reason).toBe('stop');
    const result = { role: 'tool', tool_name: 'get_weather', content: 'Sunny, 21 degrees' };
    const messages = [question, { role: 'assistant', content: '', tool_calls: calls }, result];
    expect((await client.chat({ ...asked, messages })).message.content.length).toBeGreaterThan(0);
  });

  test('is cut by num_predict and by stop', async () => {
    expect(await client.chat({ ...hello, options: { num_predict: 3 } })).toMatchObject({
      done_reason: 'length',
      eval_count: 3,
    });
    const { message } = await client.chat({ ...hello, options: { stop: ['demo'] } });
    expect(message.content).toBe('Hello! This is the ');
  });

  test('with an image goes on without it, where the model cannot see', async () => {
    const messages = [{ role: 'user', content: 'Hello', images: [PNG] }];
    const answer = await client.chat({ ...hello, messages });
    expect(answer.done).toBe(true);
    const { body } = await flow.json('/api/requests?limit=5');
    expect(JSON.stringify(body)).toMatch(/image/);
  });

  test('that is aborted frees its slot', async () => {
    const endless = { model: 'talker', messages: [{ role: 'user', content: 'be endless please' }] };
    const stream = await client.chat({ ...endless, stream: true });
    for await (const part of stream) if (part.message.content !== '') break;
    stream.abort();
    await until('the slot to be free', async () => {
      const { body } = await flow.json('/api/fleet');
      const talker = (body.models as { modelId: string; inFlight: number }[]).find(
        ({ modelId }) => modelId === 'talker',
      );
      return talker?.inFlight === 0;
    });
  });

  test('with a model that is not there is refused in words that clients know', async () => {
    expect(await refusal(client.chat({ ...hello, model: 'nope' }))).toMatchObject({
      status_code: 404,
      error: expect.stringContaining('not found'),
    });
    const streamed = refusal(client.chat({ ...hello, model: 'nope', stream: true }));
    expect(await streamed).toMatchObject({ status_code: 404 });
    expect(await refusal(client.chat({ ...hello, format: 'yaml' }))).toMatchObject({ status_code: 400 });
  });
});

describe('generate', () => {
  test('answers a prompt, whole and streamed', async () => {
    const whole = await client.generate({ model: 'flow-demo', prompt: 'Hello' });
    expect(whole).toMatchObject({ done: true, done_reason: 'stop' });
    expect(whole.response).toContain('demo');
    const parts = await Array.fromAsync(await client.generate({ model: 'flow-demo', prompt: 'Hello', stream: true }));
    expect(parts.map((part) => part.response).join('')).toBe(whole.response ?? '');
  });

  test('goes on with a raw prompt', async () => {
    const asked = { model: 'flow-demo', prompt: 'Hello', raw: true, options: { num_predict: 4 } };
    expect(await client.generate(asked)).toMatchObject({ done_reason: 'length', eval_count: 4 });
  });

  test('fills the gap before a suffix, where the model can', async () => {
    const gap = { prompt: 'function add(a, b) {', suffix: '}' };
    expect(await client.generate({ model: 'filler', ...gap })).toMatchObject({
      response: FILLING,
      done_reason: 'stop',
    });
    const parts = await Array.fromAsync(await client.generate({ model: 'filler', ...gap, stream: true }));
    expect(parts.map((part) => part.response).join('')).toBe(FILLING);
    const { body } = await flow.json('/v1/completions', { model: 'filler', ...gap });
    expect(body).toMatchObject({ object: 'text_completion', choices: [{ text: FILLING, finish_reason: 'stop' }] });
    expect(await refusal(client.generate({ model: 'talker', ...gap }))).toMatchObject({
      status_code: 400,
      error: expect.stringContaining('fill'),
    });
  });
});

describe('embeddings', () => {
  test('come one for each text, in order, and may be shortened', async () => {
    const { embeddings, prompt_eval_count } = await client.embed({ model: 'embedder', input: ['a', 'b', 'a'] });
    expect(embeddings).toHaveLength(3);
    expect(embeddings[0]).toEqual(embeddings[2]);
    expect(embeddings[0]).not.toEqual(embeddings[1]);
    expect(prompt_eval_count).toBeGreaterThanOrEqual(3);
    const short = await client.embed({ model: 'embedder', input: 'a', dimensions: 4 });
    expect(short.embeddings[0]).toHaveLength(4);
    expect((await client.embeddings({ model: 'embedder', prompt: 'a' })).embedding).toEqual(embeddings[0] ?? []);
  });

  test('are refused in our words by a model that makes none', async () => {
    expect(await refusal(client.embed({ model: 'talker', input: 'a' }))).toMatchObject({
      status_code: 400,
      error: expect.stringContaining('makes no embeddings'),
    });
  });
});

describe('listings', () => {
  test('name each model with its size, its kind and a digest', async () => {
    const { models } = await client.list();
    const demo = models.find(({ name }) => name === 'flow-demo');
    expect(demo).toMatchObject({
      model: 'flow-demo',
      digest: expect.stringMatching(/^[0-9a-f]{64}$/),
      details: { format: 'gguf', family: 'llama', families: ['llama'], parameter_size: expect.stringMatching(/M$/) },
    });
    expect(demo?.size).toBeGreaterThan(1_000_000);
    expect((await client.list()).models).toEqual(models);
  });

  test('show what a model is and can do', async () => {
    const [demo, embedder, filler] = await Promise.all(
      ['flow-demo:latest', 'embedder', 'filler'].map((model) => client.show({ model })),
    );
    expect(demo?.capabilities).toEqual(['completion', 'tools', 'thinking']);
    expect(demo?.model_info).toMatchObject({ 'general.architecture': 'llama' });
    expect(demo?.model_info).toHaveProperty(['llama.context_length']);
    expect(demo?.template).toContain('im_start');
    expect(embedder?.capabilities).toEqual(['embedding']);
    expect(filler?.capabilities).toContain('insert');
    expect(await refusal(client.show({ model: 'nope' }))).toMatchObject({ status_code: 404 });
  });

  test('version and root are what clients look for', async () => {
    expect((await client.version()).version).toMatch(/^0\.\d+\.\d+$/);
    expect(await (await fetch(flow.url)).text()).toBe('Ollama is running');
    expect((await fetch(flow.url, { method: 'HEAD' })).status).toBe(200);
    const page = await fetch(flow.url, { headers: { accept: 'text/html,*/*' } });
    expect(page.headers.get('content-type')).toContain('text/html');
  });

  test('a pull of what is there succeeds, of anything else says where to go', async () => {
    expect(await client.pull({ model: 'flow-demo' })).toMatchObject({ status: 'success' });
    const parts = await Array.fromAsync(await client.pull({ model: 'flow-demo', stream: true }));
    expect(parts.at(-1)?.status).toBe('success');
    expect(await refusal(client.pull({ model: 'llama3.2' }))).toMatchObject({ status_code: 404 });
    expect(await refusal(client.delete({ model: 'flow-demo' }))).toMatchObject({ status_code: 405 });
    expect(await refusal(client.copy({ source: 'a', destination: 'b' }))).toMatchObject({ status_code: 405 });
  });
});

describe('keep_alive', () => {
  const quiet = { model: 'talker', messages: [] };

  test('of a conversation without words loads a model for as long as it says, and 0 unloads it', async () => {
    expect(await client.chat({ ...quiet, keep_alive: '10m' })).toMatchObject({ done: true, done_reason: 'load' });
    const leftMs = (await loadedUntil('talker')) - Date.now();
    expect(leftMs).toBeGreaterThan(590_000);
    expect(leftMs).toBeLessThanOrEqual(601_000);
    expect(await client.generate({ model: 'talker', prompt: '', keep_alive: 0 })).toMatchObject({
      response: '',
      done_reason: 'unload',
    });
    await until('talker to be unloaded', async () => !(await isLoaded('talker')));
  });

  test('of an answer counts from its end', async () => {
    const asked = { model: 'talker', messages: [{ role: 'user', content: 'say it plain please' }] };
    await client.chat({ ...asked, keep_alive: -1 });
    expect(await loadedUntil('talker')).toBeGreaterThan(Date.now() + 1e11);
    await client.chat({ ...asked, keep_alive: 0 });
    await until('talker to be unloaded', async () => !(await isLoaded('talker')));
  });

  test('that is nonsense is refused', async () => {
    expect(await refusal(client.chat({ ...hello, keep_alive: 'soon' }))).toMatchObject({ status_code: 400 });
  });
});
