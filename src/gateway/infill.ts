/** Gaps between two texts, as a model trained to fill them is asked. */
import { Fault } from '#src/faults.ts';
import type { JsonObject } from '#src/json.ts';
import { without } from './engine-body.ts';

/** The engine's own route for it. */
export const INFILL_PATH = '/infill';

/** Fields of a completion that the engine's route knows under other names, or not at all. */
const REPLACED = ['prompt', 'suffix', 'max_tokens', 'echo', 'best_of', 'logprobs', 'user', 'n'];

/** What is asked for in vain beside a suffix, and from which value on. */
const UNFILLED: readonly (readonly [field: string, isAsked: (value: unknown) => boolean])[] = [
  ['n', (value) => typeof value === 'number' && value > 1],
  ['best_of', (value) => typeof value === 'number' && value > 1],
  ['echo', (value) => value === true],
  ['logprobs', (value) => typeof value === 'number' && value > 0],
];

/** In words, what of a completion's fields the engine does not do when it fills a gap. */
export function unfilled(fields: JsonObject): readonly string[] {
  return UNFILLED.flatMap(([field, isAsked]) =>
    isAsked(fields[field]) ? [`${field} was left out: the engine fills a gap once, with text only`] : [],
  );
}

/** The fields of a completion with `suffix`, as the engine's `/infill` has them. Throws Fault('invalid-request'). */
export function infillFields(fields: JsonObject): JsonObject {
  const { suffix, max_tokens } = fields;
  const prompt = fields.prompt ?? '';
  if (typeof prompt !== 'string') {
    throw new Fault(
      'invalid-request',
      'prompt: with a suffix, one text is required; lists and tokens cannot be filled.',
    );
  }
  if (typeof suffix !== 'string') throw new Fault('invalid-request', 'suffix: a text is required.');
  return {
    input_prefix: prompt,
    input_suffix: suffix,
    ...(typeof max_tokens === 'number' ? { n_predict: max_tokens } : {}),
    ...without(fields, REPLACED),
  };
}
