/** Finds the answer of Flow's own chat that a request was made for. */
import { and, eq, gte, isNull, lte, sql } from 'drizzle-orm';
import type { Store } from '#src/store/open.ts';
import { turns } from '#src/store/schema.ts';

/** What the chat calls itself when it asks. */
export const CHAT_CLIENT = 'flow-chat';

export type TurnOfRequest = { readonly conversationId: string; readonly turnId: string };

/** A turn is made just before its request. */
const APART_MS_MAX = 60_000;

/** Null when it is not kept any more, or never was. Throws when the database cannot be read. */
export function turnOfRequest(store: Store, requestId: string, startedAtMs: number): TurnOfRequest | null {
  const found = store
    .select({ conversationId: turns.conversationId, turnId: turns.id })
    .from(turns)
    .where(
      and(
        gte(turns.createdAtMs, startedAtMs - APART_MS_MAX),
        lte(turns.createdAtMs, startedAtMs + APART_MS_MAX),
        isNull(turns.deletedAtMs),
        eq(sql`${turns.figures} ->> '$.requestId'`, requestId),
      ),
    )
    .get();
  return found ?? null;
}
