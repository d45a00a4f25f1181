// What a load would be like, asked at the front door of a whole Flow: numbers, admission, command line, refusals.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { mkdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { flow as flowCommand } from '#test/cli/flow-command.ts';
import { realEngine } from '#test/support/real-engine.ts';
import { type RunningFlow, startFlow } from '#test/support/running-flow.ts';
import { COMMON_SCRIPTS, writeScriptedModel } from '#test/support/scripted-model.ts';

let flow: RunningFlow;
let path: string;
beforeAll(async () => {
  flow = await startFlow({ engine: realEngine().executable });
  path = join(flow.dataDir, 'models', 'org', 'm.gguf');
  mkdirSync(dirname(path), { recursive: true });
  await writeScriptedModel(path, { scripts: COMMON_SCRIPTS, shape: { layers: 4, heads: 4, kvHeads: 2 } });
  const { body } = await flow.json('/api/register-local', { path, name: 'org/m' });
  expect(body.model_id).toBe('org/m');
});
afterAll(() => flow?.[Symbol.asyncDispose]());

const fit = (launch: object, id = 'org%2Fm') => flow.json(`/api/models/${id}/fit`, launch);

describe('fit', () => {
  test('it says the need in parts that add up, with its source and verdict', async () => {
    const { status, body } = await fit({ ctx_size: 2048, n_parallel: 2 });
    expect(status).toBe(200);
    const parts = ['weights_bytes', 'kv_cache_bytes', 'compute_bytes', 'engine_cache_bytes'];
    expect(parts.reduce((sum, name) => sum + Number(body[name]), 0)).toBe(Number(body.total_bytes));
    expect(body).toMatchObject({
      model_id: 'org/m',
      verdict: 'fits',
      source: 'formula',
      decision: 'start',
      unloads: [],
      slots: 2,
      context_tokens: 2048,
      largest_context_tokens: body.trained_context_tokens,
      warnings: [],
    });
    expect(String(body.outlook)).toMatch(/^org\/m needs .* starts now$/);
  });

  test('twice the slots take twice the cache', async () => {
    const [one, two] = await Promise.all([1, 2].map((n_parallel) => fit({ ctx_size: 2048, n_parallel })));
    expect(Number(two?.body.kv_cache_bytes)).toBe(2 * Number(one?.body.kv_cache_bytes));
  });

  test('the command line is the one of a load, with nothing secret and nothing started', async () => {
    const { body } = await fit({ ctx_size: 2048, n_parallel: 3, cache_type_k: 'q8_0' });
    const line = (Array.isArray(body.command) ? body.command : []).join(' ');
    expect(line).toContain(`--model ${path}`);
    expect(line).toContain('--ctx-size 6144');
    expect(line).toContain('--cache-type-k q8_0');
    expect(line).not.toContain('key');
    const { body: models } = await flow.json('/api/fleet');
    expect(JSON.stringify(models)).not.toContain('starting');
  });

  test('what would not fit is told with the largest that would', async () => {
    const { body: settings } = await flow.json('/api/settings', { memory_limit_gb: 0.2 }, 'PUT');
    expect(settings).toBeDefined();
    const { body } = await fit({ ctx_size: 4096, n_parallel: 1024 });
    expect(body).toMatchObject({ verdict: 'too-big', decision: 'refuse' });
    const slots = Number(body.largest_slots);
    expect(slots).toBeGreaterThan(0);
    const { body: most } = await fit({ ctx_size: 4096, n_parallel: slots });
    expect(most.decision).toBe('start');
    const { body: more } = await fit({ ctx_size: 4096, n_parallel: slots + 1 });
    expect(more.decision).toBe('refuse');
    await flow.json('/api/settings', { memory_limit_gb: 0 }, 'PUT');
  });

  test('a loaded model is weighed as if it were not', async () => {
    await flow.json('/api/models/org%2Fm/load?wait=1', { ctx_size: 1024 });
    const { body } = await fit({ ctx_size: 1024 });
    expect(body).toMatchObject({ decision: 'start', unloads: [], is_running: true, free_bytes: body.budget_bytes });
  });

  test('an id may be written with its slash', async () => {
    expect((await fit({}, 'org/m')).status).toBe(200);
  });

  test('`flow fit` says the same in words, and as JSON', async () => {
    const address = ['--port', new URL(flow.url).port];
    const told = await flowCommand(['fit', 'org/m', '--ctx', '2048', '--slots', '3', ...address]);
    expect(told.stderr).toBe('');
    expect(told.stdout).toMatch(/^org\/m fits: .* for models/);
    expect(told.stdout).toContain('context 2048 tokens × 3 slots');
    expect(told.stdout).toContain('--parallel 3');
    const data = await flowCommand(['fit', 'org/m', '--json', ...address]);
    expect(JSON.parse(data.stdout)).toMatchObject({ model_id: 'org/m', verdict: 'fits' });
    expect((await flowCommand(['fit', 'org/m', '--kv', 'q9', ...address])).code).not.toBe(0);
  });

  const wrong: readonly [string, object, number, RegExp][] = [
    ['an unknown setting', { context: 5 }, 400, /no launch setting ..context/],
    ['a setting out of bounds', { n_parallel: 0 }, 400, /n_parallel/],
    ['a refused argument', { extra_args: ['--slot-save-path', '/tmp'] }, 400, /slot-save-path/],
  ];
  for (const [name, launch, status, words] of wrong) {
    test(`${name} is ${status}`, async () => {
      const answer = await fit(launch);
      expect(answer.status).toBe(status);
      expect(JSON.stringify(answer.body)).toMatch(words);
    });
  }

  test('an unknown model is 404, and so is one whose file is gone', async () => {
    expect((await fit({}, 'nobody')).status).toBe(404);
    await flow.json('/api/models/org%2Fm/unload', { force: true });
    rmSync(path);
    const { status, body } = await fit({});
    expect(status).toBe(404);
    expect(JSON.stringify(body)).toContain('m.gguf is no longer in');
  });
});
