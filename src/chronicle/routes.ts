/** `/api/telemetry/marks` and `/api/telemetry/memory`: what the charts of telemetry are marked with and drawn from. */
import { Elysia, t } from 'elysia';
import { access } from '#src/access.ts';
import type { Clock } from '#src/clock.ts';
import type { Chronicle, Stretch } from './chronicle.ts';
import type { MemoryHistory } from './memory-history.ts';

export type ChronicleRoutesParts = {
  readonly chronicle: Pick<Chronicle, 'list'>;
  readonly memoryHistory: Pick<MemoryHistory, 'points'>;
  readonly clock: Pick<Clock, 'wallMs'>;
};

const DAY_S = 86_400;
const MARKS_DEFAULT = 100;
const MARKS_MAX = 1_000;
const POINTS_DEFAULT = 60;
const POINTS_MAX = 1_000;

/** Seconds since 1970; without them the last day. */
const Times = {
  since: t.Optional(t.Numeric({ minimum: 0, maximum: 8_640_000_000_000 })),
  until: t.Optional(t.Numeric({ minimum: 0, maximum: 8_640_000_000_000 })),
};
const MarkQuery = t.Object({
  ...Times,
  model_id: t.Optional(t.String({ maxLength: 200 })),
  limit: t.Optional(t.Numeric({ minimum: 1, maximum: MARKS_MAX })),
});
const MemoryQuery = t.Object({ ...Times, points: t.Optional(t.Numeric({ minimum: 1, maximum: POINTS_MAX })) });

export const chronicleRoutes = ({ chronicle, memoryHistory, clock }: ChronicleRoutesParts) =>
  new Elysia({ name: 'chronicle-routes' })
    .get(
      '/api/telemetry/marks',
      ({ query }) => {
        const stretch = stretchOf(query, clock);
        const { marks, total } = chronicle.list(
          stretch,
          query.model_id || null,
          Math.trunc(query.limit ?? MARKS_DEFAULT),
        );
        return {
          marks: marks.map(({ id, kind, subject, cause, detail, startedAtMs }) => {
            return { id, at: startedAtMs / 1000, kind, subject, cause, detail };
          }),
          total,
        };
      },
      { ...access('read'), query: MarkQuery },
    )
    .get(
      '/api/telemetry/memory',
      ({ query }) => {
        const points = memoryHistory.points(stretchOf(query, clock), Math.trunc(query.points ?? POINTS_DEFAULT));
        return {
          points: points.map((point) => {
            if (point === null) return null;
            const { startedAtMs, totalBytes, modelsBytes, appsBytes, cacheBytes } = point;
            const bytes = { total_bytes: totalBytes, models_bytes: modelsBytes, apps_bytes: appsBytes };
            return { at: startedAtMs / 1000, ...bytes, cache_bytes: cacheBytes };
          }),
        };
      },
      { ...access('read'), query: MemoryQuery },
    );

/** Ends in the wrong order are a stretch of a second. */
function stretchOf({ since, until }: { since?: number; until?: number }, clock: Pick<Clock, 'wallMs'>): Stretch {
  const lastS = until ?? clock.wallMs() / 1000 + 1;
  const firstS = Math.min(since ?? lastS - DAY_S, lastS - 1);
  return { fromMs: Math.floor(firstS * 1000), untilMs: Math.ceil(lastS * 1000) };
}
