/**
 * GET /openapi.json. It names no secrets, but the version and every door of this Flow: who may look at the rest may
 * look at it, and tools that import it send a key as for everything else.
 */
import { createHash } from 'node:crypto';
import { Elysia } from 'elysia';
import { access } from '#src/access.ts';
import { type ApiRoute, openApiDocument } from './describe.ts';

export type ApiDescriptionParts = {
  /** All routes of this Flow; asked for when somebody first wants to know, since then they are complete. */
  readonly routes: () => readonly ApiRoute[];
  readonly version: string;
};

type Document = { readonly text: string; readonly etag: string };

/** The document is made once, at the first request for it. */
export const apiDescriptionRoutes = ({ routes, version }: ApiDescriptionParts) => {
  let made: Document | null = null;
  return new Elysia({ name: 'api-description-routes' }).get(
    '/openapi.json',
    ({ request }) => {
      made ??= documentOf(JSON.stringify(openApiDocument(routes(), version)));
      const headers = { etag: made.etag, 'cache-control': 'no-cache' };
      if (request.headers.get('if-none-match') === made.etag) return new Response(null, { status: 304, headers });
      return new Response(made.text, { headers: { ...headers, 'content-type': 'application/json; charset=utf-8' } });
    },
    access('read'),
  );
};

function documentOf(text: string): Document {
  return { text, etag: `"${createHash('sha256').update(text).digest('hex').slice(0, 16)}"` };
}
