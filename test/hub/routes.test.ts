// The whole of Flow in front of a hub: what scripts and pages get, what the token is shown to, and what refusals say.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { tinyGguf } from '#test/engines/support/tiny-gguf.ts';
import { type FakeHub, type FakeRepository, startFakeHub } from '#test/support/fake-hub.ts';
import { type RunningFlow, startFlow, until } from '#test/support/running-flow.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const tiny = tinyGguf(32_768);
const ORIGINAL: FakeRepository = {
  id: 'maker/Model-1B',
  tags: ['safetensors', 'license:apache-2.0'],
  card: { license: 'apache-2.0', language: 'en' },
  library: 'transformers',
  task: 'text-generation',
  downloads: 900,
  files: [
    { path: 'README.md', bytes: bytes('---\nlicense: apache-2.0\n---\n# Model\nIt answers.') },
    { path: 'model.safetensors', bytes: bytes('weights') },
    { path: 'config.json', bytes: bytes('{}') },
    { path: 'tokenizer.json', bytes: bytes('{}') },
    { path: 'tokenizer_config.json', bytes: bytes('{}') },
    { path: 'notes.txt', bytes: bytes('n') },
  ],
};
const CONVERTED: FakeRepository = {
  id: 'other/Model-1B-GGUF',
  tags: ['gguf', 'base_model:maker/Model-1B', 'base_model:quantized:maker/Model-1B', 'vision'],
  task: 'image-text-to-text',
  downloads: 500,
  files: [
    { path: 'Model-1B-Q8_0.gguf', bytes: tiny },
    { path: 'Model-1B-Q4_K_M-00001-of-00002.gguf', bytes: tiny },
    { path: 'Model-1B-Q4_K_M-00002-of-00002.gguf', bytes: tiny },
    { path: 'Model-1B-Q2_K-00001-of-00002.gguf', bytes: tiny },
    { path: 'mmproj-F16.gguf', bytes: bytes('p'.repeat(1_000)) },
    { path: 'broken/odd.gguf', bytes: bytes('no model at all, and long enough to be looked at') },
    { path: '../../evil-Q8_0.gguf', bytes: tiny },
    { path: '..\\evil-Q8_0.gguf', bytes: tiny },
    { path: 'fgug.\u202eevil-Q8_0.gguf', bytes: tiny },
  ],
};
const APPLE: FakeRepository = {
  id: 'mlx-community/Model-1B-4bit',
  tags: ['mlx', 'safetensors'],
  downloads: 100,
  files: [{ path: 'model.safetensors', bytes: bytes('mlx weights') }],
};
const GATED: FakeRepository = {
  id: 'maker/gated-GGUF',
  tags: ['gguf'],
  gated: 'manual',
  files: [{ path: 'gated-Q4_0.gguf', bytes: tiny }],
};

let hub: FakeHub;
let flow: RunningFlow;
beforeAll(async () => {
  hub = await startFakeHub([ORIGINAL, CONVERTED, APPLE, GATED]);
  flow = await startFlow({ environment: { HF_ENDPOINT: hub.url } });
});
afterEach(() => hub.recover());
afterAll(async () => {
  await flow[Symbol.asyncDispose]();
  await hub[Symbol.asyncDispose]();
});

const get = (path: string) => flow.json(path);
const results = async (query: string) => {
  const { body } = await get(`/api/hf/search?${query}`);
  return (body.results as { id: string }[]).map(({ id }) => id);
};

describe('a search', () => {
  test('answers in the seed’s fields, most downloaded first', async () => {
    const { status, body } = await get('/api/hf/search?q=model-1b');
    expect(status).toBe(200);
    expect((body.results as unknown[])[0]).toMatchObject({
      id: ORIGINAL.id,
      author: 'maker',
      downloads: 900,
      tags: ['safetensors', 'license:apache-2.0'],
      pipeline_tag: 'text-generation',
      created_at: '2025-11-01T00:00:00.000Z',
      last_modified: '2026-01-01T00:00:00.000Z',
    });
  });

  test('filters by format, author, and what a model can do', async () => {
    expect(await results('format=gguf')).toEqual([CONVERTED.id, GATED.id]);
    expect(await results('format=mlx')).toEqual([APPLE.id]);
    expect(await results('author=maker')).toEqual([ORIGINAL.id, GATED.id]);
    expect(await results('vision=1&format=gguf')).toEqual([CONVERTED.id]);
    expect(await results('tools=1&q=model-1b')).toEqual([]);
    expect(await results(`q=${encodeURIComponent(`https://hub.example/${APPLE.id}/tree/main`)}`)).toEqual([APPLE.id]);
  });

  test('goes on by its cursor', async () => {
    const first = await get('/api/hf/search?q=model-1b&limit=2');
    const second = await get(`/api/hf/search?q=model-1b&limit=2&cursor=${first.body.next_cursor}`);
    expect((second.body.results as { id: string }[]).map(({ id }) => id)).toEqual([APPLE.id]);
    expect(second.body.next_cursor).toBeNull();
  });

  test.each([
    'limit=0',
    'limit=101',
    'limit=x',
    'format=zip',
    'sort=evil',
    'author=a/b',
    `q=${'a'.repeat(201)}`,
    'tools=2',
  ])('does not take %s', async (query) => {
    const before = hub.asked.length;
    expect((await get(`/api/hf/search?${query}`)).status).toBe(400);
    expect(hub.asked.length).toBe(before);
  });

  test('asked again within the minute is not asked of the hub', async () => {
    await get('/api/hf/search?q=again');
    const before = hub.asked.length;
    await get('/api/hf/search?q=again');
    expect(hub.asked.length).toBe(before);
  });
});

describe('a repository', () => {
  test('of weights tells its files by kind, its licence, its card and its twins', async () => {
    const { status, body } = await get(`/api/hf/model/${ORIGINAL.id}`);
    expect(status).toBe(200);
    expect(body).toMatchObject({
      id: ORIGINAL.id,
      license: 'apache-2.0',
      languages: ['en'],
      description: '# Model\nIt answers.',
      has_gguf: false,
      has_mlx: false,
      has_chat_template: true,
      gated: false,
      gguf_repo_id: CONVERTED.id,
      mlx_repo_id: APPLE.id,
      file_count: 6,
      models_dir: join(flow.dataDir, 'models'),
    });
    const names = (field: string) => (body[field] as { filename: string }[]).map(({ filename }) => filename);
    expect(names('model_weights')).toEqual(['model.safetensors']);
    expect(names('tokenizer_files')).toEqual(['tokenizer.json', 'tokenizer_config.json']);
    expect(names('config_files')).toEqual(['config.json']);
    expect(names('gguf_repo_files')).toContain('Model-1B-Q8_0.gguf');
    expect(body.mlx_details).toMatchObject({ id: APPLE.id, file_count: 1, total_size_bytes: 11 });
  });

  test('of GGUF groups shards, names quantisations and sets projectors apart', async () => {
    const { body } = await get(`/api/hf/model/${encodeURIComponent(CONVERTED.id)}`);
    expect(body.gguf_groups).toMatchObject([
      { quantization: 'Q8_0', is_complete: true, size_bytes: tiny.length },
      { quantization: 'Q4_K_M', is_complete: true, size_bytes: 2 * tiny.length },
      { quantization: 'Q2_K', is_complete: false },
      { quantization: null, filename: 'broken/odd.gguf' },
    ]);
    expect(body.mmproj_files).toMatchObject([{ quantization: 'F16', size_bytes: 1_000 }]);
    expect(body.mlx_repo_id).toBe(APPLE.id);
    expect(JSON.stringify(body)).not.toContain('evil');
  });

  test('whose twins do not come is told all the same', async () => {
    hub.put({ ...ORIGINAL, id: 'maker/lonely' });
    hub.trouble('/api/models?', { kind: 'status', status: 500 });
    const { status, body } = await get('/api/hf/model/maker/lonely');
    expect([status, body.gguf_repo_id]).toEqual([200, null]);
  });

  test.each(['..%2f..', 'maker', 'maker/a/b', '%2e%2e/x', 'maker/%00', 'maker/a%5cb', 'maker/x%'])(
    'cannot be called %s',
    async (id) => {
      const before = hub.asked.length;
      expect([400, 404]).toContain((await get(`/api/hf/model/${id}`)).status);
      expect(hub.asked.length).toBe(before);
    },
  );
});

describe('the fit', () => {
  test('of every complete quantisation comes from one header', async () => {
    const before = hub.contentAsked.length;
    hub.put({ ...CONVERTED, id: 'other/fits-GGUF', files: CONVERTED.files?.slice(0, 5) ?? [] });
    const { status, body } = await get('/api/hf/model/other/fits-GGUF/fit?ctx=4096&slots=1');
    expect(status).toBe(200);
    expect(body).toMatchObject({ slots: 1, mmproj: 'mmproj-F16.gguf', mmproj_bytes: 1_000 });
    const fits = body.fits as Record<string, number>[];
    expect(fits).toMatchObject([
      { quantization: 'Q8_0', verdict: 'fits', context_tokens: 4_096, largest_context_tokens: 32_768 },
      { quantization: 'Q4_K_M', weights_bytes: 2 * tiny.length + 1_000, expected_tokens_per_s: null },
    ]);
    const [first] = fits;
    const parts = ['weights_bytes', 'kv_cache_bytes', 'compute_bytes', 'engine_cache_bytes'];
    expect(parts.reduce((total, part) => total + (first?.[part] ?? 0), 0)).toBe(first?.total_bytes ?? 0);
    expect(hub.contentAsked.length - before).toBe(1);
  });

  test('of the others is told when one file is no model', async () => {
    const { status, body } = await get(`/api/hf/model/${CONVERTED.id}/fit`);
    expect(status).toBe(200);
    expect((body.fits as { quantization: string }[]).map(({ quantization }) => quantization)).toEqual([
      'Q8_0',
      'Q4_K_M',
    ]);
    expect(body.left_out).toMatchObject([{ filename: 'broken/odd.gguf' }]);
  });

  test('of one file follows context, slots and the cache’s numbers, without another byte', async () => {
    const fit = async (more: string) => {
      const { body } = await get(`/api/hf/model/${CONVERTED.id}/fit?file=Model-1B-Q8_0.gguf&mmproj=none${more}`);
      return (body.fits as { total_bytes: number; kv_cache_bytes: number }[])[0];
    };
    const small = await fit('&ctx=1024&slots=1&cache_type_k=q4_0&cache_type_v=q4_0');
    const before = hub.asked.length;
    const large = await fit('&ctx=8192&slots=4&cache_type_k=f16&cache_type_v=f16');
    expect(large?.kv_cache_bytes).toBeGreaterThan(20 * (small?.kv_cache_bytes ?? 0));
    expect(hub.asked.length).toBe(before);
  });

  test('is told of so many quantisations as a repository can have; of more they are only named', async () => {
    // A header that says nothing but that it is one: the hub takes the digest of every file for every page.
    const header = Buffer.alloc(24);
    header.write('GGUF');
    header.writeUInt32LE(3, 4);
    const files = Array.from({ length: 500 }, (_, at) => ({ path: `v${at}/Model-1B-Q8_0.gguf`, bytes: header }));
    hub.put({ ...CONVERTED, id: 'other/many-GGUF', files });
    const { body } = await get('/api/hf/model/other/many-GGUF/fit?ctx=4096');
    expect([body.fits, body.left_out].map((list) => (list as unknown[]).length)).toEqual([200, 300]);
  });

  test('is too big where the budget is small, and says what would fit', async () => {
    await flow.json('/api/settings', { memory_limit_gb: 0.06 }, 'PUT');
    const { body } = await get(`/api/hf/model/${CONVERTED.id}/fit?file=Model-1B-Q8_0.gguf&ctx=32768&slots=32`);
    const [row] = body.fits as { verdict: string; largest_context_tokens: number; total_bytes: number }[];
    expect(row?.verdict).toBe('too-big');
    expect(row?.total_bytes).toBeGreaterThan(Number(body.budget_bytes));
    expect(row?.largest_context_tokens).toBeLessThan(32_768);
    await flow.json('/api/settings', { memory_limit_gb: 0 }, 'PUT');
  });

  test.each([
    ['file=none.gguf', 404, 'not-found'],
    ['file=../../etc/passwd', 404, 'not-found'],
    ['file=../../evil-Q8_0.gguf', 404, 'not-found'],
    ['file=Model-1B-Q2_K-00001-of-00002.gguf', 422, 'unprocessable'],
    ['file=mmproj-F16.gguf', 422, 'unprocessable'],
    ['file=broken/odd.gguf', 422, 'unprocessable'],
    ['ctx=-1', 400, 'invalid-request'],
    ['slots=0', 400, 'invalid-request'],
    ['cache_type_k=q9', 400, 'invalid-request'],
    ['mmproj=other.gguf', 404, 'not-found'],
  ])('with %s is %p %s', async (query, status, kind) => {
    const answer = await get(`/api/hf/model/${CONVERTED.id}/fit?${query}`);
    expect(answer).toMatchObject({ status, body: { error: { kind } } });
  });
});

describe('the token', () => {
  test('opens what is gated, and is seen by nobody but the hub', async () => {
    const path = `/api/hf/model/${GATED.id}/fit`;
    const closed = await get(path);
    expect(closed).toMatchObject({ status: 403, body: { error: { kind: 'hub-gated' } } });
    const before = hub.contentAsked.length;
    const saved = await flow.json('/api/hf/token', { token: hub.token }, 'PUT');
    expect(saved.body).toEqual({ status: 'ok', is_set: true, hub_url: hub.url });
    expect((await get(path)).status).toBe(200);
    expect(hub.contentAsked.length).toBe(before + 1);

    hub.trouble('/api/models', { kind: 'status', status: 500, body: `{"error":"${hub.token}"}` });
    const shown = [
      await get('/api/hf/search?q=canary'),
      await get('/api/hf/token'),
      await get('/api/settings?detail=1'),
      await get('/api/health'),
      await flow.json('/api/hf/token', { token: `${hub.token} and more` }, 'PUT'),
      await get('/api/logs'),
      closed,
      saved,
    ];
    expect(JSON.stringify(shown)).not.toContain(hub.token);
    expect(JSON.stringify(hub.contentAsked)).not.toContain(hub.token);
    expect(flow.output()).not.toContain(hub.token);
    const holders = readdirSync(flow.dataDir, { recursive: true, encoding: 'utf8' })
      .filter((name) => statSync(join(flow.dataDir, name)).isFile())
      .filter((name) => readFileSync(join(flow.dataDir, name)).includes(hub.token));
    expect(holders).toEqual(['hub-token.json']);
    expect(statSync(join(flow.dataDir, 'hub-token.json')).mode & 0o777).toBe(0o600);

    expect((await flow.json('/api/hf/token', {}, 'DELETE')).body).toMatchObject({ is_set: false });
    hub.recover();
    expect((await get(`${path}?ctx=512`)).status).toBe(403);
  });
});

describe('refusals', () => {
  test('F-68, F-69: say the truth, what may help, and how long to wait', async () => {
    expect(await get('/api/hf/model/maker/nothing')).toMatchObject({
      status: 403,
      body: { error: { kind: 'hub-token-missing' } },
    });
    hub.trouble('/api/models', { kind: 'status', status: 429, headers: { 'retry-after': '33' } });
    const busy = await fetch(`${flow.url}/api/hf/search?q=busy`);
    expect([busy.status, busy.headers.get('retry-after')]).toEqual([429, '33']);
    hub.recover();
    hub.trouble('/api/models', { kind: 'status', status: 502 });
    expect(await get('/api/hf/search?q=ill')).toMatchObject({ status: 502, body: { error: { kind: 'hub-broken' } } });
  });

  test('a page that is left takes its questions with it', async () => {
    hub.trouble('q=left', { kind: 'hang' });
    hub.trouble('search=left', { kind: 'hang' });
    const leaving = new AbortController();
    const before = hub.asked.length;
    const asking = fetch(`${flow.url}/api/hf/search?q=left`, { signal: leaving.signal }).catch(() => 'left');
    await until('the question', () => hub.asked.length > before);
    leaving.abort();
    expect(await asking).toBe('left');
    hub.recover();
    expect((await get('/api/hf/search?q=left')).status).toBe(200);
  });

  test('a hub that is not there is offline, and the settings say which it was', async () => {
    const alone = await startFlow({ environment: { HF_ENDPOINT: 'http://127.0.0.1:9' } });
    try {
      const answer = await alone.json('/api/hf/search?q=x');
      expect(answer).toMatchObject({ status: 503, body: { error: { kind: 'offline' } } });
      expect((await alone.json('/api/settings')).body.hub_url).toBe('http://127.0.0.1:9');
      expect((await alone.json('/api/settings', { hub_url: 'ftp://hub' }, 'PUT')).status).toBe(400);
    } finally {
      await alone[Symbol.asyncDispose]();
    }
  });
});
