/** Families of models by their names and architectures, and what is known of them without a template. Pure. */
import type { CallFormat } from '../traits.ts';

/** What a family is known for. */
export type Family = {
  readonly name: string;
  /** How it calls tools; null = it has no format of its own. */
  readonly callFormat: CallFormat | null;
  readonly thinks: boolean;
};

type Entry = Family & { readonly pattern: RegExp };

/** More special names first. `\b` does not see an underscore, so separators are spelled out. */
const FAMILIES: readonly Entry[] = [
  family('gpt-oss', /gpt[-_ ]?oss/, 'harmony', true),
  family('Qwen3-Coder', /qwen3[-_ ]?coder/, 'qwen-xml', false),
  family('Qwen3.6', /qwen[-_ ]?3[._-]6/, 'qwen-xml', true),
  family('Qwen3.5', /qwen[-_ ]?3[._-]?5/, 'qwen-xml', true),
  family('QwQ', /qwq/, 'hermes-json', true),
  family('Qwen3 Instruct', /qwen3.*instruct[-_ ]?2507/, 'hermes-json', false),
  family('Qwen3', /qwen[-_ ]?3/, 'hermes-json', true),
  family('DeepSeek R1', /deepseek[-_ ]?r1/, 'deepseek', true),
  family('Qwen2.5', /qwen[-_ ]?2/, 'hermes-json', false),
  family('DeepSeek', /deepseek/, 'deepseek', true),
  family('GLM', /glm[-_ ]?(?:4|5|z1)|chatglm/, 'glm', true),
  family('Gemma 4', /gemma[-_ ]?4/, 'gemma', true),
  family('FunctionGemma', /function[-_ ]?gemma/, 'gemma', false),
  family('Gemma', /gemma/, null, false),
  family('Magistral', /magistral/, 'mistral', true),
  family('Mistral', /mistral|ministral|devstral|mixtral|codestral/, 'mistral', false),
  family('Kimi', /kimi|moonshot/, 'kimi', true),
  family('MiniMax', /minimax/, 'minimax', true),
  family('Nemotron', /nemotron/, null, true),
  family('Seed-OSS', /seed[-_ ]?oss/, 'qwen-xml', true),
  family('Step', /step[-_ ]?3|stepfun/, 'qwen-xml', true),
  family('Hermes', /hermes/, 'hermes-json', false),
  family('SmolLM3', /smollm[-_ ]?3/, 'hermes-json', true),
  family('LFM2', /lfm[-_ ]?2/, 'pythonic', false),
  family('Granite', /granite/, null, false),
  family('Command', /command[-_ ]?(?:r|a)|cohere/, 'other-tags', false),
  family('Apertus', /apertus/, 'other-tags', false),
  family('Apriel', /apriel/, 'other-tags', true),
  family('Hunyuan', /hunyuan|hy3/, null, true),
  family('ERNIE', /ernie/, null, false),
  family('Phi', /phi[-_ ]?[34]/, null, false),
  family('Llama 4', /llama[-_ ]?4/, 'pythonic', false),
  family('Llama', /llama[-_ ]?3/, 'llama-json', false),
];

function family(name: string, pattern: RegExp, callFormat: CallFormat | null, thinks: boolean): Entry {
  return { name, pattern, callFormat, thinks };
}

/**
 * The family, by the first of these that names one: the model's name, its place of origin, its architecture (many
 * models are of the architecture of another family).
 */
export function familyOf(names: readonly (string | null)[]): Family | null {
  for (const name of names) {
    const text = name?.toLowerCase() ?? '';
    const found = FAMILIES.find(({ pattern }) => pattern.test(text));
    if (found) return { name: found.name, callFormat: found.callFormat, thinks: found.thinks };
  }
  return null;
}
