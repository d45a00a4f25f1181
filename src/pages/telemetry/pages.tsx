/** @jsxImportSource @kitajs/html */
/** `/telemetry`: the page, and records to take away. */
import { Elysia, type Static, t } from 'elysia';
import { access } from '#src/access.ts';
import { Fault } from '#src/faults.ts';
import type { Periods } from '#src/requests/period.ts';
import type { RecordSearch } from '#src/requests/record-search.ts';
import type { Shell } from '#src/web/shell.tsx';
import { requestPath } from '#views/requests/addresses.ts';
import { type TelemetryData, TelemetryNews, TelemetryPage } from '#views/telemetry/page.tsx';
import { charts, marks } from './charts.ts';
import { exported } from './export.ts';
import { failureData, figures, recordRow } from './present.ts';
import { addressOf, RANGE_DEFAULT, RANGE_NAMES, RANGES, spanOf, type Wish } from './span.ts';

export type TelemetryPagesParts = {
  readonly periods: Periods;
  readonly search: RecordSearch;
  readonly shell: Shell;
  readonly news: { readonly count: number };
  readonly wallMs: () => number;
  readonly retentionDays: () => number;
};

const ROWS_PER_PAGE = 50;
const NOT_RECORDED = 'There is no such record; it may have been deleted when its time was over.';

const Wishes = {
  range: t.Optional(t.Union(RANGE_NAMES.map((name) => t.Literal(name)))),
  model: t.Optional(t.String({ maxLength: 200 })),
  client: t.Optional(t.String({ maxLength: 60 })),
  outcome: t.Optional(t.Union([t.Literal(''), t.Literal('completed'), t.Literal('failed'), t.Literal('cancelled')])),
};
const WishQuery = t.Object(Wishes);
const PageQuery = t.Object({ ...Wishes, before: t.Optional(t.Numeric({ minimum: 1 })) });
const RecordParams = t.Object({ id: t.Numeric({ minimum: 1 }) });

export const telemetryPages = (parts: TelemetryPagesParts) =>
  new Elysia({ name: 'telemetry-pages' })
    .get(
      '/telemetry',
      async ({ request, query }) => {
        const data = await telemetryData(parts, wishOf(query), query.before ?? null);
        const body = (
          <>
            <TelemetryPage data={data} />
            <TelemetryNews count={parts.news.count} />
          </>
        );
        return parts.shell.page(request, {
          title: 'Telemetry',
          current: 'telemetry',
          styles: ['telemetry', 'story'],
          scripts: ['charts'],
          body,
        });
      },
      { ...access('page'), query: PageQuery },
    )
    .get(
      '/telemetry/figures',
      async ({ query }) => {
        const data = await telemetryData(parts, wishOf(query), null);
        return parts.shell.fragment(<TelemetryPage data={data} />);
      },
      { ...access('page'), query: WishQuery },
    )
    .get(
      '/telemetry/requests/:id',
      ({ params, redirect }) => {
        const row = parts.search.find(params.id);
        if (row === null) throw new Fault('not-found', NOT_RECORDED);
        // Where stories were told before every request had a page; links may have been kept.
        return redirect(requestPath(row.requestId), 308);
      },
      { ...access('page'), params: RecordParams },
    )
    .get('/telemetry/export.csv', ({ query }) => download(parts, wishOf(query), 'csv'), {
      ...access('page'),
      query: WishQuery,
    })
    .get('/telemetry/export.json', ({ query }) => download(parts, wishOf(query), 'json'), {
      ...access('page'),
      query: WishQuery,
    });

async function telemetryData(
  { periods, search, wallMs, retentionDays }: TelemetryPagesParts,
  wish: Wish,
  before: number | null,
): Promise<TelemetryData> {
  const nowMs = wallMs();
  const span = spanOf(wish.range, nowMs);
  const [tally, past] = await Promise.all([
    periods.tally(span.period, wish, span.buckets),
    periods.tally(span.previous, wish, 1),
  ]);
  const loads = periods.loads(span.period, wish.modelId);
  const pastLoads = periods.loads(span.previous, wish.modelId);
  const page = search.page(span.period, wish, ROWS_PER_PAGE, before);
  return {
    ranges: RANGE_NAMES.map((name) => ({
      name,
      label: name,
      href: addressOf('/telemetry', wish, { range: name === RANGE_DEFAULT ? '' : name }),
    })),
    filter: {
      range: wish.range,
      model: wish.modelId ?? '',
      outcome: wish.outcome ?? '',
      client: wish.client ?? '',
      models: tally.models,
      clients: tally.clients,
    },
    rangeWords: RANGES[wish.range].words,
    refreshS: RANGES[wish.range].refreshS,
    figures: figures({ figures: tally.total, loads: loads.length }, { figures: past.total, loads: pastLoads.length }),
    charts: charts({ tally, span, range: wish.range, loads }),
    marks: marks(loads, span, wish.range)
      .map(({ text }) => text)
      .reverse(),
    failures: failureData(tally.failures),
    records: page.records.map((row) => recordRow(row, nowMs)),
    olderHref: page.nextBefore === null ? null : hrefBefore(wish, page.nextBefore),
    newestHref: before === null ? null : `${addressOf('/telemetry', wish)}#telemetry-records`,
    csvHref: addressOf('/telemetry/export.csv', wish),
    jsonHref: addressOf('/telemetry/export.json', wish),
    keptCount: search.count,
    retentionDays: retentionDays(),
  };
}

function hrefBefore(wish: Wish, before: number): string {
  return `${addressOf('/telemetry', wish, { before: String(before) })}#telemetry-records`;
}

function download({ search, wallMs }: TelemetryPagesParts, wish: Wish, form: 'csv' | 'json'): Response {
  const { period } = spanOf(wish.range, wallMs());
  const day = new Date(period.untilMs).toISOString().slice(0, 10);
  return new Response(exported({ search, period, filter: wish }, form), {
    headers: {
      'content-type': form === 'csv' ? 'text/csv; charset=utf-8' : 'application/json',
      'content-disposition': `attachment; filename="flow-requests-${day}-${wish.range}.${form}"`,
      'cache-control': 'no-store',
    },
  });
}

function wishOf({ range, model, client, outcome }: Static<typeof WishQuery>): Wish {
  return { range: range ?? RANGE_DEFAULT, modelId: model || null, client: client || null, outcome: outcome || null };
}
