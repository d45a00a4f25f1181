// What is said of launch settings before a load, as a table; the verdict; the search for the largest size.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readGguf } from '#src/gguf/read.ts';
import type { ModelFacts } from '#src/models/facts.ts';
import { largestWhere, verdictOf } from '#src/models/fit-search.ts';
import { type LaunchLook, launchWarnings } from '#src/models/fit-warnings.ts';
import { someLaunch, someModel } from '#test/engines/support/plan.ts';
import { COMMON_SCRIPTS, writeScriptedModel } from '#test/support/scripted-model.ts';

let folder: string;
let facts: ModelFacts;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'flow-fit-'));
  await writeScriptedModel(join(folder, 'm.gguf'), { scripts: COMMON_SCRIPTS });
  facts = { ...readGguf(join(folder, 'm.gguf')), contextTokens: 4096, vocabularySize: 32_000 };
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('warnings', () => {
  const vision = { tools: false, thinking: false, vision: true, embedding: false };
  const launch = someLaunch({ ctx_size: 1024 });
  const draft = (vocabularySize: number) => ({ name: 'd.gguf', isThere: true, facts: { ...facts, vocabularySize } });
  const cases: readonly [string, () => Partial<LaunchLook>, readonly (string | RegExp)[]][] = [
    ['nothing odd', () => ({}), []],
    ['a file that is gone', () => ({ projector: { name: 'p.gguf', isThere: false } }), [/^p\.gguf is not there/]],
    ['vision without its projector', () => ({ model: someModel('/m', { capabilities: vision }) }), [/takes no images/]],
    [
      'vision of an MLX model, which has it in itself',
      () => ({ model: someModel('/m', { capabilities: vision, format: 'mlx' }) }),
      [],
    ],
    ['quantised values without flash attention', () => ({ launch: { ...launch, flash_attn: 'off' } }), [/q4_0/]],
    [
      'whole values without flash attention',
      () => ({ launch: { ...launch, flash_attn: 'off', cache_type_v: 'f16' } }),
      [],
    ],
    ['a draft of the same family', () => ({ draft: draft(32_064) }), []],
    [
      'a draft of another family',
      () => ({ draft: draft(151_936) }),
      [/another vocabulary \(151936 tokens, not 32000\)/],
    ],
    ['a draft that cannot be read', () => ({ draft: { ...draft(1), facts: null } }), []],
    [
      'a wish beyond the trained context',
      () => ({ chosen: { ctx_size: 100_000 }, launch: { ...launch, ctx_size: 4096 } }),
      [/gets 4096 tokens, not 100000/],
    ],
    ['a default beyond the trained context', () => ({ launch: { ...launch, ctx_size: 4096 } }), []],
    ['a stretched context', () => ({ launch: { ...launch, ctx_size: 8192, rope_scale: 2 } }), [/costs accuracy/]],
    ['a physical batch beyond the logical one', () => ({ launch: { ...launch, batch_size: 64 } }), [/brought down/]],
    [
      "llama-server's settings for an MLX model",
      () => ({ model: someModel('/m', { format: 'mlx' }), chosen: { cache_type_k: 'q8_0', gpu_layers: 4 } }),
      ['MLX servers know nothing of cache_type_k, gpu_layers.'],
    ],
  ];
  for (const [name, differences, expected] of cases) {
    test(name, () => {
      const plain = { model: someModel('/m'), facts, chosen: {}, launch, projector: null, draft: null };
      const found = launchWarnings({ ...plain, ...differences() });
      expect(found).toHaveLength(expected.length);
      for (const [index, one] of expected.entries()) expect(found[index]).toMatch(one);
    });
  }
});

test('a verdict leaves room for another, small model', () => {
  expect([80, 81, 100, 101].map((need) => verdictOf(need, 100))).toEqual(['fits', 'tight', 'tight', 'too-big']);
});

test('the largest size is exact in steps, the bound itself when possible, and 0 when nothing is', () => {
  for (let limit = 0; limit < 3_000; limit += 37) {
    const found = largestWhere((size) => size <= limit, 2_500, 256);
    expect(found).toBe(limit >= 2_500 ? 2_500 : Math.floor(limit / 256) * 256);
  }
});
