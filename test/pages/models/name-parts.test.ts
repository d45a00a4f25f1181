/** How names are taken apart. */
import { expect, test } from 'bun:test';
import { nameParts } from '#src/pages/models/name-parts.ts';

const CASES: readonly [string, string, string | null, string | null][] = [
  ['gemma-4-26B-A4B-it-Q4_K_M', 'gemma-4', '26B-A4B', 'it'],
  ['Qwen3-0.6B', 'Qwen3', '0.6B', null],
  ['org/Qwen3-Coder-30B-A3B-Instruct-2507-UD-Q5_K_XL.gguf', 'Qwen3-Coder', '30B-A3B', 'Instruct-2507'],
  ['Mixtral-8x7B-v0.1.Q5_K_M', 'Mixtral', '8x7B', 'v0.1'],
  ['gemma-3n-E2B-it', 'gemma-3n', 'E2B', 'it'],
  ['SmolLM2-135M-Instruct-4bit', 'SmolLM2', '135M', 'Instruct'],
  ['Flow Demo', 'Flow Demo', null, null],
  ['7B', '7B', null, null],
  ['', '', null, null],
];
for (const [name, family, size, rest] of CASES) {
  test(`${name || 'no name'} is ${[family, size, rest].join(' · ')}`, () => {
    expect(nameParts(name)).toEqual({ family, size, rest });
  });
}
