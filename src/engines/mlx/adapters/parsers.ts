/**
 * Which parsers mlx-openai-server is told to use: it finds none by itself, whatever its help says, and a wrong one
 * loses calls or mixes thoughts into answers. The others choose theirs by the template. Pure.
 */
import type { LaunchSettings } from '#src/models/model.ts';
import type { CallFormat, ModelTraits } from '#src/models/traits.ts';

export type Parsers = { readonly reasoning: string | null; readonly toolCall: string | null };

/** The values that an installed version knows; null = it was not asked, then any. */
export type ParserChoices = {
  readonly reasoning: readonly string[] | null;
  readonly toolCall: readonly string[] | null;
};

type Row = {
  /** The model's family; null = any. */
  readonly family: RegExp | null;
  readonly format: CallFormat | null;
  readonly toolCall: readonly string[];
  readonly reasoning: readonly string[];
};

/** The first row that fits; within it the first parser that the version knows. */
const ROWS: readonly Row[] = [
  row(/^gpt-oss$/, 'harmony', ['harmony'], ['harmony']),
  row(/^GLM/, 'glm', ['glm4_moe'], ['glm47_flash', 'glm4_moe']),
  row(/^MiniMax/, 'minimax', ['minimax_m2'], ['minimax_m2']),
  row(/^Kimi/, 'kimi', ['kimi_k2'], ['kimi_k2']),
  row(/^Nemotron/, null, ['nemotron3_nano'], ['nemotron3_nano']),
  row(/^Step/, null, ['step_35', 'qwen3_coder'], ['step_35']),
  row(/^FunctionGemma/, 'gemma', ['functiongemma'], []),
  row(/^Gemma 4/, 'gemma', ['gemma4'], ['gemma4']),
  row(null, 'harmony', ['harmony'], ['harmony']),
  row(null, 'glm', ['glm4_moe'], ['glm4_moe']),
  row(null, 'minimax', ['minimax_m2'], ['minimax_m2']),
  row(null, 'kimi', ['kimi_k2'], ['kimi_k2']),
  row(null, 'gemma', ['gemma4'], ['gemma4']),
  row(null, 'hermes-json', ['hermes', 'qwen3'], []),
  row(null, 'qwen-xml', ['qwen3_coder'], []),
];

/**
 * For thoughts in `<think>`. Where the prompt opens the thought, only its end is said: `qwen3` would let that into the
 * answer, and `qwen3_moe` takes an answer without thought for one (measured on 1.8.1); `qwen3_5` does neither.
 */
const THINK_TAGS = ['qwen3'];
const OPENED_THINK_TAGS = ['qwen3_5', 'qwen3_moe'];

/**
 * The parsers of a start: what was chosen for the model, else what fits it, else none. A chosen one that the version
 * does not know is left to the server, which refuses it in its own words.
 */
export function parsersFor(traits: ModelTraits, choices: ParserChoices, launch: LaunchSettings): Parsers {
  const found = ROWS.find(({ family, format }) => isRow(traits, family, format));
  const tags = traits.opensThought ? OPENED_THINK_TAGS : THINK_TAGS;
  const forThoughts = found && found.reasoning.length > 0 ? found.reasoning : tags;
  return {
    toolCall: chosen(launch.mlx_tool_call_parser, found?.toolCall ?? [], choices.toolCall),
    reasoning: chosen(launch.mlx_reasoning_parser, traits.thinks ? forThoughts : [], choices.reasoning),
  };
}

function isRow(traits: ModelTraits, family: RegExp | null, format: CallFormat | null): boolean {
  const isFamily = family === null || (traits.family !== null && family.test(traits.family));
  // A model's template may teach another format than its family is known for: then that counts.
  const isFormat = format === null || traits.callFormat === format || (family !== null && traits.callFormat === null);
  return isFamily && isFormat && (family !== null || format !== null);
}

function chosen(wish: string, fitting: readonly string[], known: readonly string[] | null): string | null {
  if (wish === 'none') return null;
  if (wish !== '') return wish;
  return fitting.find((name) => known === null || known.includes(name)) ?? null;
}

function row(
  family: RegExp | null,
  format: CallFormat | null,
  toolCall: readonly string[],
  reasoning: readonly string[],
): Row {
  return { family, format, toolCall, reasoning };
}
