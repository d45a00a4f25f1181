/** The doors by which agents come in: how each protocol's body becomes an order for the engine. */
import { behaveSampling } from '#src/behaviour/behave.ts';
import { toolFields } from '#src/dialects/chat/request.ts';
import { chatVoice } from '#src/dialects/chat/voice.ts';
import type { ChatRequest } from '#src/dialects/chat-request.ts';
import type { AnswerHead, Dialect, Voice } from '#src/dialects/dialect.ts';
import { asFault, Fault } from '#src/faults.ts';
import { isObject, type JsonObject } from '#src/json.ts';
import type { Behaviour } from '#src/models/behaviour.ts';
import type { Model } from '#src/models/model.ts';
import type { Ticket } from '#src/requests/request.ts';
import { answerOrder } from './answer.ts';
import { type Changes, engineText, limitChanges, refuseDanger, translatedText, without } from './engine-body.ts';
import type { Addressee } from './foreign-body.ts';
import { hopsOf } from './hops.ts';
import { type JsonBody, type ReadBody, readBody } from './json-body.ts';
import { refuseOddModel } from './odd-model.ts';
import { type Call, type Order, openTicket, refuse, type Wording } from './order.ts';
import { askedParameters } from './parameters.ts';
import { mayStream, prepare } from './prepare.ts';
import type { GatewayServices } from './services.ts';
import {
  asksForSeveral,
  CHAT_PATH,
  COMPLETIONS_PATH,
  expectedKind,
  foreignWording,
  namedWording,
  plainWording,
  refuseRoute,
} from './wording.ts';

/** What a door knows when it makes its order. */
export type Arrived = {
  readonly services: GatewayServices;
  readonly model: Model;
  /** How the model should behave under the name that was asked for. */
  readonly behaviour: Behaviour;
  /** The variant that was asked for; null = the model as itself. */
  readonly variant: string | null;
  readonly ticket: Ticket;
  readonly json: JsonBody;
};

/** One way in. */
export type Door = {
  readonly voice: Voice;
  /** Makes the order, or throws the Fault that says what is wrong with the body. */
  order(arrived: Arrived): Order;
};

/** Routes on which text is written, so that a model's sampling parameters apply. */
const SAMPLED_PATH = /\/(?:completions?|infill)$/;
/** Routes whose engines answer whole, whatever `stream` says. */
const WHOLE_PATH = /\/(?:embeddings?|rerank)$/;

/** One request through a door. `modelId` names the model when the address already did. */
export async function enter(
  services: GatewayServices,
  door: Door,
  request: Request,
  modelId: string | null = null,
): Promise<Response> {
  const { read, place } = await readBody(services.bodies, request);
  const isStream = !(read instanceof Fault) && read.body.stream === true;
  return enterRead(services, door, { request, read, place, modelId, isStream });
}

/** A request whose body has been read, or could not be. */
export type Entering = ReadBody & {
  readonly request: Request;
  /** The model, when the address named it. */
  readonly modelId: string | null;
  /** Whether it is recorded as a stream. */
  readonly isStream: boolean;
};

/** As `enter`, for who had to look into the body first. */
export async function enterRead(
  services: GatewayServices,
  door: Door,
  { request, read, place, modelId, isStream }: Entering,
): Promise<Response> {
  const json = read instanceof Fault ? null : read;
  const wanted = modelId ?? (typeof json?.body.model === 'string' ? json.body.model : null);
  const ticket = openTicket(services, request, { dialect: door.voice.name, wantedModel: wanted, isStream });
  const arrived: Call = { services, voice: door.voice, ticket, clientSignal: request.signal, place, hops: 0 };
  if (read instanceof Fault) return refuse(arrived, read);
  let order: Order;
  let hops = 0;
  let model: Model | null = null;
  try {
    hops = hopsOf(request.headers);
    if (modelId === null) refuseOddModel(read.body);
    const { behaviour, variant, ...meant } = services.models.resolve(wanted);
    model = meant.model;
    ticket.resolved(model.id);
    order = door.order({ services, model, behaviour, variant, ticket, json: read });
  } catch (cause) {
    return refuse(arrived, asFault(cause), model?.id ?? null);
  }
  return answerOrder({ ...arrived, hops }, order);
}

/** A door to an engine's own route: what the client says passes, what the engine answers passes. */
export function verbatimDoor(path: string): Door {
  const isSampled = SAMPLED_PATH.test(path);
  return {
    voice: chatVoice,
    order: (arrived) => {
      const { services, model, json, behaviour } = arrived;
      refuseRoute(expectedKind(services, model), path);
      const changes = isSampled ? behaveSampling(json.body, behaviour) : { set: {}, drop: [] };
      const { text, ...order } = verbatimOrder(arrived, path, changes);
      const isText = path === COMPLETIONS_PATH && !order.wantsStream && !asksForSeveral(json.body);
      const streamText = isText && !json.body.logprobs ? () => wholeAsStream(arrived, changes) : null;
      const body = () => ({ ...without(json.body, changes.drop), ...changes.set });
      return {
        ...order,
        wording: (to) => verbatimWording({ text, streamText }, () => namedWording(body(), model.id, to, path), to),
        parameters: isSampled ? () => askedParameters(body(), { ...arrived, caller: json.body }) : null,
      };
    },
  };
}

/** OpenAI chat: as `verbatimDoor`, but prepared for templates and grammars, and mended where that is needed. */
export const chatDoor: Door = {
  voice: chatVoice,
  order: (arrived) => {
    const { services, json } = arrived;
    const { body } = json;
    const limit = limitChanges(body);
    const choice = toolFields(body);
    const request: ChatRequest = { ...body, ...limit.set, ...choice.set, messages: listOrRefuse(body.messages) };
    const prepared = prepare(services, arrived, request);
    // What the model's behaviour strips must not come back under its newer name.
    const set = { ...without({ ...limit.set, ...choice.set }, prepared.drop), ...prepared.set };
    const drop = [...limit.drop, ...choice.drop, ...prepared.drop];
    const notes = [...choice.notes, ...prepared.notes];
    const { text, ...order } = verbatimOrder(arrived, CHAT_PATH, { set, drop }, notes);
    const { include_usage } = isObject(body.stream_options) ? body.stream_options : {};
    const { wantsStream } = order;
    const mending = isSingle(body) ? prepared.mending : null;
    if (!isSingle(body)) refuseSeveral(arrived);
    const mayAsStream = isSingle(body) && !wantsStream && mayStream(request);
    const streamText = mayAsStream ? () => wholeAsStream(arrived, { set, drop }) : null;
    return {
      ...order,
      wording: (to) =>
        to.speech.knowsLlamaFields
          ? { ...plainWording(text, mending, streamText), losesByStream: body.logprobs === true }
          : foreignWording({ ...arrived, body: { ...without(body, drop), ...set }, wantsStream, mending }, to),
      headers: prepared.headers,
      parameters: () => askedParameters({ ...without(request, drop), ...set }, { ...arrived, caller: request }),
      wantsUsage: isSingle(body) && include_usage === true,
    };
  },
};

/** A protocol that is translated both ways; the engine is always asked to stream. */
export function translatedDoor(dialect: Dialect): Door {
  return {
    voice: dialect,
    order: (arrived) => {
      const { services, model, ticket, json } = arrived;
      const reading = dialect.read(json.body);
      const prepared = prepare(services, arrived, reading.request);
      const { request } = reading;
      const asked = { ...without(request, prepared.drop), messages: request.messages, ...prepared.set };
      refuseDanger(asked);
      const head = headOf(services, ticket, model);
      return {
        modelId: model.id,
        head,
        path: CHAT_PATH,
        wording: (to) =>
          to.speech.knowsLlamaFields
            ? plainWording(() => translatedText(asked, { model: model.id, ...AS_STREAM }), prepared.mending)
            : foreignWording({ services, model, body: asked, wantsStream: true, mending: prepared.mending }, to),
        wantsStream: reading.wantsStream,
        hidesProgress: true,
        translation: { encoder: () => reading.encoder(head), collector: () => reading.collector(head) },
        notes: [...json.mends, ...reading.notes, ...prepared.notes],
        headers: prepared.headers,
        parameters: () => askedParameters(asked, { ...arrived, caller: request }),
        wantsUsage: false,
      };
    },
  };
}

const AS_STREAM = { stream: true, stream_options: { include_usage: true }, return_progress: true };

function headOf(services: GatewayServices, ticket: Ticket, model: Model): AnswerHead {
  return { requestId: ticket.id, modelId: model.id, createdS: Math.floor(services.clock.wallMs() / 1000) };
}

function wholeAsStream({ model, json }: Arrived, { set, drop }: Changes): string {
  return engineText(json, { set: { model: model.id, ...set, ...AS_STREAM }, drop });
}

function isSingle({ n }: JsonObject): boolean {
  return n === undefined || n === null || n === 1;
}

type Texts = { readonly text: () => string; readonly streamText: Wording['streamText'] };

function verbatimWording({ text, streamText }: Texts, foreign: () => Wording, { speech }: Addressee): Wording {
  return speech.knowsLlamaFields ? plainWording(text, null, streamText) : foreign();
}

/** Throws Fault('invalid-request') where the engine answers once, whatever `n` says: servers of MLX models. */
export function refuseSeveral({ services, model }: Arrived): void {
  const kind = expectedKind(services, model);
  if (kind === 'llama.cpp' || kind === 'openai') return;
  throw new Fault('invalid-request', `Several answers are asked for; ${kind} gives one answer to a request.`, {
    hint: 'Send the request several times.',
  });
}

type VerbatimOrder = Omit<Order, 'wording'> & { readonly text: () => string };

function verbatimOrder(
  { services, ticket, model, json }: Arrived,
  path: string,
  { set, drop }: Changes,
  notes: readonly string[] = [],
): VerbatimOrder {
  const { body } = json;
  refuseDanger(body);
  const wantsStream = body.stream === true && !WHOLE_PATH.test(path);
  const isChat = path === CHAT_PATH;
  const wantsProgress = wantsStream && isSingle(body) && isChat && body.return_progress !== true;
  const progress = wantsProgress ? { return_progress: true } : {};
  return {
    modelId: model.id,
    head: headOf(services, ticket, model),
    path,
    text: () => engineText(json, { set: { model: model.id, ...progress, ...set }, drop }),
    wantsStream,
    hidesProgress: wantsProgress,
    translation: null,
    notes: [...json.mends, ...notes],
    headers: {},
    parameters: null,
    wantsUsage: false,
  };
}

function listOrRefuse(messages: unknown): ChatRequest['messages'] {
  if (Array.isArray(messages)) return messages;
  const found = messages === undefined ? 'missing' : `of type ${messages === null ? 'null' : typeof messages}`;
  throw new Fault('invalid-request', `messages is ${found}; a list of messages is expected.`);
}
