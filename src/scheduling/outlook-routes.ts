/** `POST /api/models/{id}/fit`: what a load with these settings would take and do, for the load form and scripts. */
import { Elysia } from 'elysia';
import { access } from '#src/access.ts';
import { readLoadRequest } from '#src/models/launch.ts';
import type { LaunchOverrides, Model } from '#src/models/model.ts';
import { percentDecoded } from '#src/percent.ts';
import type { LoadOutlook, LoadOutlooks } from './load-outlook.ts';

export type OutlookRoutesParts = {
  readonly outlooks: LoadOutlooks;
  /** The model of any name; throws Fault('model-not-found'). */
  readonly needModel: (name: string) => Model;
  /** Throws Fault('invalid-request') for launch settings that an engine would be refused. */
  readonly checkLaunch: (launch: LaunchOverrides, model: Model) => void;
};

const PATH = /^\/api\/models\/(?<id>.+)\/fit\/?$/;

/** It looks and changes nothing, although it is asked with a body. An id may hold one `/` that is not encoded. */
export const outlookRoutes = ({ outlooks, needModel, checkLaunch }: OutlookRoutesParts) => {
  const answer = async ({ request, body }: { request: Request; body: unknown }) => {
    const id = PATH.exec(new URL(request.url).pathname)?.groups?.id ?? '';
    const model = needModel(percentDecoded(id) ?? id);
    const { overrides, notes } = readLoadRequest(body, model.format);
    checkLaunch(overrides, model);
    const outlook = await outlooks.of(model, overrides);
    return { ...shown(outlook), warnings: [...notes, ...outlook.warnings] };
  };
  return new Elysia({ name: 'outlook-routes' })
    .post('/api/models/:id/fit', answer, access('read'))
    .post('/api/models/:id/:name/fit', answer, access('read'));
};

/** Names as in the hub's answer to the same question. Bytes throughout. */
function shown(outlook: LoadOutlook) {
  const { model, launch, need, admission, speed } = outlook;
  return {
    model_id: model.id,
    backend: model.format,
    verdict: outlook.verdict,
    source: need.source,
    total_bytes: need.totalBytes,
    weights_bytes: need.parts.weightsBytes,
    kv_cache_bytes: need.parts.kvCacheBytes,
    compute_bytes: need.parts.computeBytes,
    engine_cache_bytes: need.parts.engineCacheBytes,
    budget_bytes: outlook.budgetBytes,
    free_bytes: outlook.freeBytes,
    available_bytes: outlook.availableBytes,
    is_running: outlook.isRunning,
    decision: admission.decision,
    unloads: admission.decision === 'refuse' ? [] : admission.leaving,
    pinned: admission.decision === 'refuse' ? admission.pinned : [],
    outlook: outlook.sentence,
    slots: launch.n_parallel,
    context_tokens: launch.ctx_size,
    trained_context_tokens: outlook.trainedContextTokens,
    largest_context_tokens: outlook.largestContextTokens,
    largest_slots: outlook.largestSlots,
    expected_tokens_per_s: speed?.tokensPerS ?? null,
    expected_from: speed?.from ?? [],
    launch,
    command: outlook.command,
  };
}
