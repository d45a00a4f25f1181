/** One key as it is held in memory: what it may do, what it has used, and who must hear of its end. */
import { isWithin, type Scope } from '#src/access.ts';
import type { Clock } from '#src/clock.ts';
import type { Fault } from '#src/faults.ts';
import type { ApiKeyRow } from '#src/store/schema.ts';
import { Allowance } from './allowance.ts';
import { KEY_SCOPES, type KeyRules } from './key.ts';
import { type CallerPlace, clientName, placeOfAddress } from './who.ts';

/** When it was used last, from where and by what. */
export type LastUse = { readonly atMs: number; readonly place: CallerPlace | null; readonly client: string | null };

/** One key. Only `KeyBook` makes, changes and ends them. */
export class HeldKey {
  readonly id: string;
  readonly tail: string;
  readonly createdAtMs: number;
  /** What answers that run under it are called by. */
  readonly requests = new Set<string>();
  readonly #clock: Clock;
  readonly #allowance: Allowance;
  readonly #onEnd = new Set<() => void>();
  #rules: KeyRules;
  #usedAtMs: number | null;
  #address: string | null = null;
  #userAgent: string | null = null;
  #kept: Omit<LastUse, 'atMs'>;

  constructor(row: ApiKeyRow, clock: Clock) {
    this.id = row.id;
    this.tail = row.tail;
    this.createdAtMs = row.createdAtMs;
    this.#clock = clock;
    this.#rules = rulesOf(row);
    this.#usedAtMs = row.lastUsedAtMs;
    this.#kept = { place: knownPlace(row.lastPlace), client: row.lastClient };
    this.#allowance = new Allowance({ day: row.usedDay, tokens: row.usedTokens });
  }

  /** Another object after each change. */
  get rules(): KeyRules {
    return this.#rules;
  }

  get isExpired(): boolean {
    const { expiresAtMs } = this.#rules;
    return expiresAtMs !== null && expiresAtMs <= this.#clock.wallMs();
  }

  /** Whether it may use a route. */
  may(demanded: Scope, method: string): boolean {
    return isWithin(this.#rules.scopes, demanded, method);
  }

  /** Null when the key may see and use every model. */
  get models(): readonly string[] | null {
    return this.#rules.models;
  }

  /** Notes that it was shown. On the way of every request: nothing is made of it before somebody asks. */
  seen(address: string, userAgent: string | null): void {
    this.#usedAtMs = this.#clock.wallMs();
    this.#address = address;
    this.#userAgent = userAgent;
  }

  get lastUse(): LastUse | null {
    if (this.#usedAtMs === null) return null;
    if (this.#address === null) return { atMs: this.#usedAtMs, ...this.#kept };
    return {
      atMs: this.#usedAtMs,
      place: placeOfAddress(this.#address),
      client: clientName(this.#userAgent),
    };
  }

  /** Counts a question to a model in, or says why it must wait. */
  take(): Fault | null {
    return this.#allowance.take(this.#rules, this.#clock.monotonicMs(), this.#clock.wallMs());
  }

  /** Adds the tokens of an answer. */
  spend(tokens: number): void {
    this.#allowance.spend(tokens, this.#clock.wallMs());
  }

  /** Tokens used today. */
  get tokensToday(): number {
    return this.#allowance.tokensOf(this.#clock.wallMs());
  }

  /** What changes by use, as it is kept. */
  get useRow(): Pick<ApiKeyRow, 'lastUsedAtMs' | 'lastPlace' | 'lastClient' | 'usedDay' | 'usedTokens'> {
    const { day, tokens } = this.#allowance.use(this.#clock.wallMs());
    const last = this.lastUse;
    return {
      lastUsedAtMs: last?.atMs ?? null,
      lastPlace: last?.place ?? null,
      lastClient: last?.client ?? null,
      usedDay: day,
      usedTokens: tokens,
    };
  }

  /** Calls back once when the key is revoked or over, unless disposed before. */
  whenOver(action: () => void): Disposable {
    this.#onEnd.add(action);
    return { [Symbol.dispose]: () => this.#onEnd.delete(action) };
  }

  /** For the book alone: other rules from now on. */
  change(rules: KeyRules): void {
    this.#rules = rules;
  }

  /** For the book alone: everything that was opened with it ends. */
  end(): void {
    const actions = [...this.#onEnd];
    this.#onEnd.clear();
    for (const action of actions) action();
  }
}

function rulesOf({ name, scopes, models, requestsPerMinute, tokensPerDay, expiresAtMs }: ApiKeyRow): KeyRules {
  const known = KEY_SCOPES.filter((scope) => scopes.includes(scope));
  return { name, scopes: known, models, requestsPerMinute, tokensPerDay, expiresAtMs };
}

function knownPlace(text: string | null): CallerPlace | null {
  return text === 'this computer' || text === 'local network' || text === 'internet' ? text : null;
}
