/** What may help against the ends of requests that somebody did not want, from what was recorded. Pure. */
import type { FailureGroup } from '#src/requests/tally.ts';
import { durationText, elapsedText } from '#views/parts/quantity.tsx';

const WHO: Readonly<Record<string, string>> = { C: 'the client', E: 'the engine', F: 'Flow', U: 'a person' };
const PHASES: Readonly<Record<string, string>> = {
  Q: 'while queued',
  L: 'while the model loaded',
  P: 'while the prompt was read',
  G: 'while it answered',
  S: 'while the answer was sent',
};
/** So many ends at nearly the same age are no accident but a limit. */
const LIMIT_COUNT_MIN = 3;
const LIMIT_SPREAD_MAX = 1.15;
const LIMIT_MS_MIN = 5_000;

/** Who ended it and when, in words: `the client, while queued`. */
export function endText(termination: string): string {
  const who = WHO[termination[0] ?? ''] ?? 'nobody';
  const phase = PHASES[termination[1] ?? ''];
  return phase === undefined ? who : `${who}, ${phase}`;
}

/** One or two sentences; null where nothing useful is known. */
export function adviceFor(group: FailureGroup): string | null {
  return ofKind(group.errorKind) ?? ofTermination(group);
}

function ofTermination(group: FailureGroup): string | null {
  const { termination } = group;
  const limitMs = limitOf(group);
  const limit =
    limitMs === null
      ? null
      : `All of them ended after about ${durationText(limitMs / 1000)}, which looks like a timeout of the client: raise it`;
  switch (termination) {
    case 'CQ':
      return limit === null
        ? 'They left before their turn. More slots for the model, or fewer requests at once, shorten the queue.'
        : `${limit}, or give the model more slots so that the queue is shorter.`;
    case 'CL':
      return limit === null
        ? 'They left before the model was loaded. Pin the model, or load it before it is needed.'
        : `${limit}, or pin the model so that nobody waits for its load.`;
    case 'CP':
      return limit === null
        ? 'They left while the prompt was read. A shorter prompt, or one whose beginning stays the same, is read sooner.'
        : `${limit}, or shorten the prompt so that it is read sooner.`;
    case 'CG':
      return limit === null ? null : `${limit}, or limit the length of answers.`;
    default:
      return termination.startsWith('U') ? 'Somebody ended them here or by the API; nothing is wrong.' : null;
  }
}

function ofKind(kind: string | null): string | null {
  switch (kind) {
    case 'context-overflow':
      return "The prompt was longer than the model's context. Load the model with a larger context, or let the agent compact sooner.";
    case 'no-memory':
      return 'There was not enough memory. A smaller context or quantisation needs less; unpinning models lets Flow make room.';
    case 'queue-timeout':
      return 'They waited longer than Flow lets anybody wait. More slots or a longer limit in the settings help.';
    case 'queue-full':
      return 'The queue was full. Fewer requests at once, or a longer queue in the settings, help.';
    case 'engine-died':
      return 'The engine ended by itself. Its last lines are in the logs.';
    case 'load-failed':
      return 'The model did not load. The reason stands on its card and in the logs.';
    case 'engine-silent':
    case 'engine-unreachable':
      return 'The engine stopped answering and was replaced. When it happens again, look into its logs.';
    case 'engine-refused':
      return 'The engine did not take the request. Its sentence is in the records below.';
    case 'model-not-found':
      return 'They asked for a name that no model has. An alias makes it known.';
    case 'model-unloaded':
      return 'The model was unloaded by force while it answered.';
    case 'unauthorized':
    case 'forbidden':
      return 'The key was missing or wrong.';
    case 'invalid-request':
    case 'unprocessable':
      return 'The request itself was wrong; its client can tell more.';
    case 'shutting-down':
      return 'Flow was being stopped.';
    default:
      return null;
  }
}

/** The age at which all of them ended; null when they differ. */
function limitOf({ count, medianMs, lowerMs, upperMs }: FailureGroup): number | null {
  const isTight = lowerMs > 0 && upperMs / lowerMs <= LIMIT_SPREAD_MAX;
  return count >= LIMIT_COUNT_MIN && isTight && medianMs >= LIMIT_MS_MIN ? medianMs : null;
}

/** `median 58 s`, for a group. */
export function medianText({ medianMs }: FailureGroup): string {
  return `median ${elapsedText(medianMs)}`;
}
