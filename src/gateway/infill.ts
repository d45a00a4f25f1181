/** Gaps between two texts: what a model trained for it is asked, and what is said of one that is not. */
import { chatVoice } from '#src/dialects/chat/voice.ts';
import type { Voice } from '#src/dialects/dialect.ts';
import { Fault } from '#src/faults.ts';
import { isObject, type JsonObject, stringOrNull } from '#src/json.ts';
import { without } from './engine-body.ts';

/** The engine's own route for it. */
export const INFILL_PATH = '/infill';

/** Fields of a completion that the engine's route knows under other names, or not at all. */
const REPLACED = ['prompt', 'suffix', 'max_tokens', 'echo', 'best_of', 'logprobs', 'user', 'n'];

/** The fields of a completion with `suffix`, as the engine's `/infill` has them. Throws Fault('invalid-request'). */
export function infillFields(fields: JsonObject): JsonObject {
  const { prompt = '', suffix, max_tokens } = fields;
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

/** A voice that says in our words that a model cannot fill gaps, as a mistake of the request: repeating it is no use. */
export function infillVoice<Spoken extends Voice>(voice: Spoken): Spoken {
  return { ...voice, refusal: (fault, requestId) => voice.refusal(clearer(fault), requestId) };
}

/** OpenAI's voice for `/infill` and completions with a suffix. */
export const infillChatVoice: Voice = infillVoice(chatVoice);

/** llama-server: `Infill is not supported by this model: prefix token is missing. …`, status 501. */
function clearer(fault: Fault): Fault {
  const error = isObject(fault.details.engineError) ? fault.details.engineError : {};
  const words = stringOrNull(error.message) ?? fault.message;
  if (fault.kind !== 'engine-refused' || !/infill|fim|prefix token is missing/i.test(words)) return fault;
  return new Fault('invalid-request', 'This model cannot fill in a gap between a prompt and a suffix.', {
    hint: 'Its vocabulary has no tokens for it; use a model trained to fill in the middle, or leave the suffix out.',
    cause: fault,
  });
}
