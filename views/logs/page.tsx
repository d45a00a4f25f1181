/** @jsxImportSource @kitajs/html */
/** Logs: who writes, what went wrong, the lines as they come, and the files on disk. */
import { Card } from '../parts/card.tsx';
import { Empty } from '../parts/empty.tsx';
import { PageHead } from '../parts/page-head.tsx';
import { bytesText } from '../parts/quantity.tsx';
import { type CrashData, Crashes } from './crashes.tsx';
import { type LinesData, LogLines } from './lines.tsx';
import { Sources, type SourcesData } from './sources.tsx';

export type FileData = { readonly name: string; readonly sizeBytes: number; readonly changedText: string };

/** What the lines are of: all sources, one of them, or a file of this or an earlier run. */
export type LogView =
  | { readonly kind: 'all' }
  | { readonly kind: 'source'; readonly source: string }
  | { readonly kind: 'file'; readonly file: string };

export type LogsData = {
  readonly view: LogView;
  readonly sources: SourcesData;
  readonly crashes: readonly CrashData[];
  readonly lines: LinesData;
  readonly files: readonly FileData[];
  readonly level: LogLevelChoice;
  readonly query: string;
  /** The moment that was asked for: then the page does not run after the newest line. Null = now. */
  readonly momentText: string | null;
  /** Where the newest lines of the same are. */
  readonly nowHref: string;
};

export type LogLevelChoice = 'debug' | 'info' | 'warning' | 'error';

const MEGABYTE = 1e6;
const LEVELS: readonly { readonly value: LogLevelChoice; readonly label: string }[] = [
  { value: 'debug', label: 'All levels' },
  { value: 'info', label: 'Info and worse' },
  { value: 'warning', label: 'Warnings and errors' },
  { value: 'error', label: 'Errors' },
];

export function LogsPage({ data }: { data: LogsData }): JSX.Element {
  const { view, lines } = data;
  const current = view.kind === 'file' ? null : sourceOf(view);
  const isNow = data.momentText === null && view.kind !== 'file';
  return (
    <div class="logs">
      <PageHead title="Logs">
        <div class="logs__buttons">
          <button class="button" type="button" id="log-follow" aria-pressed="true" hidden>
            Follow
          </button>
          <button class="button" type="button" id="log-wrap" aria-pressed="true" hidden>
            Wrap
          </button>
          <button class="button" type="button" id="log-time" hidden>
            Time: local
          </button>
          <button class="button" type="button" id="log-copy" hidden>
            Copy
          </button>
          <a class="button" href={downloadAddress(view)} download="">
            Download
          </a>
        </div>
      </PageHead>
      <Crashes crashes={data.crashes} />
      <nav id="log-nav" aria-label="Sources">
        <Sources data={data.sources} current={current} />
      </nav>
      <Filters data={data} />
      {isNow ? '' : <Elsewhere data={data} />}
      <div class="log-frame">
        <div
          class="log"
          id="log"
          role="log"
          aria-label="Lines"
          aria-live="off"
          tabindex="0"
          data-wrap="on"
          data-source={current ?? ''}
          data-file={view.kind === 'file' ? view.file : ''}
          data-run={data.sources.run}
          data-following={isNow ? 'yes' : 'no'}
          data-window={isWindow(data) ? 'yes' : 'no'}
        >
          <LogLines data={lines} />
        </div>
        <button class="button button--primary log-pill" type="button" id="log-pill" hidden>
          new lines
        </button>
      </div>
      {lines.lines.length === 0 ? (
        <Empty title={isNow ? 'No line here yet' : 'No line of that time is kept'}>
          <p>What Flow and its engines say appears here as it is said.</p>
        </Empty>
      ) : (
        ''
      )}
      <p class="logs__status" id="log-status" role="status" />
      <Files files={data.files} view={view} />
    </div>
  );
}

/** Lines without numbers of this run stand for themselves: what is written now does not go on from them. */
function isWindow({ view, lines }: LogsData): boolean {
  return view.kind !== 'file' && lines.lines.some(({ sequence }) => sequence === null);
}

/** Says that these are not the newest lines, and leads back to them. */
function Elsewhere({ data: { view, momentText, nowHref } }: { data: LogsData }): JSX.Element {
  const what = view.kind === 'file' ? `The file ${view.file}` : 'The lines';
  const words = momentText === null ? `${what}, as it was written.` : `${what} round ${momentText}.`;
  return (
    <p class="logs__moment" id="log-moment">
      <span safe>{words}</span>
      <a class="button" href={nowHref}>
        Back to now
      </a>
    </p>
  );
}

/** Filters in the browser as it is typed; without scripts, by the server. */
function Filters({ data }: { data: LogsData }): JSX.Element {
  const { view, query, level } = data;
  return (
    <form class="toolbar" id="log-filters" method="get" action="/logs">
      {view.kind === 'source' ? <input type="hidden" name="source" value={view.source} /> : ''}
      {view.kind === 'file' ? <input type="hidden" name="file" value={view.file} /> : ''}
      <div class="field field--wide">
        <label class="field__label" for="log-query">
          Filter
        </label>
        <input
          class="input"
          id="log-query"
          type="search"
          name="q"
          value={query}
          placeholder="words, or /pattern/"
          autocomplete="off"
          spellcheck="false"
          data-filter
        />
      </div>
      <div class="field">
        <label class="field__label" for="log-level">
          Level
        </label>
        <select class="input" id="log-level" name="level">
          {LEVELS.map(({ value, label }) => (
            <option value={value} {...(value === level ? { selected: true } : {})} safe>
              {label}
            </option>
          ))}
        </select>
      </div>
      <noscript>
        <button class="button" type="submit" name="plain" value="1">
          Filter
        </button>
      </noscript>
    </form>
  );
}

function Files({ files, view }: { files: readonly FileData[]; view: LogView }): JSX.Element {
  if (files.length === 0) return '';
  return (
    <Card id="log-files" title="Files on disk">
      <p class="logs__note">
        Lines of earlier runs are kept too: 10 MB a file and three files for each source, the newest without a number.
      </p>
      <section class="table-scroll" aria-label="Files of logs">
        <table class="table">
          <thead>
            <tr>
              <th scope="col">File</th>
              <th scope="col">Last line</th>
              <th scope="col" class="table__number">
                Size
              </th>
              <th scope="col">
                <span class="hidden">Download</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {files.map((file) => (
              <tr>
                <th scope="row">
                  <a
                    href={`/logs?file=${encodeURIComponent(file.name)}`}
                    {...(view.kind === 'file' && view.file === file.name ? { 'aria-current': 'page' } : {})}
                    safe
                  >
                    {file.name}
                  </a>
                </th>
                <td safe>{file.changedText}</td>
                <td class="table__number" safe>
                  {file.sizeBytes < MEGABYTE ? 'under 1 MB' : bytesText(file.sizeBytes)}
                </td>
                <td class="table__number">
                  <a
                    href={`/logs/download?file=${encodeURIComponent(file.name)}`}
                    download=""
                    aria-label={`Download ${file.name}`}
                  >
                    Download
                  </a>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </Card>
  );
}

function sourceOf(view: LogView): string {
  return view.kind === 'source' ? view.source : '';
}

function downloadAddress(view: LogView): string {
  switch (view.kind) {
    case 'all':
      return '/logs/download';
    case 'source':
      return `/logs/download?source=${encodeURIComponent(view.source)}`;
    default:
      return `/logs/download?file=${encodeURIComponent(view.file)}`;
  }
}
