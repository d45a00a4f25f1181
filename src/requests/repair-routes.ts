/** `/api/repairs`: what was mended, with before and after. */
import { Elysia, t } from 'elysia';
import { access } from '#src/access.ts';
import { REPAIRS_PER_PAGE_MAX, type RecordedRepair, type RepairLog } from './repair-log.ts';

export type RepairRoutesParts = { readonly repairs: Pick<RepairLog, 'list' | 'counts'> };

const LIMIT_DEFAULT = 100;

const RepairQuery = t.Object({
  model: t.Optional(t.String({ maxLength: 200 })),
  request_id: t.Optional(t.String({ maxLength: 40 })),
  limit: t.Optional(t.Numeric({ minimum: 1, maximum: REPAIRS_PER_PAGE_MAX })),
});

export const repairRoutes = ({ repairs }: RepairRoutesParts) =>
  new Elysia({ name: 'repair-routes' }).get(
    '/api/repairs',
    ({ query }) => {
      const filter = { modelId: query.model || null, requestId: query.request_id || null };
      return {
        repairs: repairs.list(filter, query.limit ?? LIMIT_DEFAULT).map(repairRecord),
        counts: repairs.counts(),
      };
    },
    { ...access('read'), query: RepairQuery },
  );

function repairRecord(repair: RecordedRepair) {
  return {
    request_id: repair.requestId,
    model_id: repair.modelId,
    kind: repair.kind,
    note: repair.note,
    at: repair.startedAtMs / 1000,
    before: repair.before,
    after: repair.after,
  };
}
