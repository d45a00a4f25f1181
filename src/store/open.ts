/**
 * Opens the database: WAL, migrations, drizzle. A broken one is set aside, since it holds records; its models,
 * users' presets, keys and conversations are taken over.
 */
import { Database, SQLiteError } from 'bun:sqlite';
import { constants, copyFileSync, existsSync, renameSync, rmSync, statSync } from 'node:fs';
import { type BunSQLiteDatabase, drizzle } from 'drizzle-orm/bun-sqlite';
import type { Clock } from '#src/clock.ts';
import { Fault } from '#src/faults.ts';
import { openAsItIs } from './as-it-is.ts';
import { MIGRATIONS } from './migrations.ts';
import { type Salvaged, salvage } from './salvage.ts';

export type Store = BunSQLiteDatabase & { readonly $client: Database };

/** A store that is sure to work, and what had to be done for it. */
export type OpenedStore = {
  readonly store: Store;
  /** Where the broken file went; null when the database was sound. */
  readonly setAside: string | null;
  /** A sentence for the user; null when there is nothing to say. */
  readonly notice: string | null;
};

/** A writer blocked by another process must not freeze the event loop: 500 ms of it did (measured). */
const BUSY_TIMEOUT_MS = 20;
/** While opening nothing else runs yet, and the Flow before us may still be closing. */
const OPENING_TIMEOUT_MS = 1_000;
const PLAUSIBLE_VERSION_MAX = 1_000;
const COPY_BYTES_MAX = 256 << 20;
/** What SQLite says of a file that no longer is a database, or not a whole one. */
const BROKEN_CODES: ReadonlySet<string> = new Set(['SQLITE_CORRUPT', 'SQLITE_NOTADB', 'SQLITE_FORMAT']);

/**
 * Opens (and makes, if absent) the database at `path`, or one in memory for ':memory:'.
 * One of an earlier Flow is brought to the present schema, and kept beside it as it was: `<path>.bak`. Throws
 * Fault('invalid-request') when the file was written by a newer Flow; any other trouble comes as SQLite's own error.
 */
export function openStore(path: string): Store {
  const client = new Database(path, { create: true, strict: true });
  return readied(client, () => keepFormer(client, path));
}

/** Brings a database to the present schema; closes it when that is not possible. */
function readied(client: Database, beforeMigration: () => void = () => {}): Store {
  try {
    client.run(`PRAGMA busy_timeout = ${OPENING_TIMEOUT_MS}`);
    const version = ownVersion(client);
    // Before WAL: that pragma writes the header, and then it is too late to choose how free pages are returned.
    client.run('PRAGMA auto_vacuum = INCREMENTAL');
    client.run('PRAGMA journal_mode = WAL');
    client.run('PRAGMA synchronous = NORMAL');
    client.run('PRAGMA foreign_keys = ON');
    if (version > 0 && version < MIGRATIONS.length) beforeMigration();
    migrate(client, version);
    client.run(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`);
  } catch (cause) {
    client.close();
    throw cause;
  }
  return drizzle(client);
}

/**
 * Opens the database at `path` after a check of its pages (about 1 ms per MB). A broken one is renamed to
 * `<path>.bad-<time>` and a new one made; one that cannot be opened at all (a read-only or full disk, a lock) is
 * replaced by a copy in memory for this run, so that serving goes on with the models there are. Throws only
 * Fault('invalid-request') for a newer schema.
 */
export function openSoundStore({ path, clock }: { path: string; clock: Clock }): OpenedStore {
  try {
    return { store: openChecked(path), setAside: null, notice: null };
  } catch (cause) {
    if (cause instanceof Fault) throw cause;
    return isBroken(cause) ? replaced(path, clock) : inMemory(path, cause);
  }
}

/** Whether SQLite means that the file itself is broken, not that it is in use or the disk full. */
export function isBroken(cause: unknown): boolean {
  if (cause instanceof BrokenStore) return true;
  return cause instanceof SQLiteError && BROKEN_CODES.has(primaryCode(cause));
}

/** SQLite's code without its extension: SQLITE_CORRUPT for SQLITE_CORRUPT_INDEX; '' when it has none. */
export function primaryCode(cause: SQLiteError): string {
  return cause.code?.split('_').slice(0, 2).join('_') ?? '';
}

/** Writes all of the log into the database file and closes it. */
export function closeStore(store: Store): void {
  try {
    // Closing does it only when no prepared statement is left, and caches keep some.
    store.$client.run('PRAGMA wal_checkpoint(TRUNCATE)');
  } catch {
    // Locked or full: the log stays beside the file, and the next start reads both.
  }
  store.$client.close(false);
}

/** What a look inside found; kept apart from SQLite's own errors because it comes as an answer, not as an error. */
class BrokenStore extends Error {}

/** The schema's number, 0 for a new file. Looks before anything is written, so that a stranger is left as it was. */
function ownVersion(client: Database): number {
  const version = client.query<{ user_version: number }, []>('PRAGMA user_version').get()?.user_version ?? 0;
  const tables = client.query<{ count: number }, []>('SELECT count(*) AS count FROM sqlite_schema').get()?.count ?? 0;
  // The Python Flow kept a database of the same name; numbers out of reason are damage, not the future.
  if (version < 0 || version > PLAUSIBLE_VERSION_MAX || (version === 0 && tables > 0)) {
    throw new BrokenStore('It holds tables that this Flow did not make.');
  }
  if (version > MIGRATIONS.length) {
    throw new Fault(
      'invalid-request',
      `The database has schema ${version}; this Flow knows up to ${MIGRATIONS.length}.`,
      {
        hint: 'Start the newer Flow that wrote it, or name another data directory with --data-dir.',
      },
    );
  }
  return version;
}

/** So that the earlier Flow can be gone back to. Where there is no room for it, the upgrade is made all the same. */
function keepFormer(client: Database, path: string): void {
  const copy = `${path}.bak`;
  try {
    // What the log holds is brought into the file first, since only that is copied.
    client.run('PRAGMA wal_checkpoint(TRUNCATE)');
    copyFileSync(path, `${copy}.new`, constants.COPYFILE_FICLONE);
    renameSync(`${copy}.new`, copy);
  } catch {
    rmSync(`${copy}.new`, { force: true });
  }
}

function migrate(client: Database, version: number): void {
  if (version === MIGRATIONS.length) return;
  client.transaction(() => {
    for (const statement of MIGRATIONS.slice(version)) client.run(statement);
    client.run(`PRAGMA user_version = ${MIGRATIONS.length}`);
  })();
}

function openChecked(path: string): Store {
  const store = openStore(path);
  try {
    if (!isSound(store.$client)) throw new BrokenStore('Its pages do not agree with each other.');
    return store;
  } catch (cause) {
    store.$client.close();
    throw cause;
  }
}

function isSound(client: Database): boolean {
  return client.query<{ quick_check: string }, []>('PRAGMA quick_check(1)').get()?.quick_check === 'ok';
}

function replaced(path: string, clock: Clock): OpenedStore {
  const setAside = `${path}.bad-${clock.wallMs()}`;
  try {
    renameSync(path, setAside);
    for (const suffix of ['-wal', '-shm']) {
      if (existsSync(path + suffix)) renameSync(path + suffix, setAside + suffix);
    }
    const store = openStore(path);
    const rest = `${salvagedText(salvage(setAside, store))} taken over from it; settings are not affected.`;
    const notice = `The database was damaged or not Flow's. It is kept as ${setAside}, and a new one was made; ${rest}`;
    return { store, setAside, notice };
  } catch (cause) {
    return inMemory(path, cause);
  }
}

function salvagedText({ models, presets, conversations }: Salvaged): string {
  const others = [
    { noun: 'preset', count: presets },
    { noun: 'conversation', count: conversations },
  ].filter(({ count }) => count > 0);
  const kinds = [{ noun: 'model', count: models }, ...others];
  const texts = kinds.map(({ noun, count }) => `${count} ${noun}${count === 1 ? '' : 's'}`);
  const text = [texts.slice(0, -1).join(', '), ...texts.slice(-1)].filter(Boolean).join(' and ');
  return `${text} ${models === 1 && others.length === 0 ? 'was' : 'were'}`;
}

function inMemory(path: string, cause: unknown): OpenedStore {
  const reason = cause instanceof Error ? cause.message : String(cause);
  const notice = `The database ${path} cannot be used (${reason}). What happens in this run is kept in memory only.`;
  return { store: copyInMemory(path) ?? openStore(':memory:'), setAside: null, notice };
}

/** What the file holds, as far as it can be read; null when it cannot, or is not worth the memory. */
function copyInMemory(path: string): Store | null {
  try {
    if (statSync(path).size > COPY_BYTES_MAX) return null;
    const file = openAsItIs(path);
    const bytes = file.serialize();
    file.close();
    // Both versions of the format to "no WAL", which a database in memory cannot have.
    bytes.fill(1, 18, 20);
    const client = Database.deserialize(bytes, { strict: true });
    // Somebody may have been writing to it just now.
    if (!isSound(client)) throw new BrokenStore('The copy is not whole.');
    return readied(client);
  } catch {
    return null;
  }
}
