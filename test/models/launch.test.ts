// Which settings a start gets, and what a load request may say.
import { expect, test } from 'bun:test';
import { Value } from '@sinclair/typebox/value';
import { Fault } from '#src/faults.ts';
import { launchFor, readLoadRequest } from '#src/models/launch.ts';
import { EMPTY_CONFIG, LaunchSettings, type Model } from '#src/models/model.ts';
import { Settings } from '#src/settings/settings.ts';

const settings = Value.Default(Settings, { models_dir: '/models' }) as Settings;
const model = (launch: Model['config']['launch'], trainedContextTokens: number | null = 131_072): Model => ({
  id: 'm',
  name: 'm',
  format: 'gguf',
  path: '/m.gguf',
  hfId: null,
  endpoint: null,
  quantization: null,
  sizeBytes: 1,
  trainedContextTokens,
  capabilities: { tools: false, thinking: false, vision: false, embedding: false },
  aliases: [],
  isDemo: false,
  isManaged: false,
  config: { ...EMPTY_CONFIG, launch },
  createdAtMs: 0,
  updatedAtMs: 0,
});

test('the settings give every field', () => {
  const launch = launchFor(model({}), settings, {});
  expect(Value.Check(LaunchSettings, launch)).toBe(true);
  expect(launch).toMatchObject({ ctx_size: 100_000, n_parallel: 2, cache_type_k: 'q4_0', flash_attn: 'on' });
});

test('the model goes before the settings, the caller before the model', () => {
  const launch = launchFor(model({ ctx_size: 8192, threads: 4 }), settings, { threads: 2 });
  expect(launch).toMatchObject({ ctx_size: 8192, threads: 2, n_parallel: 2 });
});

test.each([
  ['more than trained', 32_768, {}, 32_768],
  ['less than trained', 131_072, { ctx_size: 4096 }, 4096],
  ['as trained', 40_960, { ctx_size: 0 }, 40_960],
  ['more than trained, stretched', 32_768, { ctx_size: 65_536, rope_scale: 4 }, 65_536],
  ['more than stretched', 32_768, { ctx_size: 1_000_000, rope_scale: 2 }, 65_536],
  ['anything, when nobody knows what was trained', null, { ctx_size: 500_000 }, 500_000],
] as const)('a context of %s is brought to what the model can', (_what, trained, overrides, expected) => {
  expect(launchFor(model({}, trained), settings, overrides).ctx_size).toBe(expected);
});

test('a load request for an MLX model speaks of MLX as the Python Flow did', () => {
  const body = {
    mlx_context_length: 8192,
    mlx_prompt_cache_size: 3,
    mlx_tool_call_parser: 'hermes',
    mlx_model_type: 'lm',
  };
  const { overrides, notes } = readLoadRequest(body, 'mlx');
  expect(overrides).toEqual({ ctx_size: 8192, mlx_prompt_cache_size: 3, mlx_tool_call_parser: 'hermes' });
  expect(notes).toEqual(['Not for this engine, so left alone: mlx_model_type.']);
  expect(readLoadRequest({ ctx_size: 4096, mlx_context_length: 8192 }, 'mlx').overrides).toEqual({ ctx_size: 4096 });
});

test('a load request takes launch settings, and leaves MLX fields alone with a note', () => {
  const { overrides, notes } = readLoadRequest({ ctx_size: 4096, mlx_context_length: 0, mlx_model_type: 'lm' });
  expect(overrides).toEqual({ ctx_size: 4096 });
  expect(notes).toEqual(['Not for this engine, so left alone: mlx_context_length, mlx_model_type.']);
  expect(readLoadRequest(undefined)).toEqual({ overrides: {}, notes: [] });
});

test.each([
  ['a number out of bounds', { n_parallel: 0 }, 'n_parallel'],
  ['an unknown field', { ctx: 4 }, '"ctx"'],
  ['a wrong type', { cache_type_k: 'q3_7' }, 'cache_type_k'],
  ['a list', [1], 'JSON object'],
])('a load request with %s is refused by name', (_what, body, named) => {
  expect(() => readLoadRequest(body)).toThrow(Fault);
  expect(() => readLoadRequest(body)).toThrow(named);
});

test('a value that is none of those possible is refused with those that are', () => {
  expect(() => readLoadRequest({ cache_type_k: 'q9' })).toThrow(/cache_type_k .*\(.*f16.*q8_0.*\)/);
  expect(() => readLoadRequest({ flash_attn: 'maybe' })).toThrow('(on, off, auto)');
});
