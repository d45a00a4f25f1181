/** Reads what the page shows for a wish, and puts it into the page's words. */
import type { Chronicle, MarkCounts } from '#src/chronicle/chronicle.ts';
import type { MemoryHistory } from '#src/chronicle/memory-history.ts';
import type { Count, Period, PeriodFilter, PeriodLoad, Periods } from '#src/requests/period.ts';
import type { RecordSearch } from '#src/requests/record-search.ts';
import type { PeriodTally } from '#src/requests/tally.ts';
import type { RecordSizes } from '#src/store/record-sizes.ts';
import { countText } from '#views/parts/quantity.tsx';
import type { CountingData } from '#views/telemetry/counting.tsx';
import type { FilterData, Option } from '#views/telemetry/filters.tsx';
import type { CountedData, TelemetryData } from '#views/telemetry/page.tsx';
import { endText } from './advice.ts';
import { charts } from './charts.ts';
import { columnChoices } from './columns.ts';
import { crashKinds, marksData, plainKind } from './marks.ts';
import { failureData, figures, keptText, mendedData, type PeriodFacts, recordRow } from './present.ts';
import { addressOf, otherOf, RANGE_DEFAULT, RANGE_NAMES, type Span, spanOf, type Wish, wordsOf } from './span.ts';

export type GatherParts = {
  readonly periods: Pick<Periods, 'count' | 'loads' | 'repairs'>;
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
/** Nobody counts for longer. */
const LOOK_MS_MAX = 600_000;

/** What one can choose from. */
type Names = Pick<PeriodTally, 'models' | 'clients' | 'routes' | 'terminations' | 'errorKinds'>;
const NO_NAMES: Names = { models: [], clients: [], routes: [], terminations: [], errorKinds: [] };

/** How the page is looked at. */
export type Look = {
  /** Where the page of records begins; null = with the newest. */
  readonly before: number | null;
  /** When the look began that this one goes on with, ms since 1970; null = now. */
  readonly sinceMs: number | null;
  /** Who does not get the figures within this time is told how far they are; null = waits for them. */
  readonly patienceMs: number | null;
};

type Counts = { readonly own: Count; readonly beside: Count };
type Tallies = { readonly tally: PeriodTally; readonly otherTally: PeriodTally };
type Scope = { readonly wish: Wish; readonly span: Span; readonly other: ReturnType<typeof otherOf> };

/** All of it. */
export async function telemetryData(parts: GatherParts, wish: Wish, look: Look): Promise<TelemetryData> {
  const { periods, search, sizes, wallMs, retentionDays } = parts;
  const nowMs = wallMs();
  const atMs = momentOfLook(look, nowMs);
  const span = spanOf(wish, atMs);
  const other = otherOf(wish, span);
  const counts = {
    own: periods.count(span.period, wish, span.buckets),
    beside: periods.count(other.period, other.filter, wish.against === null ? 1 : span.buckets),
  };
  const tallies = await talliesWithin(counts, look.patienceMs);
  const page = search.page(span.period, wish, ROWS_PER_PAGE, look.before);
  const kept = sizes.now();
  const scope = { wish, span, other };
  return {
    ranges: rangesOf(wish),
    filter: filterOf(wish, tallies?.tally ?? NO_NAMES, span),
    rangeWords: span.words,
    fromMs: span.period.fromMs,
    untilMs: span.period.untilMs,
    widerHref: span.isOwn ? widerHref(wish, span, nowMs) : null,
    isFollowing: span.isLive && look.before === null,
    refreshS: span.refreshS,
    againstWords: wish.against === null ? 'against the same time before' : `against ${other.name}`,
    counted:
      tallies === null
        ? { kind: 'counting', ...countingData(scope, counts, look.before, atMs) }
        : { kind: 'counted', ...countedData(parts, scope, tallies) },
    records: page.records.map((row) => recordRow(row, nowMs, wish.columns)),
    columns: columnChoices(wish.columns),
    olderHref: page.nextBefore === null ? null : hrefBefore(wish, page.nextBefore),
    newestHref: look.before === null ? null : `${addressOf('/telemetry', wish)}#telemetry-records`,
    csvHref: addressOf('/telemetry/export.csv', wish),
    jsonHref: addressOf('/telemetry/export.json', wish),
    isEmpty: kept.requests === 0,
    keptText: keptText(kept, retentionDays()),
  };
}

/** A look that goes on has the period it began with: one that moved would be counted from its beginning each time. */
function momentOfLook({ sinceMs }: Look, nowMs: number): number {
  return sinceMs !== null && sinceMs <= nowMs && nowMs - sinceMs < LOOK_MS_MAX ? sinceMs : nowMs;
}

/** Both tallies; null when they take longer than that. */
async function talliesWithin({ own, beside }: Counts, patienceMs: number | null): Promise<Tallies | null> {
  const both = Promise.all([own.tally, beside.tally]).then(([tally, otherTally]) => ({ tally, otherTally }));
  return patienceMs === null ? both : Promise.race([both, Bun.sleep(patienceMs).then(() => null)]);
}

function countingData({ wish, span, other }: Scope, counts: Counts, before: number | null, atMs: number): CountingData {
  const all = counts.own.all + counts.beside.all;
  const done = counts.own.done() + counts.beside.done();
  const more = before === null ? {} : { before: String(before) };
  const beside = wish.against === null ? 'the same time before' : other.name;
  return {
    title: `Counting about ${countText(Number(all.toPrecision(3)))} requests`,
    words: `Those of ${span.words} and of ${beside}. The figures come by themselves.`,
    ratio: all === 0 ? null : done / all,
    address: addressOf('/telemetry/figures', wish, { ...more, since: String(atMs) }),
    wholeHref: addressOf('/telemetry', wish, { ...more, wait: 'yes' }),
  };
}

function countedData(parts: GatherParts, { wish, span, other }: Scope, { tally, otherTally }: Tallies): CountedData {
  const { periods, chronicle, memory } = parts;
  const loads = periods.loads(span.period, wish.modelId);
  const { marks, total } = chronicle.list(span.period, wish.modelId, MARKS_MAX);
  const crashes = crashKinds({ loads, marks });
  return {
    figures: figures(
      factsOf(parts, { period: span.period, filter: wish, tally }),
      factsOf(parts, { ...other, tally: otherTally }),
    ),
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

function filterOf(wish: Wish, tally: Names, { isOwn }: Span): FilterData {
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

function endingsOf({ terminations, errorKinds }: Names): readonly Option[] {
  const kinds = errorKinds.filter((kind) => kind !== 'cancelled');
  return [
    ...terminations.map((value) => ({ value, label: `${endText(value)} (${value})` })),
    ...kinds.map((value) => ({ value, label: plainKind(value) })),
  ];
}

function rivalsOf({ models }: Names, wish: Wish): readonly Option[] {
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
