/** Who may use a Flow that has an API key: one comparison for every way of presenting it. */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { Clock } from '#src/clock.ts';

/**
 * `granted`: go on. `missing`: nothing was presented. `wrong`: not the key, or two different ones. `throttled`: too
 * many wrong ones.
 */
export type KeyVerdict = 'granted' | 'missing' | 'wrong' | 'throttled';

/** What a request presents, as raw headers, and the address of its socket. */
export type Presented = {
  readonly authorization: string | null;
  readonly apiKeyHeader: string | null;
  readonly cookie: string | null;
  readonly address: string;
};

/** Name of the dashboard's cookie. */
export const SESSION_COOKIE = 'flow_session';

const SESSION_AGE_S = 30 * 24 * 3600;
const WRONG_KEYS_PER_WINDOW_MAX = 10;
const WINDOW_MS = 60_000;
const ADDRESSES_MAX = 1000;
const SESSION_PURPOSE = 'flow dashboard session, version 1';

/**
 * Compares keys by digest, in constant time, and slows an address down that keeps guessing. The dashboard's session is
 * derived from the key, so it outlives a restart and ends when the key changes; the key cannot be told from it.
 */
export class Credentials {
  readonly #keyDigest: Buffer | null;
  readonly #session: string;
  readonly #sessionDigest: Buffer;
  readonly #clock: Clock;
  readonly #wrong = new Map<string, { count: number; untilMs: number }>();

  /** `apiKey` null or empty: everybody who reaches us may do everything. */
  constructor({ apiKey, clock }: { apiKey: string | null; clock: Clock }) {
    this.#keyDigest = apiKey ? digest(apiKey) : null;
    this.#session = createHmac('sha256', apiKey ?? '')
      .update(SESSION_PURPOSE)
      .digest('base64url');
    this.#sessionDigest = digest(this.#session);
    this.#clock = clock;
  }

  /** Whether a key must be presented at all. */
  get isRequired(): boolean {
    return this.#keyDigest !== null;
  }

  /** Judges a request. A right key is always granted, also from an address that guessed before. */
  judge(presented: Presented): KeyVerdict {
    if (this.#keyDigest === null) return 'granted';
    const keys = presentedKeys(presented);
    if (keys.length === 0) return this.#judgeSession(presented.cookie);
    // One wrong and one right key would let a proxy in front and Flow disagree on who asks.
    const isRight = keys.every((key) => this.#isKey(key));
    return isRight ? 'granted' : this.#countWrong(presented.address);
  }

  /** The cookie for somebody who typed the key, or null and the verdict when it was not the key. */
  open(typedKey: string, address: string): { cookie: string | null; verdict: KeyVerdict } {
    if (!this.#isKey(typedKey)) return { cookie: null, verdict: this.#countWrong(address) };
    const attributes = `Path=/; HttpOnly; SameSite=Strict; Max-Age=${SESSION_AGE_S}`;
    return { cookie: `${SESSION_COOKIE}=${this.#session}; ${attributes}`, verdict: 'granted' };
  }

  #isKey(key: string): boolean {
    return this.#keyDigest !== null && timingSafeEqual(digest(key), this.#keyDigest);
  }

  #judgeSession(cookie: string | null): KeyVerdict {
    const session = cookie === null ? null : sessionOf(cookie);
    if (session === null) return 'missing';
    return timingSafeEqual(digest(session), this.#sessionDigest) ? 'granted' : 'missing';
  }

  #countWrong(address: string): KeyVerdict {
    const nowMs = this.#clock.monotonicMs();
    const entry = this.#wrong.get(address);
    const isFresh = entry === undefined || entry.untilMs <= nowMs;
    if (isFresh && this.#wrong.size >= ADDRESSES_MAX) this.#wrong.clear();
    const count = isFresh ? 1 : entry.count + 1;
    this.#wrong.set(address, { count, untilMs: isFresh ? nowMs + WINDOW_MS : entry.untilMs });
    return count > WRONG_KEYS_PER_WINDOW_MAX ? 'throttled' : 'wrong';
  }
}

function presentedKeys({ authorization, apiKeyHeader }: Presented): readonly string[] {
  const bearer = authorization === null ? null : (/^Bearer +(.+)$/i.exec(authorization)?.[1]?.trim() ?? '');
  return [bearer, apiKeyHeader].filter((key) => key !== null);
}

function sessionOf(cookie: string): string | null {
  for (const pair of cookie.split(';')) {
    const [name, value] = pair.trim().split('=', 2);
    if (name === SESSION_COOKIE && value) return value;
  }
  return null;
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
