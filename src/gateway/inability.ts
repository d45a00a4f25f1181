/** What is said of a model that cannot do what was asked: the engine's words are about its own flags. */
import { chatVoice } from '#src/dialects/chat/voice.ts';
import type { Voice } from '#src/dialects/dialect.ts';
import { Fault } from '#src/faults.ts';
import { isObject, stringOrNull } from '#src/json.ts';

type Inability = { readonly engine: RegExp; readonly words: string; readonly hint: string };

const INABILITIES: readonly Inability[] = [
  {
    engine: /infill is not supported/i,
    words: 'This model cannot fill in a gap between a prompt and a suffix.',
    hint: 'Its vocabulary has no tokens for it; use a model trained to fill in the middle, or leave the suffix out.',
  },
  {
    engine: /does not support embeddings/i,
    words: 'This model makes no embeddings.',
    hint: 'Use a model made for them; a chat model that is to make some needs `--embeddings` in its extra arguments.',
  },
  {
    engine: /does not support reranking/i,
    words: 'This model cannot rerank.',
    hint: 'Use a model made for it, with `--reranking` in its extra arguments.',
  },
];

/** The voice, with refusals that are a mistake of the request's (400) where the engine says that it cannot (501). */
export function plainly<Spoken extends Voice>(voice: Spoken): Spoken {
  return { ...voice, refusal: (fault, requestId) => voice.refusal(inOurWords(fault), requestId) };
}

/** OpenAI's voice on routes that not every model can serve. */
export const plainChatVoice: Voice = plainly(chatVoice);

function inOurWords(fault: Fault): Fault {
  if (fault.kind !== 'engine-refused') return fault;
  const error = isObject(fault.details.engineError) ? fault.details.engineError : {};
  const said = stringOrNull(error.message) ?? fault.message;
  const inability = INABILITIES.find(({ engine }) => engine.test(said));
  if (!inability) return fault;
  return new Fault('invalid-request', inability.words, { hint: inability.hint, cause: fault });
}
