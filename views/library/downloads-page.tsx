/** @jsxImportSource @kitajs/html */
/** `/models/downloads`: everything that is on its way, was, or stopped. */
import { ModelsTabs } from '../models/tabs.tsx';
import { ActionButton } from '../parts/button.tsx';
import { Empty } from '../parts/empty.tsx';
import { DownloadRow, type DownloadRowData } from './download-row.tsx';

/** The list; `/live` keeps it and each of its rows. */
export const downloadListId = 'downloads';
/** What is said aloud: beginnings and ends, never progress. */
export const downloadsSaidId = 'downloads-said';

export type DownloadsPageProps = { readonly downloads: readonly DownloadRowData[]; readonly underWay: number };

export function DownloadsPage({ downloads, underWay }: DownloadsPageProps): JSX.Element {
  return (
    <div class="library">
      <ModelsTabs current="downloads" downloads={underWay} />
      <p class="hidden" id={downloadsSaidId} role="status" />
      <section id={downloadListId} aria-label="Downloads">
        <DownloadList downloads={downloads} />
      </section>
    </div>
  );
}

/** What is said aloud now. */
export function DownloadsSaid({ words }: { words: string }): JSX.Element {
  return <span safe>{words}</span>;
}

export function DownloadList({ downloads }: { downloads: readonly DownloadRowData[] }): JSX.Element {
  if (downloads.length === 0) {
    return (
      <Empty title="No downloads">
        <p>
          <a href="/models/get">Find a model to download</a>. It goes on where it stopped when Flow starts again.
        </p>
      </Empty>
    );
  }
  const canPause = downloads.some(({ phase }) => phase === 'queued' || phase === 'running' || phase === 'verifying');
  const canResume = downloads.some(({ phase }) => phase === 'paused');
  const canClear = downloads.some(({ phase }) => phase === 'complete' || phase === 'cancelled');
  return (
    <>
      <div class="download__all">
        {canPause ? <All path="pausing-all" label="Pause all" /> : ''}
        {canResume ? <All path="resuming-all" label="Resume all" /> : ''}
        {canClear ? <All path="clearing" label="Clear what is over" /> : ''}
      </div>
      <ul class="downloads">
        {downloads.map((download) => (
          <DownloadRow download={download} />
        ))}
      </ul>
    </>
  );
}

function All({ path, label }: { path: string; label: string }): JSX.Element {
  return <ActionButton action={`/models/downloads/${path}`} fields={{}} label={label} description={label} />;
}
