/** @jsxImportSource @kitajs/html */
/** `/settings/api`: the HTTP API to read, made from the same description as `/openapi.json`. */
import { Elysia, t } from 'elysia';
import { access } from '#src/access.ts';
import { type ApiRoute, type DescribedApi, describedApi } from '#src/api-description/describe.ts';
import { Fault } from '#src/faults.ts';
import type { Shell } from '#src/web/shell.tsx';
import { OperationBody, ShapeBody } from '#views/api/operation.tsx';
import { ApiPage } from '#views/api/page.tsx';
import { apiPage, openedPart } from './present.ts';

export type ApiPagesParts = {
  readonly shell: Shell;
  /** All routes of this Flow; asked for when the page is first looked at, since then they are complete. */
  readonly routes: () => readonly ApiRoute[];
};

const PageQuery = t.Object({
  q: t.Optional(t.String({ maxLength: 200 })),
  open: t.Optional(t.String({ maxLength: 200 })),
});
const PartParams = t.Object({ id: t.String({ maxLength: 200 }) });

/** The page, and what one of its lines holds. What they show is described once, at the first look. */
export const apiPages = ({ shell, routes }: ApiPagesParts) => {
  let described: DescribedApi | null = null;
  const api = (): DescribedApi => {
    described ??= describedApi(routes());
    return described;
  };
  return new Elysia({ name: 'api-pages' })
    .get(
      '/settings/api',
      ({ request, query }) => {
        const origin = originOf(request);
        const data = apiPage(api(), { query: query.q ?? '', open: query.open ?? null, origin });
        return shell.page(request, {
          title: 'API',
          current: 'settings',
          // Nothing of it changes while Flow runs.
          topic: 'api',
          styles: ['page-index', 'api'],
          scripts: ['api'],
          body: <ApiPage data={data} />,
        });
      },
      { ...access('page'), query: PageQuery },
    )
    .get(
      '/settings/api/parts/:id',
      ({ request, params }) => {
        const opened = openedPart(api(), params.id, originOf(request));
        if (opened === null) throw new Fault('not-found', 'The API has no such part.');
        const isShape = opened.kind === 'shape';
        return shell.fragment(
          isShape ? <ShapeBody shape={opened.detail} /> : <OperationBody operation={opened.detail} />,
        );
      },
      { ...access('page'), params: PartParams },
    );
};

/** The address by which the reader came: commands to copy name it. */
function originOf(request: Request): string {
  return new URL(request.url).origin;
}
