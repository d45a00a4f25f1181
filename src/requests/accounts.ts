/** Everything that is known of one request: from the tracker while it runs, from the records after. */
import type { Clock } from '#src/clock.ts';
import { KeptFiles } from '#src/logs/kept-files.ts';
import { FLOW_SOURCE, type Logs } from '#src/logs/logs.ts';
import { type Moment, momentOf } from '#src/logs/moment.ts';
import type { Store } from '#src/store/open.ts';
import type { RecordWriter } from '#src/store/writer.ts';
import { accountOfRow, accountOfView, type RequestAccount } from './account.ts';
import { RecordSearch } from './record-search.ts';
import type { RecordedRepair, RepairLog } from './repair-log.ts';
import type { RequestId, Tracker } from './request.ts';

export type RequestAccountsParts = {
  readonly tracker: Pick<Tracker, 'find'>;
  readonly search: Pick<RecordSearch, 'findByRequest'>;
  readonly repairs: Pick<RepairLog, 'list'>;
  readonly logs: Pick<Logs, 'tail' | 'flush' | 'sinceMs'>;
  readonly files: Pick<KeptFiles, 'find' | 'between'>;
  readonly clock: Pick<Clock, 'wallMs'>;
};

/** What Flow has of it all. */
export type AccountSources = Pick<RequestAccountsParts, 'tracker' | 'repairs' | 'clock'> & {
  readonly logs: Logs;
  readonly store: Store;
  readonly writer: Pick<RecordWriter, 'flush'>;
};

const MENDED_MAX = 50;
const LOG_LINES_MAX = 120;
/** An engine tells of a request when it gets it and when it is done; both may be a little late. */
const LOG_MARGIN_MS = 2_000;

/** Reads accounts; a database in trouble costs what was recorded, never the look at a request that runs. */
export class RequestAccounts {
  readonly #parts: RequestAccountsParts;

  constructor(parts: RequestAccountsParts) {
    this.#parts = parts;
  }

  /** Null when no such request runs or was recorded. Of one that has ended the record tells more. */
  find(requestId: RequestId): RequestAccount | null {
    const { tracker, clock } = this.#parts;
    const view = tracker.find(requestId);
    if (view !== null && view.endedAtMs === null) return accountOfView(view, clock.wallMs());
    const row = this.#recorded(requestId);
    if (row !== null) return accountOfRow(row);
    return view === null ? null : accountOfView(view, clock.wallMs());
  }

  /** What was mended in it, in the order in which it was. */
  mended(requestId: RequestId): readonly RecordedRepair[] {
    try {
      return this.#parts.repairs.list({ modelId: null, requestId }, MENDED_MAX).toReversed();
    } catch {
      return [];
    }
  }

  /** What its engine and Flow wrote from two seconds before it until two seconds after. */
  moment(account: RequestAccount): Promise<Moment> {
    const { logs, files, clock } = this.#parts;
    return momentOf(
      { logs, files },
      {
        sources: [...(account.modelId === null ? [] : [account.modelId]), FLOW_SOURCE],
        fromMs: account.startedAtMs - LOG_MARGIN_MS,
        untilMs: (account.endedAtMs ?? clock.wallMs()) + LOG_MARGIN_MS,
        lines: LOG_LINES_MAX,
      },
    );
  }

  #recorded(requestId: RequestId) {
    try {
      return this.#parts.search.findByRequest(requestId);
    } catch {
      return null;
    }
  }
}

/** Accounts over Flow's own services. */
export function openAccounts({ store, writer, tracker, repairs, logs, clock }: AccountSources): RequestAccounts {
  const search = new RecordSearch({ store, writer });
  return new RequestAccounts({ tracker, search, repairs, logs, files: new KeptFiles(logs.folder), clock });
}
