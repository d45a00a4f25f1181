/** Telemetry's part of the dashboard, built from what Flow already has. */
import type { Clock } from '#src/clock.ts';
import { Periods } from '#src/requests/period.ts';
import { RecordSearch } from '#src/requests/record-search.ts';
import type { Tracker } from '#src/requests/request.ts';
import type { Store } from '#src/store/open.ts';
import type { RecordWriter } from '#src/store/writer.ts';
import type { Shell } from '#src/web/shell.tsx';
import { telemetryPages } from './pages.tsx';
import { TelemetryNews } from './telemetry-news.tsx';

export type TelemetryParts = {
  readonly store: Store;
  readonly writer: Pick<RecordWriter, 'flush'>;
  readonly tracker: Pick<Tracker, 'find'>;
  readonly clock: Clock;
  readonly retentionDays: () => number;
};

/** The topic `telemetry` and the routes of its page. */
export function openTelemetry({ store, writer, tracker, clock, retentionDays }: TelemetryParts, shell: Shell) {
  const periods = new Periods({ store, writer, monotonicMs: () => clock.monotonicMs() });
  const search = new RecordSearch({ store, writer });
  const news = new TelemetryNews({ tracker });
  const routes = telemetryPages({ periods, search, news, shell, wallMs: () => clock.wallMs(), retentionDays });
  return { news, routes };
}
