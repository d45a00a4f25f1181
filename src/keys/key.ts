/** What a key may do, and how a wish for one is read. Pure. */
import { Fault } from '#src/faults.ts';
import { isObject, type JsonObject } from '#src/json.ts';

/** `infer`: asks models. `read`: looks at everything. `manage`: looks at and changes everything. */
export const KEY_SCOPES = ['infer', 'read', 'manage'] as const;
export type KeyScope = (typeof KEY_SCOPES)[number];

/** All that a person decides about a key. */
export type KeyRules = {
  /** Unique, case ignored. */
  readonly name: string;
  readonly scopes: readonly KeyScope[];
  /** Ids of the only models that it may see and use; null = all. */
  readonly models: readonly string[] | null;
  /** null = as many as it likes. */
  readonly requestsPerMinute: number | null;
  /** Of this machine's calendar day; tokens that a cache spared are not counted. null = as many as it likes. */
  readonly tokensPerDay: number | null;
  readonly expiresAtMs: number | null;
};

/** What reading a wish needs to know of names and time. */
export type KeyGround = {
  /** The id of the model that a name means. Throws Fault('model-not-found'). */
  readonly modelIdOf: (name: string) => string;
  readonly nowMs: number;
};

export const KEY_NAME_LENGTH_MAX = 40;
const REQUESTS_PER_MINUTE_MAX = 10_000;
const TOKENS_PER_DAY_MAX = 1_000_000_000_000;
const MODELS_MAX = 200;
const MODEL_NAME_LENGTH_MAX = 300;
const WISH_FIELDS: readonly string[] = [
  'name',
  'scopes',
  'models',
  'requests_per_minute',
  'tokens_per_day',
  'expires_at',
];

/**
 * The rules that a wish asks for, over those that hold; `held` is null for a new key, which asks models unless it says
 * otherwise. Throws Fault('invalid-request') whose details name the field.
 */
export function rulesFrom(wish: unknown, held: KeyRules | null, ground: KeyGround): KeyRules {
  if (!isObject(wish)) throw wrong('name', 'an object is required.');
  const unknown = Object.keys(wish).find((field) => !WISH_FIELDS.includes(field));
  if (unknown !== undefined) throw wrong(unknown.slice(0, KEY_NAME_LENGTH_MAX), 'there is no such field.');
  const given = (field: string): boolean => wish[field] !== undefined;
  const rules = {
    name: given('name') || held === null ? nameFrom(wish.name) : held.name,
    scopes: given('scopes') ? scopesFrom(wish.scopes) : (held?.scopes ?? ['infer' as const]),
    models: given('models') ? modelsFrom(wish.models, ground) : (held?.models ?? null),
    requestsPerMinute: given('requests_per_minute')
      ? limitFrom(wish, 'requests_per_minute', REQUESTS_PER_MINUTE_MAX)
      : (held?.requestsPerMinute ?? null),
    tokensPerDay: given('tokens_per_day')
      ? limitFrom(wish, 'tokens_per_day', TOKENS_PER_DAY_MAX)
      : (held?.tokensPerDay ?? null),
    expiresAtMs: given('expires_at') ? endFrom(wish.expires_at, ground.nowMs) : (held?.expiresAtMs ?? null),
  };
  if (rules.models !== null && rules.scopes.includes('manage')) {
    throw wrong('models', 'a key that may manage can change any of this, so it cannot be confined to models.');
  }
  return rules;
}

function nameFrom(value: unknown): string {
  const name =
    typeof value === 'string'
      ? value
          .replace(/\p{Cc}/gu, '')
          .trim()
          .toWellFormed()
      : '';
  if (name === '') throw wrong('name', 'a name is required.');
  if (name.length > KEY_NAME_LENGTH_MAX) throw wrong('name', `at most ${KEY_NAME_LENGTH_MAX} characters are possible.`);
  return name;
}

function scopesFrom(value: unknown): readonly KeyScope[] {
  const wanted: readonly unknown[] = Array.isArray(value) ? value : [];
  const isKnown = (scope: unknown): boolean => KEY_SCOPES.some((known) => known === scope);
  if (wanted.length === 0 || !wanted.every(isKnown)) {
    throw wrong('scopes', `a list of ${KEY_SCOPES.join(', ')} is required, at least one.`);
  }
  return KEY_SCOPES.filter((scope) => wanted.includes(scope));
}

function modelsFrom(value: unknown, { modelIdOf }: KeyGround): readonly string[] | null {
  if (value === null) return null;
  const names: readonly unknown[] = Array.isArray(value) ? value : [];
  if (names.length === 0 || names.length > MODELS_MAX) {
    throw wrong('models', `a list of 1 to ${MODELS_MAX} models is required, or null for all of them.`);
  }
  const ids = names.map((name) => {
    if (typeof name !== 'string' || name.length > MODEL_NAME_LENGTH_MAX) throw wrong('models', 'names are required.');
    return modelIdOf(name);
  });
  return [...new Set(ids)];
}

function limitFrom(wish: JsonObject, field: string, max: number): number | null {
  const value = wish[field];
  if (value === null) return null;
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 1 && value <= max) return value;
  throw wrong(field, `a whole number from 1 to ${max} is required, or null for no limit.`);
}

function endFrom(value: unknown, nowMs: number): number | null {
  if (value === null) return null;
  const atMs = typeof value === 'string' ? Date.parse(value) : Number.NaN;
  if (!Number.isFinite(atMs)) {
    throw wrong('expires_at', 'a time such as 2027-01-31T12:00:00Z is required, or null for never.');
  }
  if (atMs <= nowMs) throw wrong('expires_at', 'that is over already.');
  return atMs;
}

function wrong(field: string, words: string): Fault {
  return new Fault('invalid-request', `${field}: ${words}`, { details: { field, fields: { [field]: words } } });
}
