/**
 * llama.cpp's router, as its clients see it: `GET /models` with each model's status, and `POST /models/load` and
 * `/models/unload`. The commands of engines are not shown: they name files, and a key's place.
 */
import { impossible } from '#src/assert.ts';
import { chatVoice } from '#src/dialects/chat/voice.ts';
import { asFault, Fault } from '#src/faults.ts';
import { type JsonObject, stringOrNull } from '#src/json.ts';
import type { Model } from '#src/models/model.ts';
import type { ModelState } from '#src/supervision/model-state.ts';
import { readJsonBody } from './json-body.ts';
import { type Offer, offersOf } from './offers.ts';
import { refusalResponse } from './order.ts';
import type { GatewayServices } from './services.ts';

const BODY_BYTES_MAX = 1 << 20;

/** The listing. */
export function routerModels(services: GatewayServices): JsonObject {
  return { object: 'list', data: offersOf(services.models.list()).map((offer) => routerEntry(services, offer)) };
}

function routerEntry(services: GatewayServices, { id, model, variant }: Offer): JsonObject {
  const { state } = services.lender.model(model.id);
  const vision = model.capabilities.vision ? ['image'] : [];
  return {
    id,
    aliases: variant === null ? model.aliases : [],
    tags: [],
    object: 'model',
    owned_by: 'flow',
    created: Math.floor(model.createdAtMs / 1000),
    in_cache: true,
    status: routerStatus(state),
    architecture: { input_modalities: ['text', ...vision], output_modalities: ['text'] },
    source: model.isManaged ? 'cache' : 'preset',
    can_remove: false,
    ...(state.phase === 'ready' ? { meta: metaOf(services, model, state.contextTokens) } : {}),
  };
}

/** A model's state in the router's words. */
export function routerStatus(state: ModelState): JsonObject {
  switch (state.phase) {
    case 'idle':
      return { value: 'unloaded', args: [] };
    case 'starting':
      return { value: 'loading', args: [], ...(state.ratio === null ? {} : { progress: state.ratio }) };
    case 'ready':
      return { value: 'loaded', args: [] };
    // It still holds its memory, and takes no requests: nobody can do anything with it but wait.
    case 'stopping':
      return { value: 'loaded', args: [] };
    case 'failed':
      return { value: 'unloaded', args: [], failed: true, exit_code: state.report.exitCode ?? 1 };
    default:
      return impossible(state);
  }
}

/** What an engine says of a model that it has loaded. */
function metaOf(services: GatewayServices, model: Model, contextTokens: number): JsonObject {
  const facts = services.facts(model);
  return {
    n_ctx: contextTokens,
    n_ctx_train: model.trainedContextTokens,
    size: model.sizeBytes,
    ...(facts
      ? { n_vocab: facts.vocabularySize, n_embd: facts.embeddingLength, n_params: facts.tensors.parameters }
      : {}),
  };
}

/** `POST /models/load`: starts it and answers at once; the listing tells when it is ready. */
export function routerLoad(services: GatewayServices, request: Request): Promise<Response> {
  return answered(services, request, (modelId) => {
    const { phase } = services.lender.model(modelId).state;
    if (phase === 'ready' || phase === 'starting') throw new Fault('invalid-request', 'model is already running');
    services.lender.load(modelId, {});
  });
}

/** `POST /models/unload`. A busy model is refused: others may be using it. */
export function routerUnload(services: GatewayServices, request: Request): Promise<Response> {
  return answered(services, request, (modelId) => {
    const { phase } = services.lender.model(modelId).state;
    if (phase !== 'ready' && phase !== 'starting') throw new Fault('invalid-request', 'model is not running');
    services.lender.unload(modelId, { force: false });
  });
}

async function answered(
  services: GatewayServices,
  request: Request,
  act: (modelId: string) => void,
): Promise<Response> {
  using place = services.bodies.placeFor(request.signal);
  try {
    const { body } = await readJsonBody(request, BODY_BYTES_MAX, place);
    const wanted = stringOrNull(body.model);
    if (!wanted) throw new Fault('invalid-request', 'model: a name is required.');
    const { model, by } = services.models.resolve(wanted);
    // A name that only stands in for a model is no order to move gigabytes.
    if (by === 'helper') throw new Fault('model-not-found', 'model is not found');
    act(model.id);
    return Response.json({ success: true });
  } catch (cause) {
    return refusalResponse(chatVoice, asFault(cause), crypto.randomUUID(), null);
  }
}
