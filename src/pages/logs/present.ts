/** Log entries as the page shows them. Pure. */
import type { KeptFile, KeptPage } from '#src/logs/kept-files.ts';
import type { LogEntry, LogLevel } from '#src/logs/log-ring.ts';
import type { MomentLine } from '#src/logs/moment.ts';
import type { FleetModel } from '#src/scheduling/lease.ts';
import type { CrashData } from '#views/logs/crashes.tsx';
import type { LineData, LineSpan, LinesData, RequestSpan } from '#views/logs/lines.tsx';
import type { FileData } from '#views/logs/page.tsx';
import { ansiSpans } from './ansi.ts';

/** Which lines are wanted; the browser does the same while one types. */
export type LineFilter = { readonly query: string; readonly level: LogLevel };

export type EntryLines = {
  readonly entries: readonly LogEntry[];
  readonly isMerged: boolean;
  readonly total: number;
  readonly missing: number;
  /** The newest sequence that the browser had before; what it knows when nothing is new. */
  readonly latest: number;
  /** The first line at or after this is marked. */
  readonly atMs: number | null;
};

const LEVEL_RANKS: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warning: 2, error: 3 };
const CRASHES_MAX = 3;
/** As Flow's own lines name a request. */
const REQUEST = /\b(?:request|requestId|request_id)=([0-9a-f]{12})\b/d;

/** Entries of this run. */
export function entryLines(parts: EntryLines): LinesData {
  const { entries, isMerged, atMs } = parts;
  const marked = atMs === null ? -1 : entries.findIndex((entry) => entry.atMs >= atMs);
  const first = entries[0];
  return {
    lines: entries.map((entry, index) => entryLine(entry, isMerged, index === marked)),
    missing: parts.missing,
    total: parts.total,
    latest: entries.at(-1)?.sequence ?? parts.latest,
    older: first === undefined ? null : first.sequence,
  };
}

/** Lines of all files, merged. They have no number of this run, so nothing can be asked for before or after them. */
export function windowLines(found: readonly MomentLine[], atMs: number, total: number): LinesData {
  const marked = found.findIndex((line) => line.atMs >= atMs);
  const lines = found.map(
    (line, index): LineData => ({
      sequence: null,
      atMs: line.atMs,
      timeText: clockText(line.atMs),
      level: line.level,
      source: line.source,
      spans: linked(ansiSpans(line.text)),
      isMarked: index === marked,
    }),
  );
  return { lines, missing: 0, total, latest: 0, older: null };
}

/** `22 Nov 14:03:59`. */
export function dateText(atMs: number): string {
  const time = new Date(atMs);
  return `${time.toLocaleDateString('en-GB', { day: 'numeric', month: 'short' })} ${time.toTimeString().slice(0, 8)}`;
}

/** Lines of a file. */
export function fileLines(page: KeptPage, atMs: number | null): LinesData {
  const marked = atMs === null ? -1 : page.lines.findIndex((line) => (line.atMs ?? 0) >= atMs);
  const lines = page.lines.map(
    ({ atMs: lineMs, level, text }, index): LineData => ({
      sequence: null,
      atMs: lineMs,
      timeText: lineMs === null ? '' : momentText(lineMs),
      level,
      source: null,
      spans: linked(ansiSpans(text)),
      isMarked: index === marked,
    }),
  );
  return { lines, missing: 0, total: 0, latest: 0, older: page.startBytes === 0 ? null : page.startBytes };
}

/** Whether a line is wanted: its words, case aside, and its level. */
export function isWanted(line: LineData, { query, level }: LineFilter): boolean {
  if (LEVEL_RANKS[line.level] < LEVEL_RANKS[level]) return false;
  if (query === '') return true;
  const text = `${line.source ?? ''} ${line.spans.map((span) => span.text).join('')}`;
  return text.toLowerCase().includes(query.toLowerCase());
}

/** What failed, the latest models first as the fleet lists them; at most three. */
export function crashes(models: readonly FleetModel[]): readonly CrashData[] {
  return models
    .flatMap(({ modelId, state }): CrashData[] => {
      if (state.phase !== 'failed') return [];
      const { message, hint, tail } = state.report;
      return [{ modelId, message, hint, lines: tail.map((line) => plainText(line)) }];
    })
    .slice(0, CRASHES_MAX);
}

/** A file for the list of files. */
export function fileData({ name, sizeBytes, changedAtMs }: KeptFile): FileData {
  return { name, sizeBytes, changedText: momentText(changedAtMs).slice(0, -4) };
}

/** The first request that a line names becomes a link to it. */
export function linked(spans: readonly LineSpan[]): readonly (LineSpan | RequestSpan)[] {
  const at = spans.findIndex(({ text }) => REQUEST.test(text));
  const span = spans[at];
  const [from, until] = (span && REQUEST.exec(span.text)?.indices?.[1]) ?? [0, 0];
  if (span === undefined || until === 0) return spans;
  const { text, style } = span;
  const requestId = text.slice(from, until);
  return [
    ...spans.slice(0, at),
    { text: text.slice(0, from), style },
    { text: requestId, style, requestId },
    ...(until < text.length ? [{ text: text.slice(until), style }] : []),
    ...spans.slice(at + 1),
  ];
}

function entryLine(entry: LogEntry, isMerged: boolean, isMarked: boolean): LineData {
  return {
    sequence: entry.sequence,
    atMs: entry.atMs,
    timeText: clockText(entry.atMs),
    level: entry.level,
    source: isMerged ? entry.source : null,
    spans: linked(ansiSpans(entry.text)),
    isMarked,
  };
}

function plainText(line: string): string {
  return ansiSpans(line)
    .map(({ text }) => text)
    .join('');
}

/** `14:03:59.120`, by the clock of the machine that Flow runs on; the page's script tells it by the reader's. */
function clockText(atMs: number): string {
  const time = new Date(atMs);
  return `${time.toTimeString().slice(0, 8)}.${String(time.getMilliseconds()).padStart(3, '0')}`;
}

function momentText(atMs: number): string {
  const time = new Date(atMs);
  const date = [time.getMonth() + 1, time.getDate()].map((part) => String(part).padStart(2, '0')).join('-');
  return `${date} ${clockText(atMs)}`;
}
