/** GET /live: the one connection that keeps a page true. */
import { Elysia } from 'elysia';
import { access } from '#src/access.ts';
import { Fault } from '#src/faults.ts';
import type { Feeds } from './feed.ts';

/** The live connection. */
export const liveRoutes = ({ feeds }: { feeds: Feeds }) =>
  new Elysia({ name: 'live-routes' }).get(
    '/live',
    () => {
      const stream = feeds.open();
      if (stream === null)
        throw new Fault('shutting-down', 'No more pages can be kept up to date.', { retryAfterS: 5 });
      return new Response(stream, {
        headers: { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-store' },
      });
    },
    access('page'),
  );
