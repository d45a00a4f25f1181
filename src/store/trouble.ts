/** Puts SQLite's troubles of the moment into words: a full disk or a file that is held is no mistake of Flow. */
import { SQLiteError } from 'bun:sqlite';
import { Fault } from '#src/faults.ts';
import { primaryCode } from './open.ts';

const RETRY_AFTER_S = 5;

/** The Fault that a database's error stands for; null when it is something else, and then a mistake. */
export function storeFault(cause: unknown): Fault | null {
  if (!(cause instanceof SQLiteError)) return null;
  switch (primaryCode(cause)) {
    case 'SQLITE_BUSY':
    case 'SQLITE_LOCKED':
      return new Fault('conflict', "Another program holds Flow's database; nothing was saved.", {
        hint: 'Try again when it is done.',
        retryAfterS: RETRY_AFTER_S,
        cause,
      });
    case 'SQLITE_FULL':
      return new Fault('disk-full', 'The disk is full; nothing was saved.', {
        hint: 'Make room, then try again.',
        cause,
      });
    case 'SQLITE_READONLY':
    case 'SQLITE_IOERR':
    case 'SQLITE_CANTOPEN':
      return new Fault('conflict', "Flow's database cannot be written; nothing was saved.", {
        hint: 'Look at the disk of the data directory, then start Flow again.',
        cause,
      });
    default:
      return null;
  }
}
