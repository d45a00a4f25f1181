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

const PageQuery = t.Object({ ...WishQuery.properties, before: t.Optional(t.Numeric({ minimum: 1 })) });
const RecordParams = t.Object({ id: t.Numeric({ minimum: 1 }) });

export const telemetryPages = (parts: TelemetryPagesParts) =>
  new Elysia({ name: 'telemetry-pages' })
    .get(
      '/telemetry',
      async ({ request, query }) => {
        const data = await telemetryData(parts, wishOf(query, request.url), query.before ?? null);
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
        const data = await telemetryData(parts, wishOf(query, request.url), null);
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
