/** @jsxImportSource @kitajs/html */
/** Every request that ended, newest first; each opens its own story. Which columns there are is the reader's choice. */
import { Badge } from '../parts/badge.tsx';
import { Card } from '../parts/card.tsx';
import { opensRequest } from '../requests/addresses.ts';
import { filtersId } from './filters.tsx';

export type OutcomeName = 'completed' | 'failed' | 'cancelled';

export type RecordRowData = {
  readonly id: number;
  readonly requestId: string;
  readonly timeText: string;
  readonly outcome: OutcomeName;
  /** One for each shown column; in the outcome's why it was no completion. */
  readonly cells: readonly string[];
};

export type ColumnChoice = {
  readonly name: string;
  readonly label: string;
  readonly kind: 'text' | 'number' | 'outcome';
  readonly isShown: boolean;
};

export type RecordsProps = {
  readonly records: readonly RecordRowData[];
  readonly columns: readonly ColumnChoice[];
  readonly olderHref: string | null;
  readonly newestHref: string | null;
};

const OUTCOMES = {
  completed: { icon: 'done', word: 'completed', tone: 'quiet' },
  failed: { icon: 'failed', word: 'failed', tone: 'danger' },
  cancelled: { icon: 'cancelled', word: 'cancelled', tone: 'waiting' },
} as const;

export function OutcomeBadge({ outcome }: { outcome: OutcomeName }): JSX.Element {
  return <Badge {...OUTCOMES[outcome]} />;
}

export function Records({ records, columns, olderHref, newestHref }: RecordsProps): JSX.Element {
  const shown = columns.filter(({ isShown }) => isShown);
  return (
    <Card id="telemetry-records" title="Requests" aside={<Columns columns={columns} />}>
      {records.length === 0 ? (
        <p class="telemetry__aside">No such request in the records looked through.</p>
      ) : (
        <section class="table-scroll" aria-label="Requests, newest first">
          <table class="table records">
            <thead>
              <tr>
                <th scope="col">Began</th>
                {shown.map(({ label, kind }) => (
                  <th scope="col" class={kind === 'number' ? 'table__number' : ''} safe>
                    {label}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {records.map((record) => (
                <Row record={record} columns={shown} />
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

/** Boxes of the form of filters, so that what is shown is in the address too. */
function Columns({ columns }: { columns: readonly ColumnChoice[] }): JSX.Element {
  return (
    <details class="columns" id="telemetry-columns">
      <summary class="button">Columns</summary>
      <fieldset class="columns__list">
        <legend class="hidden">Columns of the table</legend>
        {columns.map(({ name, label, isShown }) => (
          <label class="columns__one">
            <input
              type="checkbox"
              form={filtersId}
              name="columns"
              value={name}
              id={`column-${name}`}
              {...(isShown ? { checked: true } : {})}
            />
            <span safe>{label}</span>
          </label>
        ))}
        <button class="button" type="submit" form={filtersId}>
          Show these
        </button>
      </fieldset>
    </details>
  );
}

function Row({ record, columns }: { record: RecordRowData; columns: readonly ColumnChoice[] }): JSX.Element {
  return (
    <tr id={`record-${record.id}`}>
      <th scope="row" class="records__time">
        <a {...opensRequest(record.requestId)} safe>
          {record.timeText}
        </a>
      </th>
      {columns.map(({ name, kind }, index) => (
        <Cell name={name} kind={kind} text={record.cells[index] ?? ''} outcome={record.outcome} />
      ))}
    </tr>
  );
}

type CellProps = {
  readonly name: string;
  readonly kind: ColumnChoice['kind'];
  readonly text: string;
  readonly outcome: OutcomeName;
};

function Cell({ name, kind, text, outcome }: CellProps): JSX.Element {
  if (kind !== 'outcome') {
    return (
      <td class={kind === 'number' ? 'table__number' : `records__${name}`} safe>
        {text}
      </td>
    );
  }
  return (
    <td>
      <OutcomeBadge outcome={outcome} />
      {text === '' ? (
        ''
      ) : (
        <span class="records__why" safe>
          {text}
        </span>
      )}
    </td>
  );
}
