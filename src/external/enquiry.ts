/** Asks a server what it is, at an address that was looked up once and checked. */
import { asFault, Fault } from '#src/faults.ts';
import type { SocketEngineClient } from '#src/transport/client.ts';
import { addressesOf, type LookUp } from './addresses.ts';
import { type Answer, type Answers, type Recognised, recognise } from './recognise.ts';

/** One question. */
const QUESTION_MS_MAX = 3_000;
const ANSWER_BYTES_MAX = 4 << 20;

export type Asked = {
  readonly client: SocketEngineClient;
  readonly baseUrl: string;
  /** Empty = none. */
  readonly key: string;
  readonly signal: AbortSignal;
};

export type Looking = {
  readonly lookUp: LookUp;
  readonly onTrouble: () => void;
  /** Throws a Fault for an address that is not to be asked. */
  readonly check?: (address: string) => void;
};

/** Where a server was found, and what it is. */
export type Enquiry = { readonly address: string; readonly recognised: Recognised };

/**
 * Looks the base URL up, pins it to the first of its addresses that answers, and asks what is there. The pin stays when
 * it is an engine. Throws a Fault: 'forbidden', 'engine-unreachable', 'engine-silent', and those of `recognise`.
 */
export async function enquire(asked: Asked, { lookUp, onTrouble, check }: Looking): Promise<Enquiry> {
  const { client, baseUrl, signal } = asked;
  let last: unknown = null;
  for (const address of await addressesOf(baseUrl, lookUp)) {
    if (signal.aborted) break;
    check?.(address);
    client.pin(baseUrl, { address, onTrouble });
    try {
      return { address, recognised: recognise(baseUrl, await answersOf(asked), asked.key !== '') };
    } catch (cause) {
      last = cause;
      if (asFault(cause).kind !== 'engine-unreachable') break;
    }
  }
  throw last ?? new Fault('cancelled', 'The question was given up.');
}

/**
 * One GET, bounded in time and size; redirects are answers like others and are not followed. Throws
 * Fault('engine-unreachable'), 'engine-silent', 'engine-died' or 'engine-refused'.
 */
export async function ask(
  { client, baseUrl, key, signal }: Asked,
  path: string,
  msMax = QUESTION_MS_MAX,
): Promise<NonNullable<Answer>> {
  const bound = AbortSignal.timeout(msMax);
  const headers = {
    accept: 'application/json',
    'accept-encoding': 'identity',
    ...(key === '' ? {} : { authorization: `Bearer ${key}` }),
  };
  try {
    const both = AbortSignal.any([bound, signal]);
    const answer = await client.send(baseUrl, { method: 'GET', path, headers, body: null, signal: both });
    return { status: answer.status, headers: answer.headers, text: await answer.text(ANSWER_BYTES_MAX) };
  } catch (cause) {
    if (!bound.aborted || signal.aborted) throw cause;
    throw new Fault('engine-silent', `${baseUrl} accepts connections but did not answer within ${msMax / 1000} s.`);
  }
}

async function answersOf(asked: Asked): Promise<Answers> {
  // Alone and first: whether anybody is there at all is said in its own words.
  const models = await ask(asked, '/v1/models').catch(noAnswerOf('engine-died', 'engine-refused'));
  const quietly = (path: string) => ask(asked, path).catch(() => null);
  const [health, props, lmStudio] = await Promise.all(['/health', '/props', '/api/v0/models'].map(quietly));
  return { models, health: health ?? null, props: props ?? null, lmStudio: lmStudio ?? null };
}

function noAnswerOf(...kinds: readonly Fault['kind'][]): (cause: unknown) => null {
  return (cause) => {
    if (kinds.includes(asFault(cause).kind)) return null;
    throw cause;
  };
}
