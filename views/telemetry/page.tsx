/** @jsxImportSource @kitajs/html */
/** Telemetry: figures against the time before, curves, what went wrong, and every request. */
import { Card } from '../parts/card.tsx';
import { Empty } from '../parts/empty.tsx';
import { PageHead } from '../parts/page-head.tsx';
import { type Tab, Tabs } from '../parts/tabs.tsx';
import { Chart, type ChartData } from './chart.tsx';
import { Counting, type CountingData } from './counting.tsx';
import { type FilterData, Filters } from './filters.tsx';
import { Marks, type MarksData } from './marks.tsx';
import { type ColumnChoice, type RecordRowData, Records } from './records.tsx';

export type FigureData = {
  readonly label: string;
  readonly value: string;
  /** Against the period before; null when there is nothing to compare with. */
  readonly change: { readonly text: string; readonly tone: 'better' | 'worse' | 'neutral' } | null;
};

export type FailureData = {
  readonly title: string;
  readonly facts: string;
  /** What the last of them was told; null when there is nothing to tell. */
  readonly said: string | null;
  readonly advice: string | null;
  /** The requests of the group. */
  readonly href: string;
};

export type MendedData = { readonly modelId: string; readonly text: string; readonly note: string };

/** What all the records of a period come to. */
export type CountedData = {
  readonly figures: readonly FigureData[];
  readonly charts: readonly ChartData[];
  readonly marks: MarksData;
  readonly failures: readonly FailureData[];
  readonly mended: readonly MendedData[];
};

export type TelemetryData = {
  readonly ranges: readonly Tab[];
  readonly filter: FilterData;
  readonly rangeWords: string;
  /** Of the charts, ms since 1970. */
  readonly fromMs: number;
  readonly untilMs: number;
  /** A longer stretch round a period of one's own; null when it is none. */
  readonly widerHref: string | null;
  /** The page goes on with the time. */
  readonly isFollowing: boolean;
  /** The figures come anew no more often than this. */
  readonly refreshS: number;
  /** What the figures are held against. */
  readonly againstWords: string;
  readonly counted: ({ readonly kind: 'counted' } & CountedData) | ({ readonly kind: 'counting' } & CountingData);
  readonly records: readonly RecordRowData[];
  readonly columns: readonly ColumnChoice[];
  /** Addresses of more; null when there is none. */
  readonly olderHref: string | null;
  readonly newestHref: string | null;
  readonly csvHref: string;
  readonly jsonHref: string;
  /** Nothing was ever recorded. */
  readonly isEmpty: boolean;
  readonly keptText: string;
};

export const telemetryId = 'telemetry';
/** Changes whenever a request ends; the page's script then asks for the page again, now and then. */
export const telemetryNewsId = 'telemetry-news';

export function TelemetryNews({ count }: { count: number }): JSX.Element {
  return <span class="hidden" id={telemetryNewsId} data-count={String(count)} />;
}

export function TelemetryPage({ data }: { data: TelemetryData }): JSX.Element {
  return (
    <div
      class="telemetry"
      id={telemetryId}
      data-follows={data.isFollowing ? 'yes' : 'no'}
      data-refresh-s={String(data.refreshS)}
      data-from-ms={String(data.fromMs)}
      data-until-ms={String(data.untilMs)}
    >
      <PageHead title="Telemetry">
        <a class="button" href={data.csvHref} download="">
          Export CSV
        </a>
        <a class="button" href={data.jsonHref} download="">
          Export JSON
        </a>
      </PageHead>
      <Tabs label="Period" tabs={data.ranges} current={data.filter.range} />
      <Filters filter={data.filter} />
      <p class="telemetry__period" id="telemetry-period">
        <span safe>{`${data.rangeWords}, ${data.againstWords}`}</span>
        {data.widerHref === null ? (
          ''
        ) : (
          <a class="button" href={data.widerHref}>
            Zoom out
          </a>
        )}
      </p>
      {data.counted.kind === 'counting' ? (
        <Counting counting={data.counted} target={telemetryId} />
      ) : (
        <Counted counted={data.counted} isEmpty={data.isEmpty} rangeWords={data.rangeWords} />
      )}
      <Records records={data.records} columns={data.columns} olderHref={data.olderHref} newestHref={data.newestHref} />
      <p class="telemetry__kept">
        <span safe>{`${data.keptText} `}</span>
        <a href="/settings#privacy">Change that</a>
      </p>
    </div>
  );
}

type CountedProps = { readonly counted: CountedData; readonly isEmpty: boolean; readonly rangeWords: string };

function Counted({ counted, isEmpty, rangeWords }: CountedProps): JSX.Element {
  return (
    <>
      <dl class="telemetry-figures">
        {counted.figures.map((figure) => (
          <Figure figure={figure} />
        ))}
      </dl>
      {isEmpty ? (
        <Empty title="No request yet">
          <p>Each request that ends is counted here: how long it waited, how fast it was answered, how it ended.</p>
        </Empty>
      ) : (
        <div class="charts">
          {counted.charts.map((chart) => (
            <Chart chart={chart} marks={counted.marks.legend} />
          ))}
        </div>
      )}
      {isEmpty ? (
        ''
      ) : (
        <p class="telemetry__aside">
          Drag over a part of a chart to look at it alone; with the keyboard, choose it with Shift and the arrows, then
          press Enter.
        </p>
      )}
      <Marks marks={counted.marks} />
      <Failures failures={counted.failures} rangeWords={rangeWords} />
      <Mended mended={counted.mended} rangeWords={rangeWords} />
    </>
  );
}

function Figure({ figure: { label, value, change } }: { figure: FigureData }): JSX.Element {
  return (
    <div class="telemetry-figures__one">
      <dt safe>{label}</dt>
      <dd>
        <span class="telemetry-figures__value" safe>
          {value}
        </span>
        {change === null ? (
          ''
        ) : (
          <span class="telemetry-figures__change" data-tone={change.tone} safe>
            {change.text}
          </span>
        )}
      </dd>
    </div>
  );
}

function Failures({ failures, rangeWords }: { failures: readonly FailureData[]; rangeWords: string }): JSX.Element {
  if (failures.length === 0) return '';
  return (
    <Card id="telemetry-failures" title="What did not complete" aside={<During words={rangeWords} />}>
      <ol class="failures">
        {failures.map(({ title, facts, said, advice, href }) => (
          <li class="failures__one">
            <p class="failures__title">
              <a href={href} safe>
                {title}
              </a>
            </p>
            <p class="failures__facts" safe>
              {facts}
            </p>
            {said === null ? (
              ''
            ) : (
              <p class="failures__facts" safe>
                {`The last one: ${said}`}
              </p>
            )}
            {advice === null ? (
              ''
            ) : (
              <p class="failures__advice" safe>
                {advice}
              </p>
            )}
          </li>
        ))}
      </ol>
    </Card>
  );
}

function Mended({ mended, rangeWords }: { mended: readonly MendedData[]; rangeWords: string }): JSX.Element {
  if (mended.length === 0) return '';
  return (
    <Card id="telemetry-mended" title="What Flow mended" aside={<During words={rangeWords} />}>
      <ol class="failures">
        {mended.map(({ modelId, text, note }) => (
          <li class="failures__one">
            <p class="failures__title" safe>
              {`${modelId}: ${text}`}
            </p>
            <p class="failures__facts" safe>
              {`The last time: ${note}`}
            </p>
          </li>
        ))}
      </ol>
    </Card>
  );
}

function During({ words }: { words: string }): JSX.Element {
  return <span class="telemetry__aside" safe>{`in ${words}`}</span>;
}
