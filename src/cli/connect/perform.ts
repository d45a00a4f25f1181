/** Connects an agent and takes it back: what is to be written is known for all files before the first is touched. */
import { existsSync, readFileSync, rmdirSync } from 'node:fs';
import type { Plan } from '#src/agents/agent.ts';
import { isSame, jsonOf } from '#src/agents/document.ts';
import { type Edit, edited, reverted } from '#src/agents/edit.ts';
import { Fault } from '#src/faults.ts';
import type { ConnectedFile, Connection } from './ledger.ts';
import { connections, record } from './ledger.ts';
import { backUp, discard, type Found, finalPath, find, makeFolders, modeFor, refuseReadOnly, write } from './target.ts';

/** What will become of one file. */
export type Draft = {
  readonly edit: Edit;
  readonly found: Found;
  readonly text: string;
  /** As it was connected before; null for the first time. */
  readonly former: ConnectedFile | null;
};

/** What became of one file. `left` names what the user has changed since and was therefore left alone. */
export type Undone = {
  readonly path: string;
  readonly outcome: 'restored' | 'removed' | 'taken-out' | 'gone';
  readonly left: readonly string[];
  /** The copy that was kept because not all of it came back; null when it is no longer needed. */
  readonly backup: string | null;
};

const digestOf = (text: string): string => new Bun.CryptoHasher('sha256').update(text).digest('hex');

/** What a plan would make of the files as they are. Throws Fault('unprocessable') that names file and place. */
export function drafts(plan: Plan, former: Connection | null): Draft[] {
  return plan.edits.map((edit) => {
    const found = find(edit.path);
    const old = former?.files.find(({ path }) => path === found.path) ?? null;
    try {
      const present = found.text ?? '';
      return { edit, found, former: old, text: edited(edit, withoutStale(edit, present, old)) };
    } catch (cause) {
      if (!(cause instanceof Fault)) throw cause;
      throw new Fault(cause.kind, `${found.path} is left as it is. ${cause.message}`, {
        cause,
        hint: 'Mend it, or see with --print what to write by hand.',
      });
    }
  });
}

/** The text without what a former connection brought and this one does not. */
function withoutStale(edit: Edit, text: string, former: ConnectedFile | null): string {
  if (former === null) return text;
  const changes = former.changes
    .filter((old) => !edit.changes.some(({ at }) => isSame(at, old.at)))
    .map(({ at, value }) => ({ at, value: jsonOf(value) }));
  return changes.length === 0 ? text : reverted({ ...edit, changes }, text, originalOf(former)).text;
}

function originalOf({ backup }: ConnectedFile): string {
  return backup !== null && existsSync(backup) ? readFileSync(backup, 'utf8') : '';
}

/**
 * Writes the drafts; files that say everything already are not touched. The ledger is written before the files are.
 * Throws Fault('conflict') for a file that is read-only, before anything is touched.
 */
export function connect(
  dataDir: string,
  made: readonly Draft[],
  about: Omit<Connection, 'files'>,
  key: string | null,
): void {
  for (const { found, text } of made) if (text !== found.text) refuseReadOnly(found);
  const files: ConnectedFile[] = [];
  try {
    for (const draft of made) files.push(prepared(draft));
    record(dataDir, about.agent, { ...about, files });
  } catch (cause) {
    // Nobody would know of the copies, nor whose the folders are.
    for (const [index, file] of files.entries()) leave(file, made[index]?.former ?? null);
    throw cause;
  }
  for (const { found, text } of made) {
    const mode = modeFor(found.mode, key !== null && text.includes(key));
    if (text !== found.text || mode !== (found.mode ?? mode)) write(found.path, text, mode);
  }
}

/** Takes back what was made ready for a connection that was not made. */
function leave({ backup, folders }: ConnectedFile, former: ConnectedFile | null): void {
  try {
    if (backup !== null && backup !== former?.backup) discard(backup);
  } catch {
    // It stays, under a name that says what it is.
  }
  if (former === null) removeEmpty(folders);
}

/** Makes folders and the copy, and says what undoing will need. */
function prepared({ edit, found, text, former }: Draft): ConnectedFile {
  const changes = edit.changes.map(({ at, value }) => ({ at: [...at], value }));
  const common = { path: found.path, format: edit.format, digest: digestOf(text), changes };
  // Without a copy of a file that was there, nothing was written the last time: this is the first.
  const isFirst = former === null || (former.mode !== null && former.backup === null);
  if (!isFirst) {
    const isTouched = found.text === null || digestOf(found.text) !== former.digest;
    makeFolders(found.path);
    return { ...former, ...common, isMixed: former.isMixed || isTouched };
  }
  const folders = makeFolders(found.path);
  const isChanged = found.text !== null && found.text !== text;
  const backup = isChanged ? backUp(found.path, found.text ?? '', found.mode ?? 0o600) : null;
  // A file that said everything by itself stays the user's.
  const own = found.text === text ? [] : changes;
  return { ...common, changes: own, backup, mode: found.mode, folders, isMixed: false };
}

/** Takes a connection back. Throws Fault('not-found') when there is none. */
export function undo(dataDir: string, agent: string): readonly Undone[] {
  const connection = connections(dataDir).find((one) => one.agent === agent);
  if (!connection) throw new Fault('not-found', `${agent} is not connected, so there is nothing to undo.`);
  const undone = connection.files.map((file) => takeBack(file));
  // Only now: files of one connection may share a folder that was made for the first of them.
  removeEmpty(
    connection.files.filter((_, index) => undone[index]?.outcome === 'removed').flatMap(({ folders }) => folders),
  );
  record(dataDir, agent, null);
  return undone;
}

function takeBack(file: ConnectedFile): Undone {
  const { path } = file;
  const present = find(path).text;
  if (present === null) return { path, outcome: 'gone', left: [], backup: file.backup };
  const isUntouched = !file.isMixed && digestOf(present) === file.digest;
  const hadFile = file.mode !== null;
  if (isUntouched && hadFile && file.backup === null) return { path, outcome: 'restored', left: [], backup: null };
  if (file.backup !== null && existsSync(file.backup) && readFileSync(file.backup, 'utf8') === present) {
    // It was never written, or somebody has put it back.
    discard(file.backup);
    return { path, outcome: 'restored', left: [], backup: null };
  }
  if (isUntouched && file.backup !== null && existsSync(file.backup)) {
    write(path, readFileSync(file.backup, 'utf8'), file.mode ?? 0o600);
    discard(file.backup);
    return { path, outcome: 'restored', left: [], backup: null };
  }
  if (isUntouched && !hadFile) {
    discard(finalPath(path));
    return { path, outcome: 'removed', left: [], backup: null };
  }
  return takeOut(file, present);
}

function takeOut(file: ConnectedFile, present: string): Undone {
  const changes = file.changes.map(({ at, value }) => ({ at, value: jsonOf(value) }));
  const { text, left } = reverted({ path: file.path, format: file.format, changes }, present, originalOf(file));
  if (text !== present) write(file.path, text, find(file.path).mode ?? 0o600);
  return { path: file.path, outcome: 'taken-out', left, backup: file.backup };
}

/** Innermost first; the first that holds something else ends it. */
function removeEmpty(folders: readonly string[]): void {
  try {
    for (const folder of folders.toReversed()) rmdirSync(folder);
  } catch {
    // The agent has put something of its own there.
  }
}
