/**
 * What is known of a model from its files alone, whatever their format: the sizes that decide its memory, and what it
 * can do. `gguf` and `mlx` read it; memory, templates and traits stand on it.
 */

/** What the list of tensors adds up to. */
export type TensorTotals = {
  readonly count: number;
  readonly bytes: number;
  readonly parameters: number;
  /** The format id that most parameters have; null without tensors. */
  readonly mostlyType: number | null;
  /** Bytes of `token_embd.weight`, of `output.weight`, and rows of the former (the vocabulary). */
  readonly embeddingBytes: number;
  readonly outputBytes: number;
  readonly embeddingRows: number | null;
};

/** One layer's share of the key-value cache. Zero heads: it keeps no cache that grows with the context. */
export type LayerFacts = {
  readonly kvHeads: number;
  readonly keyLength: number;
  readonly valueLength: number;
  /** It sees only the last `slidingWindow` tokens. */
  readonly isSliding: boolean;
};

/** Sizes, template and abilities of a model. */
export type ModelFacts = {
  readonly architecture: string;
  /** What kind of file: a model, or something that belongs to one. */
  readonly role: 'model' | 'projector' | 'adapter' | 'other';
  readonly name: string | null;
  readonly quantization: string | null;
  readonly contextTokens: number | null;
  readonly embeddingLength: number;
  readonly feedForwardLength: number;
  readonly heads: number;
  readonly layers: readonly LayerFacts[];
  /** Tokens; null = every layer sees the whole context. */
  readonly slidingWindow: number | null;
  /** Bytes of recurrent state per conversation, all layers together (Mamba and its kin); 0 = none. */
  readonly recurrentBytes: number;
  readonly vocabularySize: number;
  readonly expertCount: number;
  readonly expertUsedCount: number;
  /** Width of one expert; 0 without experts. */
  readonly expertFeedForwardLength: number;
  readonly chatTemplate: string | null;
  /** Further templates by their names, for example `tool_use`, which engines take when there are tools. */
  readonly namedTemplates: readonly { readonly name: string; readonly text: string }[];
  readonly beginToken: number | null;
  readonly endToken: number | null;
  readonly splitCount: number;
  readonly splitNumber: number;
  readonly tensors: TensorTotals;
  readonly capabilities: { readonly tools: boolean; readonly thinking: boolean; readonly embedding: boolean };
  /** It sees images with these files alone; a GGUF's eyes are in a file of their own. */
  readonly hasVision: boolean;
  /** Bytes of one number of the cache, where the model decides it (MLX); null = the launch does. */
  readonly cacheElementBytes: number | null;
  /** Its vocabulary names the tokens around a gap that is to be filled. */
  readonly fillsGaps: boolean;
};

const TOOL_MARKS = /\btools\b|tool_call/;
const THINKING_MARKS = /<\/?think>|enable_thinking|reasoning_content|<\|channel\|>|thinking_budget|\[THINK\]/;

/** What a chat template has words for. */
export function abilitiesIn(template: string | null): { readonly tools: boolean; readonly thinking: boolean } {
  return {
    tools: template !== null && TOOL_MARKS.test(template),
    thinking: template !== null && THINKING_MARKS.test(template),
  };
}
