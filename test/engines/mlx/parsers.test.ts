// Which parsers mlx-openai-server is told to use, from templates and names as real models have them.
import { expect, test } from 'bun:test';
import { parsersFor } from '#src/engines/mlx/adapters/parsers.ts';
import { type CallFormat, detectTraits, type ModelTraits } from '#src/models/traits.ts';
import { someLaunch } from '#test/engines/support/plan.ts';

/** Those of 1.8.1. */
const REASONING =
  'gemma4|glm47_flash|glm4_moe|harmony|hermes|kimi_k2|minimax_m2|mixed_think_tool_handoff|nemotron3_nano|qwen3|qwen3_5|qwen3_moe|qwen3_vl|solar_open|step_35';
const TOOL_CALL =
  'functiongemma|gemma4|glm4_moe|harmony|hermes|iquest_coder_v1|kimi_k2|longcat_flash_lite|minimax_m2|nemotron3_nano|qwen3|qwen3_coder|qwen3_moe|qwen3_vl|solar_open|step_35';
const choices = { reasoning: REASONING.split('|'), toolCall: TOOL_CALL.split('|') };

function traits(family: string | null, callFormat: CallFormat | null, more: Partial<ModelTraits> = {}): ModelTraits {
  const none = detectTraits({ architecture: null, name: '', hfId: null, chatTemplate: null });
  return { ...none, family, callFormat, ...more };
}

const thinks = { thinks: true } as const;
const opens = { thinks: true, opensThought: true } as const;

test.each([
  ['Qwen3', traits('Qwen3', 'hermes-json', thinks), 'hermes', 'qwen3'],
  ['Qwen2.5, which does not think', traits('Qwen2.5', 'hermes-json'), 'hermes', null],
  ['Qwen3-Coder', traits('Qwen3-Coder', 'qwen-xml'), 'qwen3_coder', null],
  ['Qwen3.5, whose prompt opens the thought', traits('Qwen3.5', 'qwen-xml', opens), 'qwen3_coder', 'qwen3_5'],
  ['gpt-oss', traits('gpt-oss', 'harmony', thinks), 'harmony', 'harmony'],
  ['GLM-4.6', traits('GLM', 'glm', thinks), 'glm4_moe', 'glm47_flash'],
  ['MiniMax', traits('MiniMax', 'minimax', thinks), 'minimax_m2', 'minimax_m2'],
  ['Kimi', traits('Kimi', 'kimi', thinks), 'kimi_k2', 'kimi_k2'],
  ['Nemotron, known by its name alone', traits('Nemotron', null, thinks), 'nemotron3_nano', 'nemotron3_nano'],
  ['Gemma 4', traits('Gemma 4', 'gemma', thinks), 'gemma4', 'gemma4'],
  ['a GLM with the template of Hermes', traits('GLM', 'hermes-json', thinks), 'hermes', 'qwen3'],
  ['a finetune of no known family', traits(null, 'hermes-json', opens), 'hermes', 'qwen3_5'],
  ['Mistral, for which it has no parser', traits('Mistral', 'mistral'), null, null],
  ['a model without tools or thoughts', traits(null, null), null, null],
])('%s', (_, of, toolCall, reasoning) => {
  expect(parsersFor(of, choices, someLaunch())).toEqual({ toolCall, reasoning });
});

test('only what the installed version knows is chosen', () => {
  const old = { reasoning: ['qwen3', 'qwen3_moe'], toolCall: ['qwen3'] };
  expect(parsersFor(traits('Qwen3.5', 'hermes-json', opens), old, someLaunch())).toEqual({
    toolCall: 'qwen3',
    reasoning: 'qwen3_moe',
  });
  expect(parsersFor(traits('GLM', 'glm', thinks), old, someLaunch())).toEqual({ toolCall: null, reasoning: null });
});

test('what was chosen for the model wins, and "none" is none', () => {
  const launch = someLaunch({ mlx_tool_call_parser: 'qwen3', mlx_reasoning_parser: 'none' });
  expect(parsersFor(traits('Qwen3', 'hermes-json', thinks), choices, launch)).toEqual({
    toolCall: 'qwen3',
    reasoning: null,
  });
});
