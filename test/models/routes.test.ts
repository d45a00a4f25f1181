// The management routes of models, by the front door of their plugin. Guards and error shapes are the web area's.
import { afterEach, beforeEach, expect, test } from 'bun:test';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Elysia } from 'elysia';
import { Bus } from '#src/events.ts';
import { Fault } from '#src/faults.ts';
import { writeGguf } from '#src/gguf/write.ts';
import { makeDemoModel } from '#src/models/demo.ts';
import { HeaderCache } from '#src/models/header-cache.ts';
import { EMPTY_CONFIG } from '#src/models/model.ts';
import { ModelScan } from '#src/models/model-scan.ts';
import type { Missing } from '#src/models/presence.ts';
import { Registry } from '#src/models/registry.ts';
import { RemovalRecords } from '#src/models/removal-records.ts';
import { removalRoutes } from '#src/models/removal-routes.ts';
import { Removals } from '#src/models/removals.ts';
import { modelRoutes } from '#src/models/routes.ts';
import type { ModelStatus } from '#src/models/wire.ts';
import { openStore, type Store } from '#src/store/open.ts';
import { someLaunch } from '#test/engines/support/plan.ts';
import { FakeClock } from '#test/support/fake-clock.ts';

/** The body is JSON of whatever shape the test expects. */
type Answer = { status: number; body: ReturnType<typeof JSON.parse> };

const IDLE: ModelStatus = { status: 'available', port: null, pid: null, launch: null, error: null };
const LAUNCH = someLaunch();
const parts = { weightsBytes: 1, kvCacheBytes: 0, computeBytes: 0, engineCacheBytes: 0 };

let folder: string;
let store: Store;
let registry: Registry;
let status: ModelStatus;
let missing: Missing | null;
let isReplaced: boolean;
let readingMs: number;
let checked: string[];
let app: { handle(request: Request): Promise<Response> };

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'flow-models-'));
  store = openStore(':memory:');
  status = IDLE;
  missing = null;
  isReplaced = false;
  readingMs = 0;
  checked = [];
  const modelsDir = (): string => folder;
  const clock = new FakeClock();
  registry = new Registry({ store, bus: new Bus(), clock, headers: new HeaderCache(), modelsDir });
  const records = new RemovalRecords(join(folder, '.removals'));
  const removals = new Removals({ registry, records, clock, modelsDir, onForgotten: () => {}, log: () => {} });
  app = new Elysia()
    .onError(({ error, set }) => {
      if (!(error instanceof Fault)) return;
      set.status = error.status;
      return { error: { kind: error.kind, message: error.message } };
    })
    .use(
      modelRoutes({
        isEngineReplaced: () => isReplaced,
        checkLaunch: (_launch, { id }) => void checked.push(id),
        applyPreset: (config, preset) => ({ ...config, preset, behaviour: { temperature: 0.11 } }),
        registry,
        removals,
        presence: { of: () => missing, fresh: async () => {} },
        scan: new ModelScan({ registry, clock, modelsDir }),
        placeFor: (path) => path,
        statusOf: () => status,
        launchOf: (model) => ({ ...LAUNCH, ...model.config.launch }),
        templateOf: ({ capabilities }) => ({
          template_valid: null,
          template_errors: [],
          template_warnings: [],
          supports_tools: capabilities.tools,
        }),
        needOf: () => {
          Bun.sleepSync(readingMs);
          return { totalBytes: 2.5e9, source: 'formula', parts };
        },
      }),
    )
    .use(removalRoutes({ removals }));
});
afterEach(async () => {
  store.$client.close();
  await rm(folder, { recursive: true });
});

async function call(method: string, path: string, body?: unknown): Promise<Answer> {
  const init =
    body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } };
  const response = await app.handle(new Request(`http://localhost${path}`, { method, ...init }));
  return { status: response.status, body: await response.json() };
}

async function register(id: string, isManaged = false): Promise<string> {
  const path = join(folder, `${id.replaceAll('/', '_')}.gguf`);
  await makeDemoModel(path);
  return registry.registerLocal(path, id, { isManaged }).model.path;
}

test('a model is listed with the names of the seed', async () => {
  const path = await register('one');
  const { body } = await call('GET', '/api/models');
  expect(body).toHaveLength(1);
  expect(body[0]).toMatchObject({
    id: 'one',
    name: 'one',
    hf_id: null,
    backend: 'gguf',
    gguf_file: path,
    quantization: 'F16',
    size_gb: 0.005,
    memory_gb: 2.5,
    supports_tools: true,
    status: 'available',
    port: null,
    pid: null,
  });
  expect(body[0].created_at).toEndWith('Z');
});

test.each(['/api/models/org/name', '/api/models/org%2Fname', '/api/models/ORG/Name'])(
  'an id with a slash is found at %s',
  async (path) => {
    await register('org/name');
    expect(await call('GET', path)).toMatchObject({ status: 200, body: { id: 'org/name', template_errors: [] } });
    expect((await call('GET', `${path}/config`)).body.config).toEqual({ ...EMPTY_CONFIG, aliases: [] });
  },
);

test('an unknown model is 404, a broken address 400', async () => {
  expect((await call('GET', '/api/models/none')).status).toBe(404);
  expect((await call('DELETE', '/api/models/none')).status).toBe(404);
  expect((await call('GET', '/api/models/%zz')).status).toBe(400);
});

test('a configuration is merged, kept, refused and taken back', async () => {
  await register('one');
  await call('PUT', '/api/models/one/config', { launch: { ctx_size: 4096 }, aliases: ['uno'] });
  const { body } = await call('PUT', '/api/models/one/config', { is_pinned: true });
  expect(body).toEqual({
    model_id: 'one',
    config: { ...EMPTY_CONFIG, launch: { ctx_size: 4096 }, cooldown_s: null, is_pinned: true, aliases: ['uno'] },
  });
  expect((await call('PUT', '/api/models/one/config', { launch: { ctx_size: -1 } })).status).toBe(400);
  expect((await call('PUT', '/api/models/one/config', { aliases: 'uno' })).status).toBe(400);
  expect((await call('PUT', '/api/models/one', {})).status).toBe(404);
  expect((await call('DELETE', '/api/models/one/config')).body).toEqual({ model_id: 'one', config: {} });
  expect(registry.need('one').config.is_pinned).toBe(false);
});

test('F-49: a model that runs with other settings than it would be started with says so', async () => {
  await register('one');
  const isOutdated = async () => (await call('GET', '/api/models/one')).body.needs_restart;
  expect(await isOutdated()).toBe(false);
  status = { ...IDLE, status: 'running', launch: LAUNCH };
  expect(await isOutdated()).toBe(false);
  await call('PUT', '/api/models/one/config', { launch: { ctx_size: LAUNCH.ctx_size * 2 } });
  expect(await isOutdated()).toBe(true);
  await call('DELETE', '/api/models/one/config');
  expect(await isOutdated()).toBe(false);
});

test('a model that runs on another version of its engine than it would be started with says so', async () => {
  await register('one');
  isReplaced = true;
  expect((await call('GET', '/api/models/one')).body.needs_restart).toBe(false);
  status = { ...IDLE, status: 'running', launch: LAUNCH };
  expect((await call('GET', '/api/models/one')).body.needs_restart).toBe(true);
});

test('what is saved is checked for the very model that gets it', async () => {
  await register('one');
  await call('PUT', '/api/models/one/config', { launch: { ctx_size: 4096 } });
  expect(checked).toEqual(['one']);
});

test('the load parameters are those it runs with; the context is that of all slots', async () => {
  await register('one');
  expect((await call('GET', '/api/models/one/config')).body.load_params).toEqual({});
  const launch = { ctx_size: 1000, n_parallel: 2 } as NonNullable<ModelStatus['launch']>;
  status = { ...IDLE, status: 'running', launch };
  expect((await call('GET', '/api/models/one/config')).body.load_params).toMatchObject({
    backend: 'gguf',
    ctx_size: 2000,
    n_parallel: 2,
  });
});

test.each(['loading', 'running', 'unloading'] as const)('a model that is %s is not deleted', async (doing) => {
  await register('one', true);
  status = { ...IDLE, status: doing };
  const { status: code, body } = await call('DELETE', '/api/models/one');
  expect(code).toBe(409);
  expect(body.error.message).toContain('Unload it first');
  expect(registry.find('one')).not.toBeNull();
});

test('deleting takes the files of a managed model only, and only when wished', async () => {
  const managed = await register('managed', true);
  const kept = await register('kept', true);
  const own = await register('own');
  const { body } = await call('DELETE', '/api/models/managed');
  expect(body).toMatchObject({ status: 'deleted', model_id: 'managed', files: 'deleted', kept_files: [] });
  expect((await call('DELETE', '/api/models/kept?files=keep')).body.files).toBe('kept');
  expect((await call('DELETE', '/api/models/own')).body.files).toBe('kept');
  expect([managed, kept, own].map((path) => existsSync(path))).toEqual([false, true, true]);
  expect(registry.list()).toHaveLength(0);

  const { entries, total } = (await call('GET', '/api/trash')).body;
  expect(total).toBe(3);
  expect(entries[0]).toMatchObject({ model_id: 'managed', files: 'deleted', token: body.undo.token });
  expect((await call('POST', '/api/models/undo', { token: body.undo.token })).body.model_id).toBe('managed');
  expect(existsSync(managed)).toBe(true);
  expect((await call('POST', '/api/models/undo', { token: body.undo.token })).status).toBe(404);
  expect((await call('DELETE', '/api/trash')).body.models).toBe(2);
  expect((await call('GET', '/api/trash')).body.total).toBe(0);
});

test('a model whose files are gone stays on the list, and says why; one that runs still runs', async () => {
  await register('one');
  missing = { reason: 'volume', message: 'The disk is not mounted.', hint: 'Connect it.' };
  const [gone] = (await call('GET', '/api/models')).body;
  expect(gone).toMatchObject({ id: 'one', status: 'missing', error: 'The disk is not mounted.', missing });
  status = { ...IDLE, status: 'running', port: 8081, pid: 42, launch: LAUNCH };
  expect((await call('GET', '/api/models/one')).body).toMatchObject({ status: 'running', error: null, missing });
});

test('a file is registered once, under its own or a given name', async () => {
  const path = join(folder, 'file.gguf');
  await makeDemoModel(path);
  expect((await call('POST', '/api/register-local', { path, name: 'My model' })).body).toEqual({
    model_id: 'My model',
    name: 'My model',
    size_gb: 0.005,
  });
  expect((await call('POST', '/api/register-local', { gguf_path: path })).body).toEqual({
    model_id: 'My model',
    status: 'already_registered',
  });
  expect((await call('POST', '/api/register-local', {})).status).toBe(400);
  expect((await call('POST', '/api/register-local', { path: '/etc/passwd' })).status).toBe(422);
  expect((await call('POST', '/api/register-local', { path: '/dev/zero' })).status).toBe(422);
  expect((await call('POST', '/api/register-local', { mlx_path: join(folder, 'none') })).status).toBe(404);
});

test('a scan registers what is new and says what it skipped', async () => {
  await register('known');
  await makeDemoModel(join(folder, 'new.gguf'));
  await writeFile(join(folder, 'broken.gguf'), 'not a model');
  const { body } = await call('POST', '/api/models/scan');
  expect(body).toMatchObject({ total: 1, found: [{ id: 'new', backend: 'gguf', path: join(folder, 'new.gguf') }] });
  expect(body.skipped).toMatchObject([{ file: 'broken.gguf' }]);
  expect((await call('POST', '/api/models/scan')).body.total).toBe(0);
  expect(registry.list().map(({ id }) => id)).toEqual(['known', 'new']);
});

test('F-12: a scan reads again what was replaced, and leaves alone what is as it was', async () => {
  const path = await register('one');
  const before = registry.need('one');
  await call('POST', '/api/models/scan');
  expect(registry.need('one')).toBe(before);
  await writeGguf(path, {
    metadata: new Map([['general.architecture', { type: 'string', value: 'llama' }]]),
    tensors: [{ name: 't', shape: [64], type: 'f32', fill: () => {} }],
  });
  await call('POST', '/api/models/scan');
  expect(registry.need('one').trainedContextTokens).toBeNull();
  expect(registry.need('one').sizeBytes).toBe(Bun.file(path).size);
});

test('a behaviour is written and shown in the seed’s way and in ours', async () => {
  await register('one');
  const path = '/api/models/one/config';
  const { body } = await call('PUT', path, { temperature: 0.6, enable_thinking: false, behaviour: { top_k: 20 } });
  const behaviour = { temperature: 0.6, enable_thinking: false, top_k: 20 };
  expect(body.config).toMatchObject({ ...behaviour, behaviour });
  expect((await call('GET', '/api/models/one')).body.config).toMatchObject({ ...behaviour, behaviour });
  await call('PUT', path, { temperature: null });
  expect((await call('GET', path)).body.config.behaviour).toEqual({ enable_thinking: false, top_k: 20 });
});

test('a configuration that was read can be sent back whole', async () => {
  await register('one');
  const path = '/api/models/one/config';
  await call('PUT', path, {
    temperature: 0.6,
    aliases: ['uno'],
    variants: [{ name: 'one-warm', behaviour: { temperature: 1 } }],
    preset: 'some',
  });
  const { config } = (await call('GET', path)).body;
  expect((await call('PUT', path, { ...config, top_p: 0.5 })).body.config).toEqual({
    ...config,
    top_p: 0.5,
    behaviour: { ...config.behaviour, top_p: 0.5 },
  });
});

test('an unknown field is told with the nearest one, and nothing changes', async () => {
  await register('one');
  const before = registry.need('one');
  const { status, body } = await call('PUT', '/api/models/one/config', { is_pinned: true, temprature: 1 });
  expect(status).toBe(400);
  expect(body.error.message).toBe('There is no field "temprature"; the nearest is "temperature".');
  expect(registry.need('one')).toBe(before);
});

test('a preset is applied when it is named anew or alone, and only kept as a label otherwise', async () => {
  await register('one');
  const put = async (body: object) => (await call('PUT', '/api/models/one/config', body)).body.config.behaviour;
  expect(await put({ top_k: 9 })).toEqual({ top_k: 9 });
  expect(await put({ preset: 'some', top_p: 0.5 })).toEqual({ temperature: 0.11, top_p: 0.5 });
  expect(await put({ preset: 'some', temperature: 0.9 })).toEqual({ temperature: 0.9, top_p: 0.5 });
  expect(await put({ preset: 'some' })).toEqual({ temperature: 0.11 });
  expect(await put({ preset: null })).toEqual({ temperature: 0.11 });
});

test('a name may mean one thing only, and a refusal changes nothing', async () => {
  await register('one');
  await register('two');
  const put = (id: string, body: object) => call('PUT', `/api/models/${id}/config`, body);
  const variant = (name: string) => ({ variants: [{ name, behaviour: {} }] });
  expect((await put('one', { ...variant('fast'), aliases: ['uno'] })).status).toBe(200);
  for (const name of ['one', 'UNO', 'fast']) {
    expect((await put('two', { ...variant(name), is_pinned: true })).status).toBe(409);
    expect((await put('two', { aliases: [name], is_pinned: true })).status).toBe(409);
  }
  expect(registry.need('two').config).toEqual(EMPTY_CONFIG);
  expect((await put('one', variant('Uno'))).status).toBe(409);
  expect((await put('one', variant('one'))).status).toBe(409);
  expect((await put('one', { variants: [...variant('a').variants, ...variant('A').variants] })).status).toBe(409);
  expect((await put('one', { aliases: ['fast'] })).status).toBe(409);
  expect((await put('one', variant('quick'))).status).toBe(200);
  // The name that was given up is free again.
  expect((await put('two', variant('fast'))).status).toBe(200);
  expect(registry.add({ ...registry.need('one'), id: 'quick' }).id).toBe('quick-2');
});

test('a first listing of many models holds nobody up, and leaves out what is removed meanwhile', async () => {
  const path = join(folder, 'a.gguf');
  await makeDemoModel(path);
  const { model } = registry.registerLocal(path);
  for (let index = 0; index < 40; index += 1) registry.add({ ...model, id: `copy-${index}`, path: `${path}.${index}` });
  readingMs = 5;
  let turns = 0;
  const beat = setInterval(() => {
    turns += 1;
  }, 1);
  const listing = call('GET', '/api/models');
  await Bun.sleep(20);
  registry.remove('copy-39');
  const { body } = await listing;
  clearInterval(beat);
  expect(body.map(({ id }: { id: string }) => id)).toContain('copy-38');
  expect(body).toHaveLength(40);
  // Counted, not timed: 200 ms of reading, and others have their turn after each 10.
  expect(turns).toBeGreaterThan(8);
});
