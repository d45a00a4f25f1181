/**
 * Opening the database: agreement of its two descriptions, damage, strangers. The writer is tested in writer.test.ts.
 */

import { Database } from 'bun:sqlite';
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getTableConfig, type SQLiteTable } from 'drizzle-orm/sqlite-core';
import { systemClock } from '#src/clock.ts';
import { Fault } from '#src/faults.ts';
import { EMPTY_CONFIG } from '#src/models/model.ts';
import { MIGRATIONS } from '#src/store/migrations.ts';
import { closeStore, openSoundStore, openStore } from '#src/store/open.ts';
import {
  apiKeys,
  conversations,
  facts,
  loads,
  marks,
  measurements,
  memorySamples,
  models,
  presets,
  repairs,
  requests,
  responses,
  turns,
} from '#src/store/schema.ts';

let folder = '';
const path = () => join(folder, 'flow.db');
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'flow-store-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('the two descriptions of the tables agree', () => {
  const records = [requests, measurements, loads, facts, responses, repairs, marks, memorySamples];
  const tables: readonly SQLiteTable[] = [models, presets, conversations, turns, apiKeys, ...records];
  test.each(tables.map((table) => [getTableConfig(table).name, table] as const))('%s', (name, table) => {
    const store = openStore(':memory:');
    const made = store.$client.query<{ name: string; type: string; notnull: number; pk: number }, []>(
      `PRAGMA table_info(${name})`,
    );
    const real = made.all().map((column) => ({
      name: column.name,
      type: column.type.toLowerCase(),
      // SQLite says 0 for a primary key, drizzle says true.
      notNull: column.notnull === 1 || column.pk === 1,
    }));
    const seen = getTableConfig(table).columns.map((column) => ({
      name: column.name,
      type: column.getSQLType(),
      notNull: column.notNull,
    }));
    expect(seen).toEqual(real);

    const realIndexes = store.$client
      .query<{ name: string }, [string]>(
        "SELECT name FROM sqlite_schema WHERE type = 'index' AND tbl_name = ? AND sql IS NOT NULL",
      )
      .all(name)
      .map((row) => row.name);
    expect(
      getTableConfig(table)
        .indexes.map((index) => index.config.name)
        .sort(),
    ).toEqual(realIndexes.sort());
    closeStore(store);
  });
  test('no table is missing from the list above', () => {
    const store = openStore(':memory:');
    const names = store.$client
      .query<{ name: string }, []>("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
      .all()
      .map((row) => row.name);
    expect(names.sort()).toEqual(tables.map((table) => getTableConfig(table).name).sort());
    closeStore(store);
  });
});

test('free pages can be given back: auto_vacuum is incremental in a new file', () => {
  const store = openStore(path());
  expect(store.$client.query<{ auto_vacuum: number }, []>('PRAGMA auto_vacuum').get()?.auto_vacuum).toBe(2);
  closeStore(store);
});

test('a sound database opens again with its rows', () => {
  const first = openStore(path());
  first.insert(facts).values({ key: 'a', value: 'b' }).run();
  closeStore(first);
  const opened = openSoundStore({ path: path(), clock: systemClock });
  expect(opened.notice).toBeNull();
  expect(opened.store.select().from(facts).all()).toEqual([{ key: 'a', value: 'b' }]);
  closeStore(opened.store);
});

test('F-60: a database of a newer Flow is refused, not replaced', () => {
  const first = openStore(path());
  first.$client.run('PRAGMA user_version = 999');
  closeStore(first);
  expect(() => openSoundStore({ path: path(), clock: systemClock })).toThrow(Fault);
  expect(existsSync(path())).toBe(true);
});

describe('F-79: what is no database of ours is set aside whole, and a new one made', () => {
  const cases: readonly (readonly [string, () => void])[] = [
    ['text', () => writeFileSync(path(), 'not a database '.repeat(100))],
    [
      'zeros after the header',
      () =>
        writeFileSync(
          path(),
          damaged((bytes) => bytes.fill(0, 4096)),
        ),
    ],
    ['cut in the middle', () => writeFileSync(path(), damaged((bytes) => bytes).subarray(0, 9000))],
    [
      "the Python Flow's",
      () => {
        const stranger = new Database(path(), { create: true });
        stranger.run('CREATE TABLE models (id TEXT PRIMARY KEY)');
        stranger.close();
      },
    ],
  ];
  test.each(cases)('%s', (_name, damage) => {
    damage();
    const before = readFileSync(path());
    const opened = openSoundStore({ path: path(), clock: systemClock });
    expect(opened.notice).toContain('.bad-');
    // SQLite may count a change in the first page while it looks; everything else is as it was.
    expect(readFileSync(opened.setAside ?? '').subarray(4096)).toEqual(before.subarray(4096));
    opened.store.insert(facts).values({ key: 'works', value: 'yes' }).run();
    closeStore(opened.store);
    expect(openSoundStore({ path: path(), clock: systemClock }).notice).toBeNull();
  });
});

test('F-59: a path that cannot be opened is replaced by memory for this run, and that is said', () => {
  const opened = openSoundStore({ path: join(folder, 'absent', 'flow.db'), clock: systemClock });
  expect(opened.notice).toContain('in memory only');
  opened.store.insert(facts).values({ key: 'works', value: 'yes' }).run();
  closeStore(opened.store);
});

const MODEL = {
  id: 'qwen',
  name: 'Qwen',
  format: 'gguf',
  path: '/models/qwen.gguf',
  hfId: null,
  endpoint: null,
  quantization: 'Q4_K_M',
  sizeBytes: 5_000_000_000,
  trainedContextTokens: 32_768,
  capabilities: { tools: true, thinking: false, embedding: false, vision: false },
  aliases: ['coder'],
  isDemo: false,
  isManaged: false,
  config: { ...EMPTY_CONFIG, launch: { ctx_size: 8192 }, cooldown_s: 60, is_pinned: true },
  createdAtMs: 1,
  updatedAtMs: 2,
} as const;

/** A database with that model, then damaged where its records are. `more` is run on it before that. */
function brokenWithModel(config?: string, more: readonly string[] = []): void {
  const store = openStore(path());
  store
    .insert(models)
    .values({ ...MODEL, aliases: ['coder'] })
    .run();
  if (config !== undefined) store.$client.run('UPDATE models SET config = ?', [config]);
  store.insert(facts).values({ key: 'demo-deleted', value: 'true' }).run();
  for (const statement of more) store.$client.run(statement);
  const page = store.$client.query<{ rootpage: number }, []>("SELECT rootpage FROM sqlite_schema WHERE name = 'loads'");
  const at = ((page.get()?.rootpage ?? 2) - 1) * 4096;
  closeStore(store);
  writeFileSync(path(), readFileSync(path()).fill(0xee, at, at + 4096));
}

test('F-79: damage among the records does not cost the models', () => {
  brokenWithModel();
  const opened = openSoundStore({ path: path(), clock: systemClock });
  expect(opened.notice).toContain('1 model was taken over');
  expect(opened.store.select().from(models).all()).toEqual([{ ...MODEL, aliases: ['coder'] }]);
  expect(opened.store.select().from(facts).all()).toEqual([{ key: 'demo-deleted', value: 'true' }]);
  closeStore(opened.store);
});

test('damage does not cost the presets that users made, and one that is damaged itself is left behind', () => {
  brokenWithModel(undefined, [
    `INSERT INTO presets VALUES ('a', 'Mine', '{"temperature":0.3}', '{"ctx_size":4096}', 3)`,
    `INSERT INTO presets VALUES ('b', 'Odd', '{"temperature":"warm"}', '{}', 3), ('c', 'Empty', '{}', '{}', 3)`,
  ]);
  const whole = { id: 'a', name: 'Mine', behaviour: { temperature: 0.3 }, launch: { ctx_size: 4096 }, createdAtMs: 3 };
  const opened = openSoundStore({ path: path(), clock: systemClock });
  expect(opened.notice).toContain('1 model and 2 presets were taken over');
  expect(opened.store.select().from(presets).all()).toEqual([
    whole,
    { id: 'c', name: 'Empty', behaviour: {}, launch: {}, createdAtMs: 3 },
  ]);
  closeStore(opened.store);
});

test('a broken database of an earlier Flow, without presets, still gives its models', () => {
  brokenWithModel('{"launch":{},"cooldown_s":null,"is_pinned":false,"behaviour":{}}', [
    'DROP TABLE presets',
    'ALTER TABLE models DROP COLUMN endpoint',
    'DROP TABLE repairs',
    'DROP TABLE conversations',
    'DROP TABLE turns',
    'DROP TABLE marks',
    'DROP TABLE memory_samples',
    'DROP TABLE api_keys',
    'DROP INDEX requests_request',
    'ALTER TABLE requests DROP COLUMN parameters',
    'PRAGMA user_version = 2',
  ]);
  const opened = openSoundStore({ path: path(), clock: systemClock });
  expect(opened.notice).toContain('1 model was taken over');
  closeStore(opened.store);
});

test('F-60: a database of the first version, with rows, becomes one of today’s and keeps them', () => {
  const [first = ''] = MIGRATIONS;
  const old = new Database(path());
  old.run(first);
  old.run('PRAGMA user_version = 1');
  old.run(
    `INSERT INTO models VALUES ('q', 'Q', 'gguf', '/q.gguf', NULL, NULL, 5, NULL, '{"tools":true}', '["coder"]', 0, 0,
       '{"launch":{"ctx_size":8192},"cooldown_s":60,"is_pinned":true,"behaviour":{}}', 1, 2)`,
  );
  old.run("INSERT INTO facts VALUES ('demo-deleted', 'true')");
  old.run(`INSERT INTO requests (request_id, route, dialect, is_stream, started_at_ms, ended_at_ms, outcome,
       termination, duration_ms, repairs)
       VALUES ('r', '/v1', 'chat', 1, 1, 2, 'completed', 'x', 1, '["leaked-call"]')`);
  old.close(false);
  const opened = openSoundStore({ path: path(), clock: systemClock });
  expect(opened.notice).toBeNull();
  expect(opened.store.select().from(models).all()).toMatchObject([{ id: 'q', aliases: ['coder'] }]);
  expect(opened.store.select().from(requests).all()).toMatchObject([{ requestId: 'r', repairs: ['leaked-call'] }]);
  expect(opened.store.select().from(presets).all()).toEqual([]);
  closeStore(opened.store);
});

test('a model that is damaged itself is not taken over: a start must never fail by what an earlier one saved', () => {
  for (const config of ['{"launch":4}', '{"launch":{},"variants":{}}', '{"launch":{},"behaviour":[]}']) {
    brokenWithModel(config);
    const opened = openSoundStore({ path: path(), clock: systemClock });
    expect(opened.notice).toContain('0 models were taken over');
    expect(opened.store.select().from(models).all()).toEqual([]);
    closeStore(opened.store);
    rmSync(path());
  }
});

test('F-59: a database that can only be read is used from memory, with its models', () => {
  const store = openStore(path());
  store
    .insert(models)
    .values({ ...MODEL, aliases: ['coder'] })
    .run();
  closeStore(store);
  // Another process that holds it for itself is the same trouble, and needs no read-only disk.
  const copy = join(folder, 'copy.db');
  writeFileSync(copy, readFileSync(path()));
  const holder = new Database(copy);
  holder.run('PRAGMA locking_mode = EXCLUSIVE');
  holder.run('BEGIN EXCLUSIVE');
  const opened = openSoundStore({ path: copy, clock: systemClock });
  expect(opened.notice).toContain('in memory only');
  expect(opened.store.select().from(models).all()).toHaveLength(1);
  opened.store.insert(facts).values({ key: 'works', value: 'yes' }).run();
  closeStore(opened.store);
  holder.close(true);
});

/** The bytes of a database with 500 rows, changed. */
function damaged(change: (bytes: Buffer) => Buffer): Buffer {
  const at = join(folder, `source-${Math.random()}.db`);
  const store = openStore(at);
  store.$client.transaction(() => {
    const insert = store.$client.prepare('INSERT INTO facts (key, value) VALUES (?, ?)');
    for (let row = 0; row < 500; row += 1) insert.run(`key ${row}`, 'value '.repeat(20));
  })();
  closeStore(store);
  return change(readFileSync(at));
}
