// What is told from a server's answers alone; shapes as the servers give them. Over sockets: enquiry.test.ts.
import { describe, expect, test } from 'bun:test';
import { type Answer, type Answers, recognise } from '#src/external/recognise.ts';
import { nextLookMs, roomOf, served } from '#src/external/watch.ts';
import { asFault } from '#src/faults.ts';
import { someLaunch, someModel } from '#test/engines/support/plan.ts';

const URL_ASKED = 'http://127.0.0.1:9';
const NOT_FOUND: Answer = { status: 404, headers: {}, text: '{"error":"Not Found"}' };
const json = (value: unknown, headers: Record<string, string> = {}, status = 200): Answer => ({
  status,
  headers,
  text: JSON.stringify(value),
});
const answers = (given: Partial<Answers>): Answers => ({
  health: NOT_FOUND,
  props: NOT_FOUND,
  models: NOT_FOUND,
  lmStudio: NOT_FOUND,
  ...given,
});
const list = (...ids: string[]) => json({ object: 'list', data: ids.map((id) => ({ id, object: 'model' })) });
const troubleOf = (given: Partial<Answers>, hasKey = false): string => {
  try {
    recognise(URL_ASKED, answers(given), hasKey);
    return 'none';
  } catch (cause) {
    const { kind, message } = asFault(cause);
    return `${kind}: ${message}`;
  }
};

describe('an engine is recognised', () => {
  test('llama-server, with context, slots, vision, template and size', () => {
    const props = {
      default_generation_settings: { n_ctx: 4096 },
      total_slots: 3,
      model_alias: 'qwen',
      model_path: '/models/Qwen3-8B-Q4_K_M.gguf',
      modalities: { vision: true },
      chat_template: '{% if tools %}{{ tools }}{% endif %}',
      build_info: 'b10434-abc',
    };
    const models = json({ data: [{ id: 'qwen', meta: { n_ctx_train: 40_960, size: 5_000 } }] });
    const { engine, version, models: found } = recognise(URL_ASKED, answers({ props: json(props), models }), false);
    expect([engine, version]).toEqual(['llama.cpp', 'b10434-abc']);
    expect(found).toHaveLength(1);
    expect(found[0]).toMatchObject({
      ...{ modelName: 'qwen', title: 'Qwen3-8B-Q4_K_M', format: 'gguf', contextTokens: 4096, slots: 3 },
      ...{ trainedContextTokens: 40_960, sizeBytes: 5_000 },
      capabilities: { tools: true, vision: true },
    });
  });

  test('mlx_lm.server by Python’s own HTTP server; its cache is not what it serves', () => {
    const health = json({ status: 'ok' }, { server: 'BaseHTTP/0.6 Python/3.12.3' });
    const models = list('mlx-community/other', '/models/Qwen3-4bit');
    const { engine, models: found } = recognise(URL_ASKED, answers({ health, models }), false);
    expect(engine).toBe('mlx-lm');
    expect(found).toMatchObject([{ modelName: 'default_model', title: 'Qwen3-4bit', format: 'mlx' }]);
  });

  test('mlx-openai-server and mlx_vlm.server by what their health says', () => {
    const initialized = json({ status: 'ok', model_id: '/m/a', model_status: 'initialized (1 model(s))' });
    expect(recognise(URL_ASKED, answers({ health: initialized, models: list('/m/a') }), false)).toMatchObject({
      engine: 'mlx-openai-server',
      models: [{ modelName: '/m/a', title: 'a' }],
    });
    const healthy = json({ status: 'healthy', loaded_model: '/m/vision' });
    expect(recognise(URL_ASKED, answers({ health: healthy, models: list('/m/vision', 'b') }), false)).toMatchObject({
      engine: 'mlx-vlm',
      models: [{ modelName: '/m/vision', capabilities: { vision: true } }],
    });
  });

  test.each([
    ['Ollama', answers({ models: json({ data: [{ id: 'qwen3:8b', owned_by: 'library' }] }) })],
    ['vLLM', answers({ models: json({ data: [{ id: 'm', owned_by: 'vllm', max_model_len: 32_768 }] }) })],
    ['Flow', answers({ health: json({ status: 'ok', service: 'flow', version: '1' }), models: list('a') })],
    ['llama-server (router)', answers({ models: json({ data: [{ id: 'a' }, { id: 'b' }] }, { server: 'llama.cpp' }) })],
    ['OpenAI-compatible server', answers({ models: list('a', 'b') })],
  ])('%s', (product, given) => {
    expect(recognise(URL_ASKED, given, false)).toMatchObject({ engine: 'openai', product });
  });

  test('a router’s made-up properties are not taken for a model, nor are those that another Flow passes on', () => {
    const settings = { default_generation_settings: { params: null, n_ctx: 0 }, model_alias: 'llama-server' };
    const models = json({ data: [{ id: 'a' }, { id: 'b' }] }, { server: 'llama.cpp' });
    const router = { props: json({ role: 'router', ...settings, model_path: 'none' }), models };
    const behind = { props: json(settings), health: json({ service: 'flow', version: '1' }), models: list('a', 'b') };
    for (const given of [router, behind]) {
      const { engine, models: served } = recognise(URL_ASKED, answers(given), false);
      expect([engine, ...served.map(({ modelName }) => modelName)]).toEqual(['openai', 'a', 'b']);
    }
  });

  test('LM Studio, with the context that is loaded and whether it is MLX', () => {
    const detail = { id: 'q', type: 'vlm', compatibility_type: 'mlx', loaded_context_length: 8192 };
    const lmStudio = json({ data: [{ ...detail, max_context_length: 262_144 }] });
    const { product, models } = recognise(URL_ASKED, answers({ models: list('q'), lmStudio }), false);
    expect(product).toBe('LM Studio');
    expect(models[0]).toMatchObject({ format: 'mlx', contextTokens: 8192, trainedContextTokens: 262_144 });
  });
});

describe('what is none says why', () => {
  test.each<[string, Partial<Answers>, string]>([
    ['a key', { models: json({}, {}, 401) }, 'unauthorized'],
    [
      'a key for all but the listing',
      { models: list('a'), props: json({}, { server: 'llama.cpp' }, 401) },
      'wants a key',
    ],
    ['loading', { models: json({ error: { message: 'Loading model' } }, {}, 503) }, 'still loading'],
    ['a web page', { models: { status: 200, headers: {}, text: '<html>' } }, 'a web page'],
    ['not JSON', { models: { status: 200, headers: {}, text: 'hello' } }, 'unprocessable'],
    ['silence', { models: null }, 'nothing'],
    ['JSON of another kind', { models: json([1, 2]) }, 'unprocessable'],
  ])('%s', (_what, given, words) => {
    expect(troubleOf(given)).toContain(words);
  });

  test('a proxy that refuses an unknown path is not taken for one that wants a key', () => {
    expect(troubleOf({ models: list('a'), props: json({}, {}, 403) })).toBe('none');
  });
});

describe('the watch', () => {
  const endpoint = { baseUrl: URL_ASKED, engine: 'openai', modelName: 'a' } as const;

  test('another model in its place is not taken for it', () => {
    const now = recognise(URL_ASKED, answers({ models: list('b') }), false);
    expect(() => served(now, endpoint)).toThrow('serves "b" now, not "a"');
  });

  test('looks every five seconds, and less and less often at what is gone, at most every half minute', () => {
    expect([0, 0.5, 1].map((random) => nextLookMs(0, random))).toEqual([4_000, 5_000, 6_000]);
    expect([1, 2, 3, 6, 50].map((gone) => nextLookMs(gone, 0.5))).toEqual([1_000, 2_000, 4_000, 30_000, 30_000]);
  });

  test('what the engine does not say is as chosen, else as usual', () => {
    const [one] = recognise(URL_ASKED, answers({ models: list('a') }), false).models;
    if (!one) throw new Error('no model');
    const launch = someLaunch({ ctx_size: 100_000 });
    const model = { ...someModel('a'), endpoint };
    expect(roomOf(model, one, launch)).toEqual({ contextTokens: 100_000, slots: 8 });
    const config = { ...model.config, launch: { ctx_size: 16_384, n_parallel: 3 } };
    expect(roomOf({ ...model, config }, one, launch)).toEqual({ contextTokens: 16_384, slots: 3 });
  });
});
