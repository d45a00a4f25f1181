/** How one request ended, in words, and what may help. Pure. For many at once: `telemetry/advice.ts`. */
import type { FaultKind } from '#src/faults.ts';
import { endText } from '#src/pages/telemetry/advice.ts';
import type { RequestAccount } from '#src/requests/account.ts';

const REFUSED_KEY = 'The key was missing, wrong, or is not allowed to do this.';
const WRONG_REQUEST = 'The request itself was wrong: the sentence above says where.';
const HUNG_ENGINE = 'The engine stopped answering and was replaced. When it happens again, its last lines may say why.';

const BY_KIND: { readonly [Kind in FaultKind]?: string } = {
  'context-overflow':
    "The prompt was longer than the model's context. Load the model with a larger one, or let the agent compact sooner.",
  'no-memory':
    'There was not enough memory. A smaller context or quantisation needs less; unpinning a model lets Flow make room.',
  'queue-timeout': 'It waited longer than Flow lets anybody wait. More slots, or a longer limit in the settings, help.',
  'queue-full': 'The queue was full. Fewer requests at once, or a longer queue in the settings, help.',
  'engine-died': 'The engine ended by itself. Its last lines are below.',
  'load-failed': 'The model did not load. The reason stands on its card, and in the lines below.',
  'engine-silent': HUNG_ENGINE,
  'engine-unreachable': HUNG_ENGINE,
  'engine-refused': 'The engine did not take the request: the sentence above is its own.',
  'engine-missing': 'There is no engine to serve the model with. The settings offer one.',
  'model-not-found': 'No model has that name. An alias makes it known.',
  'model-unloaded': 'Somebody unloaded the model by force while it answered.',
  'rate-limited': 'Its key may ask no more often for now. The limit stands with the key in the settings.',
  'quota-used': 'Its key has used the tokens of its day. The limit stands with the key in the settings.',
  unauthorized: REFUSED_KEY,
  forbidden: REFUSED_KEY,
  'invalid-request': WRONG_REQUEST,
  unprocessable: WRONG_REQUEST,
  'too-large': 'The body was larger than Flow takes. Smaller images, or a shorter conversation, fit.',
  'too-busy': 'Flow had too many files open for one more request: raise the limit where it is started.',
  'too-slow': 'The client sent its request too slowly, or stopped in the middle of it.',
  'shutting-down': 'Flow was being stopped.',
  internal: 'This is a mistake in Flow. The lines below say where.',
};
const LEFT = 'A limit on the client’s side, such as a timeout, may be too short';
const BY_TERMINATION: Readonly<Record<string, string>> = {
  CQ: `${LEFT} for the queue. More slots for the model shorten it.`,
  CL: `${LEFT} for a load. A pinned model, or one that is loaded before it is needed, keeps nobody waiting.`,
  CP: `${LEFT} for such a prompt. A shorter one, or one whose beginning stays the same, is read sooner.`,
  CG: 'It was stopped there, or the client went away.',
};

/** Who ended it and when; null for one that is complete, or runs. */
export function endWords({ stage, termination }: RequestAccount): string | null {
  if (stage !== 'failed' && stage !== 'cancelled') return null;
  return termination === null ? null : `by ${endText(termination)}`;
}

/** One or two sentences; null where nothing useful is known. */
export function helpFor({ stage, error, termination }: RequestAccount): string | null {
  if (stage !== 'failed' && stage !== 'cancelled') return null;
  const known: Readonly<Record<string, string | undefined>> = BY_KIND;
  const ofKind = error === null ? null : (known[error.kind] ?? null);
  if (ofKind !== null) return ofKind;
  if (termination?.startsWith('U')) return 'Somebody ended it here or by the API; nothing is wrong.';
  return BY_TERMINATION[termination ?? ''] ?? null;
}
