/** What a hub's refusal means and what may help. Pure: the same answer gives the same Fault. */
import { Fault } from '#src/faults.ts';

/** A status that is no success, and what the words for it depend on. */
export type Refusal = {
  readonly status: number;
  readonly headers: Headers;
  /** The host that refused: the hub itself, or one that it sent us to. */
  readonly host: string;
  readonly isHub: boolean;
  readonly hasToken: boolean;
  /** The repository in question; null for a search. */
  readonly repository: string | null;
  /** Address of the hub, for links. */
  readonly hubUrl: string;
  readonly nowMs: number;
};

const WAIT_UNKNOWN_S = 60;
const WAIT_MAX_S = 3_600;
const GATED_WORDS = /gated|restricted|awaiting|must have access/i;
const BAD_TOKEN_WORDS = /invalid (?:credentials|user token)|token.*(?:expired|revoked|invalid)/i;
const ADD_TOKEN = 'Add an access token of the hub in the settings.';

/** The Fault for a refusal. What the hub wrote is never repeated. */
export function refusalFault(refusal: Refusal): Fault {
  const { status, headers, host, isHub } = refusal;
  const details = { hubStatus: status };
  if (status === 429) return busy(refusal);
  if (!isHub || status >= 500) {
    return new Fault('hub-broken', `${host} answered with status ${status}.`, {
      details,
      hint: 'The fault is not here; try again in a while.',
    });
  }
  const code = headers.get('x-error-code');
  const words = headers.get('x-error-message') ?? '';
  if (status === 404 || code?.endsWith('NotFound') || code === 'DisabledRepo') return missing(refusal, code);
  if (code === 'GatedRepo' || (status === 403 && GATED_WORDS.test(words))) return gated(refusal);
  if (status === 401 || status === 403) return withoutAccess(refusal, BAD_TOKEN_WORDS.test(words));
  return new Fault('hub-broken', `${host} answered with status ${status}.`, { details });
}

function busy({ headers, host, nowMs }: Refusal): Fault {
  const waitS = waitOf(headers, nowMs);
  return new Fault('hub-busy', `${host} takes no more requests from here for ${waitS} s.`, {
    retryAfterS: waitS,
    hint: 'Wait that long; with an access token the limit is higher.',
    details: { hubStatus: 429 },
  });
}

/** `Retry-After` in seconds or as a date, or `t=` of the hub's own `RateLimit`. */
function waitOf(headers: Headers, nowMs: number): number {
  const after = headers.get('retry-after');
  const limit = /\bt=(\d{1,6})\b/.exec(headers.get('ratelimit') ?? '')?.[1];
  const untilMs = after === null ? Number.NaN : Date.parse(after);
  const said =
    after !== null && /^\d{1,6}$/.test(after)
      ? Number(after)
      : limit !== undefined
        ? Number(limit)
        : Math.ceil((untilMs - nowMs) / 1_000);
  return Number.isFinite(said) ? Math.min(Math.max(said, 1), WAIT_MAX_S) : WAIT_UNKNOWN_S;
}

function missing({ status, host, repository, hasToken }: Refusal, code: string | null): Fault {
  const details = { hubStatus: status };
  const name = repository ?? 'that';
  if (code === 'EntryNotFound') return new Fault('not-found', `${name} has no such file.`, { details });
  if (code === 'RevisionNotFound') return new Fault('not-found', `${name} has no such revision.`, { details });
  if (code === 'DisabledRepo') return new Fault('not-found', `${host} has closed ${name}.`, { details });
  return new Fault('not-found', `${host} knows no ${name}, or it is private.`, {
    details,
    hint: hasToken ? 'Check the name, and whether your token may see it.' : `Check the name. ${ADD_TOKEN}`,
  });
}

function gated({ status, repository, hasToken, hubUrl }: Refusal): Fault {
  const page = repository === null ? hubUrl : `${hubUrl}/${repository}`;
  const accept = `Accept its licence on ${page}`;
  return new Fault('hub-gated', `${repository ?? 'The model'} is given only to those who accepted its licence.`, {
    details: { hubStatus: status, acceptUrl: page, needsToken: !hasToken },
    hint: hasToken ? `${accept}, with the account of your token.` : `${accept}, then add your access token here.`,
  });
}

function withoutAccess({ status, host, repository, hasToken }: Refusal, isTokenBad: boolean): Fault {
  const details = { hubStatus: status };
  if (!hasToken) {
    const message = `${host} shows ${repository ?? 'this'} only to accounts that may see it, if it exists at all.`;
    return new Fault('hub-token-missing', message, { details, hint: `Check the name. ${ADD_TOKEN}` });
  }
  if (status === 401 || isTokenBad) {
    const hint = 'Make a new one in the settings of your account there, and put it in here.';
    return new Fault('hub-token-refused', `${host} does not accept the access token.`, { details, hint });
  }
  return new Fault('hub-token-refused', `The access token may not read ${repository ?? 'this'}.`, {
    details,
    hint: 'Give the token the right to read this repository, on its page at the hub.',
  });
}
