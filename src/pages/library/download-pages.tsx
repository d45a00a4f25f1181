/** @jsxImportSource @kitajs/html */
/** `/models/downloads`: the queue, and what may be done with each of it. */
import { Type } from '@sinclair/typebox';
import { Elysia } from 'elysia';
import { access } from '#src/access.ts';
import type { Downloads } from '#src/downloads/downloads.ts';
import { answered, NoticePartial } from '#src/pages/models/told.tsx';
import type { Shell } from '#src/web/shell.tsx';
import { DownloadsPage } from '#views/library/downloads-page.tsx';
import type { DownloadQueue } from './download-queue.tsx';

export type DownloadPagesParts = {
  readonly shell: Shell;
  readonly queue: Pick<DownloadQueue, 'rows' | 'underWay'>;
  readonly downloads: Pick<Downloads, 'need' | 'pause' | 'resume' | 'cancel' | 'remove'>;
};

/** What the page's live connection tells of. */
export const DOWNLOADS_TOPIC = 'downloads';

const HERE = '/models/downloads';
const DownloadForm = Type.Object({ id: Type.String({ minLength: 1, maxLength: 40 }) });

/** The page and its actions; `/live` shows what they did. */
export const downloadPages = ({ shell, queue, downloads }: DownloadPagesParts) =>
  new Elysia({ name: 'download-pages' })
    .get(
      HERE,
      ({ request }) => {
        const body = <DownloadsPage downloads={queue.rows()} underWay={queue.underWay()} />;
        return shell.page(request, {
          title: 'Downloads',
          current: 'models',
          topic: DOWNLOADS_TOPIC,
          styles: ['library'],
          body,
        });
      },
      access('page'),
    )
    .post(
      `${HERE}/pausing`,
      ({ request, body }) => {
        downloads.pause(body.id);
        return answered(shell, request, '', HERE);
      },
      { ...access('page'), body: DownloadForm },
    )
    .post(
      `${HERE}/resuming`,
      ({ request, body }) => {
        downloads.resume(body.id);
        return answered(shell, request, '', HERE);
      },
      { ...access('page'), body: DownloadForm },
    )
    .post(
      `${HERE}/cancelling`,
      ({ request, body }) => {
        const { repository } = downloads.cancel(body.id).record;
        const action = {
          action: `${HERE}/resuming`,
          fields: { id: body.id },
          label: 'Start again',
          description: `Start the download of ${repository} again`,
        };
        const message = `The download of ${repository} was cancelled; what had come of it was removed.`;
        return answered(shell, request, <NoticePartial tone="info" message={message} action={action} />, HERE);
      },
      { ...access('page'), body: DownloadForm },
    )
    .post(
      `${HERE}/removing`,
      ({ request, body }) => {
        const { repository } = downloads.need(body.id).record;
        downloads.remove(body.id);
        const message = `${repository} is off the list of downloads. A model that came of it stays.`;
        return answered(shell, request, <NoticePartial tone="info" message={message} />, HERE);
      },
      { ...access('page'), body: DownloadForm },
    );
