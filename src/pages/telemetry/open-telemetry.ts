/** Telemetry's part of the dashboard, built from what Flow already has. */
import type { Chronicle } from '#src/chronicle/chronicle.ts';
import type { MemoryHistory } from '#src/chronicle/memory-history.ts';
import type { Clock } from '#src/clock.ts';
import { Periods } from '#src/requests/period.ts';
import { RecordSearch } from '#src/requests/record-search.ts';
import type { Tracker } from '#src/requests/request.ts';
import type { Store } from '#src/store/open.ts';
import { RecordSizes } from '#src/store/record-sizes.ts';
import type { RecordWriter } from '#src/store/writer.ts';
import type { Shell } from '#src/web/shell.tsx';
import { telemetryPages } from './pages.tsx';
import { TelemetryNews } from './telemetry-news.tsx';

export type TelemetryParts = {
  readonly store: Store;
  readonly writer: Pick<RecordWriter, 'flush'>;
  readonly tracker: Pick<Tracker, 'find'>;
  readonly chronicle: Chronicle;
  readonly memoryHistory: MemoryHistory;
  readonly clock: Clock;
  readonly retentionDays: () => number;
  /** As in `PeriodParts`. */
  readonly turn?: () => Promise<void>;
};

/** The topic `telemetry` and the routes of its page. */
export function openTelemetry(parts: TelemetryParts, shell: Shell) {
  const { store, writer, tracker, chronicle, memoryHistory: memory, clock, retentionDays } = parts;
  const monotonicMs = () => clock.monotonicMs();
  const periods = new Periods({ store, writer, monotonicMs, ...(parts.turn && { turn: parts.turn }) });
  const search = new RecordSearch({ store, writer });
  const sizes = new RecordSizes({ store, monotonicMs });
  const news = new TelemetryNews({ tracker, chronicle });
  const wallMs = () => clock.wallMs();
  const routes = telemetryPages({ periods, search, chronicle, memory, sizes, news, shell, wallMs, retentionDays });
  return { news, routes };
}
