/** @jsxImportSource @kitajs/html */
/** `/models/downloads`: everything that is on its way, was, or stopped. */
import { ModelsTabs } from '../models/tabs.tsx';
import { Empty } from '../parts/empty.tsx';
import { DownloadRow, type DownloadRowData } from './download-row.tsx';

/** The list; `/live` keeps it and each of its rows. */
export const downloadListId = 'downloads';

export type DownloadsPageProps = { readonly downloads: readonly DownloadRowData[]; readonly underWay: number };

export function DownloadsPage({ downloads, underWay }: DownloadsPageProps): JSX.Element {
  return (
    <div class="library">
      <ModelsTabs current="downloads" downloads={underWay} />
      <section id={downloadListId} aria-label="Downloads">
        <DownloadList downloads={downloads} />
      </section>
    </div>
  );
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
  return (
    <ul class="downloads">
      {downloads.map((download) => (
        <DownloadRow download={download} />
      ))}
    </ul>
  );
}
