// Presets: the routes, what they keep, what applying one does to a configuration. With engines: e2e/behaviour.test.ts.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Elysia } from 'elysia';
import { PresetBook } from '#src/behaviour/preset-book.ts';
import { BUILTIN_PRESETS, QWEN_TEMPLATE, suits } from '#src/behaviour/presets.ts';
import { presetRoutes } from '#src/behaviour/routes.ts';
import { ownTemplates, writeTemplates } from '#src/behaviour/template-files.ts';
import { Fault } from '#src/faults.ts';
import { behaviourWith, launchWith } from '#src/models/config-patch.ts';
import { EMPTY_CONFIG } from '#src/models/model.ts';
import { detectTraits } from '#src/models/traits.ts';
import { openStore, type Store } from '#src/store/open.ts';
import { someModel } from '#test/engines/support/plan.ts';
import { FakeClock } from '#test/support/fake-clock.ts';

type Answer = { status: number; body: ReturnType<typeof JSON.parse> };

let folder: string;
let store: Store;
let presets: PresetBook;
let app: { handle(request: Request): Promise<Response> };

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'flow-presets-'));
  store = openStore(':memory:');
  presets = new PresetBook({ store, clock: new FakeClock(), templatesDir: join(folder, 'templates') });
  app = new Elysia()
    .onError(({ error, set }) => {
      if (!(error instanceof Fault)) return;
      set.status = error.status;
      return { error: { kind: error.kind, message: error.message } };
    })
    .use(
      presetRoutes({
        presets,
        needModel: (id) => someModel('/m.gguf', { id }),
        traits: ({ name, hfId }) => ({
          ...detectTraits({ architecture: null, name, hfId, chatTemplate: null }),
          family: 'Gemma 4',
        }),
      }),
    );
});
afterEach(() => {
  store.$client.close();
  rmSync(folder, { recursive: true });
});

async function call(method: string, path: string, body?: unknown): Promise<Answer> {
  const init =
    body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } };
  const response = await app.handle(new Request(`http://localhost${path}`, { method, ...init }));
  return { status: response.status, body: await response.json() };
}

test('built-in presets are valid, come first, and have ids of their own', async () => {
  for (const { behaviour, launch } of BUILTIN_PRESETS) {
    expect(behaviourWith({}, behaviour)).toEqual(behaviour);
    expect(launchWith({}, launch)).toEqual(launch);
  }
  await call('POST', '/api/presets', { name: 'Mine', config: { temperature: 0.3 } });
  const { body } = await call('GET', '/api/presets');
  const ids = body.presets.map(({ id }: { id: string }) => id);
  expect(new Set(ids).size).toBe(ids.length);
  expect(ids.slice(0, 2)).toEqual(['qwen36_tools', 'qwen3_thinking']);
  expect(body.presets.at(-1)).toMatchObject({ name: 'Mine', builtin: false, config: { temperature: 0.3 } });
  expect(body.presets[0]).toMatchObject({
    name: 'Qwen3.6: tools (stable)',
    builtin: true,
    load_params: { chat_template_file: join(folder, 'templates', QWEN_TEMPLATE) },
  });
});

test('a preset is offered to the family it is made for', async () => {
  const { body } = await call('GET', '/api/presets?model=any');
  const offered = body.presets.filter(({ suits }: { suits: boolean }) => suits);
  expect(offered.map(({ id }: { id: string }) => id)).toEqual(['gemma4']);
  const [tools, general] = BUILTIN_PRESETS;
  // Its card has another number for general tasks.
  expect(general && suits(general, 'Qwen3.5')).toBe(false);
  expect(
    tools && [suits(tools, 'Qwen3.6'), suits(tools, 'qwen3.5'), suits(tools, 'Qwen3'), suits(tools, null)],
  ).toEqual([...[true, true, false, false]]);
});

describe('a user’s own preset', () => {
  test('is made, changed in part and deleted, and lives in the database', async () => {
    const { body: made } = await call('POST', '/api/presets', {
      name: '  Mine ',
      config: { temperature: 0.3, behaviour: { top_k: 5 } },
      load_params: { ctx_size: 4096, mlx_context_length: 0 },
    });
    expect(made).toMatchObject({
      name: 'Mine',
      config: { temperature: 0.3, top_k: 5 },
      load_params: { ctx_size: 4096 },
    });
    const path = `/api/presets/${made.id}`;
    expect((await call('PUT', path, { name: 'Ours' })).body).toMatchObject({ name: 'Ours', config: { top_k: 5 } });
    expect((await call('PUT', path, { load_params: { n_parallel: 3 } })).body.load_params).toEqual({ n_parallel: 3 });
    expect((await call('PUT', path, { config: { top_p: 1 }, load_params: null })).body.config).toEqual({ top_p: 1 });
    const reopened = new PresetBook({ store, clock: new FakeClock(), templatesDir: folder });
    expect(reopened.need(made.id)).toMatchObject({ name: 'Ours', behaviour: { top_p: 1 }, launch: {} });
    expect((await call('DELETE', path)).body).toEqual({ status: 'deleted' });
    expect((await call('DELETE', path)).status).toBe(404);
  });

  test.each([
    [{}, 400, 'name is required'],
    [{ name: ' ' }, 400, 'name is required'],
    [{ name: 'a', config: { temprature: 1 } }, 400, 'config.temperature'],
    [{ name: 'a', config: { temperature: 'x' } }, 400, 'temperature is not as it must be'],
    [{ name: 'a', load_params: { ctx: 1 } }, 400, 'There is no launch setting "ctx"'],
    [{ name: 'gemma 4' }, 409, 'already'],
  ])('%j is refused', async (body, status, message) => {
    const answer = await call('POST', '/api/presets', body);
    expect(answer.status).toBe(status);
    expect(answer.body.error.message).toContain(message);
  });
});

test('built-in presets cannot be changed or deleted', async () => {
  for (const method of ['PUT', 'DELETE']) {
    const { status, body } = await call(method, '/api/presets/gemma4', method === 'PUT' ? { name: 'x' } : undefined);
    expect(status).toBe(409);
    expect(body.error.message).toContain('comes with Flow');
  }
});

describe('applying a preset', () => {
  const config = {
    ...EMPTY_CONFIG,
    behaviour: { seed: 4, repairs: { loop_guard: false } },
    launch: { ctx_size: 4096 },
    variants: [{ name: 'v', behaviour: {} }],
  };

  test('replaces the behaviour, and leaves repairs, variants and other launch settings', () => {
    const applied = presets.applied(config, 'gemma4');
    expect(applied).toMatchObject({ preset: 'gemma4', launch: { ctx_size: 4096 }, variants: [{ name: 'v' }] });
    expect(applied.behaviour).toEqual({
      repairs: { loop_guard: false },
      temperature: 1,
      top_p: 0.95,
      top_k: 64,
      min_p: 0,
    });
  });

  test('brings its template, and the next preset takes that back', () => {
    const path = join(folder, 'templates', QWEN_TEMPLATE);
    const tools = presets.applied(config, 'qwen36_tools');
    expect(tools.launch).toEqual({ ctx_size: 4096, chat_template_file: path });
    expect(existsSync(path)).toBe(true);
    expect(presets.applied(tools, 'default').launch).toEqual({ ctx_size: 4096 });
    const own = { ...tools, launch: { chat_template_file: '/elsewhere.jinja' } };
    expect(presets.applied(own, 'default').launch).toEqual({ chat_template_file: '/elsewhere.jinja' });
  });

  test('an unknown one is not found', () => {
    expect(() => presets.applied(config, 'none')).toThrow('There is no preset "none"');
  });
});

test('templates are written whole, and again when they are from another edition', () => {
  const text = ownTemplates().get(QWEN_TEMPLATE);
  writeTemplates(folder);
  const path = join(folder, QWEN_TEMPLATE);
  expect(readFileSync(path, 'utf8')).toBe(text ?? '');
  writeFileSync(path, 'older');
  writeTemplates(folder);
  expect(readFileSync(path, 'utf8')).toBe(text ?? '');
});
