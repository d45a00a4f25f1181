/** @jsxImportSource @kitajs/html */
/** Every request that ended, newest first; each opens its own story. */
import { Badge } from '../parts/badge.tsx';
import { Card } from '../parts/card.tsx';
import { opensRequest } from '../requests/addresses.ts';

export type OutcomeName = 'completed' | 'failed' | 'cancelled';

export type RecordRowData = {
  readonly id: number;
  readonly requestId: string;
  readonly timeText: string;
  readonly client: string;
  readonly model: string;
  readonly outcome: OutcomeName;
  readonly ttftText: string;
  readonly speedText: string;
  readonly inputText: string;
  readonly outputText: string;
  readonly tookText: string;
  /** Why it did not complete; '' when it did. */
  readonly why: string;
};

export type RecordsProps = {
  readonly records: readonly RecordRowData[];
  readonly olderHref: string | null;
  readonly newestHref: string | null;
};

const OUTCOMES = {
  completed: { icon: 'done', word: 'completed', tone: 'quiet' },
  failed: { icon: 'failed', word: 'failed', tone: 'danger' },
  cancelled: { icon: 'cancelled', word: 'cancelled', tone: 'waiting' },
} as const;

const COLUMNS = ['Began', 'Client', 'Model', 'Outcome'] as const;
const NUMBERS = ['First token', 'Speed', 'Input', 'Output', 'Took'] as const;

export function OutcomeBadge({ outcome }: { outcome: OutcomeName }): JSX.Element {
  return <Badge {...OUTCOMES[outcome]} />;
}

export function Records({ records, olderHref, newestHref }: RecordsProps): JSX.Element {
  return (
    <Card id="telemetry-records" title="Requests">
      {records.length === 0 ? (
        <p class="telemetry__aside">No such request in the records looked through.</p>
      ) : (
        <section class="table-scroll" aria-label="Requests, newest first">
          <table class="table records">
            <thead>
              <tr>
                {COLUMNS.map((name) => (
                  <th scope="col">{name}</th>
                ))}
                {NUMBERS.map((name) => (
                  <th scope="col" class="table__number">
                    {name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {records.map((record) => (
                <Row record={record} />
              ))}
            </tbody>
          </table>
        </section>
      )}
      <p class="records__more">
        {newestHref === null ? (
          ''
        ) : (
          <a class="button" href={newestHref}>
            Newest
          </a>
        )}
        {olderHref === null ? (
          ''
        ) : (
          <a class="button" href={olderHref}>
            Older
          </a>
        )}
      </p>
    </Card>
  );
}

function Row({ record }: { record: RecordRowData }): JSX.Element {
  return (
    <tr id={`record-${record.id}`}>
      <th scope="row" class="records__time">
        <a {...opensRequest(record.requestId)} safe>
          {record.timeText}
        </a>
      </th>
      <td safe>{record.client}</td>
      <td class="records__model" safe>
        {record.model}
      </td>
      <td>
        <OutcomeBadge outcome={record.outcome} />
        {record.why === '' ? (
          ''
        ) : (
          <span class="records__why" safe>
            {record.why}
          </span>
        )}
      </td>
      {[record.ttftText, record.speedText, record.inputText, record.outputText, record.tookText].map((text) => (
        <td class="table__number" safe>
          {text}
        </td>
      ))}
    </tr>
  );
}
