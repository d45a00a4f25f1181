/** @jsxImportSource @kitajs/html */
/** Telemetry: figures against the time before, curves, what went wrong, and every request. */
import { Card } from '../parts/card.tsx';
import { Empty } from '../parts/empty.tsx';
import { PageHead } from '../parts/page-head.tsx';
import { pluralText } from '../parts/quantity.tsx';
import { type Tab, Tabs } from '../parts/tabs.tsx';
import { Chart, type ChartData } from './chart.tsx';
import { type RecordRowData, Records } from './records.tsx';

export type FigureData = {
  readonly label: string;
  readonly value: string;
  /** Against the period before; null when there is nothing to compare with. */
  readonly change: { readonly text: string; readonly tone: 'better' | 'worse' | 'neutral' } | null;
};

export type FailureData = {
  readonly title: string;
  readonly facts: string;
  readonly advice: string | null;
};

export type FilterData = {
  readonly range: string;
  readonly model: string;
  readonly outcome: string;
  readonly client: string;
  readonly models: readonly string[];
  readonly clients: readonly string[];
};

export type TelemetryData = {
  readonly ranges: readonly Tab[];
  readonly filter: FilterData;
  readonly rangeWords: string;
  /** The figures come anew no more often than this. */
  readonly refreshS: number;
  readonly figures: readonly FigureData[];
  readonly charts: readonly ChartData[];
  /** What the upright lines of the charts are, newest first. */
  readonly marks: readonly string[];
  readonly failures: readonly FailureData[];
  readonly records: readonly RecordRowData[];
  /** Addresses of more; null when there is none. */
  readonly olderHref: string | null;
  readonly newestHref: string | null;
  readonly csvHref: string;
  readonly jsonHref: string;
  readonly keptCount: number;
  readonly retentionDays: number;
};

export const telemetryId = 'telemetry';
/** Changes whenever a request ends; the page's script then asks for the page again, now and then. */
export const telemetryNewsId = 'telemetry-news';

const OUTCOMES = [
  { value: '', label: 'All outcomes' },
  { value: 'completed', label: 'Completed' },
  { value: 'failed', label: 'Failed' },
  { value: 'cancelled', label: 'Cancelled' },
] as const;

export function TelemetryNews({ count }: { count: number }): JSX.Element {
  return <span class="hidden" id={telemetryNewsId} data-count={String(count)} />;
}

export function TelemetryPage({ data }: { data: TelemetryData }): JSX.Element {
  return (
    <div
      class="telemetry"
      id={telemetryId}
      data-follows={data.newestHref === null ? 'yes' : 'no'}
      data-refresh-s={String(data.refreshS)}
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
      <dl class="telemetry-figures">
        {data.figures.map((figure) => (
          <Figure figure={figure} />
        ))}
      </dl>
      {data.keptCount === 0 ? (
        <Empty title="No request yet">
          <p>Each request that ends is counted here: how long it waited, how fast it was answered, how it ended.</p>
        </Empty>
      ) : (
        <div class="charts">
          {data.charts.map((chart) => (
            <Chart chart={chart} />
          ))}
        </div>
      )}
      <Marks marks={data.marks} />
      <Failures failures={data.failures} rangeWords={data.rangeWords} />
      <Records records={data.records} olderHref={data.olderHref} newestHref={data.newestHref} />
      <p class="telemetry__kept">
        <span safe>{`About ${pluralText(data.keptCount, 'request is', 'requests are')} recorded. `}</span>
        <span
          safe
        >{`Records are kept for ${pluralText(data.retentionDays, 'day')} and hold no prompt and no answer. `}</span>
        <a href="/settings#privacy">Change that</a>
      </p>
    </div>
  );
}

function Filters({ filter }: { filter: FilterData }): JSX.Element {
  return (
    <form class="toolbar" id="telemetry-filters" method="get" action="/telemetry">
      <input type="hidden" name="range" value={filter.range} />
      <Choice
        id="telemetry-model"
        name="model"
        label="Model"
        none="All models"
        value={filter.model}
        all={filter.models}
      />
      <div class="field">
        <label class="field__label" for="telemetry-outcome">
          Outcome
        </label>
        <select class="input" id="telemetry-outcome" name="outcome">
          {OUTCOMES.map(({ value, label }) => (
            <option value={value} {...(value === filter.outcome ? { selected: true } : {})}>
              {label}
            </option>
          ))}
        </select>
      </div>
      <Choice
        id="telemetry-client"
        name="client"
        label="Client"
        none="All clients"
        value={filter.client}
        all={filter.clients}
      />
      <button class="button" type="submit">
        Show
      </button>
    </form>
  );
}

type ChoiceProps = {
  readonly id: string;
  readonly name: string;
  readonly label: string;
  readonly none: string;
  readonly value: string;
  readonly all: readonly string[];
};

function Choice({ id, name, label, none, value, all }: ChoiceProps): JSX.Element {
  const known = value === '' || all.includes(value) ? all : [value, ...all];
  return (
    <div class="field">
      <label class="field__label" for={id} safe>
        {label}
      </label>
      <select class="input" id={id} name={name}>
        <option value="" safe>
          {none}
        </option>
        {known.map((one) => (
          <option value={one} {...(one === value ? { selected: true } : {})} safe>
            {one}
          </option>
        ))}
      </select>
    </div>
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

function Marks({ marks }: { marks: readonly string[] }): JSX.Element {
  if (marks.length === 0) return '';
  return (
    <details class="marks" id="telemetry-marks">
      <summary safe>{`${pluralText(marks.length, 'load')}, marked in the charts`}</summary>
      <ol class="marks__list">
        {marks.map((mark) => (
          <li safe>{mark}</li>
        ))}
      </ol>
    </details>
  );
}

function Failures({ failures, rangeWords }: { failures: readonly FailureData[]; rangeWords: string }): JSX.Element {
  if (failures.length === 0) return '';
  const aside = <span class="telemetry__aside" safe>{`in ${rangeWords}`}</span>;
  return (
    <Card id="telemetry-failures" title="What did not complete" aside={aside}>
      <ol class="failures">
        {failures.map(({ title, facts, advice }) => (
          <li class="failures__one">
            <p class="failures__title" safe>
              {title}
            </p>
            <p class="failures__facts" safe>
              {facts}
            </p>
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
