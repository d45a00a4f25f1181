/** What can be done with answers of `/v1/responses` after they were given: look at them, list their input, forget. */
import { Fault } from '#src/faults.ts';
import type { JsonObject } from '#src/json.ts';
import type { KeptResponse } from '#src/responses/memory.ts';
import { refusalResponse } from './order.ts';
import type { GatewayServices } from './services.ts';

const PAGE_ITEMS_DEFAULT = 20;
const PAGE_ITEMS_MAX = 100;

/**
 * GET /v1/responses, without an id. Codex asks for a WebSocket here first, and turns to POST when it is refused with
 * this status.
 */
export function refuseSocket(services: GatewayServices, request: Request): Response {
  const isUpgrade = request.headers.get('upgrade')?.toLowerCase() === 'websocket';
  const words = isUpgrade ? 'Flow speaks /v1/responses over HTTP, not over a WebSocket.' : 'Responses are not listed.';
  const fault = new Fault('method-not-allowed', words, { hint: 'POST a request, or GET /v1/responses/{id}.' });
  const refusal = refusalResponse(services.dialects.responses, fault, crypto.randomUUID(), null);
  const headers = new Headers(refusal.headers);
  headers.set('allow', 'POST');
  return new Response(refusal.body, { status: isUpgrade ? 426 : refusal.status, headers });
}

/** GET /v1/responses/{id} */
export function showResponse(services: GatewayServices, request: Request, id: string): Response {
  return answered(services, () => {
    const { response } = keptOrFault(services, id);
    if (new URL(request.url).searchParams.get('stream') === 'true') {
      throw new Fault('invalid-request', 'stream: Flow does not replay events; leave it out to get the response.', {
        details: { param: 'stream' },
      });
    }
    return response;
  });
}

/** DELETE /v1/responses/{id} */
export function forgetResponse(services: GatewayServices, id: string): Response {
  return answered(services, () => {
    if (!services.responses.forget(id)) throw notKept(id);
    return { id, object: 'response', deleted: true };
  });
}

/** POST /v1/responses/{id}/cancel: only background responses can be cancelled, and Flow has none. */
export function refuseCancelling(services: GatewayServices, id: string): Response {
  return answered(services, () => {
    keptOrFault(services, id);
    throw new Fault('invalid-request', 'Cannot cancel a synchronous response.', {
      hint: 'Close its connection while it runs.',
    });
  });
}

/** GET /v1/responses/{id}/input_items, the newest first, as OpenAI does. */
export function listInputItems(services: GatewayServices, request: Request, id: string): Response {
  return answered(services, () => {
    const { input } = keptOrFault(services, id);
    const query = new URL(request.url).searchParams;
    const ordered = query.get('order') === 'asc' ? input : input.toReversed();
    const after = query.get('after');
    const from = after === null ? 0 : ordered.findIndex((item) => item.id === after) + 1;
    const limit = Math.min(Math.max(Number(query.get('limit') ?? PAGE_ITEMS_DEFAULT) || 1, 1), PAGE_ITEMS_MAX);
    const data = ordered.slice(from, from + Math.floor(limit));
    return {
      object: 'list',
      data,
      first_id: data[0]?.id ?? null,
      last_id: data.at(-1)?.id ?? null,
      has_more: from + data.length < ordered.length,
    };
  });
}

function keptOrFault({ responses }: GatewayServices, id: string): KeptResponse {
  const kept = responses.find(id);
  if (kept === null) throw notKept(id);
  return kept;
}

function notKept(id: string): Fault {
  return new Fault('not-found', `Response with id '${id.slice(0, 200)}' not found.`);
}

function answered(services: GatewayServices, answer: () => JsonObject): Response {
  try {
    return Response.json(answer());
  } catch (cause) {
    if (!(cause instanceof Fault)) throw cause;
    return refusalResponse(services.dialects.responses, cause, crypto.randomUUID(), null);
  }
}
