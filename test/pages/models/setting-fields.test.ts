/** Sections of a model's settings: what a form changes, and what takes it back. In a browser: test/e2e. */
import { describe, expect, test } from 'bun:test';
import { isObject } from '#src/json.ts';
import { Behaviour, RepairSwitches } from '#src/models/behaviour.ts';
import { configWith } from '#src/models/config-patch.ts';
import { defaultsOf } from '#src/models/launch.ts';
import { EMPTY_CONFIG, LaunchSettings, type Model, type ModelConfig } from '#src/models/model.ts';
import { launchGroups, readLaunchForm } from '#src/pages/models/launch-fields.ts';
import { readSection, SECTION_NAMES, settingsSection } from '#src/pages/models/setting-fields.ts';
import { undoPatch } from '#src/pages/models/undo-patch.ts';
import { sampleModel } from '../../support/dashboard.ts';
import { sampleSettings } from '../../support/sample-settings.ts';

const CHOSEN: ModelConfig = {
  ...EMPTY_CONFIG,
  behaviour: { temperature: 0.6, chat_template_kwargs: { a: 1, b: { c: 2 } }, repairs: { loop_guard: false } },
  variants: [{ name: 'precise', behaviour: { temperature: 0 } }],
};
const model = (config: ModelConfig = CHOSEN, aliases: readonly string[] = ['fast']): Model =>
  sampleModel('gemma', { config, aliases });

describe('sections', () => {
  test('every field of a behaviour has a place in some section, every repair too', () => {
    const names = SECTION_NAMES.flatMap((name) => settingsSection(model(), name).fields.map((field) => field.name));
    for (const name of Object.keys(Behaviour.properties)) {
      expect(names.some((one) => one.startsWith(`behaviour.${name}`))).toBe(true);
    }
    for (const name of Object.keys(RepairSwitches.properties)) expect(names).toContain(`behaviour.repairs.${name}`);
    expect(new Set(names).size).toBe(names.length);
  });

  test('a form that nobody changed changes nothing', () => {
    for (const name of SECTION_NAMES) {
      const { fields } = settingsSection(model(), name);
      const form = Object.fromEntries(
        fields.map((field) => [
          field.name,
          field.kind === 'switch' || field.kind === 'repair' ? (field.isOn ? ['off', 'on'] : 'off') : field.value,
        ]),
      );
      const { aliases, ...patch } = readSection(model(), name, form);
      expect(configWith(CHOSEN, patch)).toEqual(CHOSEN);
      if (aliases !== undefined) expect(aliases).toEqual(['fast']);
    }
  });

  const changes: readonly [string, Record<string, unknown>, Record<string, unknown>][] = [
    ['sampling', { 'behaviour.temperature': '' }, { behaviour: { temperature: null } }],
    ['sampling', { 'behaviour.top_k': ' 20 ' }, { behaviour: { top_k: 20 } }],
    ['thinking', { 'behaviour.enable_thinking': 'off' }, { behaviour: { enable_thinking: false } }],
    ['thinking', { 'behaviour.enable_thinking': '' }, { behaviour: { enable_thinking: null } }],
    ['staying', { is_pinned: ['off', 'on'], cooldown_s: '' }, { is_pinned: true, cooldown_s: null }],
    ['names', { aliases: ' quick \r\n\r\nfast' }, { aliases: ['quick', 'fast'] }],
    ['names', { aliases: '' }, { aliases: [] }],
    ['repairs', { 'behaviour.repairs.loop_guard': ['off', 'on'] }, { behaviour: { repairs: { loop_guard: null } } }],
    [
      'template',
      { 'behaviour.chat_template_kwargs': '{"b": {"d": 3}}' },
      { behaviour: { chat_template_kwargs: { a: null, b: { c: null, d: 3 } } } },
    ],
    ['variants', { variants: '' }, { variants: [] }],
  ];
  for (const [name, form, patch] of changes) {
    test(`${name}: ${JSON.stringify(form)} means ${JSON.stringify(patch)}`, () => {
      expect(readSection(model(), name, form)).toEqual(patch);
    });
  }

  test('what is no number and what is no JSON is refused by the name of its field', () => {
    expect(() => readSection(model(), 'sampling', { 'behaviour.seed': 'many' })).toThrow('Seed is a number.');
    expect(() => readSection(model(), 'variants', { variants: '[' })).toThrow('Variants is not valid JSON.');
  });
});

test('an undo gives every change back, and touches nothing that was changed by others', () => {
  const before = model();
  const patches: readonly Record<string, unknown>[] = [
    { behaviour: { temperature: 1, top_k: 3, chat_template_kwargs: { a: null, z: [1] } } },
    { launch: { ctx_size: 5 }, is_pinned: true, cooldown_s: 9 },
    { behaviour: { repairs: null }, variants: [] },
    { preset: 'glm' },
    {},
  ];
  for (const patch of patches) {
    const after = model(configWith(before.config, patch));
    const undo = undoPatch(before, after);
    expect(undo === null).toBe(Object.keys(patch).length === 0);
    expect(configWith(after.config, undo ?? {})).toEqual(before.config);
    const byOthers = configWith(after.config, { behaviour: { seed: 42 } });
    expect(configWith(byOthers, undo ?? {}).behaviour.seed).toBe(42);
  }
  expect(undoPatch(before, model(CHOSEN, []))).toEqual({ aliases: ['fast'] });
});

describe('the load form', () => {
  const effective = defaultsOf(sampleSettings());
  const formOf = (one: Model): Record<string, unknown> =>
    Object.fromEntries(
      launchGroups({ model: one, effective, wished: {}, wrong: null, originOf: () => 'file' })
        .flatMap(({ fields }) => fields)
        .map((field) => {
          if (field.kind === 'switch') return [field.name, field.isOn ? ['off', 'on'] : 'off'];
          return [field.name, field.value === null ? '' : String(field.value)];
        }),
    );

  test('every launch setting is in the form of a format that it is for', () => {
    const names = new Set([
      ...Object.keys(formOf(model())),
      ...Object.keys(formOf(sampleModel('m', { format: 'mlx' }))),
    ]);
    expect([...names].toSorted()).toEqual(Object.keys(LaunchSettings.properties).toSorted());
  });

  test('a form that nobody changed wishes nothing, and only what was changed is wished', () => {
    for (const format of ['gguf', 'mlx'] as const) {
      const one = sampleModel('m', { format });
      expect(readLaunchForm(formOf(one), one, effective)).toEqual({});
      expect(readLaunchForm({ ...formOf(one), ctx_size: '4096' }, one, effective)).toEqual({ ctx_size: 4096 });
    }
    const form = { ...formOf(model()), mmap: 'off', extra_args: '--verbose\r\n\r\n', mlx_kv_bits: '4' };
    expect(readLaunchForm(form, model(), effective)).toEqual({ mmap: false, extra_args: ['--verbose'] });
  });

  test('a value out of its bounds is refused by name', () => {
    const refusal = () => readLaunchForm({ n_parallel: '0' }, model(), effective);
    expect(refusal).toThrow('n_parallel');
    const field = launchGroups({
      model: model(),
      effective,
      wished: {},
      originOf: () => 'file',
      wrong: { field: 'n_parallel', message: 'No.' },
    })
      .flatMap(({ fields }) => fields)
      .find(({ error }) => error !== null);
    expect(field?.name).toBe('n_parallel');
    expect(isObject(field)).toBe(true);
  });
});
