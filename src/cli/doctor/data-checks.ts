/** The data directory: there, ours, private, with room; its settings and its database sound. */
import { accessSync, constants, existsSync, type Stats, statfsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Config } from '#src/config.ts';
import { type FileReading, readSettingsFile } from '#src/settings/file.ts';
import { isSettingName, settingProblem } from '#src/settings/validation.ts';
import { PRIVATE_FILES, PRIVATE_FOLDERS } from '#src/store/data-dir.ts';
import { examineStore } from '#src/store/examine.ts';
import { bytes } from '../terminal.ts';
import { bad, type Finding, good, warning } from './finding.ts';

const OTHERS_MAY = 0o077;
const OTHERS_MAY_WRITE = 0o022;
const DATA_BYTES_MIN = 200e6;
const DATA_BYTES_ENOUGH = 1e9;
const MODELS_BYTES_ENOUGH = 10e9;

/** Whether the directory is there (or can be made), belongs to this user and can be written to. */
export function checkDataDir(dataDir: string, userId: number | null): Finding {
  const check = 'data-dir';
  const status = statusOf(dataDir);
  if (status === null) {
    const parent = nearestExisting(dataDir);
    return mayWrite(parent)
      ? good(check, `${dataDir} is not there yet; the first start makes it.`)
      : bad(check, `${dataDir} cannot be made: ${parent} is not writable.`, 'Name another one with --data-dir.');
  }
  if (!status.isDirectory()) return bad(check, `${dataDir} is not a directory.`, 'Name another one with --data-dir.');
  if (userId !== null && status.uid !== userId) {
    const fix = `sudo chown -R "$(id -un)" '${dataDir}', or name another one with --data-dir.`;
    return bad(check, `${dataDir} belongs to another user (${status.uid}).`, fix);
  }
  if (!mayWrite(dataDir)) return bad(check, `${dataDir} is not writable.`, `chmod u+rwx '${dataDir}'`);
  return good(check, `The data directory is ${dataDir}.`);
}

/** Whether others can get at what is in it. */
export function checkModes(dataDir: string): readonly Finding[] {
  const check = 'modes';
  const found = [...PRIVATE_FOLDERS, ...PRIVATE_FILES].flatMap((name) => {
    const mode = (statusOf(join(dataDir, name))?.mode ?? 0) & 0o777;
    return (mode & OTHERS_MAY) === 0 ? [] : [{ path: join(dataDir, name), mode }];
  });
  if (found.length === 0) return existsSync(dataDir) ? [good(check, 'Only you can read it.')] : [];
  const names = found.map(({ path, mode }) => `${path} (${mode.toString(8).padStart(4, '0')})`).join(', ');
  const fix = `chmod go= ${found.map(({ path }) => `'${path}'`).join(' ')}`;
  return found.some(({ mode }) => (mode & OTHERS_MAY_WRITE) !== 0)
    ? [bad(check, `Others may write to ${names}.`, fix)]
    : [warning(check, `Others may read ${names}.`, fix)];
}

/** Whether settings.json can be read, and each value be used. */
export async function checkSettings(dataDir: string): Promise<readonly Finding[]> {
  const check = 'settings';
  const path = join(dataDir, 'settings.json');
  const reading: FileReading = await readSettingsFile(path);
  switch (reading.kind) {
    case 'absent':
      return [good(check, 'There are no saved settings; the defaults are used.')];
    case 'unreadable':
      return [bad(check, `${path} cannot be read: ${reading.reason}.`, `chmod u+rw '${path}'`)];
    case 'bad': {
      const fix = 'Mend the file by hand; else the next start keeps a copy and takes the last good settings.';
      return [bad(check, `${path} is damaged: ${reading.reason}.`, fix)];
    }
    default: {
      const problems = Object.entries(reading.values).flatMap(([name, value]) =>
        isSettingName(name) ? (settingProblem(name, value) ?? []) : [],
      );
      if (problems.length === 0) return [good(check, 'settings.json is in order.')];
      return problems.map((problem) =>
        warning(check, `In settings.json ${problem} The default is used.`, `Correct it in ${path} or on the page.`),
      );
    }
  }
}

/** Settings whose saved value does not count, because a flag or the environment has another. */
export async function checkOverrides({ dataDir, fixed }: Config): Promise<readonly Finding[]> {
  const reading = await readSettingsFile(join(dataDir, 'settings.json'));
  const saved = reading.kind === 'good' ? reading.values : {};
  return Object.entries(fixed).flatMap(([name, given]) => {
    const value = saved[name];
    if (value === undefined || value === given.value) return [];
    const whence = given.origin === 'flag' ? 'the command line' : 'the environment';
    const says = `By ${whence} ${name} is ${given.value}, not ${JSON.stringify(value)} as saved.`;
    return [warning('overrides', says, `Take it away from ${whence}, or save the same value.`)];
  });
}

/** Whether the database's pages hold together. It keeps records only; models and settings survive it. */
export function checkDatabase(dataDir: string): Finding {
  const check = 'database';
  const path = join(dataDir, 'flow.db');
  const found = examineStore(path);
  switch (found.state) {
    case 'absent':
      return good(check, 'There is no database yet; the first start makes it.');
    case 'sound':
      return good(check, 'The database is sound.');
    case 'newer': {
      const fix = 'Start the newer Flow that wrote it, or name another data directory with --data-dir.';
      return bad(check, `The database has schema ${found.schema}, which this Flow does not know.`, fix);
    }
    case 'broken': {
      const fix = 'Restart Flow: it keeps the damaged file aside and makes a new one.';
      return bad(check, `${path} is damaged: ${found.reason.replaceAll(/\s+/g, ' ')}.`, fix);
    }
    default: {
      const fix = `See who holds it (lsof '${path}'), and whether you may read it.`;
      return warning(check, `${path} could not be checked: ${found.reason}.`, fix);
    }
  }
}

/** Whether there is room on the disks of both. */
export function checkSpace(dataDir: string, modelsDir: string): readonly Finding[] {
  const data = spaceAt(dataDir);
  const models = spaceAt(modelsDir);
  return [
    spaceFinding('disk', `the data directory ${dataDir}`, data, DATA_BYTES_ENOUGH),
    spaceFinding('models-disk', `the models folder ${modelsDir}`, models, MODELS_BYTES_ENOUGH),
  ];
}

/** Pure. `freeBytes` null = the system would not say. */
export function spaceFinding(check: string, what: string, freeBytes: number | null, enoughBytes: number): Finding {
  if (freeBytes === null) return warning(check, `Room for ${what} is not known.`, 'See with df whether it is mounted.');
  const says = `${bytes(freeBytes)} are free for ${what}.`;
  const fix = 'Make room on that disk, or move it to another one.';
  if (freeBytes < DATA_BYTES_MIN) return bad(check, `Only ${says}`, fix);
  return freeBytes < enoughBytes ? warning(check, `Only ${says}`, fix) : good(check, says);
}

function spaceAt(path: string): number | null {
  try {
    const { bavail, bsize } = statfsSync(nearestExisting(path));
    return bavail * bsize;
  } catch {
    return null;
  }
}

function nearestExisting(path: string): string {
  return existsSync(path) || dirname(path) === path ? path : nearestExisting(dirname(path));
}

function statusOf(path: string): Stats | null {
  return statSync(path, { throwIfNoEntry: false }) ?? null;
}

function mayWrite(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
