/** The doors by which agents come in: how each protocol's body becomes an order for the engine. */
import { LARGE_BODY_BYTES_MAX } from '#src/access.ts';
import { chatVoice } from '#src/dialects/chat/voice.ts';
import type { ChatRequest } from '#src/dialects/chat-request.ts';
import type { AnswerHead, Dialect, Voice } from '#src/dialects/dialect.ts';
import { asFault, Fault } from '#src/faults.ts';
import type { JsonObject } from '#src/json.ts';
import type { Model } from '#src/models/model.ts';
import type { Ticket } from '#src/requests/request.ts';
import { answerOrder, type Call, type Order, refuse } from './answer.ts';
import { engineText, limitChanges, refuseDanger, translatedText } from './engine-body.ts';
import { type JsonBody, readJsonBody } from './json-body.ts';
import type { GatewayServices } from './services.ts';

/** What a door knows when it makes its order. */
export type Arrived = {
  readonly services: GatewayServices;
  readonly model: Model;
  readonly ticket: Ticket;
  readonly json: JsonBody;
};

/** One way in. */
export type Door = {
  readonly voice: Voice;
  /** Makes the order, or throws the Fault that says what is wrong with the body. */
  order(arrived: Arrived): Order;
};

const CLIENT_CHARACTERS_MAX = 60;
/** Routes whose engines answer whole, whatever `stream` says. */
const WHOLE_PATH = /\/(?:embeddings?|rerank)$/;

/** One request through a door. `modelId` names the model when the address already did. */
export async function enter(
  services: GatewayServices,
  door: Door,
  request: Request,
  modelId: string | null = null,
): Promise<Response> {
  const read = await readJsonBody(request, LARGE_BODY_BYTES_MAX).catch(asFault);
  const json = read instanceof Fault ? null : read;
  const wanted = modelId ?? (typeof json?.body.model === 'string' ? json.body.model : null);
  const ticket = services.tracker.open({
    route: new URL(request.url).pathname,
    dialect: door.voice.name,
    wantedModel: wanted,
    isStream: json?.body.stream === true,
    client: clientName(request.headers.get('user-agent')),
  });
  const call: Call = { services, voice: door.voice, ticket, clientSignal: request.signal };
  if (read instanceof Fault) return refuse(call, read);
  let order: Order;
  let model: Model | null = null;
  try {
    if (modelId === null) refuseOddModel(read.body);
    model = services.models.resolve(wanted);
    ticket.resolved(model.id);
    order = door.order({ services, model, ticket, json: read });
  } catch (cause) {
    return refuse(call, asFault(cause), model?.id ?? null);
  }
  return answerOrder(call, order);
}

/** A door to an engine's own route: what the client says passes, what the engine answers passes. */
export function verbatimDoor(path: string): Door {
  return { voice: chatVoice, order: (arrived) => verbatimOrder(arrived, path, {}, []) };
}

/** OpenAI chat: as `verbatimDoor`, but the message list is put into the shape that templates accept. */
export const chatDoor: Door = {
  voice: chatVoice,
  order: (arrived) => {
    const { services, model, json } = arrived;
    const request: ChatRequest = { ...json.body, messages: listOrRefuse(json.body.messages) };
    const { request: tidied, changes } = services.normalise(request, contentRules(services, model));
    const limit = limitChanges(json.body);
    const messages = tidied === request ? {} : { messages: tidied.messages };
    return verbatimOrder(arrived, '/v1/chat/completions', { ...limit.set, ...messages }, limit.drop, changes);
  },
};

/** A protocol that is translated both ways; the engine is always asked to stream. */
export function translatedDoor(dialect: Dialect): Door {
  return {
    voice: dialect,
    order: ({ services, model, ticket, json }) => {
      const { request, wantsStream, notes } = dialect.read(json.body);
      const { request: tidied, changes } = services.normalise(request, contentRules(services, model));
      refuseDanger(tidied);
      const head: AnswerHead = {
        requestId: ticket.id,
        modelId: model.id,
        createdS: Math.floor(services.clock.wallMs() / 1000),
      };
      const set = { model: model.id, stream: true, stream_options: { include_usage: true }, return_progress: true };
      return {
        modelId: model.id,
        path: '/v1/chat/completions',
        text: translatedText(tidied, set),
        wantsStream,
        hidesProgress: true,
        translation: { encoder: () => dialect.encoder(head), collector: () => dialect.collector(head) },
        repairs: [...json.mends, ...notes, ...changes],
      };
    },
  };
}

/** What the normaliser should do for a model. */
export function contentRules(
  services: GatewayServices,
  model: Model,
): { stripAttribution: boolean; hasVision: boolean } {
  return { stripAttribution: services.settings.current.strip_attribution, hasVision: model.capabilities.vision };
}

/** A short name of the program that asks: the first product of its User-Agent. */
export function clientName(userAgent: string | null): string | null {
  const product = userAgent?.trim().split(/[\s/(]/)[0];
  return product ? product.slice(0, CLIENT_CHARACTERS_MAX) : null;
}

function verbatimOrder(
  { model, json }: Arrived,
  path: string,
  set: JsonObject,
  drop: readonly string[],
  repairs: readonly string[] = [],
): Order {
  const { body } = json;
  refuseDanger(body);
  const wantsStream = body.stream === true && !WHOLE_PATH.test(path);
  const isSingle = body.n === undefined || body.n === null || body.n === 1;
  const wantsProgress = wantsStream && isSingle && path === '/v1/chat/completions' && body.return_progress !== true;
  const progress = wantsProgress ? { return_progress: true } : {};
  return {
    modelId: model.id,
    path,
    text: engineText(json, { set: { model: model.id, ...progress, ...set }, drop }),
    wantsStream,
    hidesProgress: wantsProgress,
    translation: null,
    repairs: [...json.mends, ...repairs],
  };
}

function listOrRefuse(messages: unknown): ChatRequest['messages'] {
  if (Array.isArray(messages)) return messages;
  const found = messages === undefined ? 'missing' : `of type ${messages === null ? 'null' : typeof messages}`;
  throw new Fault('invalid-request', `messages is ${found}; a list of messages is expected.`);
}

function refuseOddModel(body: JsonObject): void {
  const { model } = body;
  if (model === undefined || model === null || typeof model === 'string') return;
  throw new Fault('invalid-request', `model is of type ${typeof model}; a name is expected.`);
}
