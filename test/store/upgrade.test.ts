/** Databases of every earlier schema, made by the very migrations of their time. A newer one: open.test.ts, serve. */
import { Database } from 'bun:sqlite';
import { afterEach, beforeEach, expect, test } from 'bun:test';
import { copyFileSync, existsSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '#src/clock.ts';
import { MIGRATIONS } from '#src/store/migrations.ts';
import { closeStore, openSoundStore, openStore } from '#src/store/open.ts';

let folder = '';
let path = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'flow-upgrade-'));
  path = join(folder, 'flow.db');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

type Row = Readonly<Record<string, unknown>>;
type Rows = Readonly<Record<string, Row>>;

/**
 * A database as it was with the first migrations only, and one row in each of its tables; left as by a Flow that was
 * killed: much of it is in the log.
 */
function madeAt(version: number): Rows {
  const client = new Database(path, { create: true });
  client.run('PRAGMA journal_mode = WAL');
  client.run('PRAGMA wal_autocheckpoint = 0');
  for (const migration of MIGRATIONS.slice(0, version)) client.run(migration);
  client.run(`PRAGMA user_version = ${version}`);
  const rows = new Map<string, Row>();
  for (const { name } of tablesOf(client)) {
    const columns = client.query<{ name: string; type: string }, []>(`PRAGMA table_info(${name})`).all();
    const values = columns.map((column) => (column.type === 'TEXT' ? `"${column.name}"` : 7));
    client.query(`INSERT INTO ${name} VALUES (${values.map(() => '?').join(', ')})`).run(...values);
    rows.set(name, firstOf(client, name));
  }
  for (const suffix of ['', '-wal']) copyFileSync(path + suffix, `${path}.killed${suffix}`);
  client.close(false);
  for (const suffix of ['', '-wal']) renameSync(`${path}.killed${suffix}`, path + suffix);
  rmSync(`${path}-shm`, { force: true });
  return Object.fromEntries(rows);
}

const tablesOf = (client: Database) =>
  client
    .query<{ name: string }, []>("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    .all();
const firstOf = (client: Database, table: string): Row => client.query<Row, []>(`SELECT * FROM ${table}`).get() ?? {};
const versionOf = (client: Database) => client.query<{ user_version: number }, []>('PRAGMA user_version').get();

const EARLIER = MIGRATIONS.map((_, index) => index + 1).slice(0, -1);

test.each(EARLIER)('F-60: a database of schema %i keeps all its rows, and is kept as it was', (version) => {
  const rows = madeAt(version);
  const { store, notice } = openSoundStore({ path, clock: systemClock });
  expect(notice).toBeNull();
  expect(versionOf(store.$client)?.user_version).toBe(MIGRATIONS.length);
  for (const [table, row] of Object.entries(rows)) expect(firstOf(store.$client, table)).toMatchObject(row);
  // Changed by the new Flow from here on; the copy is not.
  store.$client.run('DELETE FROM models');
  closeStore(store);
  const former = new Database(`${path}.bak`, { readonly: true });
  expect(versionOf(former)?.user_version).toBe(version);
  for (const [table, row] of Object.entries(rows)) expect(firstOf(former, table)).toEqual(row);
  former.close();
  expect(existsSync(`${path}.bak.new`)).toBe(false);
});

test('F-60: a database of this schema is not copied, and the copy of an upgrade is not written over', () => {
  madeAt(1);
  closeStore(openStore(path));
  const copied = readFileSync(`${path}.bak`);
  closeStore(openStore(path));
  expect(readFileSync(`${path}.bak`)).toEqual(copied);
  rmSync(`${path}.bak`);
  closeStore(openStore(path));
  expect(existsSync(`${path}.bak`)).toBe(false);
});

test('F-60: an upgrade that is cut off leaves the database as it was', () => {
  madeAt(1);
  // The second migration meets a table that is there already, so that all of them are taken back.
  const client = new Database(path);
  client.run('CREATE TABLE presets (id TEXT)');
  client.close(false);
  expect(() => openStore(path)).toThrow('presets');
  const left = new Database(path, { readonly: true });
  expect(versionOf(left)?.user_version).toBe(1);
  expect(tablesOf(left).map(({ name }) => name)).not.toContain('responses');
  left.close();
  expect(statSync(`${path}.bak`).size).toBeGreaterThan(0);
});
