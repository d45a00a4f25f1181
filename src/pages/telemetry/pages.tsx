/** @jsxImportSource @kitajs/html */
/** `/telemetry`: the page, and records to take away. */
import { Elysia, t } from 'elysia';
import { access } from '#src/access.ts';
import { Fault } from '#src/faults.ts';
import type { RecordSearch } from '#src/requests/record-search.ts';
import type { Shell } from '#src/web/shell.tsx';
import { requestPath } from '#views/requests/addresses.ts';
import { TelemetryNews, TelemetryPage } from '#views/telemetry/page.tsx';
import { exported } from './export.ts';
import { type GatherParts, telemetryData } from './gather.ts';
import { spanOf, type Wish } from './span.ts';
import { WishQuery, wishOf } from './wish.ts';

export type TelemetryPagesParts = GatherParts & {
  readonly search: RecordSearch;
  readonly shell: Shell;
  readonly news: { readonly count: number };
};

const NOT_RECORDED = 'There is no such record; it may have been deleted when its time was over.';

/** So long the page itself waits for its figures, and so long one that shows how far they are. */
const PATIENCE_MS = 120;
const PATIENCE_LATER_MS = 700;

const BEFORE = { before: t.Optional(t.Numeric({ minimum: 1 })) };
/** `wait=yes` comes from those who have no scripts. */
const PageQuery = t.Object({ ...WishQuery.properties, ...BEFORE, wait: t.Optional(t.String({ maxLength: 10 })) });
/** `since` comes from a page whose figures are being counted: when it was asked for. */
const FiguresQuery = t.Object({ ...WishQuery.properties, ...BEFORE, since: t.Optional(t.Numeric({ minimum: 0 })) });
const RecordParams = t.Object({ id: t.Numeric({ minimum: 1 }) });

export const telemetryPages = (parts: TelemetryPagesParts) =>
  new Elysia({ name: 'telemetry-pages' })
    .get(
      '/telemetry',
      async ({ request, query }) => {
        const data = await telemetryData(parts, wishOf(query, request.url), {
          before: query.before ?? null,
          sinceMs: null,
          patienceMs: query.wait === 'yes' ? null : PATIENCE_MS,
        });
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
          scripts: ['charts', 'telemetry'],
          body,
        });
      },
      { ...access('page'), query: PageQuery },
    )
    .get(
      '/telemetry/figures',
      async ({ request, query }) => {
        const data = await telemetryData(parts, wishOf(query, request.url), {
          before: query.before ?? null,
          sinceMs: query.since ?? null,
          // A page that shows figures keeps them until there are new ones.
          patienceMs: query.since === undefined ? null : PATIENCE_LATER_MS,
        });
        return parts.shell.fragment(<TelemetryPage data={data} />);
      },
      { ...access('page'), query: FiguresQuery },
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
    .get('/telemetry/export.csv', ({ request, query }) => download(parts, wishOf(query, request.url), 'csv'), {
      ...access('page'),
      query: WishQuery,
    })
    .get('/telemetry/export.json', ({ request, query }) => download(parts, wishOf(query, request.url), 'json'), {
      ...access('page'),
      query: WishQuery,
    });

function download({ search, wallMs }: TelemetryPagesParts, wish: Wish, form: 'csv' | 'json'): Response {
  const { period, isOwn } = spanOf(wish, wallMs());
  const day = new Date(period.untilMs).toISOString().slice(0, 10);
  const range = isOwn ? 'period' : wish.range;
  return new Response(exported({ search, period, filter: wish }, form), {
    headers: {
      'content-type': form === 'csv' ? 'text/csv; charset=utf-8' : 'application/json',
      'content-disposition': `attachment; filename="flow-requests-${day}-${range}.${form}"`,
      'cache-control': 'no-store',
    },
  });
}
