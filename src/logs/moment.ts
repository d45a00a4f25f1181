/** The lines of a moment: what some sources wrote between two times, from memory or, of longer ago, from files. */
import type { KeptFile, KeptFiles } from './kept-files.ts';
import type { LogEntry } from './log-ring.ts';
import { fileName, type Logs, TAIL_LINES_MAX } from './logs.ts';

/** One line. They are written without secrets, so none is in them. */
export type MomentLine = Pick<LogEntry, 'source' | 'level' | 'text' | 'atMs'>;

/** Some lines, oldest first, and how many stand in the middle of them that are too many. */
export type Moment = {
  readonly first: readonly MomentLine[];
  readonly left: number;
  readonly last: readonly MomentLine[];
};

export type MomentQuery = {
  readonly sources: readonly string[];
  readonly fromMs: number;
  readonly untilMs: number;
  /** At most so many lines; the first third and the last two, since ends are what one looks for. */
  readonly lines: number;
};

export type MomentParts = {
  readonly logs: Pick<Logs, 'tail' | 'flush' | 'sinceMs'>;
  readonly files: Pick<KeptFiles, 'find' | 'between'>;
};

const ROTATIONS = ['.2', '.1', ''];
const ROTATED = /\.\d$/;

/** Reads it. Never throws for a file that is gone: its lines are missing then. */
export async function momentOf(parts: MomentParts, query: MomentQuery): Promise<Moment> {
  const found = await Promise.all(query.sources.map((source) => linesOf(parts, source, query)));
  const lines = found.flat().sort((one, other) => one.atMs - other.atMs);
  if (lines.length <= query.lines) return { first: lines, left: 0, last: [] };
  const ahead = Math.floor(query.lines / 3);
  const behind = query.lines - ahead;
  return { first: lines.slice(0, ahead), left: lines.length - query.lines, last: lines.slice(-behind) };
}

/** What all files hold of a time, merged, oldest first; `sources` are those whose files have another name. */
export async function keptBetween(
  files: Pick<KeptFiles, 'list' | 'between'>,
  sources: readonly string[],
  { fromMs, untilMs }: Pick<MomentQuery, 'fromMs' | 'untilMs'>,
): Promise<readonly MomentLine[]> {
  const named = new Map(sources.map((source) => [fileName(source), source]));
  const reaching = (await files.list()).filter(({ changedAtMs }) => changedAtMs >= fromMs);
  const found = await Promise.all(
    reaching.map(async ({ name }) => {
      const log = name.replace(ROTATED, '');
      const source = named.get(log) ?? log.replace(/\.log$/, '');
      const lines = await files.between(name, fromMs, untilMs).catch(() => []);
      return lines.flatMap(({ atMs, level, text }) => (atMs === null ? [] : [{ source, atMs, level, text }]));
    }),
  );
  return found.flat().sort((one, other) => one.atMs - other.atMs);
}

/** The files of a source, oldest first. */
export async function filesOf(files: Pick<KeptFiles, 'find'>, source: string): Promise<readonly KeptFile[]> {
  const name = fileName(source);
  const found = await Promise.all(ROTATIONS.map((number) => files.find(`${name}${number}`)));
  return found.filter((file) => file !== null);
}

async function linesOf(
  { logs, files }: MomentParts,
  source: string,
  { fromMs, untilMs }: MomentQuery,
): Promise<readonly MomentLine[]> {
  const { entries, dropped } = logs.tail({ source, lines: TAIL_LINES_MAX });
  const reachesMs = dropped === 0 ? logs.sinceMs : (entries[0]?.atMs ?? Number.POSITIVE_INFINITY);
  const held = entries.filter(({ atMs }) => atMs >= fromMs && atMs <= untilMs);
  if (reachesMs <= fromMs) return held;
  await logs.flush();
  const kept: MomentLine[] = [];
  for (const file of await filesOf(files, source)) {
    if (file.changedAtMs < fromMs) continue;
    const lines = await files.between(file.name, fromMs, untilMs).catch(() => []);
    for (const { atMs, level, text } of lines) if (atMs !== null) kept.push({ source, atMs, level, text });
  }
  return kept.length > 0 ? kept : held;
}
