/** Chat templates through the front door: what is said of them; a real llama-server renders them as the check does. */
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '#src/clock.ts';
import { USUAL_TOKENS } from '#src/templates/check.ts';
import { Renderer } from '#src/templates/renderer.ts';
import { trials } from '#src/templates/trials.ts';
import { realEngine } from '../support/real-engine.ts';
import { type RunningFlow, startFlow, until } from '../support/running-flow.ts';
import { writeScriptedModel } from '../support/scripted-model.ts';
import { chatml } from '../templates/support/broken.ts';

/** Loops over what is not there, and refuses what real strict ones refuse. */
const STRICT = `{%- for m in messages -%}
{%- if m.role == 'system' and not loop.first -%}{{- raise_exception('Only one system message!') -}}{%- endif -%}
<|{{ m.role }}|>{{ m.content }}{%- for call in m.tool_calls -%}{{ call.function.name }}{%- endfor -%}<|end|>
{% endfor -%}{%- if add_generation_prompt -%}<|assistant|>{%- endif -%}`;
const ENDLESS =
  '{% for m in messages %}{{ m.content }}{% endfor %}{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}';

let flow: RunningFlow;
let folder: string;
const renderer = new Renderer({ clock: systemClock });
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'flow-templates-'));
  const models = join(folder, 'models');
  mkdirSync(models);
  const write = (name: string, template: string) =>
    writeScriptedModel(join(models, `${name}.gguf`), { name, template, scripts: { a: 'Hi.' } });
  await Promise.all([
    write('good', chatml()),
    write('strict', STRICT),
    write('silent', "{{ 'nothing' }}"),
    write('endless', ENDLESS),
  ]);
  flow = await startFlow({ dataDir: folder, engine: realEngine().executable });
  await flow.json('/api/models/scan', {});
}, 180_000);
afterAll(async () => {
  renderer[Symbol.dispose]();
  await flow[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

test('registered models say by themselves what their templates are worth', async () => {
  const verdict = (id: string) =>
    until(`the verdict on ${id}`, async () => {
      const { body } = await flow.json(`/api/models/${id}`);
      return body.template_valid === null ? null : body;
    });
  expect(await verdict('good')).toMatchObject({ template_valid: true, template_errors: [], supports_tools: true });
  expect(await verdict('silent')).toMatchObject({
    template_valid: false,
    template_errors: ["The user's words are not in the prompt."],
    supports_tools: false,
  });
  expect(await verdict('endless')).toMatchObject({ template_valid: false });
}, 180_000);

test('a template is shown with its findings, by model or as a text', async () => {
  const shown = await flow.json('/api/templates/check?model=strict');
  expect(shown.body).toMatchObject({
    model_id: 'strict',
    source: 'gguf',
    text: STRICT,
    template_valid: true,
    others: [],
  });
  expect(shown.body.facts).toMatchObject({ supports_tools: false, second_system: 'refused' });
  expect((await flow.json('/api/templates/check', { model: 'strict' })).body).toEqual(shown.body);
  const text = await flow.json('/api/templates/check', { text: '{% if' });
  expect(text.body).toMatchObject({ source: 'text', template_valid: false, findings: [{ kind: 'syntax' }] });
  expect((await flow.json('/api/templates/check?model=nobody')).status).toBe(404);
  expect((await flow.json('/api/templates/check', {})).status).toBe(400);
  expect((await flow.json('/api/templates/check', { text: 'x'.repeat(10 << 20) })).status).toBe(413);
}, 180_000);

test.each(['good', 'strict'])(
  'llama-server renders the prompts of %s as the check does',
  async (id) => {
    const { body } = await flow.json(`/api/templates/check?model=${id}`);
    const names = ['question', 'history', 'system', 'users', 'tools', 'call'];
    const chosen = trials(USUAL_TOKENS, false).filter(({ name }) => names.includes(name));
    const rendered = await renderer.render(
      String(body.text),
      chosen.map(({ variables }) => variables),
    );
    expect((await flow.json(`/api/models/${id}/load`, {})).status).toBeLessThan(300);
    await until(`${id} to run`, async () => (await flow.json(`/api/models/${id}`)).body.status === 'running', 30_000);
    for (const [index, { name, variables }] of chosen.entries()) {
      const { messages, tools } = variables;
      const answer = await flow.json(`/upstream/${id}/apply-template`, { messages, ...(tools ? { tools } : {}) });
      const ours = rendered.kind === 'rendered' ? rendered.outcomes[index] : null;
      const prompt = ours?.kind === 'text' ? ours.text : ours?.message;
      expect({ name, prompt: answer.body.prompt }).toEqual({ name, prompt });
    }
  },
  180_000,
);

test('a load says what is wrong with the template, and goes on', async () => {
  await flow.json('/api/models/silent/load', {});
  await until('the warning', () =>
    flow.output().includes("The chat template of silent: The user's words are not in the prompt."),
  );
}, 180_000);

test('a file that replaces the template is the one that is checked', async () => {
  const file = join(folder, 'models', 'own.jinja');
  writeFileSync(file, '{% for m in messages %}{{ m.content }');
  await flow.json('/api/models/good/config', { launch: { chat_template_file: file } }, 'PUT');
  const { body } = await flow.json('/api/templates/check?model=good');
  expect(body).toMatchObject({ source: 'override', file, template_valid: false });
  expect(body.others).toMatchObject([{ source: 'gguf', template_valid: true }]);
});

test('a template given as text takes the place of a model’s own, and its own comes back', async () => {
  const put = async (body: object) => {
    const headers = { 'content-type': 'application/json' };
    const answer = await fetch(`${flow.url}/api/templates/override`, {
      method: 'PUT',
      headers,
      body: JSON.stringify(body),
    });
    return { status: answer.status, body: await answer.json() };
  };
  const own = (await flow.json('/api/templates/check?model=strict')).body;
  const refused = await put({ model: 'strict', text: '{% if' });
  expect(refused).toMatchObject({ status: 422, body: { error: { kind: 'unprocessable' } } });
  expect((await flow.json('/api/templates/check?model=strict')).body).toEqual(own);
  const text = `${chatml()}{# mine #}`;
  expect(await put({ model: 'strict', text })).toMatchObject({ status: 200, body: { source: 'override', text } });
  const { body } = await flow.json('/api/models/strict/config');
  const file = /"chat_template_file":"([^"]+)"/.exec(JSON.stringify(body))?.[1] ?? '';
  expect(readFileSync(file, 'utf8')).toBe(text);
  expect(await put({ model: 'strict', text: null })).toMatchObject({ status: 200, body: { source: 'gguf' } });
  expect(existsSync(file)).toBe(false);
});
