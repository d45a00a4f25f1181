/**
 * `/api/models/{id}/load`, `…/unload`, `/api/models/running` and `/api/fleet`: the scheduler for scripts and the
 * dashboard.
 */
import { randomBytes } from 'node:crypto';
import { Elysia, t } from 'elysia';
import { access } from '#src/access.ts';
import type { Clock } from '#src/clock.ts';
import { Fault } from '#src/faults.ts';
import { type LoadRequest, readLoadRequest } from '#src/models/launch.ts';
import type { LaunchOverrides, Model, ModelId } from '#src/models/model.ts';
import type { ModelState } from '#src/supervision/model-state.ts';
import { contentionAdvice } from './contention.ts';
import type { Fleet } from './fleet.ts';
import { forecast } from './forecast.ts';
import type { FleetModel } from './lease.ts';
import { actionOf, readUnload } from './load-request.ts';
import { unknownModel } from './refusals.ts';

export type SchedulingRoutesParts = {
  readonly fleet: Fleet;
  readonly findModel: (modelId: ModelId) => Model | null;
  /** Throws Fault('invalid-request') for launch settings that an engine would be refused. */
  readonly checkLaunch: (launch: LaunchOverrides, model: Model) => void;
  /** The `hardware` part of `/api/models/running`. */
  readonly hardware: () => unknown | Promise<unknown>;
  /** `nowMs` of a snapshot is monotonic, as are its times (all but `lastUsedAtMs`). */
  readonly clock: Pick<Clock, 'wallMs' | 'monotonicMs'>;
};

type Answer = { status: number; body: Readonly<Record<string, unknown>> };

/** The seed's paths and field names; ids with `/` work, encoded or not. */
export const schedulingRoutes = ({ fleet, findModel, checkLaunch, hardware, clock }: SchedulingRoutesParts) =>
  new Elysia({ name: 'scheduling-routes' })
    .get(
      '/api/models/running',
      async () => ({
        models: fleet.snapshot().models.flatMap((one) => runningModel(one, findModel(one.modelId))),
        hardware: await hardware(),
      }),
      access('read'),
    )
    .get(
      '/api/fleet',
      () => {
        const snapshot = fleet.snapshot();
        const models = snapshot.models.map((one) => ({ ...one, state: withoutKey(one.state) }));
        const next = forecast(snapshot, fleet.plans(), clock.wallMs());
        const { contention } = snapshot;
        const advice = contention === null ? [] : [contentionAdvice(contention, (modelId) => modelId)];
        return { ...snapshot, models, nowMs: clock.monotonicMs(), next, advice };
      },
      access('read'),
    )
    .post(
      '/api/models/*',
      async ({ request, body, query, set }) => {
        const action = actionOf(new URL(request.url).pathname);
        if (!action) throw new Fault('not-found', 'A model can be asked to `load` or to `unload`.');
        const model = findModel(action.modelId);
        if (!model) throw unknownModel(action.modelId);
        if (action.verb === 'unload') {
          const { status, body: unloaded } = unload(fleet, model.id, body);
          set.status = status;
          return unloaded;
        }
        const asked = readLoadRequest(body, model.format);
        checkLaunch(asked.overrides, model);
        const answer = await load(fleet, model.id, asked, query.wait === '1' ? request.signal : null);
        set.status = answer.status;
        return answer.body;
      },
      { ...access('manage'), query: t.Object({ wait: t.Optional(t.String({ maxLength: 5 })) }) },
    );

/** Starts it and answers at once, or when it is ready or has failed if there is a signal to wait by. */
async function load(
  fleet: Fleet,
  modelId: ModelId,
  { overrides, notes }: LoadRequest,
  wait: AbortSignal | null,
): Promise<Answer> {
  fleet.load(modelId, overrides);
  if (wait && fleet.model(modelId).state.phase !== 'ready') {
    using _lease = await fleet.acquire(modelId, { requestId: randomBytes(6).toString('hex'), signal: wait });
  }
  const { state } = fleet.model(modelId);
  const said = notes.length > 0 ? { notes } : {};
  if (state.phase !== 'ready') return { status: 202, body: { model_id: modelId, status: 'loading', ...said } };
  const { port, baseUrl } = state;
  return { status: 200, body: { model_id: modelId, status: 'running', port, base_url: `${baseUrl}/v1`, ...said } };
}

/** Wants it gone and answers at once; unloading what is not loaded changes nothing. */
function unload(fleet: Fleet, modelId: ModelId, body: unknown): Answer {
  const { force } = readUnload(body);
  const { phase } = fleet.model(modelId).state;
  fleet.unload(modelId, { force });
  const isGone = ['idle', 'failed'].includes(fleet.model(modelId).state.phase);
  const killed = phase === 'starting' || phase === 'ready';
  if (isGone) return { status: 200, body: { model_id: modelId, status: 'available', killed } };
  return { status: 202, body: { model_id: modelId, status: 'unloading', killed } };
}

function runningModel({ modelId, state }: FleetModel, model: Model | null) {
  if (state.phase !== 'starting' && state.phase !== 'ready' && state.phase !== 'stopping') return [];
  const ready = state.phase === 'ready' ? state : null;
  const shown = {
    model_id: modelId,
    name: model?.name ?? modelId,
    backend: model?.format ?? 'gguf',
    port: ready?.port ?? null,
    base_url: ready ? `${ready.baseUrl}/v1` : null,
    pid: state.pid,
    is_running: true,
    backend_ready: ready !== null,
    load_progress: state.phase === 'starting' ? state.ratio : null,
    phase: state.phase,
  };
  return [shown];
}

/** The engine's key opens it past every guard of ours, so it leaves the process in no answer. */
function withoutKey(state: ModelState) {
  if (state.phase !== 'ready') return state;
  const { apiKey: _, ...rest } = state;
  return rest;
}
