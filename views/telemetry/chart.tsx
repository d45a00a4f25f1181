/** @jsxImportSource @kitajs/html */
/**
 * A chart over time, drawn here: lines or stacked bars, marks for what happened, and the same as a table for those who
 * cannot see it. A script adds a line that follows the pointer or the arrow keys, on all charts at once, and a stretch
 * that is dragged over and then looked at alone.
 */
import type { MarksData } from './marks.tsx';

export type ChartSeries = {
  readonly name: string;
  /** Null where nothing was measured. */
  readonly values: readonly (number | null)[];
  readonly texts: readonly string[];
  /** The whole period in words. */
  readonly summary: string;
  /** Something that nobody wants. */
  readonly isTrouble: boolean;
};

export type ChartData = {
  readonly id: string;
  readonly title: string;
  readonly form: 'lines' | 'stack';
  readonly series: readonly ChartSeries[];
  readonly times: readonly string[];
  readonly topText: string;
  readonly top: number;
};

export type ChartProps = { readonly chart: ChartData; readonly marks: MarksData['legend'] };

const WIDTH = 1000;
const HEIGHT = 200;
/** Colours and dashes there are. */
const LOOKS = 6;

export function Chart({ chart, marks }: ChartProps): JSX.Element {
  const isEmpty = chart.series.every(({ values }) => values.every((value) => value === null || value === 0));
  return (
    <section class="chart" id={`chart-${chart.id}`} aria-labelledby={`chart-${chart.id}-title`}>
      <h2 class="chart__title" id={`chart-${chart.id}-title`} safe>
        {chart.title}
      </h2>
      <div class="chart__frame">
        <p class="chart__reading" />
        <span class="chart__top" safe>
          {isEmpty ? '' : chart.topText}
        </span>
        {isEmpty ? <p class="chart__none">Nothing was measured in this time.</p> : <Plot chart={chart} marks={marks} />}
      </div>
      <p class="chart__times">
        <span safe>{chart.times[0] ?? ''}</span>
        <span safe>{chart.times[Math.floor(chart.times.length / 2)] ?? ''}</span>
        <span safe>{chart.times.at(-1) ?? ''}</span>
      </p>
      {isEmpty ? '' : <Legend chart={chart} />}
      {isEmpty ? '' : <Table chart={chart} />}
    </section>
  );
}

function Plot({ chart, marks }: ChartProps): JSX.Element {
  return (
    <div
      class="chart__plot"
      role="slider"
      tabindex="0"
      aria-label={`${chart.title}: moment`}
      aria-valuemin="0"
      aria-valuemax={String(chart.times.length - 1)}
      aria-valuenow={String(chart.times.length - 1)}
      aria-valuetext={chart.times.at(-1) ?? ''}
    >
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true" focusable="false">
        <path class="chart__grid" d={`M0 1H${WIDTH}M0 ${HEIGHT / 2}H${WIDTH}M0 ${HEIGHT - 1}H${WIDTH}`} />
        <rect class="chart__zoom" x="0" y="0" width="0" height={String(HEIGHT)} />
        {chart.form === 'lines' ? <Lines chart={chart} /> : <Bars chart={chart} />}
        {marks.map(({ look, ratios }) => (
          <path class="chart__mark" data-kind={look} d={ratios.map(markPath).join('')} />
        ))}
        <path class="chart__cross" d={`M-9 0V${HEIGHT}`} />
      </svg>
    </div>
  );
}

function Lines({ chart: { series, top } }: { chart: ChartData }): JSX.Element {
  return (
    <>
      {series.map(({ values, isTrouble }, index) => (
        <g data-look={lookOf(index, isTrouble)}>
          <path class="chart__line" d={linePath(values, top)} />
          <path class="chart__dots" d={dotsPath(values, top)} />
        </g>
      ))}
    </>
  );
}

/** A value without neighbours makes no line, so it is a dot. */
function dotsPath(values: readonly (number | null)[], top: number): string {
  const step = WIDTH / Math.max(1, values.length);
  const isAlone = (index: number) => (values[index - 1] ?? null) === null && (values[index + 1] ?? null) === null;
  return values
    .map((value, index) =>
      value === null || !isAlone(index) ? '' : `M${((index + 0.5) * step).toFixed(1)} ${heightOf(value, top)}h0.1`,
    )
    .join('');
}

/** A part without a value breaks the line. */
function linePath(values: readonly (number | null)[], top: number): string {
  const step = WIDTH / Math.max(1, values.length);
  let isDrawing = false;
  return values
    .map((value, index) => {
      if (value === null) {
        isDrawing = false;
        return '';
      }
      const point = `${((index + 0.5) * step).toFixed(1)} ${heightOf(value, top)}`;
      const command = isDrawing ? `L${point}` : `M${point}`;
      isDrawing = true;
      return command;
    })
    .join('');
}

function markPath(ratio: number): string {
  return `M${(ratio * WIDTH).toFixed(1)} 0V${HEIGHT}`;
}

function Bars({ chart: { series, top, times } }: { chart: ChartData }): JSX.Element {
  const step = WIDTH / Math.max(1, times.length);
  const floors = times.map(() => 0);
  return (
    <>
      {series.map(({ values, isTrouble }, look) => (
        <path
          class="chart__bars"
          data-look={lookOf(look, isTrouble)}
          d={values
            .map((value, index) => {
              const floor = floors[index] ?? 0;
              if (value === null || value === 0) return '';
              floors[index] = floor + value;
              const left = (index * step + step * 0.1).toFixed(1);
              const right = (index * step + step * 0.9).toFixed(1);
              const bottom = heightOf(floor, top);
              return `M${left} ${bottom}V${heightOf(floor + value, top)}H${right}V${bottom}Z`;
            })
            .join('')}
        />
      ))}
    </>
  );
}

function Legend({ chart }: { chart: ChartData }): JSX.Element {
  return (
    <ul class="chart__legend">
      {chart.series.map(({ name, summary, isTrouble }, index) => (
        <li>
          <svg class="chart__sample" viewBox="0 0 24 8" aria-hidden="true" focusable="false">
            {chart.form === 'lines' ? (
              <path class="chart__line" data-look={lookOf(index, isTrouble)} d="M1 4H23" />
            ) : (
              <path class="chart__bars" data-look={lookOf(index, isTrouble)} d="M4 0H20V8H4Z" />
            )}
          </svg>
          <span safe>{name}</span>
          <span class="chart__summary" safe>
            {summary}
          </span>
        </li>
      ))}
    </ul>
  );
}

function Table({ chart }: { chart: ChartData }): JSX.Element {
  return (
    <div class="hidden">
      <table>
        <caption safe>{chart.title}</caption>
        <thead>
          <tr>
            <th scope="col">From</th>
            {chart.series.map(({ name }) => (
              <th scope="col" safe>
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {chart.times.map((time, index) => (
            <tr>
              <th scope="row" safe>
                {time}
              </th>
              {chart.series.map(({ texts }) => (
                <td safe>{texts[index] ?? ''}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function heightOf(value: number, top: number): string {
  return (HEIGHT - 2 - (Math.min(value, top) / top) * (HEIGHT - 6)).toFixed(1);
}

function lookOf(index: number, isTrouble: boolean): string {
  return isTrouble ? 'trouble' : String((index % LOOKS) + 1);
}
