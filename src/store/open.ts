/** Opens the database: WAL, migrations, drizzle. */
import { Database } from 'bun:sqlite';
import { type BunSQLiteDatabase, drizzle } from 'drizzle-orm/bun-sqlite';
import { Fault } from '#src/faults.ts';
import { MIGRATIONS } from './migrations.ts';

export type Store = BunSQLiteDatabase & { readonly $client: Database };

/** A writer blocked by another process must not freeze the event loop: 500 ms of it did (measured). */
const BUSY_TIMEOUT_MS = 20;

/**
 * Opens (and makes, if absent) the database at `path`, or one in memory for ':memory:'.
 * Throws Fault('conflict') when the file was written by a newer Flow; any other trouble comes as SQLite's own error.
 */
export function openStore(path: string): Store {
  const client = new Database(path, { create: true, strict: true });
  client.run('PRAGMA journal_mode = WAL');
  client.run('PRAGMA synchronous = NORMAL');
  client.run(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`);
  client.run('PRAGMA foreign_keys = ON');
  client.run('PRAGMA auto_vacuum = INCREMENTAL');
  migrate(client);
  return drizzle(client);
}

function migrate(client: Database): void {
  const version = client.query<{ user_version: number }, []>('PRAGMA user_version').get()?.user_version ?? 0;
  if (version > MIGRATIONS.length) {
    throw new Fault('conflict', `The database has schema ${version}; this Flow knows up to ${MIGRATIONS.length}.`, {
      hint: 'Start the newer Flow that wrote it, or name another data directory with --data-dir.',
    });
  }
  client.transaction(() => {
    for (const statement of MIGRATIONS.slice(version)) client.run(statement);
    client.run(`PRAGMA user_version = ${MIGRATIONS.length}`);
  })();
}
