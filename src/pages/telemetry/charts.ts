/** Curves from the parts of a period. Pure. */
import type { PeriodLoad } from '#src/requests/period.ts';
import type { PeriodBucket, PeriodTally } from '#src/requests/tally.ts';
import { countText, elapsedText, rateText, tokenSumText } from '#views/parts/quantity.tsx';
import type { ChartData, ChartMark, ChartSeries } from '#views/telemetry/chart.tsx';
import { momentText, type RangeName, type Span } from './span.ts';

export type ChartSources = {
  readonly tally: PeriodTally;
  readonly span: Span;
  readonly range: RangeName;
  readonly loads: readonly PeriodLoad[];
};

type ToText = (value: number) => string;
type Curve = {
  readonly name: string;
  readonly of: (bucket: PeriodBucket) => number | null;
  readonly whole: string;
  readonly isTrouble?: boolean;
};

const MODELS_MAX = 6;
const MARKS_MAX = 100;
const NOTHING = '–';

/** All charts, in the order of their weight. */
export function charts(sources: ChartSources): readonly ChartData[] {
  const { tally, span, range, loads } = sources;
  const times = tally.buckets.map(({ fromMs }) => momentText(fromMs, range));
  const base = { times, marks: marks(loads, span, range), buckets: tally.buckets };
  const { total } = tally;
  const ms = (value: number | null) => (value === null ? NOTHING : elapsedText(value));
  return [
    chart({ ...base, id: 'ttft', title: 'Time to first token', form: 'lines', toText: elapsedText }, [
      { name: 'median', of: (bucket) => bucket.ttftP50Ms, whole: ms(total.ttftP50Ms) },
      { name: '95th percentile', of: (bucket) => bucket.ttftP95Ms, whole: ms(total.ttftP95Ms) },
    ]),
    chart(
      { ...base, id: 'speed', title: 'Generation speed, median', form: 'lines', toText: rateText },
      speedCurves(tally),
    ),
    chart({ ...base, id: 'tokens', title: 'Tokens', form: 'stack', toText: tokenSumText }, [
      { name: 'cached input', of: (bucket) => bucket.cachedTokens, whole: tokenSumText(total.cachedTokens) },
      {
        name: 'new input',
        of: ({ inputTokens, cachedTokens }) => Math.max(0, inputTokens - cachedTokens),
        whole: tokenSumText(Math.max(0, total.inputTokens - total.cachedTokens)),
      },
      { name: 'output', of: (bucket) => bucket.outputTokens, whole: tokenSumText(total.outputTokens) },
    ]),
    chart({ ...base, id: 'requests', title: 'Requests by outcome', form: 'stack', toText: countText }, [
      { name: 'completed', of: (bucket) => bucket.completed, whole: countText(total.completed) },
      { name: 'cancelled', of: (bucket) => bucket.cancelled, whole: countText(total.cancelled) },
      { name: 'failed', of: (bucket) => bucket.failed, whole: countText(total.failed), isTrouble: true },
    ]),
    chart({ ...base, id: 'waiting', title: 'Waiting', form: 'lines', toText: elapsedText }, [
      { name: 'queue, 95th percentile', of: (bucket) => bucket.queueP95Ms, whole: ms(total.queueP95Ms) },
      {
        name: 'for loads, in all',
        of: ({ requests, loadMs }) => (requests === 0 ? null : loadMs),
        whole: ms(total.loadMs),
      },
    ]),
    chart({ ...base, id: 'prefill', title: 'Prompt speed, median', form: 'lines', toText: rateText }, [
      {
        name: 'all models',
        of: (bucket) => bucket.prefillTokensPerSP50,
        whole: total.prefillTokensPerSP50 === null ? NOTHING : rateText(total.prefillTokensPerSP50),
      },
    ]),
  ];
}

type ChartBase = Pick<ChartData, 'id' | 'title' | 'form' | 'times' | 'marks'> & {
  readonly buckets: readonly PeriodBucket[];
  readonly toText: ToText;
};

function chart({ buckets, toText, ...rest }: ChartBase, curves: readonly Curve[]): ChartData {
  const series = curves.map(({ name, of, whole, isTrouble = false }): ChartSeries => {
    const values = buckets.map(of);
    return { name, values, texts: values.map((value) => textOf(value, toText)), summary: whole, isTrouble };
  });
  const heights = buckets.map((_, index) => {
    const values = series.map(({ values: all }) => all[index] ?? 0);
    return rest.form === 'stack' ? values.reduce((sum, value) => sum + value, 0) : Math.max(0, ...values);
  });
  const top = roundUp(Math.max(1, ...heights));
  return { ...rest, series, top, topText: toText(top) };
}

/** The models that answered most, each its own curve. */
function speedCurves({ buckets, total }: PeriodTally): readonly Curve[] {
  const seen = new Map<string, number[]>();
  for (const { speeds } of buckets)
    for (const [modelId, speed] of speeds) seen.set(modelId, [...(seen.get(modelId) ?? []), speed]);
  const busiest = [...seen].sort(([, one], [, other]) => other.length - one.length).slice(0, MODELS_MAX);
  // By name, so that a model keeps its colour while others grow busier.
  const names = busiest.sort(([one], [other]) => (one < other ? -1 : 1));
  if (names.length === 0) {
    return [{ name: 'all models', of: () => null, whole: textOf(total.tokensPerSP50, rateText) }];
  }
  return names.map(([modelId, all]) => {
    const sorted = [...all].sort((one, other) => one - other);
    const median = sorted[Math.floor((sorted.length - 1) / 2)] ?? null;
    return { name: modelId, of: ({ speeds }) => speeds.get(modelId) ?? null, whole: textOf(median, rateText) };
  });
}

/** Loads and failed loads, as lines across the charts; the newest hundred. */
export function marks(loads: readonly PeriodLoad[], { period }: Span, range: RangeName): readonly ChartMark[] {
  const lengthMs = period.untilMs - period.fromMs;
  return loads.slice(-MARKS_MAX).map(({ modelId, startedAtMs, loadMs, outcome, crashKind }) => {
    const isCrash = outcome === 'failed';
    const when = momentText(startedAtMs, range);
    const what = isCrash
      ? `did not load${crashKind === null ? '' : `: ${crashKind}`}`
      : `loaded in ${elapsedText(loadMs)}`;
    return {
      ratio: (startedAtMs - period.fromMs) / lengthMs,
      kind: isCrash ? 'crash' : 'load',
      text: `${when}: ${modelId} ${what}`,
    };
  });
}

function textOf(value: number | null, toText: ToText): string {
  return value === null ? NOTHING : toText(value);
}

/** The next round number of 1, 2 or 5 and zeros. */
function roundUp(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  const factor = [1, 2, 5, 10].find((one) => one * power >= value) ?? 10;
  return factor * power;
}
