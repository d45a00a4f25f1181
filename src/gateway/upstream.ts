/** /upstream/{id}/…: the engine itself, from an explicit list of routes. What is not listed cannot be reached. */

import { LARGE_BODY_BYTES_MAX } from '#src/access.ts';
import { chatVoice } from '#src/dialects/chat/voice.ts';
import { asFault, Fault } from '#src/faults.ts';
import { stringOrNull } from '#src/json.ts';
import { clientName } from '#src/keys/who.ts';
import type { Model } from '#src/models/model.ts';
import { percentDecoded } from '#src/percent.ts';
import type { Lease } from '#src/scheduling/lease.ts';
import { completionsDoor, infillDoor, nativeDoor } from './completions.ts';
import { chatDoor, type Door, enter, verbatimDoor } from './doors.ts';
import { engineText, refuseDanger } from './engine-body.ts';
import { type JsonBody, readJsonBody } from './json-body.ts';
import { keyHeader } from './lend.ts';
import { refuseOddModel } from './odd-model.ts';
import { allBytes, refusalResponse } from './order.ts';
import type { GatewayServices } from './services.ts';
import { expectedKind, isLlama } from './wording.ts';

/** Looking only: its page, and what it says of itself. */
const READABLE = new Set(['/', '/props', '/slots', '/metrics', '/health', '/v1/models', '/models']);
const PAGE_FILE = /^\/(?:_app\/[\w./-]+|[\w-]+\.(?:html|js|css|svg|ico|png|webmanifest))$/;
/** Short questions that generate nothing. */
const ASKABLE = new Set(['/tokenize', '/detokenize', '/apply-template', '/v1/chat/completions/input_tokens']);
/** Inference: these are requests like any other, with a ticket. */
const DOORS: { readonly [path: string]: Door } = {
  '/completion': nativeDoor,
  '/completions': nativeDoor,
  '/infill': infillDoor,
  '/embedding': verbatimDoor('/embedding'),
  '/embeddings': verbatimDoor('/embeddings'),
  '/rerank': verbatimDoor('/rerank'),
  '/v1/rerank': verbatimDoor('/v1/rerank'),
  '/v1/completions': completionsDoor,
  '/v1/embeddings': verbatimDoor('/v1/embeddings'),
  '/chat/completions': chatDoor,
  '/v1/chat/completions': chatDoor,
};
/** Headers of an engine's answer that its page needs; nothing else comes through. */
const PASSED_HEADERS = ['content-type', 'content-encoding', 'etag', 'cache-control'] as const;
const ANSWER_TEXT_BYTES_MAX = 64 << 20;
/** As long as an engine may be silent elsewhere: its slots are told by the loop that also reads prompts. */
const ANSWER_MS_MAX = 600_000;
/**
 * The engine's page runs under our address but in an origin of its own: it can ask nothing of Flow in the user's name.
 */
const PAGE_POLICY = 'sandbox allow-scripts';

/** Answers it, in OpenAI's shape where there is something to refuse. */
export async function upstream(services: GatewayServices, request: Request): Promise<Response> {
  try {
    const { model, path } = placeOf(services, new URL(request.url).pathname);
    const door = request.method === 'POST' && Object.hasOwn(DOORS, path) ? DOORS[path] : null;
    if (!door) refuseNative(services, model, path);
    if (door) return await enter(services, door, request, model.id);
    if (request.method === 'POST' && ASKABLE.has(path)) return await ask(services, model, path, request);
    const isRead = request.method === 'GET' && (READABLE.has(path) || isPageFile(path));
    if (isRead) return await look(services, model, path, request);
    throw new Fault('not-found', `${request.method} ${path} of an engine is not reachable through Flow.`);
  } catch (cause) {
    return refusalResponse(chatVoice, asFault(cause), crypto.randomUUID(), null);
  }
}

/** The model and the engine's path: ids may hold slashes, so the longest id that exists wins. */
function placeOf(services: GatewayServices, pathname: string): { model: Model; path: string } {
  const parts = pathname
    .slice('/upstream/'.length)
    .split('/')
    .map((part) => percentDecoded(part) ?? part);
  const models = services.models.list();
  for (let length = parts.length; length > 0; length -= 1) {
    const id = parts.slice(0, length).join('/').toLowerCase();
    const model = models.find((each) => each.id.toLowerCase() === id);
    if (model) return { model, path: `/${parts.slice(length).join('/')}` };
  }
  throw new Fault('model-not-found', 'The address names no registered model.', {
    hint: 'Use /upstream/{id}/… with an id from /v1/models.',
  });
}

function isPageFile(path: string): boolean {
  return PAGE_FILE.test(path) && !path.includes('..');
}

/** Routes that other engines have too. */
const COMMON = new Set(['/health', '/v1/models', '/metrics']);

/** Says at once, without a load, what only llama-server can do. */
function refuseNative(services: GatewayServices, model: Model, path: string): void {
  if (isLlama(model) || COMMON.has(path)) return;
  const kind = expectedKind(services, model);
  throw new Fault('invalid-request', `${kind}, which serves ${model.id}, has no ${path}.`, {
    hint: 'Only models that llama-server serves have its own routes.',
  });
}

/** A look never loads a model, nor waits for one that is busy: GETs are free of side effects and take no slot. */
async function look(services: GatewayServices, model: Model, path: string, request: Request): Promise<Response> {
  const { state } = services.lender.model(model.id);
  if (state.phase !== 'ready') {
    throw new Fault('model-not-loaded', `${model.id} is not loaded.`, {
      hint: 'Load it first; looking at it does not.',
    });
  }
  const query = path === '/slots' || path === '/props' ? '' : new URL(request.url).search;
  return exchange(services, state, { method: 'GET', path: `${path}${query}`, body: null, request });
}

async function ask(services: GatewayServices, model: Model, path: string, request: Request): Promise<Response> {
  using place = services.bodies.placeFor(request.signal);
  const json = await readJsonBody(request, LARGE_BODY_BYTES_MAX, place);
  return await askAs(services, model, path, { json, request });
}

async function askAs(
  services: GatewayServices,
  model: Model,
  path: string,
  { json, request }: { json: JsonBody; request: Request },
): Promise<Response> {
  refuseDanger(json.body);
  const body = engineText(json, { set: {}, drop: [] });
  using lease = await services.lender.acquire(model.id, {
    requestId: 'upstream',
    signal: request.signal,
    isBrief: true,
    caller: clientName(request.headers.get('user-agent')) ?? '',
  });
  return await exchange(services, lease, { method: 'POST', path, body, request });
}

/**
 * A short question at the root, where users of llama-server expect it: the body names the model, as llama.cpp's router
 * has it.
 */
export async function askEngine(services: GatewayServices, request: Request): Promise<Response> {
  using place = services.bodies.placeFor(request.signal);
  try {
    const { pathname } = new URL(request.url);
    const json = await readJsonBody(request, LARGE_BODY_BYTES_MAX, place);
    refuseOddModel(json.body);
    const { model } = services.models.resolve(stringOrNull(json.body.model));
    refuseNative(services, model, pathname);
    return await askAs(services, model, pathname, { json, request });
  } catch (cause) {
    return refusalResponse(chatVoice, asFault(cause), crypto.randomUUID(), null);
  }
}

/** `/props` and `/slots` of a loaded model, named by `?model=`. */
export async function lookAtEngine(services: GatewayServices, request: Request): Promise<Response> {
  try {
    const { pathname, searchParams } = new URL(request.url);
    const { model } = services.models.resolve(searchParams.get('model'));
    refuseNative(services, model, pathname);
    return await look(services, model, pathname, request);
  } catch (cause) {
    return refusalResponse(chatVoice, asFault(cause), crypto.randomUUID(), null);
  }
}

type Asked = {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly body: string | null;
  readonly request: Request;
};

/** Where an engine is reached. */
type Place = Pick<Lease, 'baseUrl' | 'apiKey'>;

async function exchange(services: GatewayServices, place: Place, asked: Asked): Promise<Response> {
  const controller = new AbortController();
  let fault = new Fault('cancelled', 'The client went away before the engine answered.');
  using _limit = services.clock.after(ANSWER_MS_MAX, () => {
    fault = new Fault('engine-silent', `The engine did not answer within ${ANSWER_MS_MAX / 1000} s.`);
    controller.abort();
  });
  const onGone = () => controller.abort();
  asked.request.signal.addEventListener('abort', onGone);
  if (asked.request.signal.aborted) onGone();
  try {
    return await passed(services, place, asked, controller.signal);
  } catch (cause) {
    throw controller.signal.aborted ? fault : cause;
  } finally {
    asked.request.signal.removeEventListener('abort', onGone);
  }
}

async function passed(services: GatewayServices, place: Place, asked: Asked, signal: AbortSignal): Promise<Response> {
  const answer = await services.client.send(place.baseUrl, {
    method: asked.method,
    path: asked.path,
    headers: {
      ...(asked.body === null ? { 'accept-encoding': 'gzip' } : { 'content-type': 'application/json' }),
      ...keyHeader(place),
    },
    body: asked.body,
    signal,
  });
  const bytes = await allBytes(answer, ANSWER_TEXT_BYTES_MAX);
  const headers: Record<string, string> = {};
  for (const name of PASSED_HEADERS) {
    const value = answer.headers[name];
    if (value !== undefined) headers[name] = value;
  }
  const isActive = !/^(?:application\/json|text\/(?:plain|css|javascript))\b/i.test(headers['content-type'] ?? '');
  if (isActive) headers['content-security-policy'] = PAGE_POLICY;
  return new Response(bytes, { status: answer.status, headers });
}
