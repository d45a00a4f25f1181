/**
 * One request's life: read, resolved, queued, lent an engine, answered, settled. Whatever happens, the ticket is
 * settled once and each lease is given back once.
 *
 * A fault is a status for as long as nothing is committed; a streamed answer is committed when the engine has accepted
 * it, or after half a second of waiting (so that no agent times out), and from then on a fault is a frame.
 */

import { ChatDecoder } from '#src/dialects/chat/decode.ts';
import {
  errorObject,
  faultOfAnswer,
  faultOfError,
  parsedOrNull,
  readTimings,
  readUsage,
} from '#src/dialects/chat/engine-word.ts';
import type { Collector, Encoder, Voice } from '#src/dialects/dialect.ts';
import type { StreamEvent } from '#src/dialects/stream-event.ts';
import { asFault, Fault } from '#src/faults.ts';
import { isObject, type JsonObject, stringOrNull } from '#src/json.ts';
import type { Outcome, Ticket } from '#src/requests/request.ts';
import type { Lease } from '#src/scheduling/lease.ts';
import { FrameReader } from '#src/stream/frames.ts';
import { Outlet } from '#src/stream/outlet.ts';
import type { ExchangeResponse } from '#src/transport/exchange.ts';
import { endIfDead } from './end-if-dead.ts';
import { isWorking } from './examine.ts';
import { type Ending, endingOf, type Lane, TranslateLane, VerbatimLane } from './lane.ts';
import { keyHeader, underLease } from './lend.ts';
import { Life } from './life.ts';
import type { GatewayServices } from './services.ts';
import { asStream, type Source } from './whole-as-stream.ts';

/** A request that is ready to be asked. */
export type Order = {
  readonly modelId: string;
  /** Path of the engine. */
  readonly path: string;
  readonly text: string;
  readonly wantsStream: boolean;
  /** Drop the engine's progress frames, which only Flow asked for. */
  readonly hidesProgress: boolean;
  /** Null when the client's protocol is the engine's own. */
  readonly translation: { readonly encoder: () => Encoder; readonly collector: () => Collector } | null;
  readonly repairs: readonly string[];
};

/** What an answer is made for. */
export type Call = {
  readonly services: GatewayServices;
  readonly voice: Voice;
  readonly ticket: Ticket;
  readonly clientSignal: AbortSignal;
};

const COMMIT_AFTER_MS = 500;
/** Bodies above this are not parsed for their counts. */
const COUNTED_BYTES_MAX = 4 << 20;
const ANSWER_BYTES_MAX = 1 << 30;

/** Answers an order. Never rejects: a fault becomes the protocol's own error answer. */
export async function answerOrder(call: Call, order: Order): Promise<Response> {
  for (const repair of order.repairs) call.ticket.repaired(repair);
  const { voice, ticket, clientSignal } = call;
  const life = new Life({ ticket, clientSignal, heartbeat: voice.heartbeat });
  return order.wantsStream ? streamed(call, order, life) : whole(call, order, life);
}

/** Settles a request that comes to nothing, and words it. */
export function refuse(call: Call, fault: Fault, modelId: string | null = null, outcome?: Outcome): Response {
  call.ticket.settle(
    outcome ?? (fault.kind === 'cancelled' ? { kind: 'cancelled', by: 'client' } : { kind: 'failed', fault }),
  );
  return refusalResponse(call.voice, fault, call.ticket.id, modelId);
}

/** A fault as an answer in a protocol's own shape. */
export function refusalResponse(voice: Voice, fault: Fault, requestId: string, modelId: string | null): Response {
  const { status, headers, body } = voice.refusal(fault, requestId);
  const named = modelId === null ? headers : { ...headers, 'x-flow-model': headerText(modelId) };
  return Response.json(body, { status, headers: { 'x-request-id': requestId, ...named } });
}

function streamed(call: Call, order: Order, life: Life): Promise<Response> {
  const answer = Promise.withResolvers<Response>();
  const outlet = new Outlet(() => life.end('client'));
  let isCommitted = false;
  const commit = () => {
    if (isCommitted) return;
    isCommitted = true;
    life.committed(outlet);
    answer.resolve(new Response(outlet.body, { headers: streamHeaders(call, order) }));
  };
  const refuseOrTell = (fault: Fault) => {
    if (isCommitted) outlet.write(call.voice.failure(fault, call.ticket.id));
    else answer.resolve(refusalResponse(call.voice, fault, call.ticket.id, order.modelId));
  };
  // The life goes on by itself: a client that leaves before the response is returned never starts its body (measured),
  // so nothing that must happen may hang on the body being read.
  void runStream(call, order, life, { outlet, commit, refuseOrTell });
  return answer.promise;
}

type Side = { readonly outlet: Outlet; readonly commit: () => void; readonly refuseOrTell: (fault: Fault) => void };

async function runStream(call: Call, order: Order, life: Life, side: Side): Promise<void> {
  const { services, ticket } = call;
  using _patience = services.clock.after(COMMIT_AFTER_MS, () => {
    side.commit();
    life.breakSilence();
  });
  using _beats = services.pulse.join(life);
  // Wakes a writer that waits for a client that is gone.
  life.signal.addEventListener('abort', () => {
    if (life.endedBy === 'client' || side.outlet.isStalled) side.outlet.abandon();
  });
  let outcome: Outcome;
  let lane: Lane | null = null;
  // One for all attempts: an answer that has begun with the progress of a prompt is gone on with, not begun again.
  const encoder = order.translation?.encoder() ?? null;
  try {
    const ending = await underLease({
      lender: services.lender,
      modelId: order.modelId,
      ticket,
      life,
      mayRepeat: () => !lane?.hasContent,
      use: async (lease) => {
        const response = await ask(call, order, life, lease);
        if (response.status !== 200) throw faultOfAnswer(response.status, await response.text());
        const source = await asStream(response);
        side.commit();
        lane = encoder
          ? new TranslateLane({ ticket, encoder })
          : new VerbatimLane({ ticket, hidesProgress: order.hidesProgress });
        return relay(source, lane, life, ticket, side.outlet);
      },
    });
    if (ending.fault && ending.isUntold) side.refuseOrTell(ending.fault);
    outcome = outcomeOf(ending, life);
  } catch (cause) {
    const verdict = life.verdict(asFault(cause));
    outcome = verdict.outcome;
    side.refuseOrTell(verdict.fault);
    if (verdict.fault.kind === 'engine-silent') void endIfDead(services, order.modelId);
  } finally {
    life.over();
    side.outlet.end();
  }
  ticket.settle(outcome);
}

/** Carries one answer from engine to client: the only place that waits between them. */
async function relay(source: Source, lane: Lane, life: Life, ticket: Ticket, outlet: Outlet): Promise<Ending> {
  try {
    for (let bytes = await source.read(); bytes; bytes = await source.read()) {
      const piece = lane.take(bytes);
      life.heard(lane.outputTokens > 0);
      if (lane.outputTokens > 0) ticket.output(lane.outputTokens);
      if (piece === null) continue;
      life.spoke();
      const room = outlet.write(piece);
      if (room) await room;
    }
    life.rest();
    const { piece, ending } = lane.end();
    ticket.sending();
    if (piece !== null) await outlet.write(piece);
    return ending;
  } finally {
    life.rest();
    source.close();
  }
}

async function whole(call: Call, order: Order, life: Life): Promise<Response> {
  const { services, ticket } = call;
  const progress = { hasContent: false };
  let settled: Outcome | null = null;
  using _beats = services.pulse.join(life);
  try {
    const { response, outcome } = await underLease({
      lender: services.lender,
      modelId: order.modelId,
      ticket,
      life,
      mayRepeat: () => !progress.hasContent,
      use: async (lease) => {
        if (!order.translation) life.examineBy(() => isWorking(services.client, lease, life.signal));
        const answer = await ask(call, order, life, lease);
        progress.hasContent = !order.translation;
        if (answer.status >= 400) throw faultOfAnswer(answer.status, await answer.text());
        return order.translation ? collected(call, order, answer, life, progress) : verbatim(call, order, answer);
      },
    });
    settled = outcome;
    return response;
  } catch (cause) {
    const verdict = life.verdict(asFault(cause));
    settled = verdict.outcome;
    if (verdict.fault.kind === 'engine-silent') void endIfDead(services, order.modelId);
    return refusalResponse(call.voice, verdict.fault, ticket.id, order.modelId);
  } finally {
    life.over();
    if (settled) ticket.settle(settled);
  }
}

type Whole = { readonly response: Response; readonly outcome: Outcome };

/** Status and body as the engine gave them, byte for byte. */
async function verbatim(call: Call, order: Order, answer: ExchangeResponse): Promise<Whole> {
  const bytes = await allBytes(answer, ANSWER_BYTES_MAX);
  call.ticket.sending();
  const body = bytes.length <= COUNTED_BYTES_MAX ? parsedOrNull(Buffer.from(bytes).toString()) : null;
  const told = isObject(body) ? body : {};
  const error = errorObject(told);
  if (error) throw faultOfError(error);
  const headers = {
    ...answerHeaders(call, order),
    'content-type': answer.headers['content-type'] ?? 'application/json',
  };
  const choice = Array.isArray(told.choices) ? told.choices[0] : null;
  const finishReason = isObject(choice) ? stringOrNull(choice.finish_reason) : null;
  return {
    response: new Response(bytes, { status: answer.status, headers }),
    outcome: { kind: 'completed', usage: readUsage(told), timings: readTimings(told), finishReason },
  };
}

/** The engine streams, so that progress, cancelling and counting are those of a stream; the client gets one body. */
async function collected(
  call: Call,
  order: Order,
  answer: ExchangeResponse,
  life: Life,
  progress: { hasContent: boolean },
): Promise<Whole> {
  const { ticket } = call;
  const collector = order.translation?.collector();
  const decoder = new ChatDecoder(ticket.id);
  const frames = new FrameReader();
  let outputTokens = 0;
  const take = (events: readonly StreamEvent[]) => {
    for (const event of events) {
      if (event.type === 'prompt') ticket.prefill(event);
      if (event.type === 'text' || event.type === 'thinking' || event.type === 'tool-arguments') outputTokens += 1;
      collector?.push(event);
    }
  };
  const source = await asStream(answer);
  try {
    for (let bytes = await source.read(); bytes; bytes = await source.read()) {
      for (const frame of frames.push(bytes)) take(decoder.push(frame.data));
      progress.hasContent = outputTokens > 0;
      life.heard(outputTokens > 0);
      if (outputTokens > 0) ticket.output(outputTokens);
    }
  } finally {
    life.rest();
    source.close();
  }
  for (const frame of frames.end()) take(decoder.push(frame.data));
  const last = decoder.end();
  take(last);
  ticket.sending();
  const body: JsonObject = collector?.result() ?? {};
  const ending = endingOf(last);
  return {
    response: Response.json(body, { headers: answerHeaders(call, order) }),
    outcome: { kind: 'completed', usage: ending.usage, timings: ending.timings, finishReason: ending.finish },
  };
}

function ask(call: Call, order: Order, life: Life, lease: Lease): Promise<ExchangeResponse> {
  const { client } = call.services;
  call.ticket.sent();
  life.listen();
  // The request's own headers stay here: an engine is told nothing but the type and its key.
  const headers = {
    'content-type': 'application/json',
    'accept-encoding': 'identity',
    ...keyHeader(lease),
  };
  return client.send(lease.baseUrl, {
    method: 'POST',
    path: order.path,
    headers,
    body: order.text,
    signal: life.signal,
  });
}

/** The whole body of an engine's answer. Throws Fault('engine-refused') when it is longer than `bytesMax`. */
export async function allBytes(answer: ExchangeResponse, bytesMax: number): Promise<Uint8Array<ArrayBuffer>> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  for (let bytes = await answer.read(); bytes; bytes = await answer.read()) {
    length += bytes.length;
    if (length > bytesMax) {
      answer.close();
      throw new Fault('engine-refused', `The engine's answer is longer than ${bytesMax} bytes.`);
    }
    pieces.push(bytes);
  }
  return Buffer.concat(pieces);
}

function outcomeOf(ending: Ending, life: Life): Outcome {
  const { usage, timings, finish, fault } = ending;
  if (fault) return { kind: 'failed', fault, usage, timings };
  // The client left while the last of it was on its way.
  if (life.endedBy === 'client') return { kind: 'cancelled', by: 'client', usage, timings };
  return { kind: 'completed', usage, timings, finishReason: finish };
}

function answerHeaders(call: Call, order: Order): Record<string, string> {
  const id = call.ticket.id;
  return { 'x-flow-model': headerText(order.modelId), 'x-request-id': id, 'request-id': id };
}

function streamHeaders(call: Call, order: Order): Record<string, string> {
  return {
    ...answerHeaders(call, order),
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-cache',
    'x-accel-buffering': 'no',
  };
}

/** A model's name may hold any letters; a header may not. Half an emoji cannot be encoded, so it is made well first. */
function headerText(modelId: string): string {
  return modelId.toWellFormed().replace(/[^!-~]/gu, encodeURIComponent);
}
