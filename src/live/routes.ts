/**
 * GET /live?page=…: the one connection that keeps a page true; as a stream, or with the same bytes as messages of a
 * WebSocket, for windows beyond those whose streams a browser can hold beside its other requests.
 */
import { Elysia, t } from 'elysia';
import { access } from '#src/access.ts';
import { Fault } from '#src/faults.ts';
import type { HeldKey } from '#src/keys/held-key.ts';
import type { KeyOf } from './events.ts';
import type { Feeds } from './feed.ts';
import { SocketPump } from './socket-pump.ts';

/** Looked at on every page. */
export const SHELL_TOPIC = 'shell';

const LiveQuery = t.Object({ page: t.Optional(t.String({ maxLength: 80 })) });

/** The live connection. A page that is not known gets what stands on every page. */
export const liveRoutes = ({ feeds, keyOf }: { feeds: Feeds; keyOf: KeyOf }) => {
  const pumps = new Map<string, SocketPump>();
  return new Elysia({ name: 'live-routes' })
    .get(
      '/live',
      ({ query, request }) => {
        const stream = openFeed(feeds, query.page, keyOf(request));
        if (stream === null) throw new Fault('shutting-down', 'Flow is being stopped.', { retryAfterS: 5 });
        return new Response(stream, {
          headers: { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-store' },
        });
      },
      { ...access('page'), query: LiveQuery },
    )
    .ws('/live', {
      ...access('page'),
      query: LiveQuery,
      beforeHandle: ({ request }) => feeds.refuseIfFull(keyOf(request)),
      open({ id, raw, data }) {
        const stream = openFeed(feeds, data.query.page, keyOf(data.request));
        if (stream === null) return raw.close();
        pumps.set(id, new SocketPump(stream, raw));
      },
      message() {},
      drain: ({ id }) => pumps.get(id)?.drained(),
      close({ id }) {
        pumps.get(id)?.closed();
        pumps.delete(id);
      },
    });
};

function openFeed(feeds: Feeds, page: string | undefined, key: HeldKey | null): ReadableStream<Uint8Array> | null {
  const own = page !== undefined && page !== SHELL_TOPIC && feeds.knows(page) ? [page] : [];
  return feeds.open([SHELL_TOPIC, ...own], key);
}
