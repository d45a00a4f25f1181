/** @jsxImportSource @kitajs/html */
/** The downloads of the page, rendered from the present state: the topic `downloads`. */
import type { Clock } from '#src/clock.ts';
import type { Downloads } from '#src/downloads/downloads.ts';
import type { FlowEvent } from '#src/events.ts';
import type { FragmentKey } from '#src/live/feed.ts';
import type { LiveTopic } from '#src/live/keep-live.ts';
import { markupOf } from '#src/web/markup.ts';
import { DownloadRow, type DownloadRowData, downloadRowId } from '#views/library/download-row.tsx';
import { DownloadList, DownloadsSaid, downloadListId, downloadsSaidId } from '#views/library/downloads-page.tsx';
import { Partial } from '#views/parts/partial.tsx';
import { changesSaid, downloadRow, inOrder, isUnderWay, turnsOf } from './download-rows.ts';
import { downloadsCount } from './downloads-count.tsx';

export type DownloadQueueSources = {
  readonly downloads: Pick<Downloads, 'list' | 'find'>;
  readonly isHere: (modelId: string) => boolean;
  readonly clock: Pick<Clock, 'monotonicMs'>;
};

const LIST: FragmentKey = 'list';
const COUNT: FragmentKey = 'count';
const ROW_PREFIX = 'download:';
const NOTHING: readonly FragmentKey[] = [];

/** Renders the list when one comes, goes or is in another state, and else only the row that moves. */
export class DownloadQueue implements LiveTopic {
  readonly fadingKeys = NOTHING;
  readonly #sources: DownloadQueueSources;
  /** States as the list was last sent. */
  #sent = new Map<string, string>();

  constructor(sources: DownloadQueueSources) {
    this.#sources = sources;
  }

  /** All rows in their order. */
  rows(): readonly DownloadRowData[] {
    const { downloads, isHere, clock } = this.#sources;
    const views = downloads.list();
    const turns = turnsOf(views);
    return inOrder(views).map((view) => downloadRow(view, clock.monotonicMs(), isHere, turns));
  }

  /** How many are under way or wait for their turn. */
  underWay(): number {
    return this.#sources.downloads.list().filter(({ record }) => isUnderWay(record.state)).length;
  }

  all(): readonly FragmentKey[] {
    return [LIST, COUNT];
  }

  isAlone(key: FragmentKey): boolean {
    // The list holds every row.
    return key === COUNT;
  }

  staleKeys(event: FlowEvent): readonly FragmentKey[] {
    if (event.type === 'model-removed' || event.type === 'model-added') return [LIST];
    if (event.type !== 'download-changed') return NOTHING;
    const record = this.#sources.downloads.find(event.downloadId)?.record;
    // Of those that wait the order may be another one.
    return record && record.state !== 'queued' && record.state === this.#sent.get(event.downloadId)
      ? [`${ROW_PREFIX}${event.downloadId}`]
      : [LIST, COUNT];
  }

  render(key: FragmentKey): string {
    if (key === COUNT) return downloadsCount(this.underWay());
    return key === LIST ? this.#list() : this.#row(key.slice(ROW_PREFIX.length));
  }

  #list(): string {
    const rows = this.rows();
    const said = changesSaid(this.#sent, rows);
    this.#sent = new Map(rows.map(({ id, phase }) => [id, phase]));
    const list = markupOf(
      <Partial target={downloadListId} swap="innerMorph">
        <DownloadList downloads={rows} />
      </Partial>,
    );
    if (said === '') return list;
    const announcement = markupOf(
      <Partial target={downloadsSaidId} swap="innerHTML">
        <DownloadsSaid words={said} />
      </Partial>,
    );
    return list + announcement;
  }

  #row(id: string): string {
    const { downloads, isHere, clock } = this.#sources;
    const view = downloads.find(id);
    if (view === null) return '';
    return markupOf(
      <Partial target={downloadRowId(id)} swap="outerMorph">
        <DownloadRow download={downloadRow(view, clock.monotonicMs(), isHere, turnsOf(downloads.list()))} />
      </Partial>,
    );
  }
}
