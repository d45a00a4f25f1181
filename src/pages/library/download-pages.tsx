/** @jsxImportSource @kitajs/html */
/** `/models/downloads`: the queue, and what may be done with each of it. */
import { Type } from '@sinclair/typebox';
import { Elysia } from 'elysia';
import { access } from '#src/access.ts';
import type { Downloads } from '#src/downloads/downloads.ts';
import type { DownloadState } from '#src/downloads/record.ts';
import { answered, NoticePartial } from '#src/pages/models/told.tsx';
import type { Shell } from '#src/web/shell.tsx';
import { DownloadsPage } from '#views/library/downloads-page.tsx';
import type { DownloadQueue } from './download-queue.tsx';

export type DownloadPagesParts = {
  readonly shell: Shell;
  readonly queue: Pick<DownloadQueue, 'rows' | 'underWay'>;
  readonly downloads: Pick<Downloads, 'list' | 'need' | 'pause' | 'resume' | 'cancel' | 'remove' | 'move'>;
};

/** What the page's live connection tells of. */
export const DOWNLOADS_TOPIC = 'downloads';

const HERE = '/models/downloads';
const MoveForm = Type.Object({
  id: Type.String({ minLength: 1, maxLength: 40 }),
  direction: Type.Union([Type.Literal('sooner'), Type.Literal('later')]),
});
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
          scripts: ['paste'],
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
      `${HERE}/moving`,
      ({ request, body }) => {
        downloads.move(body.id, body.direction);
        return answered(shell, request, '', HERE);
      },
      { ...access('page'), body: MoveForm },
    )
    .use(allDownloadPages({ shell, downloads }))
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

/** What is done to all of the list at once. */
const allDownloadPages = ({ shell, downloads }: Pick<DownloadPagesParts, 'shell' | 'downloads'>) => {
  const inState = (...states: readonly DownloadState[]) =>
    downloads.list().filter(({ record }) => states.includes(record.state));
  return new Elysia({ name: 'all-download-pages' })
    .post(
      `${HERE}/pausing-all`,
      ({ request }) => {
        // The waiting ones first: else each would begin as the one before it ends.
        const meant = [...inState('queued'), ...inState('running', 'verifying')];
        for (const { record } of meant) downloads.pause(record.id);
        return answered(shell, request, '', HERE);
      },
      access('page'),
    )
    .post(
      `${HERE}/resuming-all`,
      ({ request }) => {
        for (const { record } of inState('paused')) downloads.resume(record.id);
        return answered(shell, request, '', HERE);
      },
      access('page'),
    )
    .post(
      `${HERE}/clearing`,
      ({ request }) => {
        for (const { record } of inState('complete', 'cancelled')) downloads.remove(record.id);
        return answered(shell, request, '', HERE);
      },
      access('page'),
    );
};
