/**
 * The presets that come with Flow: published recommendations for sampling, and what makes a family work with tools.
 * Sources: the model cards of Qwen3.6 (three sets: thinking, thinking for precise coding, not thinking; Qwen3.5 has the
 * last two, and another one for general thinking) and of Qwen3-Coder, Google's of Gemma 3 and 4 (temperature 1,
 * top-p 0.95, top-k 64), OpenAI's for gpt-oss (temperature 1, top-p 1) and Z.ai's of GLM from 4.6 (temperature 1, top-p
 * 0.95). A 0 that they do not name keeps the engine from truncating by a number of its own.
 */
import type { Behaviour } from '#src/models/behaviour.ts';
import type { LaunchOverrides } from '#src/models/model.ts';

/** A named choice of behaviour, and of what an engine must be started with for it. */
export type Preset = {
  readonly id: string;
  readonly name: string;
  /** It comes with Flow and cannot be changed. */
  readonly isBuiltin: boolean;
  /** What it is for, in a sentence; empty for a user's own. */
  readonly description: string;
  readonly behaviour: Behaviour;
  /** Launch settings; with `template`, also the chat template of that name. */
  readonly launch: LaunchOverrides;
  /** File name of one of Flow's own chat templates; null = the model's own. */
  readonly template: string | null;
  /** The families that it is made for, as `ModelTraits.family` names them; empty = for any model. */
  readonly families: readonly string[];
};

/** Flow's own chat template for Qwen3.5 and 3.6. */
export const QWEN_TEMPLATE = 'qwen3.6-tools.jinja';

const QWEN = ['Qwen3.5', 'Qwen3.6'];
const QWEN_SAMPLING = { top_p: 0.95, top_k: 20, min_p: 0 };
const THINKING = { enable_thinking: true, preserve_thinking: true };

/** In the order in which they are offered. The ids are those that scripts know. */
export const BUILTIN_PRESETS: readonly Preset[] = [
  builtin('qwen36_tools', 'Qwen3.6: tools (stable)', {
    description: "For coding agents: precise sampling, thoughts kept between turns, and Flow's own chat template.",
    behaviour: { temperature: 0.6, ...QWEN_SAMPLING, presence_penalty: 0, ...THINKING },
    template: QWEN_TEMPLATE,
    families: QWEN,
  }),
  builtin('qwen3_thinking', 'Qwen3.6: thinking', {
    description: 'For general tasks, as its makers recommend.',
    behaviour: { temperature: 1, ...QWEN_SAMPLING, presence_penalty: 0, ...THINKING },
    // For general tasks Qwen3.5's card wants a presence penalty of 1.5, this one's none.
    families: ['Qwen3.6'],
  }),
  builtin('qwen3_thinking_coding', 'Qwen3.6: thinking (coding)', {
    description: 'For precise coding, as its makers recommend, with its own chat template.',
    behaviour: { temperature: 0.6, ...QWEN_SAMPLING, presence_penalty: 0, ...THINKING },
    families: QWEN,
  }),
  builtin('qwen3_no_thinking', 'Qwen3.6: no thinking', {
    description: 'Answers at once, whatever an agent asks for.',
    behaviour: {
      ...{ temperature: 0.7, top_p: 0.8, top_k: 20, min_p: 0, presence_penalty: 1.5 },
      enable_thinking: false,
      // Agents ask for thoughts with every request; who chooses this means no thoughts at all.
      forced: { enable_thinking: false },
    },
    families: ['Qwen3', ...QWEN],
  }),
  builtin('qwen3_coder', 'Qwen3-Coder', {
    description: 'As its makers recommend.',
    behaviour: { temperature: 0.7, top_p: 0.8, top_k: 20, repetition_penalty: 1.05 },
    families: ['Qwen3-Coder'],
  }),
  builtin('gemma4', 'Gemma 4', {
    description: 'As its makers recommend.',
    behaviour: { temperature: 1, top_p: 0.95, top_k: 64, min_p: 0 },
    families: ['Gemma 4', 'Gemma'],
  }),
  builtin('gpt_oss', 'gpt-oss', {
    description: 'As its makers recommend: nothing is cut off from what it might say.',
    behaviour: { temperature: 1, top_p: 1, top_k: 0, min_p: 0 },
    families: ['gpt-oss'],
  }),
  builtin('glm', 'GLM', {
    description: 'As its makers recommend for GLM-4.6 and later.',
    behaviour: { temperature: 1, top_p: 0.95, min_p: 0 },
    families: ['GLM'],
  }),
  builtin('default', 'As the engine does', {
    description: "Nothing chosen: the engine's own sampling and the model's own template.",
    behaviour: {},
    families: [],
  }),
];

/** Whether a preset is made for a family; false for one that suits any, so that no model is offered it first. */
export function suits({ families }: Preset, family: string | null): boolean {
  return families.some((name) => name.toLowerCase() === family?.toLowerCase());
}

function builtin(
  id: string,
  name: string,
  more: Pick<Preset, 'description' | 'behaviour' | 'families'> & { readonly template?: string },
): Preset {
  return { id, name, isBuiltin: true, launch: {}, template: null, ...more };
}
