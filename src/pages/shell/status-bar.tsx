/** @jsxImportSource @kitajs/html */
/** What stands on every page: the line in the foot, true at all times. */
import type { Clock } from '#src/clock.ts';
import type { DownloadView } from '#src/downloads/held.ts';
import type { FlowEvent } from '#src/events.ts';
import type { FragmentKey } from '#src/live/feed.ts';
import type { LiveTopic } from '#src/live/keep-live.ts';
import { figures } from '#src/pages/figures.ts';
import type { Tracker } from '#src/requests/request.ts';
import type { Lender } from '#src/scheduling/lease.ts';
import { markupOf } from '#src/web/markup.ts';
import { type ErrorsData, ErrorsHint, NavHint, navHintId, type PageName } from '#views/nav.tsx';
import { Partial } from '#views/parts/partial.tsx';
import { pluralText } from '#views/parts/quantity.tsx';
import { type DownloadsData, StatusLine, statusId } from '#views/shell/status-line.tsx';

export type StatusBarSources = {
  readonly lender: Pick<Lender, 'snapshot'>;
  readonly tracker: Pick<Tracker, 'openCount' | 'tokensPerS'>;
  readonly downloads: () => readonly Pick<DownloadView, 'record' | 'bytes' | 'totalBytes' | 'bytesPerS' | 'etaS'>[];
  /** How many lines of the logs were errors, and since when that is counted. */
  readonly errors: () => ErrorsData;
  readonly clock: Clock;
};

const STATUS: FragmentKey = 'status';
const ERRORS: FragmentKey = 'errors';
const KEYS: readonly FragmentKey[] = [STATUS, ERRORS];
const STALE: readonly FragmentKey[] = [STATUS];
const STALE_BY_LINE: readonly FragmentKey[] = [ERRORS];
const UNMOVED: readonly FragmentKey[] = [];

function Hint({ page, count, words }: { page: PageName; count: number; words: string }): JSX.Element {
  return (
    <Partial target={navHintId(page)} swap="innerHTML">
      <NavHint text={count === 0 ? '' : String(count)} words={words} />
    </Partial>
  );
}

/** The topic `shell`. */
export class StatusBar implements LiveTopic {
  readonly fadingKeys = STALE;
  readonly #sources: StatusBarSources;

  constructor(sources: StatusBarSources) {
    this.#sources = sources;
  }

  all(): readonly FragmentKey[] {
    return KEYS;
  }

  isAlone(): boolean {
    return true;
  }

  staleKeys({ type }: FlowEvent): readonly FragmentKey[] {
    if (type === 'log-line') return STALE_BY_LINE;
    return type === 'notice' ? UNMOVED : STALE;
  }

  render(key: FragmentKey): string {
    return key === ERRORS ? this.#errors() : this.#status();
  }

  #errors(): string {
    return markupOf(
      <Partial target={navHintId('logs')} swap="innerHTML">
        <ErrorsHint errors={this.#sources.errors()} />
      </Partial>,
    );
  }

  #status(): string {
    const { lender, tracker, clock } = this.#sources;
    const now = figures(lender.snapshot(), tracker.openCount, tracker.tokensPerS, clock.monotonicMs());
    const downloads = this.#downloads();
    return markupOf(
      <>
        <Partial target={statusId} swap="innerMorph">
          <StatusLine figures={now} downloads={downloads} />
        </Partial>
        <Hint page="monitor" count={now.active + now.waiting} words={pluralText(now.active + now.waiting, 'request')} />
        <Hint page="models" count={downloads?.count ?? 0} words={pluralText(downloads?.count ?? 0, 'download')} />
      </>,
    );
  }

  /** Those under way, together; null when there are none. */
  #downloads(): DownloadsData | null {
    const running = this.#sources
      .downloads()
      .filter(({ record }) => record.state === 'running' || record.state === 'verifying');
    if (running.length === 0) return null;
    const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0);
    const totalBytes = sum(running.map((view) => view.totalBytes));
    const bytes = sum(running.map((view) => view.bytes));
    const bytesPerS = sum(running.map((view) => view.bytesPerS ?? 0));
    return {
      count: running.length,
      ratio: totalBytes === 0 ? 0 : bytes / totalBytes,
      bytesPerS,
      remainingS: bytesPerS > 0 ? (totalBytes - bytes) / bytesPerS : null,
    };
  }
}
