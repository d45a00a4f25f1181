/**
 * Keeps answers of `/v1/responses`: all of them in memory for a while, and in the database those that a client asked to
 * store. The database is written a moment later and never waited for.
 */
import type { Clock, Timer } from '#src/clock.ts';
import { isObject, type JsonObject, stringOrNull } from '#src/json.ts';
import type { Store } from '#src/store/open.ts';
import { storeFault } from '#src/store/trouble.ts';
import type { KeptResponse, ResponseMemory } from './memory.ts';
import { Recent, type RecentLimits } from './recent.ts';

export type ResponseStoreParts = {
  readonly store: Store;
  readonly clock: Clock;
  /** Hears once when storing stops to work. Never gets anything of a prompt. */
  readonly onTrouble: (text: string) => void;
  readonly limits?: Partial<RecentLimits>;
  /** Of the stored ones the newest stay within this; absent = 1 Gi characters. */
  readonly storedCharactersMax?: number;
};

type Waiting = { readonly id: string; readonly startedAtMs: number; readonly text: string };

const LIMITS: RecentLimits = { entriesMax: 1_000, charactersMax: 64 << 20, ageMsMax: 24 * 3_600_000 };
const FLUSH_DELAY_MS = 200;
const RETRY_DELAY_MS = 5_000;
/** Answers that wait for a database that is held by somebody else. */
const WAITING_MAX = 200;
/** One answer may be as long as a body with images; so many would fill the memory. */
const WAITING_CHARACTERS_MAX = 64 << 20;
/** The retention setting comes on top. */
const STORED_CHARACTERS_MAX = 1 << 30;
/** What goes at a time to make room, as a part of the bound: so that room is rarely made. */
const ROOM_SHARE = 1 / 64;

/** The one keeper of answers. `close` writes what waits; nothing is kept in the database after it. */
export class ResponseStore implements ResponseMemory {
  readonly #parts: ResponseStoreParts;
  readonly #recent: Recent;
  readonly #waiting = new Map<string, Waiting>();
  #waitingCharacters = 0;
  /** At most so much is stored: what others delete is not taken off. Null until it was counted. */
  #storedCharacters: number | null = null;
  #timer: Timer | null = null;
  #hasTrouble = false;
  #isClosed = false;

  constructor(parts: ResponseStoreParts) {
    this.#parts = parts;
    this.#recent = new Recent({ ...LIMITS, ...parts.limits });
  }

  find(id: string): KeptResponse | null {
    const nowMs = this.#parts.clock.monotonicMs();
    const text = this.#recent.get(id, nowMs) ?? this.#waiting.get(id)?.text ?? this.#stored(id);
    if (text === null) return null;
    this.#recent.set(id, text, nowMs);
    return readKept(id, text);
  }

  keep(kept: KeptResponse, { isLasting }: { readonly isLasting: boolean }): void {
    const { id, ...rest } = kept;
    const text = JSON.stringify(rest);
    this.#recent.set(id, text, this.#parts.clock.monotonicMs());
    if (!isLasting || this.#isClosed) return;
    this.#wait({ id, startedAtMs: kept.createdS * 1000, text });
    this.#arm(FLUSH_DELAY_MS);
  }

  forget(id: string): boolean {
    const query = 'DELETE FROM responses WHERE id = ?1';
    const { changes } = this.#inDatabase(() => this.#client.query(query).run(id));
    const wasWaiting = this.#noLonger(id);
    return this.#recent.delete(id) || wasWaiting || changes > 0;
  }

  /** Writes what waits. Call before the database is closed. */
  close(): void {
    this.#flush();
    this.#isClosed = true;
    this.#timer?.[Symbol.dispose]();
    this.#timer = null;
  }

  get #client() {
    return this.#parts.store.$client;
  }

  #stored(id: string): string | null {
    if (this.#isClosed) return null;
    try {
      const query = this.#client.query<{ body: string }, [string]>('SELECT body FROM responses WHERE id = ?1');
      return query.get(id)?.body ?? null;
    } catch (cause) {
      if (storeFault(cause) === null) throw cause;
      return null;
    }
  }

  #inDatabase<T>(act: () => T): T {
    try {
      return act();
    } catch (cause) {
      throw storeFault(cause) ?? cause;
    }
  }

  #wait(waiting: Waiting): void {
    this.#noLonger(waiting.id);
    this.#waiting.set(waiting.id, waiting);
    this.#waitingCharacters += waiting.text.length;
    if (this.#hasRoom || (!this.#hasTrouble && this.#flush())) return;
    for (const oldest of this.#waiting.keys()) {
      if (this.#hasRoom) return;
      this.#noLonger(oldest);
    }
  }

  get #hasRoom(): boolean {
    return this.#waiting.size <= WAITING_MAX && this.#waitingCharacters <= WAITING_CHARACTERS_MAX;
  }

  #noLonger(id: string): boolean {
    this.#waitingCharacters -= this.#waiting.get(id)?.text.length ?? 0;
    return this.#waiting.delete(id);
  }

  #arm(delayMs: number): void {
    if (this.#timer !== null || this.#isClosed) return;
    this.#timer = this.#parts.clock.after(delayMs, () => {
      this.#timer = null;
      if (!this.#flush()) this.#arm(RETRY_DELAY_MS);
    });
  }

  /** One transaction. False when the database would not take them: they stay in line. */
  #flush(): boolean {
    if (this.#waiting.size === 0) return true;
    try {
      this.#client
        .transaction(() => {
          for (const { id, startedAtMs, text } of this.#waiting.values()) this.#insert(id, startedAtMs, text);
          this.#makeRoom();
        })
        .immediate();
    } catch (cause) {
      this.#storedCharacters = null;
      this.#noteTrouble(cause);
      return false;
    }
    this.#waiting.clear();
    this.#waitingCharacters = 0;
    this.#hasTrouble = false;
    return true;
  }

  #insert(id: string, startedAtMs: number, text: string): void {
    this.#client
      .query('INSERT OR REPLACE INTO responses (id, started_at_ms, size_characters, body) VALUES (?1, ?2, ?3, ?4)')
      .run(id, startedAtMs, text.length, text);
    if (this.#storedCharacters !== null) this.#storedCharacters += text.length;
  }

  /** The oldest go when there is too much. Counting all takes some ms for 100,000, so it is rarely done. */
  #makeRoom(): void {
    const max = this.#parts.storedCharactersMax ?? STORED_CHARACTERS_MAX;
    if (this.#storedCharacters !== null && this.#storedCharacters <= max) return;
    let characters = this.#countStored();
    const aim = characters <= max ? max : max - max * ROOM_SHARE;
    const oldest = this.#client.query<{ id: string; size: number }, []>(
      'SELECT id, size_characters AS size FROM responses ORDER BY started_at_ms LIMIT 100',
    );
    const drop = this.#client.query('DELETE FROM responses WHERE id = ?1');
    while (characters > aim) {
      for (const { id, size } of oldest.all()) {
        if (characters <= aim) break;
        drop.run(id);
        characters -= size;
      }
    }
    this.#storedCharacters = characters;
  }

  #countStored(): number {
    const query = 'SELECT COALESCE(SUM(size_characters), 0) AS characters FROM responses';
    return this.#client.query<{ characters: number }, []>(query).get()?.characters ?? 0;
  }

  #noteTrouble(cause: unknown): void {
    if (this.#hasTrouble) return;
    this.#hasTrouble = true;
    const reason = cause instanceof Error ? cause.message : String(cause);
    this.#parts.onTrouble(`Responses cannot be stored (${reason}); they are kept in memory.`);
  }
}

/** What was written by us, read with the care that a file deserves. */
function readKept(id: string, text: string): KeptResponse | null {
  const kept: unknown = JSON.parse(text);
  if (!isObject(kept) || !isObject(kept.response) || !Array.isArray(kept.input)) return null;
  const input = kept.input.filter((item: unknown): item is JsonObject => isObject(item));
  const createdS = typeof kept.createdS === 'number' ? kept.createdS : 0;
  const { response } = kept;
  const owner = stringOrNull(kept.owner);
  return { id, previousId: stringOrNull(kept.previousId), createdS, input, response, owner };
}
