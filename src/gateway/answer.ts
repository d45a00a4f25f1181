/**
 * One request's life: read, resolved, queued, lent an engine, answered, settled. Whatever happens, the ticket is
 * settled once and each lease is given back once.
 *
 * A fault is a status for as long as nothing is committed; a streamed answer is committed when the engine has accepted
 * it, or after half a second of waiting (so that no agent times out), and from then on a fault is a frame.
 */

import type { Encoder } from '#src/dialects/dialect.ts';
import { asFault, type Fault } from '#src/faults.ts';
import type { Correction } from '#src/repairs/schemas/correction.ts';
import type { Outcome, Ticket } from '#src/requests/request.ts';
import type { Lease } from '#src/scheduling/lease.ts';
import { Outlet } from '#src/stream/outlet.ts';
import { endIfDead, isEnginesEnd } from './end-if-dead.ts';
import { type Ending, type Lane, type LaneEnd, TranslateLane, VerbatimLane } from './lane.ts';
import { underLease } from './lend.ts';
import { Life } from './life.ts';
import { MendLane } from './mend-lane.ts';
import {
  answerHeaders,
  ask,
  type Call,
  chainFor,
  learn,
  type Order,
  refusalResponse,
  refusedBy,
  type Wording,
  wordingFor,
} from './order.ts';
import { secondSource } from './second-try.ts';
import { whole } from './whole.ts';
import { type Source, sourceOf } from './whole-as-stream.ts';

const COMMIT_AFTER_MS = 500;

/** Answers an order. Never rejects: a fault becomes the protocol's own error answer. */
export async function answerOrder(call: Call, order: Order): Promise<Response> {
  for (const note of order.notes) call.ticket.repaired(note);
  if (order.parameters) call.ticket.asked(order.parameters);
  const { voice, ticket, clientSignal } = call;
  const life = new Life({ ticket, clientSignal, heartbeat: voice.heartbeat(order.head) });
  return order.wantsStream ? streamed(call, order, life) : whole(call, order, life);
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
  const refuseOrTell = (fault: Fault, encoder: Encoder | null) => {
    // An answer that has begun fails in its own words: only its encoder knows how far it has come.
    const frame = () => encoder?.push({ type: 'fault', fault }) ?? call.voice.failure(fault, call.ticket.id);
    if (isCommitted) outlet.write(frame());
    else answer.resolve(refusalResponse(call.voice, fault, call.ticket.id, order.modelId));
  };
  // The life goes on by itself: a client that leaves before the response is returned never starts its body (measured),
  // so nothing that must happen may hang on the body being read.
  void runStream(call, order, life, { outlet, commit, refuseOrTell });
  return answer.promise;
}

type Side = {
  readonly outlet: Outlet;
  readonly commit: () => void;
  readonly refuseOrTell: (fault: Fault, encoder: Encoder | null) => void;
};

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
        const wording = wordingFor(call, order, lease);
        const response = await ask(call, order, wording.text, life, lease);
        if (response.status !== 200) throw await refusedBy(lease, response);
        const source = await sourceOf(call, order, wording.foreign, response);
        side.commit();
        const made = laneFor(call, order, wording, encoder);
        lane = made;
        const relaying = { lane: made, life, ticket, outlet: side.outlet };
        const { ending, correction } = await relay(source, relaying);
        learn(call, order, wording, ending.usage);
        return correction ? correct({ call, order, wording, lease }, relaying, correction) : ending;
      },
    });
    if (ending.fault && ending.isUntold) side.refuseOrTell(ending.fault, encoder);
    outcome = outcomeOf(ending, life);
  } catch (cause) {
    const verdict = life.verdict(asFault(cause));
    outcome = verdict.outcome;
    side.refuseOrTell(verdict.fault, encoder);
    if (isEnginesEnd(verdict.fault)) void endIfDead(services, order.modelId);
  } finally {
    life.over();
    call.place[Symbol.dispose]();
    side.outlet.end();
  }
  ticket.settle(outcome);
}

/** The way through for one attempt: repairs begin afresh, the encoder goes on. */
function laneFor({ ticket }: Call, order: Order, { mending, foreign }: Wording, encoder: Encoder | null): Lane {
  const { wantsUsage, head } = order;
  // llama-server reports progress when asked to; an engine that does so by itself was not asked either.
  const hidesProgress = order.hidesProgress || foreign !== null;
  const chain = chainFor(ticket, mending);
  const promptGuess = foreign?.promptTokens ?? null;
  if (encoder) return new TranslateLane({ ticket, encoder, chain, promptGuess });
  const lane = new MendLane({ ticket, head, hidesProgress, wantsUsage, chain, promptGuess });
  return lane.isNeeded ? lane : new VerbatimLane({ ticket, hidesProgress });
}

type Relaying = { readonly lane: Lane; readonly life: Life; readonly ticket: Ticket; readonly outlet: Outlet };

/** Carries one answer from engine to client: the only place that waits between them. */
async function relay(source: Source, { lane, life, ticket, outlet }: Relaying): Promise<LaneEnd> {
  try {
    for (let bytes = await source.read(); bytes; bytes = await source.read()) {
      const piece = lane.take(bytes);
      life.heard(lane.outputTokens > 0);
      if (lane.outputTokens > 0) ticket.output(lane.outputTokens);
      if (piece !== null) {
        life.spoke();
        const room = outlet.write(piece);
        if (room) await room;
      }
      if (lane.isOver) break;
    }
    life.rest();
    return await ended({ lane, life, ticket, outlet });
  } finally {
    life.rest();
    source.close();
  }
}

async function ended({ lane, ticket, outlet }: Relaying): Promise<LaneEnd> {
  const end = lane.end();
  if (!end.correction) ticket.sending();
  if (end.piece !== null) await outlet.write(end.piece);
  return end;
}

/** Asks once more, telling the model what was wrong, and goes on with that answer; or without it, if there is none. */
async function correct(
  { call, order, wording, lease }: { call: Call; order: Order; wording: Wording; lease: Lease },
  relaying: Relaying,
  correction: Correction,
): Promise<Ending> {
  const { life } = relaying;
  const { text, foreign } = wording;
  const source = await secondSource(call, order, text, { life, lease, correction, foreign });
  if (source) {
    const { ending } = await relay(source, relaying).catch((cause) => {
      if (life.endedBy) throw cause;
      // To the lane, a broken connection is an answer without an end: it knows what has been said of it.
      return ended(relaying);
    });
    return ending;
  }
  const piece = relaying.lane.giveUp(correction);
  if (piece !== null) await relaying.outlet.write(piece);
  return (await ended(relaying)).ending;
}

function outcomeOf(ending: Ending, life: Life): Outcome {
  const { usage, timings, finish, fault } = ending;
  if (fault) return { kind: 'failed', fault, usage, timings };
  // The client left while the last of it was on its way.
  if (life.endedBy === 'client') return { kind: 'cancelled', by: 'client', usage, timings };
  return { kind: 'completed', usage, timings, finishReason: finish };
}

function streamHeaders(call: Call, order: Order): Record<string, string> {
  return {
    ...answerHeaders(call, order),
    'content-type': call.voice.streamType,
    'cache-control': 'no-cache',
    'x-accel-buffering': 'no',
  };
}
