/**
 * llama-server's and its router's own paths, listings, reranking, and short questions to a busy model: a whole Flow on
 * the real engine with scripted models.
 */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { realEngine } from '../support/real-engine.ts';
import { type RunningFlow, startFlow, until } from '../support/running-flow.ts';
import { COMMON_SCRIPTS, writeScriptedModel } from '../support/scripted-model.ts';

type Listed = { id: string; status: { value: string; args: string[] }; meta?: { n_ctx: number }; variant_of?: string };

let dataDir: string;
let flow: RunningFlow;

beforeAll(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'flow-native-'));
  const models = join(dataDir, 'models');
  mkdirSync(models);
  await writeScriptedModel(join(models, 'talker.gguf'), { scripts: COMMON_SCRIPTS });
  await writeScriptedModel(join(models, 'ranker.gguf'), {
    scripts: { any: 'nothing to say' },
    metadata: new Map([['llama.pooling_type', { type: 'uint32', value: 4 }]]),
  });
  flow = await startFlow({ dataDir, engine: realEngine().executable });
  for (const name of ['talker', 'ranker']) {
    await flow.json('/api/register-local', { path: join(models, `${name}.gguf`) });
  }
});

afterAll(async () => {
  await flow[Symbol.asyncDispose]();
  rmSync(dataDir, { recursive: true, force: true });
});

async function listed(id: string, path = '/models'): Promise<Listed | undefined> {
  const { body } = await flow.json(path);
  return (body.data as Listed[]).find((model) => model.id === id);
}

const becomes = (id: string, value: string) =>
  until(`${id} to be ${value}`, async () => (await listed(id))?.status.value === value);

describe('the router’s listing', () => {
  test('tells each model’s status, loads and unloads', async () => {
    expect(await listed('talker')).toMatchObject({ status: { value: 'unloaded', args: [] } });
    expect(await flow.json('/models/load', { model: 'talker' })).toEqual({ status: 200, body: { success: true } });
    await becomes('talker', 'loaded');
    expect((await listed('talker'))?.meta?.n_ctx).toBeGreaterThan(1_000);
    expect((await flow.json('/models/load', { model: 'talker' })).status).toBe(400);
    // A browser that comes there by hand is answered by a page, a client of the router by its own error.
    const page = await fetch(`${flow.url}/models/load`, { headers: { accept: 'text/html' } });
    expect([page.status, page.headers.get('content-type')]).toEqual([400, 'text/html; charset=utf-8']);
    const refusal = await fetch(`${flow.url}/models/load`, { headers: { accept: '*/*' } });
    expect([refusal.status, typeof (await refusal.json()).error]).toEqual([400, 'object']);
    expect(await flow.json('/models/unload', { model: 'talker' })).toEqual({ status: 200, body: { success: true } });
    await becomes('talker', 'unloaded');
    expect((await flow.json('/models/unload', { model: 'talker' })).status).toBe(400);
    expect((await flow.json('/models/load', { model: 'nope' })).status).toBe(404);
    expect((await flow.json('/models/load', { model: 'gpt-4' })).status).toBe(404);
  });

  test('is also in /v1/models, names no file and lists variants', async () => {
    const variants = [{ name: 'talker-cold', behaviour: { temperature: 0 } }];
    const { status } = await flow.json('/api/models/talker/config', { variants }, 'PUT');
    expect(status).toBe(200);
    for (const path of ['/models', '/v1/models']) {
      expect((await listed('talker-cold', path))?.status.value).toBeString();
      expect(JSON.stringify((await flow.json(path)).body)).not.toContain(dataDir);
    }
    expect((await listed('talker-cold', '/v1/models'))?.variant_of).toBe('talker');
    expect((await flow.json('/v1/models/talker-cold')).body).toMatchObject({ id: 'talker-cold', variant_of: 'talker' });
    await flow.json('/api/models/talker/config', { variants: [] }, 'PUT');
  });
});

describe('pages of models', () => {
  const idsOf = async (query: string) => {
    const { body } = await flow.json(`/v1/models${query}`);
    return {
      ids: (body.data as Listed[]).map(({ id }) => id),
      more: body.has_more,
      ends: [body.first_id, body.last_id],
    };
  };

  test('are as long as asked for, before or after a cursor', async () => {
    const { ids, more } = await idsOf('');
    expect([ids.length, more]).toEqual([3, false]);
    const [first, second, third] = ids;
    expect(await idsOf('?limit=2')).toEqual({ ids: [first, second] as string[], more: true, ends: [first, second] });
    expect(await idsOf(`?limit=2&after_id=${second}`)).toMatchObject({ ids: [third], more: false });
    expect(await idsOf(`?limit=1&before_id=${third}`)).toMatchObject({ ids: [second], more: true });
    expect(await idsOf(`?before_id=${first}`)).toMatchObject({ ids: [], more: false, ends: [null, null] });
    for (const odd of ['?limit=0', '?limit=many', '?after_id=nope']) {
      expect((await flow.json(`/v1/models${odd}`)).status).toBe(400);
    }
  });

  test('have Anthropic’s capabilities for its clients, and HEAD answers', async () => {
    const headers = { 'anthropic-version': '2023-06-01' };
    const body = await (await fetch(`${flow.url}/v1/models/flow-demo`, { headers })).json();
    expect(body).toMatchObject({
      type: 'model',
      capabilities: { thinking: { supported: true }, image_input: { supported: false } },
    });
    expect((await fetch(`${flow.url}/v1/models`, { method: 'HEAD' })).status).toBe(200);
    expect((await fetch(`${flow.url}/v1/models/flow-demo`, { method: 'HEAD' })).status).toBe(200);
  });
});

describe('reranking', () => {
  const ask = { query: 'a', documents: [{ text: 'b' }, 'c'], top_n: 1 };

  test('takes documents as objects and gives them back when asked', async () => {
    await flow.json('/api/models/ranker/load?wait=1', { extra_args: ['--reranking'] });
    for (const path of ['/v1/rerank', '/rerank', '/v1/reranking', '/reranking']) {
      const { status, body } = await flow.json(path, { model: 'ranker', ...ask, return_documents: true });
      expect(status).toBe(200);
      expect(body.results).toHaveLength(1);
      const [{ index, document }] = body.results as [{ index: number; document: unknown }];
      expect(document).toEqual([{ text: 'b' }, { text: 'c' }][index]);
    }
    const { body } = await flow.json('/v1/rerank', { model: 'ranker', ...ask });
    expect(body.results).not.toHaveProperty(['0', 'document']);
  });

  test('is refused in our words', async () => {
    const { status, body } = await flow.json('/v1/rerank', { model: 'talker', ...ask });
    expect(status).toBe(400);
    expect(body).toMatchObject({ error: { message: expect.stringContaining('cannot rerank') } });
    expect((await flow.json('/v1/rerank', { model: 'ranker', query: 'a', documents: [5] })).status).toBe(400);
    expect((await flow.json('/v1/rerank', { model: 'ranker', query: 'a' })).status).toBe(400);
  });
});

describe('short questions', () => {
  /** Requests that wait for the talker. */
  async function waiting(): Promise<number> {
    const { body } = await flow.json('/api/fleet');
    return (
      (body.models as { modelId: string; waiting: number }[]).find((one) => one.modelId === 'talker')?.waiting ?? 0
    );
  }

  test('are asked at the root, the body naming the model', async () => {
    const { body } = await flow.json('/tokenize', { model: 'talker', content: 'hello' });
    const tokens = body.tokens as number[];
    expect(tokens.length).toBeGreaterThan(0);
    expect(await flow.json('/detokenize', { model: 'talker', tokens })).toMatchObject({ body: { content: 'hello' } });
    const messages = [{ role: 'user', content: 'hello' }];
    const shown = await flow.json('/apply-template', { model: 'talker', messages });
    expect(shown.body.prompt).toContain('hello');
    expect((await flow.json('/props?model=talker')).status).toBe(200);
    const native = await flow.json('/completion', { model: 'talker', prompt: 'hello', n_predict: 2 });
    expect(native.body).toMatchObject({ tokens_predicted: 2 });
  });

  test('do not wait behind answers: 25 are counted while every slot generates', async () => {
    // What says the same without end would be stopped.
    await flow.json('/api/models/talker/config', { behaviour: { repairs: { loop_guard: false } } }, 'PUT');
    const settings = { model: 'talker', stream: true, messages: [{ role: 'user', content: 'be endless please' }] };
    const leaving = new AbortController();
    const busy = Array.from({ length: 12 }, () =>
      fetch(`${flow.url}/v1/chat/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(settings),
        signal: leaving.signal,
      }).catch(() => null),
    );
    try {
      await until('requests to wait for a slot', async () => (await waiting()) > 0);
      const startedMs = performance.now();
      const ask = { model: 'talker', messages: [{ role: 'user', content: 'How many are these?' }] };
      const counts = await Promise.all(Array.from({ length: 25 }, () => flow.json('/v1/messages/count_tokens', ask)));
      expect(counts.map(({ status }) => status)).toEqual(counts.map(() => 200));
      expect(counts[0]?.body.input_tokens).toBeGreaterThan(0);
      expect(performance.now() - startedMs).toBeLessThan(5_000);
      expect(await waiting()).toBeGreaterThan(0);
    } finally {
      leaving.abort();
      await Promise.all(busy);
    }
  });
});
