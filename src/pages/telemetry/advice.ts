/** What may help against the ends of requests that somebody did not want, from what was recorded. Pure. */
import type { FailureGroup } from '#src/requests/tally.ts';
import { bytesText, durationText, elapsedText, pluralText, tokensText } from '#views/parts/quantity.tsx';
import { plainKind } from './marks.ts';

/** What else is known of the period that a group is of. */
export type Circumstances = {
  /** Loads that came to nothing and engines that ended by themselves, by kind. */
  readonly crashes: ReadonlyMap<string, number>;
  /** Bytes of each model that had a process when the last of the group ended; null when nobody looked. */
  readonly beside: Readonly<Record<string, number>> | null;
};

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
/** Limits that programs are usually given, in seconds. */
const USUAL_LIMITS_S = [10, 15, 20, 30, 45, 60, 90, 120, 180, 240, 300, 600, 900, 1_200, 1_800, 3_600] as const;
const BESIDE_MAX = 4;

/** Who ended it and when, in words: `the client, while queued`. */
export function endText(termination: string): string {
  const who = WHO[termination[0] ?? ''] ?? 'nobody';
  const phase = PHASES[termination[1] ?? ''];
  return phase === undefined ? who : `${who}, ${phase}`;
}

/** One or two sentences; null where nothing useful is known. */
export function adviceFor(group: FailureGroup, around: Circumstances): string | null {
  return ofKind(group, around) ?? ofTermination(group);
}

/** `median 58 s`, for a group. */
export function medianText({ medianMs }: FailureGroup): string {
  return `median ${elapsedText(medianMs)}`;
}

function ofTermination(group: FailureGroup): string | null {
  const limit = limitText(group);
  const prompts = group.medianInputTokens === null ? '' : ` of about ${tokensText(group.medianInputTokens)} tokens`;
  switch (group.termination) {
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
        ? `They left while prompts${prompts} were read. A shorter prompt, or one whose beginning stays the same, is read sooner.`
        : `${limit}, or shorten the prompts${prompts} so that they are read sooner.`;
    case 'CG':
      return limit === null ? null : `${limit}, or limit the length of answers.`;
    case 'CS':
      return 'The answer was ready; they left while it was sent.';
    default:
      return group.termination.startsWith('U') ? 'Somebody ended them here or by the API; nothing is wrong.' : null;
  }
}

function ofKind(group: FailureGroup, around: Circumstances): string | null {
  const age = elapsedText(group.medianMs);
  switch (group.errorKind) {
    case 'context-overflow':
      return "The prompts were longer than the model's context; the sentence above has the sizes. Load the model with a larger context, or let the agent compact sooner.";
    case 'no-memory':
      return `There was not enough memory${besideText(around, group)}. A smaller context or quantisation needs less; unpinning models lets Flow make room.`;
    case 'queue-timeout':
      return `They waited ${age}, longer than Flow lets anybody wait. More slots for the model, or a longer limit in the settings, help.`;
    case 'queue-full':
      return 'The queue was full. Fewer requests at once, more slots, or a longer queue in the settings, help.';
    case 'engine-died':
      return `The engine ended by itself${crashText(around)}. ${memoryHelp(around, group)}Its last lines are in the logs.`;
    case 'load-failed':
      return `The model did not load${crashText(around)}. ${memoryHelp(around, group)}The reason stands on its card and in the logs.`;
    case 'engine-silent':
    case 'engine-unreachable':
      return `The engine stopped answering (after ${age}) and was replaced. When it happens again, look into its logs.`;
    default:
      return group.errorKind === null ? null : (PLAIN_ADVICE[group.errorKind] ?? null);
  }
}

const PLAIN_ADVICE: Readonly<Record<string, string>> = {
  'engine-refused': 'The engine did not take the request; the sentence above is its own.',
  'engine-missing': 'There was no engine to serve the model with. The settings offer one.',
  'model-not-found': 'They asked for a name that no model has. An alias makes it known.',
  'model-not-loaded': 'Just-in-time loading is off, so somebody has to load the model first.',
  'model-unloaded': 'The model was unloaded by force while it answered.',
  'rate-limited': 'Their key may ask no more often for now. The limit stands with the key in the settings.',
  'quota-used': 'Their key has used the tokens of its day. The limit stands with the key in the settings.',
  unauthorized: 'The key was missing or wrong.',
  forbidden: 'The key is not allowed to do this.',
  'invalid-request': 'The request itself was wrong; the sentence above says where.',
  unprocessable: 'The request itself was wrong; the sentence above says where.',
  'too-large': 'The body was larger than Flow takes. Smaller images, or a shorter conversation, fit.',
  'too-slow': 'The client sent its request too slowly, or stopped in the middle of it.',
  'too-busy': 'Flow may have too few files open: raise the limit where it is started (ulimit -n 65536).',
  'shutting-down': 'Flow was being stopped.',
  internal: 'This is a mistake in Flow; its log has the details.',
};

/** `: 2 × out of memory, 1 × killed`; '' when no reason was recorded. */
function crashText({ crashes }: Circumstances): string {
  const kinds = [...crashes].sort(([, one], [, other]) => other - one).map(([kind, n]) => `${n} × ${plainKind(kind)}`);
  return kinds.length === 0 ? '' : ` (in this time: ${kinds.join(', ')})`;
}

function memoryHelp(around: Circumstances, group: FailureGroup): string {
  if (!around.crashes.has('out-of-memory')) return '';
  return `Out of memory${besideText(around, group)}: a smaller context or fewer slots need less. `;
}

/** What was loaded beside the models of the group: ` while gemma (18.0 GB) was loaded`. */
function besideText({ beside }: Circumstances, { models }: FailureGroup): string {
  const others = Object.entries(beside ?? {})
    .filter(([modelId]) => !models.includes(modelId))
    .sort(([, one], [, other]) => other - one);
  if (others.length === 0) return '';
  const named = others.slice(0, BESIDE_MAX).map(([modelId, bytes]) => `${modelId} (${bytesText(bytes)})`);
  const more = others.length > BESIDE_MAX ? ` and ${pluralText(others.length - BESIDE_MAX, 'other')}` : '';
  return ` while ${named.join(', ')}${more} ${others.length === 1 ? 'was' : 'were'} loaded`;
}

/** All ended at the same age: said with the limit that it looks like; null when they differ. */
function limitText(group: FailureGroup): string | null {
  const limitMs = limitOf(group);
  if (limitMs === null) return null;
  const seconds = limitMs / 1000;
  const usual = USUAL_LIMITS_S.find((limit) => seconds >= limit * 0.95 && seconds <= limit * 1.03);
  const whose = group.client ?? 'the client';
  const named = usual === undefined ? '' : ` of ${durationText(usual)}`;
  return `All of them ended after about ${durationText(seconds)}, which looks like a timeout${named} that ${whose} has: raise it`;
}

/** The age at which all of them ended; null when they differ. */
function limitOf({ count, medianMs, lowerMs, upperMs }: FailureGroup): number | null {
  const isTight = lowerMs > 0 && upperMs / lowerMs <= LIMIT_SPREAD_MAX;
  return count >= LIMIT_COUNT_MIN && isTight && medianMs >= LIMIT_MS_MIN ? medianMs : null;
}
