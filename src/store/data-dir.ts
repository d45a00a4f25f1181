/** The data directory: made with private modes, and held by one Flow at a time. */
import { chmodSync, closeSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { Fault } from '#src/faults.ts';

const FOLDERS = ['', 'engines', 'logs'] as const;
const FOLDER_MODE = 0o700;
const LOCK_FILE = 'flow.lock';

/** Makes the directory and its folders, mode 0700. Throws Fault('conflict') when that is not possible. */
export function prepareDataDir(dataDir: string): void {
  try {
    for (const folder of FOLDERS) {
      const path = join(dataDir, folder);
      mkdirSync(path, { recursive: true, mode: FOLDER_MODE });
      chmodSync(path, FOLDER_MODE);
    }
  } catch (cause) {
    throw new Fault('conflict', `Flow cannot write to its data directory ${dataDir}.`, {
      hint: 'Check its owner and mode, or name another one with --data-dir.',
      cause,
    });
  }
}

/**
 * Holds the directory until disposed. Throws Fault('conflict') naming the process that holds it. A lock whose process
 * is gone, or whose number now belongs to a process that started at another time, is taken over.
 */
export function lockDataDir(dataDir: string): Disposable {
  const path = join(dataDir, LOCK_FILE);
  const holder = readHolder(path);
  if (holder && isAlive(holder)) {
    throw new Fault('conflict', `Another Flow (process ${holder.pid}) uses ${dataDir}.`, {
      hint: 'Stop it first, or start this one with another --data-dir.',
    });
  }
  rmSync(path, { force: true });
  const file = openExclusively(path, dataDir);
  writeSync(file, JSON.stringify({ pid: process.pid, startedAt: startTime(process.pid) }));
  closeSync(file);
  return { [Symbol.dispose]: () => rmSync(path, { force: true }) };
}

/** The process that holds the directory now; null when nobody does. */
export function dataDirHolder(dataDir: string): number | null {
  const holder = readHolder(join(dataDir, LOCK_FILE));
  return holder && isAlive(holder) ? holder.pid : null;
}

function openExclusively(path: string, dataDir: string): number {
  try {
    return openSync(path, 'wx', 0o600);
  } catch (cause) {
    throw new Fault('conflict', `Another Flow has just taken ${dataDir}.`, { cause });
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
    // No lock, or one that was cut off while being written: nobody holds it.
    return null;
  }
}

function isAlive({ pid, startedAt }: Holder): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  return startedAt === null || startTime(pid) === null || startTime(pid) === startedAt;
}

/** Start time of a process as the system counts it; null where /proc does not tell. */
function startTime(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the name in parentheses and may contain spaces; the start time is field 22.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null;
  } catch {
    return null;
  }
}
