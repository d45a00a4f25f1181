/** @jsxImportSource @kitajs/html */
/** `/logs`: the page, more of its lines, and the files to take away. */
import { Elysia, type Static, t } from 'elysia';
import { access } from '#src/access.ts';
import { Fault } from '#src/faults.ts';
import type { KeptFile, KeptFiles } from '#src/logs/kept-files.ts';
import { fileName, type Logs, TAIL_LINES_MAX } from '#src/logs/logs.ts';
import { filesOf, keptBetween } from '#src/logs/moment.ts';
import type { Shell } from '#src/web/shell.tsx';
import { type LinesData, LogLines } from '#views/logs/lines.tsx';
import { LogsPage, type LogView } from '#views/logs/page.tsx';
import { STORY_STYLES } from '../requests/pages.tsx';
import type { LogNews } from './log-news.tsx';
import { dateText, entryLines, fileData, fileLines, isWanted, windowLines } from './present.ts';

export type LogPagesParts = {
  readonly logs: Logs;
  readonly files: KeptFiles;
  readonly news: LogNews;
  readonly shell: Shell;
};

const FIRST_LINES = 300;
const MORE_LINES = 500;
/** Lines before the moment that was asked for. */
const LEAD_LINES = 100;
/** What is shown round a moment of longer ago. */
const LEAD_MS = 60_000;
const TRAIL_MS = 5 * 60_000;

const Source = t.Optional(t.String({ maxLength: 200 }));
const File = t.Optional(t.String({ maxLength: 150 }));
const PageQuery = t.Object({
  source: Source,
  file: File,
  /** A moment to begin at: ms since 1970, or ISO 8601. */
  at: t.Optional(t.String({ maxLength: 40 })),
  q: t.Optional(t.String({ maxLength: 200 })),
  level: t.Optional(
    t.Union([t.Literal('debug'), t.Literal('info'), t.Literal('warning'), t.Literal('error')], { default: 'debug' }),
  ),
  /** The browser has no scripts, so the server filters. */
  plain: t.Optional(t.String({ maxLength: 5 })),
});
const LinesQuery = t.Object({
  source: Source,
  file: File,
  /** Newer than this sequence; `total` is the count of lines that came with it. */
  after: t.Optional(t.Numeric({ minimum: 0 })),
  total: t.Optional(t.Numeric({ minimum: 0 })),
  /** Older than this sequence, or ending at this byte of the file. */
  before: t.Optional(t.Numeric({ minimum: 0 })),
});
const DownloadQuery = t.Object({ source: Source, file: File });

export const logPages = (parts: LogPagesParts) =>
  new Elysia({ name: 'log-pages' })
    .get(
      '/logs',
      async ({ request, query }) => {
        const { news, files, shell } = parts;
        const { view, lines } = await opening(parts, query);
        const level = query.level ?? 'debug';
        const filter = { query: query.q ?? '', level };
        const shown = query.plain ? lines.lines.filter((line) => isWanted(line, filter)) : lines.lines;
        const data = {
          view,
          sources: news.sources(),
          crashes: news.crashes(),
          lines: { ...lines, lines: shown },
          files: (await files.list()).map(fileData),
          level,
          query: filter.query,
          momentText: query.at === undefined ? null : dateText(momentOf(query.at)),
          nowHref: query.source ? `/logs?source=${encodeURIComponent(query.source)}` : '/logs',
        };
        const body = <LogsPage data={data} />;
        return shell.page(request, {
          title: 'Logs',
          current: 'logs',
          styles: ['logs', ...STORY_STYLES],
          scripts: ['logs'],
          body,
        });
      },
      { ...access('page'), query: PageQuery },
    )
    .get(
      '/logs/lines',
      async ({ query }) => {
        const data = query.file ? await olderOfFile(parts, query.file, query.before) : moreLines(parts.logs, query);
        return parts.shell.fragment(<LogLines data={data} />);
      },
      { ...access('page'), query: LinesQuery },
    )
    .get('/logs/download', ({ query }) => download(parts, query), { ...access('page'), query: DownloadQuery });

type Opening = { readonly view: LogView; readonly lines: LinesData };

/** What a page begins with: a file, the lines round a moment, or the newest ones. */
async function opening(parts: LogPagesParts, query: Static<typeof PageQuery>): Promise<Opening> {
  const { logs } = parts;
  const atMs = query.at === undefined ? null : momentOf(query.at);
  if (query.file) return { view: { kind: 'file', file: query.file }, lines: await fileAt(parts, query.file, atMs) };
  const source = query.source || null;
  const view: LogView = source === null ? { kind: 'all' } : { kind: 'source', source };
  const everything = logs.tail({ source, lines: TAIL_LINES_MAX }).entries;
  if (atMs !== null && (everything[0]?.atMs ?? Number.POSITIVE_INFINITY) > atMs) {
    const kept = source === null ? await windowOf(parts, atMs) : await keptOf(parts, source, atMs);
    if (kept !== null) return kept;
  }
  const found = atMs === null ? -1 : everything.findIndex((entry) => entry.atMs >= atMs);
  const entries = found === -1 ? everything.slice(-FIRST_LINES) : everything.slice(Math.max(0, found - LEAD_LINES));
  const isMerged = source === null;
  const lines = entryLines({ entries, isMerged, total: totalOf(logs, source), missing: 0, latest: 0, atMs });
  return { view, lines };
}

/** What all sources wrote round a moment of longer ago; null when no file reaches back to it. */
async function windowOf({ logs, files }: LogPagesParts, atMs: number): Promise<Opening | null> {
  await logs.flush();
  const around = { fromMs: atMs - LEAD_MS, untilMs: atMs + TRAIL_MS };
  const found = await keptBetween(files, logs.sources, around);
  if (found.length === 0) return null;
  const at = found.findIndex((line) => line.atMs >= atMs);
  const from = Math.max(0, (at === -1 ? found.length : at) - LEAD_LINES * 2);
  const shown = found.slice(from, from + TAIL_LINES_MAX);
  return { view: { kind: 'all' }, lines: windowLines(shown, atMs, totalOf(logs, null)) };
}

async function keptOf(parts: LogPagesParts, source: string, atMs: number): Promise<Opening | null> {
  const file = await fileWith(parts.files, source, atMs);
  if (file === null) return null;
  return { view: { kind: 'file', file: file.name }, lines: await fileAt(parts, file.name, atMs) };
}

/** What came after the lines that the page has, or what stands before them. */
function moreLines(logs: Logs, query: Static<typeof LinesQuery>): LinesData {
  const source = query.source || null;
  const isMerged = source === null;
  const total = totalOf(logs, source);
  if (query.before !== undefined) {
    const entries = logs.span({ source, lines: MORE_LINES, after: 0, before: query.before });
    return entryLines({ entries, isMerged, total, missing: 0, latest: 0, atMs: null });
  }
  const after = query.after ?? 0;
  const lines = after === 0 ? FIRST_LINES : TAIL_LINES_MAX;
  const entries = logs.span({ source, lines, after, before: Number.MAX_SAFE_INTEGER });
  const isContinued = after > 0 && query.total !== undefined;
  const missing = isContinued ? Math.max(0, total - (query.total ?? 0) - entries.length) : 0;
  return entryLines({ entries, isMerged, total, missing, latest: after, atMs: null });
}

async function fileAt({ files }: LogPagesParts, name: string, atMs: number | null): Promise<LinesData> {
  const file = await files.find(name);
  if (file === null) throw unknownLog(name);
  // A page ends some way behind the moment, so that what followed is seen as well.
  const end = atMs === null ? file.sizeBytes : (await files.placeOf(file, atMs)) + 32 * 1024;
  const page = await files.page(name, end);
  if (page === null) throw unknownLog(name);
  return fileLines(page, atMs);
}

async function olderOfFile({ files }: LogPagesParts, name: string, before = 0): Promise<LinesData> {
  const page = await files.page(name, before);
  if (page === null) throw unknownLog(name);
  return fileLines(page, null);
}

/** The oldest file of a source that goes on until the moment; null when none does. */
async function fileWith(files: KeptFiles, source: string, atMs: number): Promise<KeptFile | null> {
  const kept = await filesOf(files, source);
  return kept.find(({ changedAtMs }) => changedAtMs >= atMs) ?? null;
}

async function download({ logs, files }: LogPagesParts, { source, file }: Static<typeof DownloadQuery>) {
  await logs.flush();
  const one = file ? await files.find(file) : null;
  if (file && one === null) throw unknownLog(file);
  const wanted = one ? [one] : source ? await filesOf(files, source) : [];
  const name = file ?? (source ? fileName(source) : 'flow-everything.log');
  const headers = {
    'content-type': 'text/plain; charset=utf-8',
    'content-disposition': `attachment; filename="${name}"`,
    'cache-control': 'no-store',
  };
  if (wanted.length > 0) return new Response(await files.read(wanted), { headers });
  const { entries } = logs.tail({ source: source || null, lines: TAIL_LINES_MAX });
  const lines = entries.map(
    (entry) => `${new Date(entry.atMs).toISOString()} ${entry.level} [${entry.source}] ${entry.text}\n`,
  );
  return new Response(lines.join(''), { headers });
}

function totalOf(logs: Logs, source: string | null): number {
  return logs
    .counts()
    .filter((count) => source === null || count.source === source)
    .reduce((sum, { lines }) => sum + lines, 0);
}

function momentOf(text: string): number {
  const ms = /^\d+$/.test(text) ? Number(text) : Date.parse(text);
  if (Number.isFinite(ms)) return ms;
  throw new Fault('invalid-request', `at is "${text}"; it must be a time in ms since 1970, or ISO 8601.`);
}

function unknownLog(name: string): Fault {
  return new Fault('not-found', `There is no log file ${name.slice(0, 100)}.`, {
    hint: 'The page of logs lists the files that are kept.',
  });
}
