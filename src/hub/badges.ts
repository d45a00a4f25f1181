/**
 * What a model can probably do, by its tags and its family: the hub has no field for it. Good enough to search by; what
 * a model really can is read from its template once it is here. Pure.
 */
import type { HubModel } from './hub.ts';

export type Badges = { readonly tools: boolean; readonly vision: boolean; readonly reasoning: boolean };

const VISION_TASKS = new Set(['image-text-to-text', 'any-to-any', 'visual-question-answering', 'image-to-text']);

const TOOL_TAGS = /^(?:function|tool)[-_ ]?(?:calling|call|use)$|^tools?$|^agent(?:ic|s)?$/i;
const TOOL_FAMILIES = new RegExp(
  [
    'qwen-?(?:2\\.5|[3-9])|llama-?(?:3\\.[1-9]|[4-9])|(?:mistral|ministral|devstral|magistral|mixtral|pixtral)',
    'hermes|gpt-oss|glm-?[4-9]|command-?(?:r|a)|granite|phi-?4|deepseek-(?:v[3-9]|r1)|kimi|minimax-m|nemotron',
    'gemma-?[4-9]|functiongemma|lfm2|smollm3|xlam|seed-oss|tool',
  ].join('|'),
  'i',
);
const VISION_TAGS = /^(?:vision|multimodal|vlm|image-text-to-text)$/i;
const VISION_NAMES = /(?:^|[-_./\d])(?:vl|vlm|vision|omni)(?:[-_./\d]|$)|llava|pixtral|minicpm-[vo]|moondream|smolvlm/i;
const REASONING_TAGS = /^(?:reasoning|thinking|chain-of-thought|cot)$/i;
const REASONING_NAMES = new RegExp(
  [
    'thinking|reason|qwq|gpt-oss|magistral|smollm3|cogito|seed-oss|minimax-m[1-9]|glm-?(?:4\\.[5-9]|[5-9])',
    '(?:^|[-_./])r1(?:[-_./]|$)|deepseek-v3\\.[1-9]|nemotron|qwen-?3(?:\\.\\d)?-(?!.*(?:instruct|coder|embedding|reranker))',
  ].join('|'),
  'i',
);

/** The guess. */
export function badgesOf({ id, tags, task }: Pick<HubModel, 'id' | 'tags' | 'task'>): Badges {
  const isTagged = (pattern: RegExp): boolean => tags.some((tag) => pattern.test(tag));
  return {
    tools: isTagged(TOOL_TAGS) || TOOL_FAMILIES.test(id),
    vision: VISION_TASKS.has(task ?? '') || isTagged(VISION_TAGS) || VISION_NAMES.test(id),
    reasoning: isTagged(REASONING_TAGS) || REASONING_NAMES.test(id),
  };
}
