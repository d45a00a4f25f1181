/** A key as the API tells it: never its text, nor its digest. */
import type { HeldKey } from './held-key.ts';

/** The object of one key; times are ISO 8601. */
export function keyWire(key: HeldKey) {
  const { name, scopes, models, requestsPerMinute, tokensPerDay, expiresAtMs } = key.rules;
  const { lastUse } = key;
  return {
    id: key.id,
    name,
    key: `flow_…${key.tail}`,
    scopes,
    models,
    requests_per_minute: requestsPerMinute,
    tokens_per_day: tokensPerDay,
    tokens_today: key.tokensToday,
    expires_at: iso(expiresAtMs),
    is_expired: key.isExpired,
    created_at: iso(key.createdAtMs),
    last_used_at: iso(lastUse?.atMs ?? null),
    last_used_from: lastUse?.place ?? null,
    last_client: lastUse?.client ?? null,
  };
}

function iso(atMs: number | null): string | null {
  return atMs === null ? null : new Date(atMs).toISOString();
}
