/** Reads what the page shows for a wish, and puts it into the page's words. */
import type { Chronicle, MarkCounts } from '#src/chronicle/chronicle.ts';
import type { MemoryHistory } from '#src/chronicle/memory-history.ts';
import type { Period, PeriodFilter, PeriodLoad, Periods } from '#src/requests/period.ts';
import type { RecordSearch } from '#src/requests/record-search.ts';
import type { PeriodTally } from '#src/requests/tally.ts';
import type { RecordSizes } from '#src/store/record-sizes.ts';
import type { FilterData, Option } from '#views/telemetry/filters.tsx';
import type { TelemetryData } from '#views/telemetry/page.tsx';
import { endText } from './advice.ts';
import { charts } from './charts.ts';
import { columnChoices } from './columns.ts';
import { crashKinds, marksData, plainKind } from './marks.ts';
import { failureData, figures, keptText, mendedData, type PeriodFacts, recordRow } from './present.ts';
import { addressOf, otherOf, RANGE_DEFAULT, RANGE_NAMES, type Span, spanOf, type Wish, wordsOf } from './span.ts';

export type GatherParts = {
  readonly periods: Pick<Periods, 'tally' | 'loads' | 'repairs'>;
  readonly search: Pick<RecordSearch, 'page'>;
  readonly chronicle: Pick<Chronicle, 'list' | 'counts'>;
  readonly memory: Pick<MemoryHistory, 'points' | 'before'>;
  readonly sizes: Pick<RecordSizes, 'now'>;
  readonly wallMs: () => number;
  readonly retentionDays: () => number;
};

const ROWS_PER_PAGE = 50;
const MARKS_MAX = 500;
/** How much wider "Zoom out" looks. */
const WIDER = 3;

/** All of it, at present. `before` is where the page of records begins; null = with the newest. */
export async function telemetryData(parts: GatherParts, wish: Wish, before: number | null): Promise<TelemetryData> {
  const { periods, search, chronicle, memory, sizes, wallMs, retentionDays } = parts;
  const nowMs = wallMs();
  const span = spanOf(wish, nowMs);
  const other = otherOf(wish, span);
  const [tally, otherTally] = await Promise.all([
    periods.tally(span.period, wish, span.buckets),
    periods.tally(other.period, other.filter, wish.against === null ? 1 : span.buckets),
  ]);
  const loads = periods.loads(span.period, wish.modelId);
  const { marks, total } = chronicle.list(span.period, wish.modelId, MARKS_MAX);
  const facts = factsOf(parts, { period: span.period, filter: wish, tally });
  const otherFacts = factsOf(parts, { ...other, tally: otherTally });
  const crashes = crashKinds({ loads, marks });
  const page = search.page(span.period, wish, ROWS_PER_PAGE, before);
  const kept = sizes.now();
  return {
    ranges: rangesOf(wish),
    filter: filterOf(wish, tally, span),
    rangeWords: span.words,
    fromMs: span.period.fromMs,
    untilMs: span.period.untilMs,
    widerHref: span.isOwn ? widerHref(wish, span, nowMs) : null,
    isFollowing: span.isLive && before === null,
    refreshS: span.refreshS,
    figures: figures(facts, otherFacts),
    againstWords: wish.against === null ? 'against the same time before' : `against ${other.name}`,
    charts: charts({
      tally,
      span,
      memory: memory.points(span.period, span.buckets),
      other: wish.against === null ? null : { tally: otherTally, name: other.name },
    }),
    marks: marksData({ loads, marks, unread: Math.max(0, total - marks.length) }, span.period, span.buckets),
    failures: failureData(
      tally.failures,
      ({ lastAtMs }) => ({ crashes, beside: memory.before(lastAtMs)?.byModel ?? null }),
      wish,
    ),
    mended: mendedData(periods.repairs(span.period, wish.modelId), tally),
    records: page.records.map((row) => recordRow(row, nowMs, wish.columns)),
    columns: columnChoices(wish.columns),
    olderHref: page.nextBefore === null ? null : hrefBefore(wish, page.nextBefore),
    newestHref: before === null ? null : `${addressOf('/telemetry', wish)}#telemetry-records`,
    csvHref: addressOf('/telemetry/export.csv', wish),
    jsonHref: addressOf('/telemetry/export.json', wish),
    isEmpty: kept.requests === 0,
    keptText: keptText(kept, retentionDays()),
  };
}

type FactSources = { readonly period: Period; readonly filter: PeriodFilter; readonly tally: PeriodTally };

function factsOf({ periods, chronicle }: GatherParts, { period, filter, tally }: FactSources): PeriodFacts {
  const loads = periods.loads(period, filter.modelId);
  const counts = chronicle.counts(period, filter.modelId);
  return { figures: tally.total, loads: loads.length, marks: withFailedLoads(counts, loads) };
}

/** An engine that ends while it loads has crashed as well. */
function withFailedLoads({ swaps, crashes }: MarkCounts, loads: readonly PeriodLoad[]): MarkCounts {
  return { swaps, crashes: crashes + loads.filter(({ outcome }) => outcome === 'failed').length };
}

function rangesOf(wish: Wish): TelemetryData['ranges'] {
  const all = { ...wish, fromMs: null, untilMs: null };
  return RANGE_NAMES.map((name) => ({
    name,
    label: name,
    href: addressOf('/telemetry', all, { range: name === RANGE_DEFAULT ? '' : name }),
  }));
}

function filterOf(wish: Wish, tally: PeriodTally, { isOwn }: Span): FilterData {
  return {
    ...wordsOf(wish),
    // A period of one's own is none of those in the row of tabs.
    ...(isOwn ? { range: '' } : {}),
    models: tally.models,
    clients: tally.clients,
    routes: tally.routes,
    endings: endingsOf(tally),
    rivals: rivalsOf(tally, wish),
  };
}

function endingsOf({ terminations, errorKinds }: PeriodTally): readonly Option[] {
  const kinds = errorKinds.filter((kind) => kind !== 'cancelled');
  return [
    ...terminations.map((value) => ({ value, label: `${endText(value)} (${value})` })),
    ...kinds.map((value) => ({ value, label: plainKind(value) })),
  ];
}

function rivalsOf({ models }: PeriodTally, wish: Wish): readonly Option[] {
  return [
    { value: 'before', label: 'The period before, in charts too' },
    { value: 'day', label: 'The same time a day before' },
    { value: 'week', label: 'The same time a week before' },
    ...models
      .filter((modelId) => modelId !== wish.modelId)
      .map((modelId) => ({ value: `model:${modelId}`, label: modelId })),
  ];
}

function widerHref(wish: Wish, { period: { fromMs, untilMs } }: Span, nowMs: number): string {
  const marginMs = ((untilMs - fromMs) * (WIDER - 1)) / 2;
  const untilOrNowMs = Math.min(untilMs + marginMs, Math.max(nowMs, untilMs));
  const wider = { ...wish, fromMs: Math.max(0, fromMs - marginMs), untilMs: untilOrNowMs };
  return addressOf('/telemetry', wider);
}

function hrefBefore(wish: Wish, before: number): string {
  return `${addressOf('/telemetry', wish, { before: String(before) })}#telemetry-records`;
}
