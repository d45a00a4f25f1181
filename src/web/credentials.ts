/**
 * Who may use Flow: one judgement for every way of showing who one is. Whoever shows a key acts as that key, with what
 * it may do; whoever shows none is the owner where no key is asked for, and nobody elsewhere.
 */
import { timingSafeEqual } from 'node:crypto';
import type { Clock } from '#src/clock.ts';
import type { HeldKey } from '#src/keys/held-key.ts';
import type { KeyBook } from '#src/keys/key-book.ts';
import { digestOf, looksLikeKey, sessionFor } from '#src/keys/key-text.ts';
import { isLoopbackAddress } from '#src/keys/who.ts';
import { isLocalKey } from '#src/store/local-key.ts';

/**
 * `granted`: go on, as the key, or as the owner where it is null. `missing`: nothing was shown that counts. `wrong`: no
 * key of this Flow, or two different ones. `expired`: it was one. `throttled`: too many wrong ones.
 */
export type Judgement =
  | { readonly verdict: 'granted'; readonly key: HeldKey | null }
  | { readonly verdict: 'missing' | 'wrong' | 'expired' | 'throttled' };

/** What a request presents, as raw headers, and the address of its socket. */
export type Presented = {
  readonly authorization: string | null;
  readonly apiKeyHeader: string | null;
  readonly cookie: string | null;
  /** What the command line of the same user shows (`store/local-key.ts`). */
  readonly localKey: string | null;
  /** '' when it is not known any more: the client has gone. */
  readonly address: string;
  /** Somebody passed it on, so its address says nothing about who asks. */
  readonly isForwarded: boolean;
};

export type CredentialsParts = {
  /** The key that Flow was started with; null or empty = none. */
  readonly apiKey: string | null;
  readonly clock: Clock;
  /** Keys that people were given; none when left out. */
  readonly keys?: Pick<KeyBook, 'byDigest' | 'bySession' | 'hasManager'>;
  /** What the command line of Flow's own user shows; null = nobody can. */
  readonly localKey?: string | null;
  /** Whether the owner wants a key to be asked for on this machine too. */
  readonly isKeyWished?: () => boolean;
  /** Others may come in without a key, as Flow was told at its start. */
  readonly isOpenAllowed?: boolean;
};

/** What came of typing a key at the dashboard's door. */
export type Opening =
  | { readonly kind: 'opened'; readonly cookie: string }
  /** It is a key, but not one that may see pages. */
  | { readonly kind: 'unfit' }
  | { readonly kind: 'refused'; readonly verdict: 'wrong' | 'expired' | 'throttled' };

/** Name of the dashboard's cookie. */
const SESSION_COOKIE = 'flow_session';
/** Takes the dashboard's cookie away. */
export const CLOSING_COOKIE = `${SESSION_COOKIE}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0`;

const SESSION_AGE_S = 30 * 24 * 3600;
const WRONG_KEYS_PER_WINDOW_MAX = 10;
const WINDOW_MS = 60_000;
const ADDRESSES_MAX = 1000;
const OWNER: Judgement = { verdict: 'granted', key: null };
const NO_KEYS = { byDigest: () => null, bySession: () => null, hasManager: false };

/**
 * Finds keys by their digest, which no time of an answer can tell anything about, and slows an address down that keeps
 * guessing. A dashboard's session follows from its key, so it outlives a restart and ends with the key.
 */
export class Credentials {
  readonly #keys: Pick<KeyBook, 'byDigest' | 'bySession' | 'hasManager'>;
  readonly #parts: CredentialsParts;
  readonly #ownerDigest: Buffer | null;
  readonly #ownerSessionDigest: string | null;
  readonly #wrong = new Map<string, { count: number; untilMs: number }>();

  constructor(parts: CredentialsParts) {
    const { apiKey, keys = NO_KEYS } = parts;
    this.#parts = parts;
    this.#keys = keys;
    this.#ownerDigest = apiKey ? Buffer.from(digestOf(apiKey)) : null;
    this.#ownerSessionDigest = apiKey ? digestOf(sessionFor(apiKey)) : null;
  }

  /**
   * Whether a key is asked for on this machine too. A wish for it counts once somebody has a key to manage Flow with:
   * until then it would lock the owner out.
   */
  get isRequired(): boolean {
    return this.#ownerDigest !== null || ((this.#parts.isKeyWished?.() ?? false) && this.#keys.hasManager);
  }

  /** Judges a request. A right key is always granted, also from an address that guessed before. */
  judge(presented: Presented): Judgement {
    if (presented.localKey !== null && this.#isOwnUser(presented)) return OWNER;
    const shown = shownKeys(presented);
    if (shown.length > 0) {
      const judged = this.#judgeKeys(shown, presented);
      if (judged !== null) return judged;
    }
    return this.#judgeSession(presented.cookie) ?? (this.#needsKey(presented) ? { verdict: 'missing' } : OWNER);
  }

  /** The cookie for somebody who typed a key. */
  open(typedKey: string, address: string): Opening {
    const judged = this.#look(typedKey);
    if (judged?.verdict === 'granted') {
      if (judged.key !== null && !judged.key.may('page', 'GET')) return { kind: 'unfit' };
      const attributes = `Path=/; HttpOnly; SameSite=Strict; Max-Age=${SESSION_AGE_S}`;
      return { kind: 'opened', cookie: `${SESSION_COOKIE}=${sessionFor(typedKey)}; ${attributes}` };
    }
    if (judged?.verdict === 'expired') return { kind: 'refused', verdict: 'expired' };
    return { kind: 'refused', verdict: this.#countWrong(address).verdict };
  }

  /** Null when what was shown is nobody's key, and none is asked for: many agents send some word in its place. */
  #judgeKeys(shown: readonly string[], presented: Presented): Judgement | null {
    const [first = '', second = first] = shown;
    // One wrong and one right key would let a proxy in front and Flow disagree on who asks.
    const judged = first === second ? this.#look(first) : null;
    if (judged !== null) return judged;
    return shown.some(looksLikeKey) || this.#needsKey(presented) ? this.#countWrong(presented.address) : null;
  }

  /** Null when the text is no key of this Flow. */
  #look(text: string): Judgement | null {
    const digest = digestOf(text);
    if (this.#ownerDigest !== null && timingSafeEqual(Buffer.from(digest), this.#ownerDigest)) return OWNER;
    return asKey(this.#keys.byDigest(digest));
  }

  /** A session whose key is gone or over counts as none. */
  #judgeSession(cookie: string | null): Judgement | null {
    const session = cookie === null ? null : sessionOf(cookie);
    if (session === null) return null;
    const digest = digestOf(session);
    if (digest === this.#ownerSessionDigest) return OWNER;
    const judged = asKey(this.#keys.bySession(digest));
    return judged?.verdict === 'granted' ? judged : null;
  }

  #needsKey(presented: Presented): boolean {
    if (this.isRequired) return true;
    return !(this.#parts.isOpenAllowed ?? false) && !isFromHere(presented);
  }

  #isOwnUser(presented: Presented): boolean {
    return isLocalKey(presented.localKey, this.#parts.localKey ?? null) && isFromHere(presented);
  }

  #countWrong(address: string): { readonly verdict: 'wrong' | 'throttled' } {
    const nowMs = this.#parts.clock.monotonicMs();
    const entry = this.#wrong.get(address);
    const isFresh = entry === undefined || entry.untilMs <= nowMs;
    if (isFresh && this.#wrong.size >= ADDRESSES_MAX) this.#wrong.clear();
    const count = isFresh ? 1 : entry.count + 1;
    this.#wrong.set(address, { count, untilMs: isFresh ? nowMs + WINDOW_MS : entry.untilMs });
    return { verdict: count > WRONG_KEYS_PER_WINDOW_MAX ? 'throttled' : 'wrong' };
  }
}

/** By its socket, never by what a header says of an address. */
function isFromHere({ address, isForwarded }: Presented): boolean {
  return !isForwarded && isLoopbackAddress(address);
}

function asKey(key: HeldKey | null): Judgement | null {
  if (key === null) return null;
  return key.isExpired ? { verdict: 'expired' } : { verdict: 'granted', key };
}

function shownKeys({ authorization, apiKeyHeader }: Presented): readonly string[] {
  if (authorization === null && apiKeyHeader === null) return NOTHING;
  const bearer = authorization === null ? null : (/^Bearer +(.+)$/i.exec(authorization)?.[1]?.trim() ?? '');
  return [bearer, apiKeyHeader].filter((key) => key !== null);
}

const NOTHING: readonly string[] = [];

function sessionOf(cookie: string): string | null {
  for (const pair of cookie.split(';')) {
    const [name, value] = pair.trim().split('=', 2);
    if (name === SESSION_COOKIE && value) return value;
  }
  return null;
}
