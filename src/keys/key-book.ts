/**
 * All keys that people were given: in the database, and in memory by their digests, so that judging a request is one
 * digest and one look-up. The use of keys is written a while later and never waited for.
 */
import { eq } from 'drizzle-orm';
import type { Clock, Timer } from '#src/clock.ts';
import type { Bus } from '#src/events.ts';
import { Fault } from '#src/faults.ts';
import type { Store } from '#src/store/open.ts';
import { type ApiKeyRow, apiKeys } from '#src/store/schema.ts';
import { storeFault } from '#src/store/trouble.ts';
import { HeldKey } from './held-key.ts';
import { KEY_NAME_LENGTH_MAX, type KeyRules, rulesFrom } from './key.ts';
import { digestOf, newKeyText, sessionFor, tailOf } from './key-text.ts';

export type KeyBookParts = {
  readonly store: Store;
  readonly clock: Clock;
  readonly bus: Bus;
  /** The id of the model that a name means. Throws Fault('model-not-found'). */
  readonly modelIdOf: (name: string) => string;
  /** Keeps a key out of the logs. */
  readonly protect: (secret: string) => void;
  /** Ends an answer that runs under a key which is over. */
  readonly cancel: (requestId: string) => void;
};

/** What an answer took, as its record says. */
export type Spent = {
  readonly requestId: string;
  readonly route: string;
  readonly inputTokens: number | null;
  readonly cachedTokens: number | null;
  readonly outputTokens: number | null;
};

const KEYS_MAX = 1_000;
const WRITE_DELAY_MS = 5_000;
const RETRY_DELAY_MS = 30_000;
/** Longer timers do not fit into 31 bits; one that comes too early only looks. */
const LOOK_MS_MAX = 86_400_000;
/** Routes that count tokens instead of using them. */
const COUNTING_ROUTE = /(?:count_tokens|input_tokens)$/;

/** The one keeper of keys. `close` writes what waits; call it before the database is closed. */
export class KeyBook {
  readonly #parts: KeyBookParts;
  /** Oldest first. */
  readonly #byId = new Map<string, HeldKey>();
  readonly #byDigest = new Map<string, HeldKey>();
  readonly #bySession = new Map<string, HeldKey>();
  /** Which key an answer that runs was asked for with. */
  readonly #byRequest = new Map<string, HeldKey>();
  readonly #used = new Set<HeldKey>();
  #writing: Timer | null = null;
  #ending: Timer | null = null;

  constructor(parts: KeyBookParts) {
    this.#parts = parts;
    const rows = parts.store.select().from(apiKeys).orderBy(apiKeys.createdAtMs, apiKeys.id).all();
    for (const row of rows) this.#hold(row);
    this.#awaitEnd();
  }

  /** Oldest first; those that are over too. */
  list(): readonly HeldKey[] {
    return [...this.#byId.values()];
  }

  /** Whether there is a key that still opens anything. */
  get hasLive(): boolean {
    return this.list().some((key) => !key.isExpired);
  }

  /** Whether somebody was given a key to manage Flow with, over or not. */
  get hasManager(): boolean {
    return this.list().some(({ rules }) => rules.scopes.includes('manage'));
  }

  /** The key with this SHA-256. */
  byDigest(digest: string): HeldKey | null {
    return this.#byDigest.get(digest) ?? null;
  }

  /** The key that a dashboard was opened with, by the digest of its cookie. */
  bySession(digest: string): HeldKey | null {
    return this.#bySession.get(digest) ?? null;
  }

  /** By id, or by name. Throws Fault('not-found'). */
  need(idOrName: string): HeldKey {
    const found = this.#byId.get(idOrName) ?? this.#named(idOrName);
    if (found) return found;
    throw new Fault('not-found', `There is no key "${idOrName.slice(0, KEY_NAME_LENGTH_MAX)}".`, {
      hint: 'GET /api/keys lists them, as does "flow keys".',
    });
  }

  /**
   * Makes a key; its text is told here and never again. Throws Fault('invalid-request') that names a field,
   * Fault('conflict') for a name in use, Fault('model-not-found').
   */
  create(wish: unknown): { readonly key: HeldKey; readonly text: string } {
    if (this.#byId.size >= KEYS_MAX) throw new Fault('conflict', `There are ${KEYS_MAX} keys already.`);
    const rules = this.#rules(wish, null);
    const text = newKeyText();
    this.#parts.protect(text);
    const row: ApiKeyRow = {
      id: crypto.randomUUID(),
      digest: digestOf(text),
      sessionDigest: digestOf(sessionFor(text)),
      tail: tailOf(text),
      createdAtMs: this.#parts.clock.wallMs(),
      lastUsedAtMs: null,
      lastPlace: null,
      lastClient: null,
      usedDay: '',
      usedTokens: 0,
      ...rules,
    };
    this.#inDatabase(() => this.#parts.store.insert(apiKeys).values(row).run());
    const key = this.#hold(row);
    this.#changed();
    return { key, text };
  }

  /** Changes what a wish names; what runs goes on. Throws as `create` does. */
  change(id: string, wish: unknown): HeldKey {
    const key = this.need(id);
    const rules = this.#rules(wish, key);
    this.#inDatabase(() => this.#parts.store.update(apiKeys).set(rules).where(eq(apiKeys.id, key.id)).run());
    key.change(rules);
    this.#changed();
    return key;
  }

  /** Ends a key for good, and with it every answer and every page that it opened. */
  revoke(id: string): HeldKey {
    const key = this.need(id);
    this.#inDatabase(() => this.#parts.store.delete(apiKeys).where(eq(apiKeys.id, key.id)).run());
    this.#byId.delete(key.id);
    for (const index of [this.#byDigest, this.#bySession]) {
      for (const [digest, held] of index) if (held === key) index.delete(digest);
    }
    this.#used.delete(key);
    this.#finish(key);
    this.#changed();
    return key;
  }

  /** A key was shown and was right. */
  seen(key: HeldKey, address: string, userAgent: string | null): void {
    key.seen(address, userAgent);
    this.#willWrite(key);
  }

  /** An answer begins that was asked for with a key. */
  began(key: HeldKey, requestId: string): void {
    key.requests.add(requestId);
    this.#byRequest.set(requestId, key);
  }

  /** An answer has ended, whoever asked for it. */
  ended({ requestId, route, inputTokens, cachedTokens, outputTokens }: Spent): void {
    const key = this.#byRequest.get(requestId);
    if (key === undefined) return;
    this.#byRequest.delete(requestId);
    key.requests.delete(requestId);
    if (COUNTING_ROUTE.test(route)) return;
    key.spend(Math.max(0, (inputTokens ?? 0) - (cachedTokens ?? 0)) + (outputTokens ?? 0));
    this.#willWrite(key);
  }

  /** Writes what waits, and listens to time no more. */
  close(): void {
    this.#ending?.[Symbol.dispose]();
    this.#ending = null;
    this.#write();
    this.#writing?.[Symbol.dispose]();
    this.#writing = null;
  }

  #rules(wish: unknown, held: HeldKey | null): KeyRules {
    const { clock, modelIdOf } = this.#parts;
    const rules = rulesFrom(wish, held?.rules ?? null, { modelIdOf, nowMs: clock.wallMs() });
    const holder = this.#named(rules.name);
    if (holder === null || holder === held) return rules;
    const fields = { name: 'another key has this name.' };
    throw new Fault('conflict', `There is a key "${holder.rules.name}" already.`, { details: { fields } });
  }

  #named(name: string): HeldKey | null {
    return this.list().find(({ rules }) => rules.name.toLowerCase() === name.toLowerCase()) ?? null;
  }

  #hold(row: ApiKeyRow): HeldKey {
    const key = new HeldKey(row, this.#parts.clock);
    this.#byId.set(row.id, key);
    this.#byDigest.set(row.digest, key);
    this.#bySession.set(row.sessionDigest, key);
    return key;
  }

  #changed(): void {
    this.#awaitEnd();
    this.#parts.bus.publish({ type: 'keys-changed' });
  }

  /** What a key opened is closed when the key is over, not only when it is shown again. */
  #awaitEnd(): void {
    this.#ending?.[Symbol.dispose]();
    this.#ending = null;
    const live = this.list().filter((key) => !key.isExpired);
    const ends = live.flatMap(({ rules }) => rules.expiresAtMs ?? []);
    if (ends.length === 0) return;
    const leftMs = Math.max(0, Math.min(...ends) - this.#parts.clock.wallMs());
    this.#ending = this.#parts.clock.after(Math.min(leftMs, LOOK_MS_MAX), () => {
      const over = live.filter((key) => key.isExpired);
      for (const key of over) this.#finish(key);
      if (over.length > 0) this.#changed();
      else this.#awaitEnd();
    });
  }

  #finish(key: HeldKey): void {
    for (const requestId of [...key.requests]) this.#parts.cancel(requestId);
    key.end();
  }

  #willWrite(key: HeldKey): void {
    this.#used.add(key);
    this.#writing ??= this.#parts.clock.after(WRITE_DELAY_MS, () => this.#writeOrRetry());
  }

  #writeOrRetry(): void {
    this.#writing = null;
    if (this.#write()) this.#parts.bus.publish({ type: 'keys-changed' });
    else this.#writing = this.#parts.clock.after(RETRY_DELAY_MS, () => this.#writeOrRetry());
  }

  /** False when the database would not take it: the newest use is tried again. */
  #write(): boolean {
    try {
      for (const key of this.#used) {
        this.#parts.store.update(apiKeys).set(key.useRow).where(eq(apiKeys.id, key.id)).run();
        this.#used.delete(key);
      }
      return true;
    } catch (cause) {
      if (storeFault(cause) === null) throw cause;
      return false;
    }
  }

  #inDatabase(act: () => void): void {
    try {
      act();
    } catch (cause) {
      throw storeFault(cause) ?? cause;
    }
  }
}
