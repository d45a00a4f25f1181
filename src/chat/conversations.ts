/** All conversations, in the database. What is deleted can be had back for ten minutes. */

import { Value } from '@sinclair/typebox/value';
import { and, desc, eq, inArray, isNull, lt, sql } from 'drizzle-orm';
import type { Clock } from '#src/clock.ts';
import { Fault } from '#src/faults.ts';
import { jsonOrNull } from '#src/json.ts';
import type { Store } from '#src/store/open.ts';
import { conversations, facts, turns } from '#src/store/schema.ts';
import { titleOf } from './title.ts';
import { leafBelow, withAllBelow } from './tree.ts';
import {
  AnswerFigures,
  ChatSettings,
  type Conversation,
  PLAIN_SETTINGS,
  ToolCall,
  Trouble,
  type Turn,
} from './turn.ts';

/** What changed; told to whoever shows it. */
export type ChatChange =
  /** Which conversations there are, their names or their order. */
  | { readonly kind: 'list' }
  /** Which turns of a conversation are shown. */
  | { readonly kind: 'thread'; readonly conversationId: string }
  /** One turn: more words, or another state. */
  | { readonly kind: 'turn'; readonly conversationId: string; readonly turnId: string };

/** A conversation as one of many. */
export type ConversationLine = Pick<Conversation, 'id' | 'title' | 'isPinned' | 'updatedAtMs'>;

/** What a turn is made of when it begins. */
export type NewTurn = Omit<Turn, 'id' | 'createdAtMs'>;

/** What of a turn may change. */
export type TurnPatch = Partial<
  Pick<Turn, 'content' | 'reasoning' | 'calls' | 'modelId' | 'state' | 'trouble' | 'figures'>
>;

const DEFAULTS_KEY = 'chat-settings';
const UNDO_MS = 10 * 60_000;
const TITLE_CHARACTERS_MAX = 200;
const SEARCH_CHARACTERS_MAX = 200;

const lineColumns = {
  id: conversations.id,
  title: conversations.title,
  isPinned: conversations.isPinned,
  updatedAtMs: conversations.updatedAtMs,
};

/** Owns the conversations. */
export class Conversations {
  readonly #store: Store;
  readonly #clock: Pick<Clock, 'wallMs'>;
  readonly #listeners = new Set<(change: ChatChange) => void>();
  #lastMs = 0;

  constructor({ store, clock }: { readonly store: Store; readonly clock: Pick<Clock, 'wallMs'> }) {
    this.#store = store;
    this.#clock = clock;
  }

  /** Told of every change until the returned function is called. */
  subscribe(listener: (change: ChatChange) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Tells of a change that is not in the database yet. */
  tell(change: ChatChange): void {
    for (const listener of this.#listeners) listener(change);
  }

  /** The pinned ones first, then the last ones. */
  list(limit: number): readonly ConversationLine[] {
    const { isPinned, updatedAtMs, deletedAtMs } = conversations;
    return this.#store
      .select(lineColumns)
      .from(conversations)
      .where(isNull(deletedAtMs))
      .orderBy(desc(isPinned), desc(updatedAtMs))
      .limit(limit)
      .all();
  }

  /** Those with these words in their name or in what was said, the last ones first. */
  search(words: string, limit: number): readonly ConversationLine[] {
    const wanted = words.trim().slice(0, SEARCH_CHARACTERS_MAX);
    if (wanted === '') return this.list(limit);
    const pattern = `%${wanted.replaceAll(/[\\%_]/g, '\\$&')}%`;
    const inTurns = sql`EXISTS (SELECT 1 FROM ${turns} WHERE ${turns.conversationId} = ${conversations.id}
      AND ${turns.deletedAtMs} IS NULL AND ${turns.content} LIKE ${pattern} ESCAPE '\\')`;
    const found = sql`(${conversations.title} LIKE ${pattern} ESCAPE '\\' OR ${inTurns})`;
    return this.#store
      .select(lineColumns)
      .from(conversations)
      .where(and(isNull(conversations.deletedAtMs), found))
      .orderBy(desc(conversations.updatedAtMs))
      .limit(limit)
      .all();
  }

  /** What a new conversation begins with: what was last chosen for one. */
  get defaults(): ChatSettings {
    const row = this.#store.select().from(facts).where(eq(facts.key, DEFAULTS_KEY)).get();
    return row === undefined ? PLAIN_SETTINGS : settingsFrom(jsonOrNull(row.value));
  }

  set defaults(settings: ChatSettings) {
    const value = JSON.stringify(settings);
    const row = { key: DEFAULTS_KEY, value };
    this.#store.insert(facts).values(row).onConflictDoUpdate({ target: facts.key, set: { value } }).run();
  }

  /** Null when there is none, or it is deleted. */
  find(id: string): Conversation | null {
    const where = and(eq(conversations.id, id), isNull(conversations.deletedAtMs));
    const row = this.#store.select().from(conversations).where(where).get();
    return row === undefined ? null : { ...row, settings: settingsFrom(row.settings) };
  }

  /** Throws Fault('not-found'). */
  need(id: string): Conversation {
    const found = this.find(id);
    if (found) return found;
    throw new Fault('not-found', 'There is no such conversation.', { hint: 'It may have been deleted.' });
  }

  /** Makes an empty one, named after its first question. */
  create(settings: ChatSettings, question: string): Conversation {
    this.#purge();
    const nowMs = this.#clock.wallMs();
    const made = {
      id: newId(),
      title: titleOf(question),
      settings,
      leafId: null,
      isPinned: false,
      createdAtMs: nowMs,
      updatedAtMs: nowMs,
    };
    this.#store.insert(conversations).values(made).run();
    this.tell({ kind: 'list' });
    return made;
  }

  /** Throws Fault('not-found'), Fault('invalid-request') for an empty name. */
  rename(id: string, title: string): void {
    this.need(id);
    const name = title
      .replace(/[\p{Cc}\s]+/gu, ' ')
      .trim()
      .slice(0, TITLE_CHARACTERS_MAX);
    if (name === '')
      throw new Fault('invalid-request', 'A name needs at least one letter.', { details: { field: 'title' } });
    this.#store.update(conversations).set({ title: name }).where(eq(conversations.id, id)).run();
    this.tell({ kind: 'list' });
  }

  /** Keeps it above the others, or no longer. Throws Fault('not-found'). */
  pin(id: string, isPinned: boolean): void {
    this.need(id);
    this.#store.update(conversations).set({ isPinned }).where(eq(conversations.id, id)).run();
    this.tell({ kind: 'list' });
  }

  /** Throws Fault('not-found'). */
  configure(id: string, settings: ChatSettings): void {
    this.need(id);
    this.#store.update(conversations).set({ settings }).where(eq(conversations.id, id)).run();
  }

  /** Deletes a conversation; `restore` brings it back. Throws Fault('not-found'). */
  remove(id: string): void {
    this.need(id);
    this.#store.update(conversations).set({ deletedAtMs: this.#clock.wallMs() }).where(eq(conversations.id, id)).run();
    this.#purge();
    this.tell({ kind: 'list' });
  }

  /** Throws Fault('not-found') when it is too late. */
  restore(id: string): void {
    const { changes } = this.#store.$client
      .query('UPDATE conversations SET deleted_at_ms = NULL WHERE id = ?1')
      .run(id);
    if (changes === 0) throw new Fault('not-found', 'It was deleted too long ago to be brought back.');
    this.tell({ kind: 'list' });
  }

  /** All turns that are not deleted, parents before their children. */
  turns(conversationId: string): readonly Turn[] {
    const where = and(eq(turns.conversationId, conversationId), isNull(turns.deletedAtMs));
    return this.#store.select().from(turns).where(where).orderBy(turns.createdAtMs).all().map(turnFrom);
  }

  /** Throws Fault('not-found'), also when the turn belongs to another conversation. */
  needTurn(conversationId: string, id: string): Turn {
    const where = and(eq(turns.id, id), eq(turns.conversationId, conversationId), isNull(turns.deletedAtMs));
    const row = this.#store.select().from(turns).where(where).get();
    if (row) return turnFrom(row);
    throw new Fault('not-found', 'There is no such turn in this conversation.');
  }

  /** Adds a turn and shows the branch that it ends. */
  addTurn(turn: NewTurn): Turn {
    // Turns are told apart by their time, so no two of them have the same.
    this.#lastMs = Math.max(this.#clock.wallMs(), this.#lastMs + 1);
    const made: Turn = { ...turn, id: newId(), createdAtMs: this.#lastMs };
    this.#store.insert(turns).values(made).run();
    this.show(turn.conversationId, made.id);
    return made;
  }

  /** Changes a turn. Says nothing: whoever writes often tells by itself. */
  saveTurn(id: string, patch: TurnPatch): void {
    this.#store.update(turns).set(patch).where(eq(turns.id, id)).run();
  }

  /** Shows the branch that ends with this turn. */
  show(conversationId: string, leafId: string | null): void {
    const updatedAtMs = this.#clock.wallMs();
    this.#store.update(conversations).set({ leafId, updatedAtMs }).where(eq(conversations.id, conversationId)).run();
    this.tell({ kind: 'thread', conversationId });
    this.tell({ kind: 'list' });
  }

  /** Deletes a turn and all that followed it, and shows what is left. Throws Fault('not-found'). */
  removeTurn(conversationId: string, id: string): void {
    const turn = this.needTurn(conversationId, id);
    const all = this.turns(conversationId);
    const gone = withAllBelow(all, id);
    this.#store
      .update(turns)
      .set({ deletedAtMs: this.#clock.wallMs() })
      .where(inArray(turns.id, [...gone]))
      .run();
    const left = all.filter((one) => !gone.includes(one.id));
    const sibling = left.findLast(({ parentId }) => parentId === turn.parentId);
    this.show(conversationId, sibling ? leafBelow(left, sibling.id) : turn.parentId);
    this.#purge();
  }

  /** Brings back what `removeTurn` took away together with this turn. Throws Fault('not-found') when it is too late. */
  restoreTurn(conversationId: string, id: string): void {
    const where = and(eq(turns.id, id), eq(turns.conversationId, conversationId));
    const row = this.#store.select().from(turns).where(where).get();
    if (row === undefined) throw new Fault('not-found', 'It was deleted too long ago to be brought back.');
    if (row.deletedAtMs === null) return;
    const together = and(eq(turns.conversationId, conversationId), eq(turns.deletedAtMs, row.deletedAtMs));
    this.#store.update(turns).set({ deletedAtMs: null }).where(together).run();
    this.show(conversationId, leafBelow(this.turns(conversationId), id));
  }

  /** Says of answers that an earlier run of Flow left unfinished that they are. */
  closeUnfinished(): void {
    const trouble: Trouble = { message: 'Flow was stopped while this was being answered.', hint: null };
    this.#store.update(turns).set({ state: 'failed', trouble }).where(eq(turns.state, 'answering')).run();
  }

  #purge(): void {
    const beforeMs = this.#clock.wallMs() - UNDO_MS;
    this.#store.delete(conversations).where(lt(conversations.deletedAtMs, beforeMs)).run();
    this.#store.delete(turns).where(lt(turns.deletedAtMs, beforeMs)).run();
    this.#store.run(sql`DELETE FROM turns WHERE conversation_id NOT IN (SELECT id FROM conversations)`);
  }
}

function newId(): string {
  return crypto.randomUUID().replaceAll('-', '').slice(0, 16);
}

/** Settings of another version keep what this one knows. */
function settingsFrom(value: unknown): ChatSettings {
  const settings = Value.Clean(ChatSettings, { ...PLAIN_SETTINGS, ...(typeof value === 'object' ? value : {}) });
  return Value.Check(ChatSettings, settings) ? settings : PLAIN_SETTINGS;
}

function turnFrom({ calls, trouble, figures, ...row }: typeof turns.$inferSelect): Turn {
  return {
    ...row,
    calls: Array.isArray(calls) ? calls.filter((call) => Value.Check(ToolCall, call)) : [],
    trouble: Value.Check(Trouble, trouble) ? trouble : null,
    figures: Value.Check(AnswerFigures, figures) ? figures : null,
  };
}
