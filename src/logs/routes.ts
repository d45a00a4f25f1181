/** GET /api/logs: the last lines, or (`follow=1`) the lines as they come. */
import { Elysia, t } from 'elysia';
import { access } from '#src/access.ts';
import type { Clock } from '#src/clock.ts';
import { followStream } from './follow.ts';
import type { LogEntry } from './log-ring.ts';
import { type Logs, TAIL_LINES_MAX } from './logs.ts';

const LogsQuery = t.Object({
  /** A model's id, or `flow`; absent = everything. */
  model_id: t.Optional(t.String({ maxLength: 200 })),
  /** More than 2,000 is answered with 2,000. */
  lines: t.Optional(t.Numeric({ minimum: 1 })),
  follow: t.Optional(t.Union([t.Literal('1'), t.Literal('true'), t.Literal('0'), t.Literal('false')])),
});

/**
 * The routes of logs; `closing` ends those who follow. `logs` are plain lines, merged by time; `entries` the same with
 * time, level and source.
 */
export const logRoutes = ({ logs, clock, closing }: { logs: Logs; clock: Clock; closing: AbortSignal }) =>
  new Elysia({ name: 'log-routes' }).get(
    '/api/logs',
    ({ query, request, server }) => {
      const asked = { source: query.model_id || null, lines: Math.min(query.lines ?? 200, TAIL_LINES_MAX) };
      if (query.follow === '1' || query.follow === 'true') {
        server?.timeout(request, 0);
        const headers = { 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-accel-buffering': 'no' };
        return new Response(followStream(logs, clock, asked, closing), { headers });
      }
      const { entries, dropped } = logs.tail(asked);
      return { logs: entries.map((entry) => plain(entry, asked.source === null)), entries, dropped };
    },
    { ...access('read'), query: LogsQuery },
  );

function plain(entry: LogEntry, isMerged: boolean): string {
  return isMerged ? `[${entry.source}] ${entry.text}` : entry.text;
}
