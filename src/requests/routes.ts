/** `/api/requests`, `/api/telemetry` and the seed's two views of activity. */
import { Elysia, t } from 'elysia';
import { access } from '#src/access.ts';
import { Fault } from '#src/faults.ts';
import type { FleetSnapshot } from '#src/scheduling/lease.ts';
import type { RequestAccounts } from './accounts.ts';
import { activityByModel, prefillProgress } from './activity.ts';
import { RECORDS_PER_PAGE_MAX, type RecordFilter, type Telemetry } from './telemetry.ts';
import type { RequestTracker } from './tracker.ts';
import { accountRecord, momentRecord, requestsByModel, telemetryRecord, trackedRequest } from './wire.ts';

export type RequestRoutesParts = {
  readonly tracker: Pick<RequestTracker, 'list' | 'find' | 'cancel' | 'cancelSilent'>;
  readonly telemetry: Pick<Telemetry, 'page' | 'totals'>;
  readonly accounts: Pick<RequestAccounts, 'find' | 'mended' | 'moment'>;
  readonly fleet: () => FleetSnapshot;
};

const SILENT_S_DEFAULT = 120;

const Filter = {
  model_id: t.Optional(t.String({ maxLength: 200 })),
  outcome: t.Optional(t.Union([t.Literal('completed'), t.Literal('failed'), t.Literal('cancelled')])),
  /** ISO 8601, or seconds since 1970. */
  since: t.Optional(t.String({ maxLength: 40 })),
};
const RecordQuery = t.Object({
  ...Filter,
  limit: t.Optional(t.Numeric({ minimum: 1, maximum: RECORDS_PER_PAGE_MAX })),
  before: t.Optional(t.Numeric({ minimum: 1 })),
  totals: t.Optional(t.String({ maxLength: 5 })),
});
/** With `logs`, also the lines that its engine and Flow wrote meanwhile. */
const AccountQuery = t.Object({ logs: t.Optional(t.String({ maxLength: 5 })) });
const SilentQuery = t.Object({ max_age: t.Optional(t.Numeric({ minimum: 1, maximum: 86_400 })) });

export const requestRoutes = ({ tracker, telemetry, accounts, fleet }: RequestRoutesParts) =>
  new Elysia({ name: 'request-routes' })
    .get('/api/requests', () => ({ requests: requestsByModel(tracker.list()) }), access('read'))
    .post(
      '/api/requests/clear-stuck',
      ({ query }) => ({ cleared: tracker.cancelSilent((query.max_age ?? SILENT_S_DEFAULT) * 1000) }),
      { ...access('manage'), query: SilentQuery },
    )
    .get(
      '/api/requests/:id',
      async ({ params, query }) => {
        const account = accounts.find(params.id);
        if (account === null) throw unknownRequest(params.id);
        const view = tracker.find(params.id);
        return {
          ...(view === null ? {} : trackedRequest(view)),
          ...accountRecord(account, accounts.mended(account.requestId)),
          ...(query.logs ? { logs: momentRecord(await accounts.moment(account)) } : {}),
        };
      },
      { ...access('read'), query: AccountQuery },
    )
    .post(
      '/api/requests/:id/cancel',
      ({ params, set }) => {
        if (!tracker.cancel(params.id)) throw notOpen(params.id);
        set.status = 202;
        return { status: 'cancelling', request_id: params.id };
      },
      access('manage'),
    )
    .get(
      '/api/telemetry',
      ({ query }) => {
        const filter = filterOf(query);
        const page = telemetry.page(filter, query.limit ?? 100, query.before ?? null);
        return {
          records: page.records.map(telemetryRecord),
          next_before: page.nextBefore,
          ...(query.totals ? { totals: telemetry.totals(filter) } : {}),
        };
      },
      { ...access('read'), query: RecordQuery },
    )
    .get('/api/model-activity', () => ({ activity: activityByModel(fleet(), tracker.list()) }), access('read'))
    .get('/api/processing-progress', () => ({ progress: prefillProgress(tracker.list()) }), access('read'));

function notOpen(id: string): Fault {
  return new Fault('not-found', `There is no open request ${id.slice(0, 40)}.`, {
    hint: 'GET /api/requests lists those that are open.',
  });
}

function unknownRequest(id: string): Fault {
  return new Fault('not-found', `There is no request ${id.slice(0, 40)}.`, {
    hint: 'GET /api/requests lists those that are open, GET /api/telemetry those that have ended.',
  });
}

function filterOf(query: { model_id?: string; outcome?: RecordFilter['outcome']; since?: string }): RecordFilter {
  return {
    modelId: query.model_id || null,
    outcome: query.outcome ?? null,
    sinceMs: query.since ? timeOf(query.since) : null,
  };
}

function timeOf(text: string): number {
  const ms = /^\d+(\.\d+)?$/.test(text) ? Number(text) * 1000 : Date.parse(text);
  if (Number.isFinite(ms)) return ms;
  throw new Fault('invalid-request', `since is "${text}"; it must be an ISO 8601 time or seconds since 1970.`);
}
