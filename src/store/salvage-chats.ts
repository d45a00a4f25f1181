/** Takes conversations out of a broken database: nobody can have them again. */
import { type Database, SQLiteError } from 'bun:sqlite';
import { type SQL, sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/bun-sqlite';
import { isObject } from '#src/json.ts';
import type { Store } from './open.ts';
import { reachable, rowOrNull } from './reachable-rows.ts';
import { conversations, turns } from './schema.ts';

type ConversationRow = typeof conversations.$inferSelect;
type TurnRow = typeof turns.$inferSelect;

const TURNS_MAX = 1_000_000;
/** The name of a conversation whose own row is lost, while its turns are not. */
const NAMELESS = 'Taken over from the damaged database';
const ROLES: readonly unknown[] = ['user', 'assistant', 'tool'];
const STATES: readonly unknown[] = ['answering', 'done', 'stopped', 'failed'];

/**
 * Copies conversations and turns that can be read into `into`; one turn at a time, since images make them large. What
 * leads to lost turns is bent to those that are there. Returns how many conversations there are then.
 */
export function salvageChats(broken: Database, into: Store): number {
  const from = drizzle(broken);
  for (const id of reachable(broken, 'conversations', TURNS_MAX)) {
    // Where an earlier Flow had no `is_pinned`, SQLite reads the name as a text, which is no pin.
    const row = rowOrNull(() => from.select().from(conversations).where(rowid(id)).get());
    if (row && isWholeConversation(row)) tried(() => into.insert(conversations).values(row).run());
  }
  into.$client.transaction(() => {
    for (const id of reachable(broken, 'turns', TURNS_MAX)) {
      const row = rowOrNull(() => from.select().from(turns).where(rowid(id)).get());
      if (row && isWholeTurn(row)) tried(() => into.insert(turns).values(row).run());
    }
  })();
  for (const statement of MENDS) into.run(statement);
  return into.select({ id: conversations.id }).from(conversations).all().length;
}

const MENDS: readonly SQL[] = [
  sql`INSERT INTO conversations (id, title, settings, created_at_ms, updated_at_ms)
    SELECT conversation_id, ${NAMELESS}, '{}', min(created_at_ms), max(created_at_ms) FROM turns
    WHERE conversation_id NOT IN (SELECT id FROM conversations) GROUP BY conversation_id`,
  sql`UPDATE conversations SET leaf_id = (
      SELECT id FROM turns WHERE conversation_id = conversations.id ORDER BY created_at_ms DESC, rowid DESC LIMIT 1)
    WHERE leaf_id IS NULL OR leaf_id NOT IN (SELECT id FROM turns)`,
];

const rowid = (id: number): SQL => sql`rowid = ${id}`;

function isWholeConversation(row: ConversationRow): boolean {
  return (
    areTexts([row.id, row.title]) &&
    isObject(row.settings) &&
    isTextOrNull(row.leafId) &&
    areTimes([row.createdAtMs, row.updatedAtMs, row.deletedAtMs ?? 0])
  );
}

function isWholeTurn(row: TurnRow): boolean {
  const images: unknown = row.images;
  return (
    areTexts([row.id, row.conversationId, row.content, row.reasoning]) &&
    [row.parentId, row.modelId, row.pairId].every(isTextOrNull) &&
    ROLES.includes(row.role) &&
    STATES.includes(row.state) &&
    Array.isArray(images) &&
    areTexts(images) &&
    areTimes([row.createdAtMs, row.deletedAtMs ?? 0])
  );
}

const areTexts = (values: readonly unknown[]): boolean => values.every((value) => typeof value === 'string');
const isTextOrNull = (value: unknown): boolean => value === null || typeof value === 'string';
const areTimes = (values: readonly unknown[]): boolean => values.every((value) => Number.isSafeInteger(value));

/** A second row of the same name, as damage makes them, is left out; a disk that is full is not passed over. */
function tried(insert: () => void): void {
  try {
    insert();
  } catch (cause) {
    if (!(cause instanceof SQLiteError) || !cause.code?.startsWith('SQLITE_CONSTRAINT')) throw cause;
  }
}
