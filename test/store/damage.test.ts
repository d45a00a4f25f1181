/** Damage to the database's own files: nothing keeps Flow from starting, twice, and what can be read is taken over. */
import { Database } from 'bun:sqlite';
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '#src/clock.ts';
import { closeStore, openSoundStore, openStore, type Store } from '#src/store/open.ts';
import { apiKeys, conversations, facts, turns } from '#src/store/schema.ts';

let folder = '';
let path = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'flow-damage-'));
  path = join(folder, 'flow.db');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const CONVERSATION = {
  ...{ id: 'c1', title: 'A talk', settings: { model: 'qwen' }, leafId: 't2' },
  ...{ createdAtMs: 1, updatedAtMs: 2, deletedAtMs: null, isPinned: true },
};
const TURN: typeof turns.$inferSelect = {
  role: 'user',
  state: 'done',
  ...{ id: 't1', conversationId: 'c1', parentId: null, content: 'What is this?', reasoning: '', calls: [] },
  ...{ images: ['data:image/png;base64,AAAA'], modelId: null, pairId: null, trouble: null, figures: null },
  ...{ createdAtMs: 1, deletedAtMs: null },
};
const ANSWER: typeof turns.$inferSelect = {
  ...TURN,
  ...{ id: 't2', parentId: 't1', content: 'A picture.', createdAtMs: 2 },
  role: 'assistant',
};
const KEY = {
  ...{ id: 'k1', name: 'laptop', digest: 'd1', sessionDigest: 's1', tail: 'abcd', scopes: ['infer'], models: ['qwen'] },
  ...{ requestsPerMinute: 60, tokensPerDay: null, expiresAtMs: 5, createdAtMs: 1, lastUsedAtMs: null },
  ...{ lastPlace: null, lastClient: null, usedDay: '2026-11-23', usedTokens: 7 },
};

/** A database with a conversation and a key, changed by `more`, whose table of loads is then damaged. */
function broken(more: readonly string[] = [], table = 'loads'): void {
  const store = openStore(path);
  store.insert(conversations).values(CONVERSATION).run();
  store.insert(turns).values([TURN, ANSWER]).run();
  store.insert(apiKeys).values(KEY).run();
  for (const statement of more) store.$client.run(statement);
  const query = 'SELECT rootpage FROM sqlite_schema WHERE name = ?';
  const page = store.$client.query<{ rootpage: number }, [string]>(query).get(table)?.rootpage ?? 2;
  closeStore(store);
  writeFileSync(path, readFileSync(path).fill(0xee, (page - 1) * 4096, page * 4096));
}

/** What a start makes of it; the start after it finds nothing to say. */
function opened(look: (store: Store) => void): string {
  const first = openSoundStore({ path, clock: systemClock });
  look(first.store);
  closeStore(first.store);
  const second = openSoundStore({ path, clock: systemClock });
  expect(second.notice).toBeNull();
  closeStore(second.store);
  return first.notice ?? '';
}

describe('F-79: damage among the records', () => {
  test('does not cost conversations nor keys, to the last field', () => {
    broken();
    const notice = opened((store) => {
      expect(store.select().from(conversations).all()).toEqual([CONVERSATION]);
      expect(store.select().from(turns).all()).toEqual([TURN, ANSWER]);
      expect(store.select().from(apiKeys).all()).toEqual([KEY]);
    });
    expect(notice).toContain('0 models and 1 conversation were taken over');
  });

  test('leaves behind keys and turns that are damaged themselves: a key might open more than it did', () => {
    broken([
      `INSERT INTO api_keys SELECT 'k2', 'phone', 'd2', 's2', tail, '{"all":1}', models, requests_per_minute,
        tokens_per_day, expires_at_ms, created_at_ms, NULL, NULL, NULL, used_day, used_tokens FROM api_keys`,
      "UPDATE turns SET role = 'root' WHERE id = 't2'",
    ]);
    opened((store) => {
      expect(store.select({ id: apiKeys.id }).from(apiKeys).all()).toEqual([{ id: 'k1' }]);
      expect(store.select({ id: turns.id }).from(turns).all()).toEqual([{ id: 't1' }]);
      // What was shown is gone, so what is left of it is shown.
      expect(store.select().from(conversations).all()).toEqual([{ ...CONVERSATION, leafId: 't1' }]);
    });
  });

  test('that hits the list of conversations itself does not cost what was said', () => {
    broken([], 'conversations');
    opened((store) => {
      expect(store.select().from(turns).all()).toHaveLength(2);
      expect(store.select().from(conversations).all()).toMatchObject([{ id: 'c1', leafId: 't2', updatedAtMs: 2 }]);
    });
  });

  test('of an earlier Flow, without pins, still gives its conversations', () => {
    broken(['ALTER TABLE conversations DROP COLUMN is_pinned', 'PRAGMA user_version = 9']);
    opened((store) => {
      expect(store.select().from(conversations).all()).toEqual([{ ...CONVERSATION, isPinned: false }]);
    });
  });
});

/** The same numbers for a seed. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return state / 2_147_483_648;
  };
}

/** The bytes of a database with all kinds of rows. */
function soundBytes(): Buffer {
  const store = openStore(path);
  store.insert(conversations).values(CONVERSATION).run();
  store.insert(apiKeys).values(KEY).run();
  const insert = store.$client.prepare('INSERT INTO facts (key, value) VALUES (?, ?)');
  store.$client.transaction(() => {
    for (let row = 0; row < 500; row += 1) insert.run(`key ${row}`, 'value '.repeat(20));
  })();
  closeStore(store);
  const bytes = readFileSync(path);
  rmSync(path);
  return bytes;
}

test('F-79: a hundred random bytes written over never stop a start, nor the next one', () => {
  const sound = soundBytes();
  for (let seed = 20_261; seed < 20_301; seed += 1) {
    const next = random(seed);
    const bytes = Buffer.from(sound);
    for (let count = 0; count < 100; count += 1) bytes[Math.floor(next() * bytes.length)] = Math.floor(next() * 256);
    path = join(folder, `seed-${seed}.db`);
    writeFileSync(path, bytes);
    try {
      // What SQLite's check does not see is not seen here either; what it sees is mended once.
      opened((store) =>
        store
          .insert(facts)
          .values({ key: `seed ${seed}`, value: 'written' })
          .run(),
      );
    } catch (cause) {
      throw new Error(`with seed ${seed}: ${cause}`, { cause });
    }
  }
});

test('F-79: a log beside the database that holds nonsense costs at most what was in the log', () => {
  const store = openStore(path);
  store.insert(facts).values({ key: 'kept', value: 'yes' }).run();
  store.$client.run('PRAGMA wal_checkpoint(TRUNCATE)');
  store.insert(facts).values({ key: 'in the log', value: 'yes' }).run();
  for (const suffix of ['', '-wal', '-shm']) copyFileSync(path + suffix, join(folder, `copy.db${suffix}`));
  closeStore(store);
  const source = join(folder, 'copy.db');
  const log = readFileSync(`${source}-wal`);
  const cases = [
    log.subarray(0, 100),
    log.subarray(0, log.length - 50),
    Buffer.alloc(log.length, 0xaa),
    Buffer.from('x'),
  ];
  for (let seed = 1; seed <= 12; seed += 1) {
    const next = random(seed);
    const bytes = Buffer.from(log);
    for (let count = 0; count < 100; count += 1) bytes[Math.floor(next() * bytes.length)] = Math.floor(next() * 256);
    cases.push(bytes);
  }
  for (const [index, bytes] of cases.entries()) {
    path = join(folder, `case-${index}.db`);
    copyFileSync(source, path);
    writeFileSync(`${path}-wal`, bytes);
    writeFileSync(`${path}-shm`, Buffer.alloc(32_768, index));
    opened((one) => {
      const keys = one.select({ key: facts.key }).from(facts).all();
      expect(keys).toContainEqual({ key: 'kept' });
    });
  }
});

test('F-79: a folder in the place of the database costs records for this run, not the start', () => {
  rmSync(path, { force: true });
  Bun.spawnSync(['mkdir', path]);
  const { store, notice } = openSoundStore({ path, clock: systemClock });
  expect(notice).toContain('in memory only');
  closeStore(store);
  expect(existsSync(path)).toBe(true);
  expect(() => new Database(path)).toThrow();
});
