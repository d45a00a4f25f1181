/** GET /live?page=…: the one connection that keeps a page true. */
import { Elysia, t } from 'elysia';
import { access } from '#src/access.ts';
import { Fault } from '#src/faults.ts';
import type { Feeds } from './feed.ts';

/** Looked at on every page. */
export const SHELL_TOPIC = 'shell';

const LiveQuery = t.Object({ page: t.Optional(t.String({ maxLength: 80 })) });

/** The live connection. A page that is not known gets what stands on every page. */
export const liveRoutes = ({ feeds }: { feeds: Feeds }) =>
  new Elysia({ name: 'live-routes' }).get(
    '/live',
    ({ query }) => {
      const { page } = query;
      const own = page !== undefined && page !== SHELL_TOPIC && feeds.knows(page) ? [page] : [];
      const stream = feeds.open([SHELL_TOPIC, ...own]);
      if (stream === null)
        throw new Fault('shutting-down', 'No more pages can be kept up to date.', { retryAfterS: 5 });
      return new Response(stream, {
        headers: { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-store' },
      });
    },
    { ...access('page'), query: LiveQuery },
  );
