/** The data directory: made with private modes, and held by one Flow at a time. */
import {
  accessSync,
  chmodSync,
  constants,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { Fault, systemCodeOf } from '#src/faults.ts';
import { discard } from '#src/whole-file.ts';

/** Folders of Flow's own, relative to the data directory, for this user alone. */
export const PRIVATE_FOLDERS = ['', 'engines', 'logs'] as const;
const FOLDER_MODE = 0o700;
const FILE_MODE = 0o600;
/** Files that Flow keeps private, also when somebody wrote or restored them with wider modes. */
export const PRIVATE_FILES = [
  ...['settings.json', 'settings.json.bak', 'flow.db', 'flow.db-wal', 'flow.db-shm', 'engines.pids.json'],
] as const;
const LOCK_FILE = 'flow.lock';
const ATTEMPTS_MAX = 3;
const PS_TIMEOUT_MS = 2_000;

/**
 * Makes the directory and its folders, mode 0700, and its private files 0600. True when Flow can write there; false
 * when it is there and can only be read: then what is in it is used as it is. Throws Fault('conflict') when there is no
 * directory and none can be made.
 */
export function prepareDataDir(dataDir: string): boolean {
  try {
    for (const folder of PRIVATE_FOLDERS) {
      const path = join(dataDir, folder);
      mkdirSync(path, { recursive: true, mode: FOLDER_MODE });
      chmodSync(path, FOLDER_MODE);
    }
    accessSync(dataDir, constants.W_OK);
    for (const file of PRIVATE_FILES) makePrivate(join(dataDir, file));
    return true;
  } catch (cause) {
    if (isReadable(dataDir)) return false;
    throw new Fault('conflict', `Flow cannot write to its data directory ${dataDir}.`, {
      hint: 'Check its owner and mode, or name another one with --data-dir.',
      cause,
    });
  }
}

/** A file of somebody else's stays as it is: what follows says whether it can be used. */
function makePrivate(path: string): void {
  try {
    const found = lstatSync(path);
    if (found.isFile() && (found.mode & 0o077) !== 0) chmodSync(path, FILE_MODE);
  } catch {}
}

function isReadable(dataDir: string): boolean {
  try {
    accessSync(dataDir, constants.R_OK | constants.X_OK);
    return statSync(dataDir).isDirectory();
  } catch {
    return false;
  }
}

/**
 * Holds the directory until disposed. Throws Fault('conflict') naming the process that holds it. A lock whose process
 * is gone, or whose number now belongs to a process that started at another time, is taken over. Throws
 * Fault('disk-full') when nobody holds it and there is no room for a lock.
 */
export function lockDataDir(dataDir: string): Disposable {
  const path = join(dataDir, LOCK_FILE);
  const own = `${path}.${process.pid}`;
  const text = JSON.stringify({ pid: process.pid, startedAt: startTime(process.pid) });
  try {
    writeFileSync(own, text, { mode: FILE_MODE });
    // A link appears whole or not at all, so nobody ever reads a lock that is still empty and takes it for a stale one.
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
      if (isPlaced(own, path)) return { [Symbol.dispose]: () => release(path, text) };
      const holder = readHolder(path);
      if (holder && isAlive(holder)) throw held(holder, dataDir);
      removeStale(path, `${own}.stale`);
    }
  } catch (cause) {
    if (systemCodeOf(cause) !== 'ENOSPC' && systemCodeOf(cause) !== 'EDQUOT') throw cause;
    const holder = readHolder(path);
    if (holder && isAlive(holder)) throw held(holder, dataDir);
    throw new Fault('disk-full', `The disk of ${dataDir} is full.`, { cause });
  } finally {
    // The lock holds without it, and a start must not fail by a name that stays.
    discard(own);
  }
  throw new Fault('conflict', `Another Flow has just taken ${dataDir}.`);
}

/** The process that holds the directory now; null when nobody does. */
export function dataDirHolder(dataDir: string): number | null {
  const holder = readHolder(join(dataDir, LOCK_FILE));
  return holder && isAlive(holder) ? holder.pid : null;
}

/** Puts a lock where none is; false when there is one. */
function isPlaced(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (cause) {
    if (systemCodeOf(cause) === 'EEXIST') return false;
  }
  try {
    // A disk without hard links (exFAT, some network drives) has at least exclusive creation.
    writeFileSync(to, readFileSync(from), { flag: 'wx', mode: FILE_MODE });
    return true;
  } catch (cause) {
    if (systemCodeOf(cause) === 'EEXIST') return false;
    throw cause;
  }
}

function held({ pid }: Holder, dataDir: string): Fault {
  return new Fault('conflict', `Another Flow (process ${pid}) uses ${dataDir}.`, {
    hint: 'Stop it first, or start this one with another --data-dir.',
  });
}

/**
 * Two Flows may find the same stale lock; the slower one must not remove what the faster one has put in its place. So
 * it
 * is moved, looked at again, and put back when it lives.
 */
function removeStale(path: string, aside: string): void {
  try {
    renameSync(path, aside);
  } catch {
    // The other one was faster.
    return;
  }
  const holder = readHolder(aside);
  if (holder && isAlive(holder)) isPlaced(aside, path);
  rmSync(aside, { force: true });
}

/** Only our own lock: a Flow that was stopped for long may have been taken for dead. */
function release(path: string, text: string): void {
  try {
    if (readFileSync(path, 'utf8') === text) rmSync(path, { force: true });
  } catch {
    // It is gone, and so is the hold.
  }
}

type Holder = { readonly pid: number; readonly startedAt: string | null };

function readHolder(path: string): Holder | null {
  try {
    const value: unknown = JSON.parse(readFileSync(path, 'utf8'));
    if (typeof value !== 'object' || value === null || !('pid' in value) || typeof value.pid !== 'number') return null;
    const startedAt = 'startedAt' in value && typeof value.startedAt === 'string' ? value.startedAt : null;
    return { pid: value.pid, startedAt };
  } catch {
    // No lock, or not one of ours: nobody holds it.
    return null;
  }
}

function isAlive({ pid, startedAt }: Holder): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
  } catch (cause) {
    // Another user's process is there all the same.
    if (systemCodeOf(cause) !== 'EPERM') return false;
  }
  const runsSince = startTime(pid);
  return startedAt === null || runsSince === null || runsSince === startedAt;
}

/** Start time of a process as the system tells it; null where it does not. */
function startTime(pid: number): string | null {
  return process.platform === 'linux' ? startTicks(pid) : startByPs(pid);
}

/** In ticks since the start of the machine, and which start that was: ticks alone could repeat after the next one. */
function startTicks(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The second field is the name in parentheses and may contain spaces; the start time is field 22.
    const ticks = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
    return ticks === undefined ? null : `${ticks}@${readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()}`;
  } catch {
    return null;
  }
}

/** macOS gives process numbers again soon; without this a lock left by a power cut could keep Flow from starting. */
function startByPs(pid: number): string | null {
  try {
    const ps = Bun.spawnSync(['/bin/ps', '-o', 'lstart=', '-p', String(pid)], {
      env: { LC_ALL: 'C', TZ: 'UTC' },
      stderr: 'ignore',
      timeout: PS_TIMEOUT_MS,
    });
    return ps.stdout.toString().trim() || null;
  } catch {
    return null;
  }
}
