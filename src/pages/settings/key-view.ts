/** Keys as the Settings page shows them, and its form as a wish for the book of keys. Pure. */
import { Fault } from '#src/faults.ts';
import { isObject, type JsonObject } from '#src/json.ts';
import type { HeldKey } from '#src/keys/held-key.ts';
import type { KeyScope } from '#src/keys/key.ts';
import { countText, pluralText } from '#views/parts/quantity.tsx';
import type { KeyDraftData, KeyRowData } from '#views/settings/keys.tsx';

/** What the form sends. Boxes that are not ticked are not sent, one that is comes alone. */
export type KeyFields = {
  readonly name: string;
  readonly scopes?: string | readonly string[];
  readonly models?: string | readonly string[];
  readonly requests_per_minute: string;
  readonly tokens_per_day: string;
  readonly expires_on: string;
};

const SCOPE_WORDS: Readonly<Record<KeyScope, string>> = {
  infer: 'ask',
  read: 'look',
  manage: 'manage',
};
const MODELS_SHOWN_MAX = 3;
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** A new key before anything is wished. */
export const NEW_KEY: Omit<KeyDraftData, 'offered'> = {
  ...{ id: null, name: '', scopes: ['infer'], models: [], isOpen: false, errors: {} },
  ...{ requestsPerMinute: '', tokensPerDay: '', endsOn: '' },
};

/** One key in words. */
export function keyRow(key: HeldKey, nowMs: number): KeyRowData {
  const { name, scopes, models, expiresAtMs } = key.rules;
  return {
    id: key.id,
    name,
    tail: key.tail,
    scopes: scopes.map((scope) => SCOPE_WORDS[scope]).join(', '),
    models: models === null ? 'all' : listed(models),
    limits: limitWords(key),
    lastUse: lastUseWords(key, nowMs),
    made: dayText(key.createdAtMs),
    ends: expiresAtMs === null || key.isExpired ? null : `until ${dayText(expiresAtMs)}`,
    isExpired: key.isExpired,
  };
}

/** A key's rules as the form holds them. */
export function draftOf(key: HeldKey): Omit<KeyDraftData, 'offered'> {
  const { name, scopes, models, requestsPerMinute, tokensPerDay, expiresAtMs } = key.rules;
  return {
    ...{ id: key.id, name, scopes, models: models ?? [], isOpen: true, errors: {} },
    requestsPerMinute: requestsPerMinute === null ? '' : String(requestsPerMinute),
    tokensPerDay: tokensPerDay === null ? '' : String(tokensPerDay),
    endsOn: expiresAtMs === null ? '' : dateOf(expiresAtMs),
  };
}

/** What was sent, to be shown again beside what is wrong with it. */
export function draftFrom(
  id: string | null,
  fields: KeyFields,
  errors: KeyDraftData['errors'],
): Omit<KeyDraftData, 'offered'> {
  return {
    ...{
      id,
      name: fields.name,
      scopes: listFrom(fields.scopes),
      models: listFrom(fields.models),
      isOpen: true,
      errors,
    },
    ...{ requestsPerMinute: fields.requests_per_minute, tokensPerDay: fields.tokens_per_day },
    endsOn: fields.expires_on,
  };
}

/** The wish that was sent; the end of a key stays as it is to the second while its day is not another. */
export function wishFrom(fields: KeyFields, held: HeldKey | null): JsonObject {
  const models = listFrom(fields.models);
  const endsOn = fields.expires_on.trim();
  const isSameEnd = held !== null && draftOf(held).endsOn === endsOn;
  return {
    name: fields.name,
    scopes: listFrom(fields.scopes),
    models: models.length === 0 ? null : models,
    requests_per_minute: numberFrom(fields.requests_per_minute),
    tokens_per_day: numberFrom(fields.tokens_per_day),
    ...(isSameEnd ? {} : { expires_at: endsOn === '' ? null : endOfDay(endsOn) }),
  };
}

/** What is wrong with a wish, by field of the form; null when it is not the wish that is wrong. */
export function errorsOf(cause: unknown): KeyDraftData['errors'] | null {
  if (!(cause instanceof Fault)) return null;
  const fields = isObject(cause.details.fields) ? cause.details.fields : {};
  const named = Object.entries(fields).flatMap(([field, words]) =>
    typeof words === 'string' ? [[field === 'expires_at' ? 'expires_on' : field, words] as const] : [],
  );
  if (named.length > 0) return Object.fromEntries(named);
  return cause.kind === 'model-not-found' ? { models: cause.message } : null;
}

function listed(models: readonly string[]): string {
  const shown = models.slice(0, MODELS_SHOWN_MAX).join(', ');
  return models.length > MODELS_SHOWN_MAX ? `${shown} and ${models.length - MODELS_SHOWN_MAX} more` : shown;
}

function limitWords(key: HeldKey): readonly string[] {
  const { requestsPerMinute, tokensPerDay } = key.rules;
  const { tokensToday } = key;
  const ofDay =
    tokensPerDay === null
      ? `${pluralText(tokensToday, 'token')} today`
      : `${countText(tokensToday)} of ${pluralText(tokensPerDay, 'token')} today`;
  const perMinute = requestsPerMinute === null ? [] : [`${pluralText(requestsPerMinute, 'request')} a minute`];
  const words = tokensPerDay === null && tokensToday === 0 ? perMinute : [...perMinute, ofDay];
  return words.length === 0 ? ['none'] : words;
}

function lastUseWords({ lastUse }: HeldKey, nowMs: number): readonly string[] {
  if (lastUse === null) return ['never'];
  const who = [lastUse.client, lastUse.place].filter((part) => part !== null).join(', ');
  return who === '' ? [agoText(nowMs - lastUse.atMs)] : [agoText(nowMs - lastUse.atMs), who];
}

/** Coarse, so that an open page is not told of each second. */
function agoText(ms: number): string {
  if (ms < MINUTE_MS) return 'just now';
  if (ms < HOUR_MS) return `${Math.floor(ms / MINUTE_MS)} min ago`;
  if (ms < DAY_MS) return `${pluralText(Math.floor(ms / HOUR_MS), 'hour')} ago`;
  return `${pluralText(Math.floor(ms / DAY_MS), 'day')} ago`;
}

function dayText(atMs: number): string {
  return new Date(atMs).toLocaleDateString('en-GB', { day: 'numeric', month: 'short', year: 'numeric' });
}

/** The calendar day here, as date inputs have it. */
function dateOf(atMs: number): string {
  const date = new Date(atMs);
  const two = (part: number): string => String(part).padStart(2, '0');
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

/** The last second of a day here; what is no day is handed on, for the book to refuse. */
function endOfDay(day: string): string {
  const end = new Date(`${day}T23:59:59`);
  return Number.isNaN(end.getTime()) ? day : end.toISOString();
}

function listFrom(value: string | readonly string[] | undefined): readonly string[] {
  if (value === undefined) return [];
  return typeof value === 'string' ? [value] : value;
}

/** null for nothing; what is no number is handed on, for the book to refuse. */
function numberFrom(text: string): number | null {
  return text.trim() === '' ? null : Number(text);
}
