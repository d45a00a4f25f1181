/**
 * S-36: chat templates made to hang, from a client's request and from a model's file, against a whole Flow with a real
 * engine: dropped, or judged within bounds, or ended with the load; and other models go on meanwhile. What the process
 * that renders them bears: test/templates/renderer.test.ts.
 */
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { realEngine } from '#test/support/real-engine.ts';
import { type RunningFlow, startFlow, until } from '#test/support/running-flow.ts';
import { COMMON_SCRIPTS, writeScriptedModel } from '#test/support/scripted-model.ts';

const ENDLESS = '{% for i in range(10**9) %}{% for j in range(10**9) %}{{ i }}{% endfor %}{% endfor %}';
const HUGE = '{% for i in range(1000000000) %}a{% endfor %}';
const RECURSIVE = '{% macro m(a) %}{{ m(a) }}{{ m(a) }}{% endmacro %}{{ m(1) }}';

let flow: RunningFlow;
beforeAll(async () => {
  flow = await startFlow({ engine: realEngine().executable });
  const models = join(flow.dataDir, 'models');
  mkdirSync(models, { recursive: true });
  await flow.json('/api/settings', { load_stall_seconds: 5 }, 'PUT');
  await add('good', null);
});
afterAll(() => flow?.[Symbol.asyncDispose]());

async function add(name: string, template: string | null): Promise<void> {
  const path = join(flow.dataDir, 'models', `${name}.gguf`);
  await writeScriptedModel(path, { scripts: COMMON_SCRIPTS, ...(template === null ? {} : { template }) });
  const { status } = await flow.json('/api/register-local', { path, name });
  expect(status).toBe(200);
}

const ask = (model: string, extra: object = {}) =>
  flow.json('/v1/chat/completions', { model, messages: [{ role: 'user', content: 'Say it.' }], ...extra });

test.each([ENDLESS, HUGE, RECURSIVE])(
  "S-36: a client's template %s is dropped, and the answer comes",
  async (template) => {
    const startedMs = performance.now();
    const { status, body } = await ask('good', { chat_template: template });
    expect(status).toBe(200);
    expect(JSON.stringify(body)).toContain('plain scripted answer');
    expect(performance.now() - startedMs).toBeLessThan(15_000);
  },
  180_000,
);

test.each([
  ['endless', ENDLESS, /ended with code|no sign of life/],
  ['huge', HUGE, /no sign of life for 5 s/],
  ['recursive', RECURSIVE, /SIGSEGV|ended|no sign of life/],
] as const)(
  'S-36: a model whose template is %s is judged, its load ends, and others answer meanwhile',
  async (name, template, ending) => {
    await add(name, template);
    const judged = await flow.json(`/api/templates/check?model=${name}`);
    expect(judged.status).toBeLessThan(500);
    const startedMs = performance.now();
    // Whether the engine renders it at its start or only for a question, nobody else may feel it.
    const hopeless = ask(name, { max_tokens: 4 });
    const others = await Promise.all(Array.from({ length: 3 }, () => ask('good')));
    for (const { status } of others) expect(status).toBe(200);
    expect(performance.now() - startedMs).toBeLessThan(15_000);
    // A start that only renders shows no sign of life, so the stall timer ends it; nobody has to step in.
    const { status, body } = await hopeless;
    expect(status).toBe(503);
    expect(JSON.stringify(body)).toMatch(ending);
    await flow.json(`/api/models/${name}/unload`, { force: true });
    await until(`${name} gone`, async () => {
      const { body } = await flow.json('/api/fleet');
      const models = Array.isArray(body.models) ? body.models : [];
      const phase = models.find((model) => model.modelId === name)?.state.phase;
      return phase === 'idle' || phase === 'failed' ? phase : null;
    });
    expect((await ask('good')).status).toBe(200);
  },
  180_000,
);
