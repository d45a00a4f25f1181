/** Opens a database without its side files and without locks: a broken one, or one that cannot be written. */
import { constants, Database } from 'bun:sqlite';
import { pathToFileURL } from 'node:url';

/** For reading only; what its log still holds is not seen. Throws SQLite's own error. */
export function openAsItIs(path: string): Database {
  const flags = constants.SQLITE_OPEN_READONLY | constants.SQLITE_OPEN_URI;
  return new Database(`${pathToFileURL(path).href}?immutable=1`, flags);
}
