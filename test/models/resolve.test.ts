// How names are understood. That routes use it is tested in test/gateway.
import { expect, test } from 'bun:test';
import { Fault } from '#src/faults.ts';
import { editDistance } from '#src/models/distance.ts';
import { EMPTY_CONFIG, type Model } from '#src/models/model.ts';
import { type Naming, resolveModel } from '#src/models/resolve.ts';
import { someModel } from '#test/engines/support/plan.ts';

const model = (id: string, more: Partial<Model> = {}): Model =>
  someModel(`/models/${id}.gguf`, { id, name: id, ...more });

const QWEN = model('Qwen3-8B-Q4_K_M', { aliases: ['coder'] });
const OSS = model('gpt-oss-20b', {
  path: '/elsewhere/oss-file.gguf',
  hfId: 'openai/gpt-oss-20b-GGUF',
  endpoint: null,
  quantization: 'MXFP4',
});
const LLAMA = model('org/Llama-3.2-3B');
const naming = (more: Partial<Naming> & { settings?: Naming['settings'] } = {}): Naming => ({
  models: [QWEN, OSS, LLAMA],
  loaded: new Set(),
  settings: { default_model: '', helper_models_enabled: true, helper_model: '' },
  ...more,
});
const settings = (more: Partial<Naming['settings']>): Naming['settings'] => ({ ...naming().settings, ...more });

function faultOf(wanted: string | undefined, given: Naming): Fault {
  try {
    resolveModel(wanted, given);
  } catch (cause) {
    if (cause instanceof Fault) return cause;
    throw cause;
  }
  throw new Error('resolved');
}

test.each([
  ['its id', 'Qwen3-8B-Q4_K_M', QWEN],
  ['its id in other case', 'QWEN3-8b-q4_k_m', QWEN],
  ['its id with .gguf', 'Qwen3-8B-Q4_K_M.gguf', QWEN],
  ['an alias', 'Coder', QWEN],
  ['its file name', 'oss-file', OSS],
  ['its repository', 'openai/gpt-oss-20b-GGUF', OSS],
  ['its repository and quantisation', 'openai/gpt-oss-20b-gguf:mxfp4', OSS],
  ['a provider before its id', 'openai/gpt-oss-20b', OSS],
  ['an id with a slash', 'org/llama-3.2-3b', LLAMA],
  ['the name that Claude Code is shown', 'claude-flow-Qwen3-8B-Q4_K_M', QWEN],
  ["Ollama's tag", 'gpt-oss-20b:latest', OSS],
] as const)('a model answers to %s', (_what, wanted, expected) => {
  expect(resolveModel(wanted, naming())).toMatchObject({ model: expected, by: 'name' });
});

test('a part that one model has means that model', () => {
  expect(resolveModel('llama', naming())).toMatchObject({ model: LLAMA, by: 'part' });
  expect(resolveModel('gpt-oss', naming())).toMatchObject({ model: OSS, by: 'part' });
});

test('a part of several names is refused with the names', () => {
  const fault = faultOf('8b-q', naming({ models: [QWEN, model('Other-8B-Q8_0')] }));
  expect(fault.kind).toBe('model-not-found');
  expect(fault.message).toContain('Qwen3-8B-Q4_K_M, Other-8B-Q8_0');
});

test('an exact name wins over being part of others', () => {
  expect(
    resolveModel('base', naming({ models: [model('base-large'), model('base'), model('base-small')] })).model.id,
  ).toBe('base');
});

test('an id wins over the alias of another', () => {
  expect(resolveModel('coder', naming({ models: [QWEN, model('coder')] })).model.id).toBe('coder');
});

test('one letter is no part', () => {
  expect(faultOf('q', naming()).kind).toBe('model-not-found');
});

test('an unknown name is told with the three nearest', () => {
  const fault = faultOf('gpt-os-20', naming({ settings: settings({ helper_models_enabled: false }) }));
  expect(fault.status).toBe(404);
  expect(fault.details.nearest).toEqual(['gpt-oss-20b', 'Qwen3-8B-Q4_K_M', 'org/Llama-3.2-3B']);
});

test.each([
  ['the default', { settings: settings({ default_model: 'coder' }) }, QWEN, 'default'],
  [
    'the default, although another is loaded',
    { settings: settings({ default_model: 'coder' }), loaded: new Set([OSS.id]) },
    QWEN,
    'default',
  ],
  ['the only loaded one', { loaded: new Set([OSS.id]) }, OSS, 'only-loaded'],
  ['the only registered one', { models: [LLAMA] }, LLAMA, 'only-registered'],
] as const)('no name means %s', (_what, more, expected, by) => {
  expect(resolveModel(undefined, naming(more))).toMatchObject({ model: expected, by });
  expect(resolveModel('  ', naming(more)).model).toBe(expected);
});

test('no name and nothing that stands for it is a 400 that lists the ids', () => {
  const fault = faultOf(undefined, naming({ loaded: new Set([QWEN.id, OSS.id]) }));
  expect(fault.status).toBe(400);
  for (const { id } of naming().models) expect(fault.message).toContain(id);
  expect(faultOf('', naming({ models: [] })).message).toContain('No model is registered');
});

test('a default that is gone is said, not replaced', () => {
  expect(faultOf(undefined, naming({ settings: settings({ default_model: 'gone' }) })).message).toContain('"gone"');
});

test.each(['claude-sonnet-4-5', 'claude-haiku-4-5-20251001', 'gpt-5-mini', 'anthropic/claude-opus-4', 'openai/gpt-4o'])(
  'the helper name %s goes to the helper model, else to the default',
  (name) => {
    const helper = naming({ settings: settings({ helper_model: LLAMA.id, default_model: 'coder' }) });
    expect(resolveModel(name, helper)).toMatchObject({ model: LLAMA, by: 'helper' });
    expect(resolveModel(name, naming({ settings: settings({ default_model: 'coder' }) }))).toMatchObject({
      model: QWEN,
      by: 'helper',
    });
    expect(resolveModel(name, naming({ loaded: new Set([OSS.id]) }))).toMatchObject({ model: OSS, by: 'helper' });
    expect(faultOf(name, naming()).status).toBe(404);
    expect(
      faultOf(name, naming({ settings: settings({ helper_models_enabled: false, default_model: 'coder' }) })).status,
    ).toBe(404);
  },
);

test('a registered model keeps its name from being a helper name', () => {
  const given = naming({ models: [QWEN, model('claude-local')], settings: settings({ helper_model: QWEN.id }) });
  expect(resolveModel('claude-local', given).by).toBe('name');
});

test.each([
  ['', '', 0],
  ['abc', '', 3],
  ['kitten', 'sitting', 3],
  ['gpt', 'gtp', 1],
  ['same', 'same', 0],
])('the distance of %p and %p is %p', (from, to, distance) => {
  expect(editDistance(from, to)).toBe(distance);
});

test('a variant answers to its name and lays its behaviour over its model’s', () => {
  const config = {
    ...EMPTY_CONFIG,
    behaviour: { temperature: 0.6, top_k: 20, chat_template_kwargs: { a: 1 }, repairs: { loop_guard: false } },
    variants: [
      {
        name: 'qwen-fast',
        behaviour: { temperature: 1, chat_template_kwargs: { b: 2 }, repairs: { think_tags: false } },
      },
    ],
  };
  const models = [model('Qwen3-8B', { aliases: ['coder'], config }), OSS];
  const behaviour = {
    temperature: 1,
    top_k: 20,
    chat_template_kwargs: { a: 1, b: 2 },
    repairs: { loop_guard: false, think_tags: false },
  };
  for (const name of [
    'qwen-fast',
    'QWEN-FAST',
    'Qwen3-8B:qwen-fast',
    'coder:qwen-fast',
    'claude-flow-qwen-fast',
    'n-fast',
  ]) {
    const resolved = resolveModel(name, naming({ models }));
    expect(resolved).toMatchObject({ model: { id: 'Qwen3-8B' }, variant: 'qwen-fast' });
    expect(resolved.behaviour).toEqual(behaviour);
  }
  expect(resolveModel('coder', naming({ models }))).toMatchObject({ variant: null, behaviour: { temperature: 0.6 } });
  // A part of the model's own name means the model, not the variant that has it too.
  expect(resolveModel('qwen', naming({ models })).variant).toBeNull();
  expect(resolveModel('', naming({ models, settings: settings({ default_model: 'qwen-fast' }) })).variant).toBe(
    'qwen-fast',
  );
  expect(faultOf('qwen-fas', naming({ models: [OSS] })).kind).toBe('model-not-found');
  expect(faultOf('qwon-fast', naming({ models })).details.nearest).toContain('qwen-fast');
});

test('a variant’s name may hold anything, and may stand for no name and for helpers', () => {
  const names = ['café/süd', 'qwen:fast:no-think', 'org/a:b', '思考', '🦙 quick'];
  const variants = names.map((name, top_k) => ({ name, behaviour: { top_k } }));
  const models = [model('Qwen3-8B', { config: { ...EMPTY_CONFIG, variants } }), OSS];
  for (const [top_k, name] of names.entries()) {
    for (const wanted of [name, name.normalize('NFD'), name.toUpperCase(), `Qwen3-8B:${name}`, `openai/${name}`]) {
      expect(resolveModel(wanted, naming({ models }))).toMatchObject({ variant: name, behaviour: { top_k } });
    }
    const chosen = settings({ default_model: name, helper_model: name });
    expect(resolveModel(null, naming({ models, settings: chosen }))).toMatchObject({ variant: name, by: 'default' });
    const helper = resolveModel('claude-haiku-4-5', naming({ models, settings: chosen }));
    expect(helper).toMatchObject({ variant: name, by: 'helper' });
  }
  // With its model gone the name means nothing any more.
  const fault = faultOf('', naming({ models: [OSS], settings: settings({ default_model: '思考' }) }));
  expect(fault.message).toContain('"思考", is not registered');
});

test('what a variant chooses is not forced otherwise by its model', () => {
  const behaviour = { forced: { temperature: 0.2, top_p: 0.5 } };
  const variants = [{ name: 'warm', behaviour: { temperature: 1 } }];
  const models = [model('one', { config: { ...EMPTY_CONFIG, behaviour, variants } })];
  expect(resolveModel('warm', naming({ models })).behaviour).toEqual({ temperature: 1, forced: { top_p: 0.5 } });
});
