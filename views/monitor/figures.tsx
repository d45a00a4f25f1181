/** @jsxImportSource @kitajs/html */
/** How busy Flow is: a few numbers, and how they went lately. */
import { bytesText, countText, durationText, percentText, pluralText, rateText } from '../parts/quantity.tsx';
import { Spark } from '../parts/spark.tsx';

export type FiguresData = {
  readonly tokensPerS: number;
  readonly active: number;
  readonly waiting: number;
  /** How long the first in the queue has waited; null when nobody waits. */
  readonly longestWaitS: number | null;
  readonly swaps: number;
  readonly loaded: number;
  readonly heldBytes: number;
};

/** The graphics processors together; null = it does not say. */
export type GpuData = {
  readonly count: number;
  readonly busyRatio: number | null;
  readonly powerW: number | null;
  readonly temperatureC: number | null;
  readonly memory: { readonly usedBytes: number; readonly totalBytes: number } | null;
};

/** What the tiles say. */
export type PaceFigures = FiguresData & { readonly promptTokensPerS: number; readonly gpu: GpuData | null };

/** One line: how something went over one span. */
export type TraceData = {
  readonly name: TraceName;
  readonly span: string;
  /** The span in words: `minute`. */
  readonly words: string;
  /** Oldest first; null where nothing is known. */
  readonly values: readonly (number | null)[];
};

export type TraceName = 'speed' | 'prefill' | 'queue';
type FigureName = TraceName | 'work' | 'gpu';

export type PaceData = {
  readonly figures: PaceFigures;
  readonly traces: readonly TraceData[];
  readonly spans: readonly { readonly name: string; readonly label: string }[];
  /** The span that is looked at first. */
  readonly span: string;
};

export const figureId = (name: FigureName): string => `figure-${name}`;
export const traceId = (name: TraceName, span: string): string => `trace-${name}-${span}`;

/** Below it nothing is generated: the mean over the last seconds only fades. */
export const RATE_MIN = 0.1;

/** What was looked at is never drawn as if it had been nothing. */
const TOP_MIN = { speed: 10, prefill: 100, queue: 2 } as const;
const TRACES = [
  { name: 'speed', label: 'Speed' },
  { name: 'prefill', label: 'Prefill' },
  { name: 'queue', label: 'Queue' },
] as const;

export function PaceTiles({ pace }: { pace: PaceData }): JSX.Element {
  const { figures, traces, spans } = pace;
  return (
    <section class="pace" aria-labelledby="pace-title">
      <header class="pace__head">
        <h2 class="pace__title" id="pace-title">
          Pace
        </h2>
        <fieldset class="spans">
          <legend class="hidden">Look back over</legend>
          {spans.map(({ name, label }) => (
            <label class="spans__one">
              <input
                class="spans__choice"
                type="radio"
                name="span"
                value={name}
                checked={name === pace.span}
                autocomplete="off"
              />
              <span class="spans__label" safe>
                {label}
              </span>
            </label>
          ))}
        </fieldset>
      </header>
      <dl class="figures">
        {TRACES.map(({ name, label }) => (
          <div class="figures__one">
            <dt>{label}</dt>
            <Figure name={name} figures={figures} />
            <dd class="figures__traces">
              {traces.map((trace) => (trace.name === name ? <Trace trace={trace} /> : ''))}
            </dd>
          </div>
        ))}
        <WorkTile figures={figures} />
        <GpuTile gpu={figures.gpu} />
      </dl>
    </section>
  );
}

/** One tile's number. */
export function Figure({ name, figures }: { name: TraceName; figures: PaceFigures }): JSX.Element {
  return (
    <dd class="figures__value" id={figureId(name)} safe>
      {valueText(name, figures)}
    </dd>
  );
}

/** What is under way, and how often a model had to make room. */
export function WorkTile({ figures: { active, loaded, swaps } }: { figures: PaceFigures }): JSX.Element {
  return (
    <div class="figures__one" id={figureId('work')}>
      <dt>Active</dt>
      <dd class="figures__value" safe>
        {countText(active)}
      </dd>
      <dd class="figures__note" safe>
        {`${pluralText(loaded, 'model')} loaded, ${pluralText(swaps, 'swap')} since the start`}
      </dd>
    </div>
  );
}

/** What the graphics processor tells of itself; hidden on a machine where none does. */
export function GpuTile({ gpu }: { gpu: GpuData | null }): JSX.Element {
  if (gpu === null) return <div class="figures__one" id={figureId('gpu')} hidden />;
  const { count, busyRatio, powerW, temperatureC, memory } = gpu;
  const notes = [
    powerW === null ? null : `${countText(powerW)} W`,
    temperatureC === null ? null : `${countText(temperatureC)} °C`,
    memory === null ? null : `${bytesText(memory.usedBytes)} of ${bytesText(memory.totalBytes)}`,
  ].filter((note) => note !== null);
  return (
    <div class="figures__one" id={figureId('gpu')}>
      <dt safe>{count === 1 ? 'GPU' : `${count} GPUs`}</dt>
      <dd class="figures__value" safe>
        {busyRatio === null ? '–' : percentText(busyRatio)}
      </dd>
      <dd class="figures__note" safe>
        {notes.join(' · ')}
      </dd>
    </div>
  );
}

/** One line with its peak. */
export function Trace({ trace }: { trace: TraceData }): JSX.Element {
  const { name, span, values } = trace;
  const known = values.filter((value) => value !== null);
  const most = Math.max(0, ...known);
  return (
    <div
      class="trace"
      id={traceId(name, span)}
      role="img"
      aria-label={traceWords(trace, known, most)}
      data-name={name}
      data-span={span}
    >
      <Spark values={values} count={values.length} top={Math.max(most, TOP_MIN[name])} />
      <span class="trace__peak" safe>
        {most < RATE_MIN ? '' : `peak ${amountText(name, most)}`}
      </span>
    </div>
  );
}

function traceWords({ name, words }: TraceData, known: readonly number[], most: number): string {
  const what = { speed: 'Speed', prefill: 'Prefill speed', queue: 'Requests waiting' }[name];
  const over = `${what} over the last ${words}`;
  if (known.length === 0) return `${over}: nothing is known yet`;
  const unit = name === 'queue' ? '' : ' tok/s';
  const [last, least] = [known.at(-1) ?? 0, Math.min(...known)].map((value) => amountText(name, value));
  return `${over}: last ${last}, lowest ${least}, highest ${amountText(name, most)}${unit}`;
}

function amountText(name: TraceName, value: number): string {
  return name === 'queue' || value >= 100 ? countText(value) : value.toFixed(1);
}

function valueText(name: TraceName, { tokensPerS, promptTokensPerS, waiting, longestWaitS }: PaceFigures): string {
  switch (name) {
    case 'speed':
      return speedText(tokensPerS);
    case 'prefill':
      return speedText(promptTokensPerS);
    case 'queue':
      return longestWaitS === null ? countText(waiting) : `${countText(waiting)} · ${durationText(longestWaitS)}`;
  }
}

/** A machine at rest has no speed. */
function speedText(tokensPerS: number): string {
  return tokensPerS < RATE_MIN ? '–' : rateText(tokensPerS);
}
