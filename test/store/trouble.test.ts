/** What SQLite throws, in words: by real locks and a real full disk, because the codes are SQLite's. */
import { Database } from 'bun:sqlite';
import { afterEach, beforeEach, expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { storeFault } from '#src/store/trouble.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'flow-trouble-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function thrownBy(act: () => void): unknown {
  try {
    act();
    return null;
  } catch (cause) {
    return cause;
  }
}

function made(): Database {
  const client = new Database(join(folder, 'flow.db'), { create: true });
  client.run('CREATE TABLE facts (value TEXT NOT NULL)');
  return client;
}

const INSERT = 'INSERT INTO facts VALUES (hex(randomblob(100000)))';

test('F-78: a database that another program holds is a conflict that may pass', () => {
  const client = made();
  const holder = new Database(join(folder, 'flow.db'));
  holder.run('BEGIN EXCLUSIVE');
  const fault = storeFault(thrownBy(() => client.run(INSERT)));
  expect([fault?.kind, fault?.retryAfterS]).toEqual(['conflict', 5]);
  holder.close(true);
  client.close(true);
});

test('F-80: a full disk is a full disk', () => {
  const client = made();
  client.run('PRAGMA max_page_count = 4');
  expect(storeFault(thrownBy(() => client.run(INSERT)))?.kind).toBe('disk-full');
  client.close(true);
});

test('a database that can only be read says so', () => {
  made().close(true);
  const client = new Database(join(folder, 'flow.db'), { readonly: true });
  expect(storeFault(thrownBy(() => client.run(INSERT)))?.message).toContain('cannot be written');
  client.close(true);
});

test("a mistake in a statement stays a mistake, and what is not SQLite's is not touched", () => {
  const client = made();
  expect(storeFault(thrownBy(() => client.run('SELECT nothing FROM nowhere')))).toBeNull();
  expect(storeFault(thrownBy(() => client.run('INSERT INTO facts VALUES (NULL)')))).toBeNull();
  expect(storeFault(new Error('database is locked'))).toBeNull();
  client.close(true);
});
