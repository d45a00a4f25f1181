/** Curves from the parts of a period. Pure. */
import type { MemoryPoint } from '#src/chronicle/memory-history.ts';
import type { PeriodBucket, PeriodFigures, PeriodTally } from '#src/requests/tally.ts';
import { bytesText, countText, elapsedText, rateText, tokenSumText } from '#views/parts/quantity.tsx';
import type { ChartData, ChartSeries } from '#views/telemetry/chart.tsx';
import { momentText, type Span } from './span.ts';

export type ChartSources = {
  readonly tally: PeriodTally;
  readonly span: Span;
  /** One for each part of the period; null where nothing was measured. */
  readonly memory: readonly (MemoryPoint | null)[];
  /** Drawn beside it: the same parts of another time, or of another model. */
  readonly other: { readonly tally: PeriodTally; readonly name: string } | null;
};

type ToText = (value: number) => string;
type Curve = {
  readonly name: string;
  readonly values: readonly (number | null)[];
  readonly whole: string;
  readonly isTrouble?: boolean;
};
type Line = {
  readonly name: string;
  readonly of: (bucket: PeriodBucket) => number | null;
  readonly whole: (total: PeriodFigures) => number | null;
};

const MODELS_MAX = 6;
const NOTHING = '–';

/** All charts, in the order of their weight. */
export function charts(sources: ChartSources): readonly ChartData[] {
  const { tally, span, memory } = sources;
  const lengthMs = span.period.untilMs - span.period.fromMs;
  const times = tally.buckets.map(({ fromMs }) => momentText(fromMs, lengthMs));
  const speeds = (bucket: PeriodBucket) => bucket.speeds;
  const prefills = (bucket: PeriodBucket) => bucket.prefillSpeeds;
  return [
    chart({ id: 'ttft', title: 'Time to first token', form: 'lines', times, toText: elapsedText }, [
      ...lines(sources, elapsedText, [
        { name: 'median', of: ({ ttftP50Ms }) => ttftP50Ms, whole: ({ ttftP50Ms }) => ttftP50Ms },
        { name: '95th percentile', of: ({ ttftP95Ms }) => ttftP95Ms, whole: ({ ttftP95Ms }) => ttftP95Ms },
      ]),
    ]),
    chart(
      { id: 'speed', title: 'Generation speed, median', form: 'lines', times, toText: rateText },
      modelCurves(sources, speeds),
    ),
    chart({ id: 'tokens', title: 'Tokens', form: 'stack', times, toText: tokenSumText }, tokenCurves(tally)),
    chart({ id: 'requests', title: 'Requests by outcome', form: 'stack', times, toText: countText }, outcomes(tally)),
    chart({ id: 'waiting', title: 'Waiting', form: 'lines', times, toText: elapsedText }, [
      ...lines(sources, elapsedText, [
        {
          name: 'queue, 95th percentile',
          of: ({ queueP95Ms }) => queueP95Ms,
          whole: ({ queueP95Ms }) => queueP95Ms,
        },
        {
          name: 'for loads, in all',
          of: ({ requests, loadMs }) => (requests === 0 ? null : loadMs),
          whole: ({ loadMs }) => loadMs,
        },
      ]),
    ]),
    chart(
      { id: 'prefill', title: 'Prompt speed, median', form: 'lines', times, toText: rateText },
      modelCurves(sources, prefills),
    ),
    memoryChart(times, memory),
  ];
}

type ChartBase = Pick<ChartData, 'id' | 'title' | 'form' | 'times'> & {
  readonly toText: ToText;
  /** The height of the whole, where it is known beforehand. */
  readonly top?: number;
};

function chart({ toText, top: knownTop, ...rest }: ChartBase, curves: readonly Curve[]): ChartData {
  const series = curves.map(({ name, values, whole, isTrouble = false }): ChartSeries => {
    return { name, values, texts: values.map((value) => textOf(value, toText)), summary: whole, isTrouble };
  });
  const heights = rest.times.map((_, index) => {
    const values = series.map(({ values: all }) => all[index] ?? 0);
    return rest.form === 'stack' ? values.reduce((sum, value) => sum + value, 0) : Math.max(0, ...values);
  });
  const top = knownTop ?? roundUp(Math.max(1, ...heights));
  return { ...rest, series, top, topText: toText(top) };
}

/** Lines of all requests, and the same ones of what they are held against. */
function lines({ tally, other }: ChartSources, toText: ToText, all: readonly Line[]): readonly Curve[] {
  const drawn = (from: PeriodTally, behind: string) =>
    all.map(({ name, of, whole }) => ({
      name: `${name}${behind}`,
      values: from.buckets.map(of),
      whole: textOf(whole(from.total), toText),
    }));
  return [...drawn(tally, ''), ...(other === null ? [] : drawn(other.tally, `, ${other.name}`))];
}

/** The models that answered most, each its own curve. */
function modelCurves(
  { tally, other }: ChartSources,
  speedsOf: (bucket: PeriodBucket) => ReadonlyMap<string, number>,
): readonly Curve[] {
  const own = busiest(tally, speedsOf, '');
  if (other === null) return own;
  const beside = busiest(other.tally, speedsOf, `, ${other.name}`).filter(({ name }) => name !== NO_CURVE);
  // A model beside itself is told by its name alone.
  const named = beside.map((curve) => ({
    ...curve,
    name: curve.name.replace(`${other.name}, ${other.name}`, other.name),
  }));
  return [...own, ...named].slice(0, MODELS_MAX);
}

const NO_CURVE = 'all models';

function busiest(
  { buckets }: PeriodTally,
  speedsOf: (bucket: PeriodBucket) => ReadonlyMap<string, number>,
  behind: string,
): readonly Curve[] {
  const seen = new Map<string, number[]>();
  for (const bucket of buckets)
    for (const [modelId, speed] of speedsOf(bucket)) seen.set(modelId, [...(seen.get(modelId) ?? []), speed]);
  const most = [...seen].sort(([, one], [, other]) => other.length - one.length).slice(0, MODELS_MAX);
  if (most.length === 0) return [{ name: NO_CURVE, values: buckets.map(() => null), whole: NOTHING }];
  // By name, so that a model keeps its colour while others grow busier.
  return most
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([modelId, all]) => {
      const sorted = [...all].sort((one, other) => one - other);
      const median = sorted[Math.floor((sorted.length - 1) / 2)] ?? null;
      const values = buckets.map((bucket) => speedsOf(bucket).get(modelId) ?? null);
      return { name: `${modelId}${behind}`, values, whole: textOf(median, rateText) };
    });
}

function tokenCurves({ buckets, total }: PeriodTally): readonly Curve[] {
  const fresh = ({ inputTokens, cachedTokens }: PeriodFigures) => Math.max(0, inputTokens - cachedTokens);
  const curve = (name: string, of: (figures: PeriodFigures) => number): Curve => ({
    name,
    values: buckets.map(of),
    whole: tokenSumText(of(total)),
  });
  return [
    curve('cached input', ({ cachedTokens }) => cachedTokens),
    curve('new input', fresh),
    curve('output', ({ outputTokens }) => outputTokens),
  ];
}

function outcomes({ buckets, total }: PeriodTally): readonly Curve[] {
  const curve = (name: 'completed' | 'cancelled' | 'failed'): Curve => ({
    name,
    values: buckets.map((bucket) => bucket[name]),
    whole: countText(total[name]),
    isTrouble: name === 'failed',
  });
  return [curve('completed'), curve('cancelled'), curve('failed')];
}

/** Of each part its fullest moment, up to all the memory there is. */
function memoryChart(times: readonly string[], points: readonly (MemoryPoint | null)[]): ChartData {
  const top = Math.max(1, ...points.map((point) => point?.totalBytes ?? 0));
  const curve = (name: string, of: (point: MemoryPoint) => number): Curve => {
    const values = points.map((point) => (point === null ? null : of(point)));
    const most = Math.max(0, ...values.map((value) => value ?? 0));
    return { name, values, whole: points.every((point) => point === null) ? NOTHING : `up to ${bytesText(most)}` };
  };
  return chart({ id: 'memory', title: 'Memory at its fullest', form: 'stack', times, toText: bytesText, top }, [
    curve('models', ({ modelsBytes }) => modelsBytes),
    curve('other programs', ({ appsBytes }) => appsBytes),
    curve('cache, given up when needed', ({ cacheBytes }) => cacheBytes),
  ]);
}

function textOf(value: number | null, toText: ToText): string {
  return value === null ? NOTHING : toText(value);
}

/** The next round number, of one digit or one and a half. */
function roundUp(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  const factor = [1, 1.5, 2, 3, 4, 5, 6, 8, 10].find((one) => one * power >= value) ?? 10;
  return factor * power;
}
