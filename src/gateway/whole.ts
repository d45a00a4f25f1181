/** Answers that are not streamed: passed on byte for byte where nothing had to be mended, or gathered from events. */
import { errorObject, faultOfError, readTimings, readUsage } from '#src/dialects/chat/engine-word.ts';
import { namedAnswer } from '#src/dialects/chat/foreign-frames.ts';
import { ChunkJoiner } from '#src/dialects/chat/join-chunks.ts';
import type { Collector } from '#src/dialects/dialect.ts';
import { asFault, Fault } from '#src/faults.ts';
import { isObject, type JsonObject, jsonOrNull, stringOrNull } from '#src/json.ts';
import { isParserFault } from '#src/repairs/parser-fault.ts';
import type { Correction } from '#src/repairs/schemas/correction.ts';
import type { Outcome, Ticket } from '#src/requests/request.ts';
import type { Lease } from '#src/scheduling/lease.ts';
import { FrameReader } from '#src/stream/frames.ts';
import type { ExchangeResponse } from '#src/transport/exchange.ts';
import { endIfDead, isEnginesEnd } from './end-if-dead.ts';
import { isWorking } from './examine.ts';
import { type Lane, TranslateLane, VerbatimLane } from './lane.ts';
import { underLease } from './lend.ts';
import type { Life } from './life.ts';
import { MendLane } from './mend-lane.ts';
import { mended, type ReadWhole, readWhole, withMessage } from './mend-whole.ts';
import {
  allBytes,
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
import { bothWireUsages, continued, correctedText, SecondTry, secondSource } from './second-try.ts';
import { type Source, sourceOf } from './whole-as-stream.ts';

type Whole = { readonly response: Response; readonly outcome: Outcome };
type Asking = {
  readonly call: Call;
  readonly order: Order;
  readonly wording: Wording;
  readonly life: Life;
  readonly lease: Lease;
};
/** What of the answer has come, so that it cannot be asked for once more. */
type Progress = { hasContent: boolean };

/** Bodies above this are not parsed for their counts. */
const COUNTED_BYTES_MAX = 4 << 20;
const ANSWER_BYTES_MAX = 1 << 30;

/** Answers an order in one piece. Never rejects. */
export async function whole(call: Call, order: Order, life: Life): Promise<Response> {
  const { services, ticket } = call;
  const progress: Progress = { hasContent: false };
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
        const asking = { call, order, wording: wordingFor(call, order, lease), life, lease };
        return order.translation
          ? gathered(asking, asking.wording.text, translating(asking, order.translation.collector()), progress)
          : verbatimOrGathered(asking, progress);
      },
    });
    settled = outcome;
    return response;
  } catch (cause) {
    const verdict = life.verdict(asFault(cause));
    settled = verdict.outcome;
    if (isEnginesEnd(verdict.fault)) void endIfDead(services, order.modelId);
    return refusalResponse(call.voice, verdict.fault, ticket.id, order.modelId);
  } finally {
    life.over();
    call.place[Symbol.dispose]();
    if (settled) ticket.settle(settled);
  }
}

/**
 * llama-server is asked for a stream, and its frames are joined: of a whole answer it notices that nobody waits any
 * more only in a pause of half a second, and beside other answers it has none (b10434: busy for 15 s and more). Any
 * other server is asked for it whole, and once more for a stream when it cannot make sense of what its own model wrote:
 * of that, everything before the failure can be kept.
 */
async function verbatimOrGathered(asking: Asking, progress: Progress): Promise<Whole> {
  const { call, order, wording, life, lease } = asking;
  const { mending, streamText } = wording;
  if (wording.isStream) return gathered(asking, wording.text, joining(asking), progress);
  // Where Flow itself ends the answer it must see it come: a whole one would be computed to the engine's own limit.
  const isEndedHere = mending !== null && mending.answerTokensMax !== null;
  const mustBeSeen = isEndedHere || (lease.speech.knowsLlamaFields && !wording.losesByStream);
  if (streamText !== null && mustBeSeen) return gathered(asking, streamText(), joining(asking), progress);
  life.examineBy(() => isWorking(call.services.client, lease, life.signal));
  try {
    const answer = await ask(call, order, wording.text, life, lease);
    progress.hasContent = true;
    if (answer.status >= 400) throw await refusedBy(lease, answer);
    if (isEventStream(answer)) return await gatheredFrom(answer, asking, wording.text, joining(asking), progress);
    return await verbatim(asking, answer);
  } catch (cause) {
    const mayRecover = streamText !== null && mending?.switches.engine_parser !== false;
    if (!mayRecover || !(cause instanceof Fault) || !isParserFault(cause)) throw cause;
    return gathered(asking, streamText(), joining(asking), progress);
  }
}

/** Some servers stream whatever they are asked for. */
function isEventStream({ headers }: ExchangeResponse): boolean {
  return headers['content-type']?.toLowerCase().startsWith('text/event-stream') ?? false;
}

/** Status and body as the engine gave them, byte for byte, unless something in it had to be mended. */
async function verbatim(asking: Asking, answer: ExchangeResponse): Promise<Whole> {
  const { call, order, wording } = asking;
  const bytes = await allBytes(answer, ANSWER_BYTES_MAX);
  const arrived = bodyOf(bytes);
  const told = wording.foreign ? namedAnswer(arrived, order.modelId) : arrived;
  learn(call, order, wording, readUsage(told));
  const secondTry = new SecondTry();
  const chain = chainFor(call.ticket, wording.mending);
  const read = readWhole(told, (sink) => chain(sink, secondTry.askAgain));
  const correction = secondTry.take();
  const mendedAnswer = correction && read ? await corrected(asking, told, read, correction) : mended(told, read);
  const changed = mendedAnswer ?? (told === arrived ? null : told);
  call.ticket.sending();
  const headers = {
    ...answerHeaders(call, order),
    'content-type': answer.headers['content-type'] ?? 'application/json',
  };
  return {
    response: new Response(changed ? JSON.stringify(changed) : bytes, { status: answer.status, headers }),
    outcome: {
      kind: 'completed',
      usage: readUsage(changed ?? told),
      timings: readTimings(changed ?? told),
      finishReason: finishOf(changed ?? told),
    },
  };
}

/** An engine's body as far as it is read; throws the Fault that it holds. */
function bodyOf(bytes: Uint8Array<ArrayBuffer>): JsonObject {
  const body = bytes.length <= COUNTED_BYTES_MAX ? jsonOrNull(Buffer.from(bytes).toString()) : null;
  const told = isObject(body) ? body : {};
  const error = errorObject(told);
  if (error) throw faultOfError(error);
  return told;
}

/** Asks once more, telling the model what was wrong; the answer of both, or the first one if there is no second. */
async function corrected(
  { call, order, wording, life, lease }: Asking,
  told: JsonObject,
  read: ReadWhole,
  correction: Correction,
): Promise<JsonObject> {
  const { ticket } = call;
  const nextIndex = read.out.filter((event) => event.type === 'tool-start').length;
  const usage = readUsage(told);
  try {
    const answer = await ask(call, order, correctedText(wording.text, correction), life, lease);
    if (answer.status >= 400) throw await refusedBy(lease, answer);
    const second = bodyOf(await allBytes(answer, ANSWER_BYTES_MAX));
    const chain = chainFor(ticket, wording.mending);
    const again = readWhole(second, (sink) => chain(continued({ correction, nextIndex, usage }, sink)));
    if (!again) throw new Fault('engine-refused', 'The second answer has no message.');
    const counted = isObject(second.usage) ? { usage: bothWireUsages(usage, second.usage) } : {};
    return withMessage({ ...second, ...counted, id: told.id }, again.choice, [...read.out, ...again.out]);
  } catch (cause) {
    if (life.endedBy) throw cause;
    correction.handOn();
    return withMessage(told, read.choice, read.out);
  }
}

function finishOf({ choices }: JsonObject): string | null {
  const choice: unknown = Array.isArray(choices) ? choices[0] : null;
  return isObject(choice) ? stringOrNull(choice.finish_reason) : null;
}

/** How a streamed answer becomes a whole one: by its events, or by the frames that a client would have got. */
type Gathering = {
  readonly lane: Lane;
  take(piece: Uint8Array | string | null): void;
  result(): JsonObject;
};

function translating({ call, wording }: Asking, collector: Collector): Gathering {
  const promptGuess = wording.foreign?.promptTokens ?? null;
  const encoder = {
    push: (event: Parameters<Collector['push']>[0]) => {
      collector.push(event);
      return '';
    },
    end: () => '',
  };
  const lane = new TranslateLane({
    ticket: call.ticket,
    encoder,
    chain: chainFor(call.ticket, wording.mending),
    promptGuess,
  });
  return { lane, take: () => {}, result: () => collector.result() };
}

/** Where the engine's protocol is the client's, all that the engine says in its stream is part of the answer. */
function joining({ call, order, wording }: Asking): Gathering {
  const { ticket } = call;
  const chain = chainFor(ticket, wording.mending);
  const promptGuess = wording.foreign?.promptTokens ?? null;
  const mending = new MendLane({ ticket, head: order.head, hidesProgress: true, wantsUsage: true, chain, promptGuess });
  const lane = mending.isNeeded ? mending : new VerbatimLane({ ticket, hidesProgress: true });
  const frames = new FrameReader();
  const joiner = new ChunkJoiner();
  return {
    lane,
    take: (piece) => {
      if (piece === null) return;
      for (const { data } of frames.push(Buffer.from(piece))) joiner.push(data);
    },
    result: () => joiner.result(),
  };
}

/** The engine streams, so that progress, cancelling and counting are those of a stream; the client gets one body. */
async function gathered(asking: Asking, text: string, gathering: Gathering, progress: Progress): Promise<Whole> {
  const { call, order, life, lease } = asking;
  const answer = await ask(call, order, text, life, lease);
  if (answer.status >= 400) throw await refusedBy(lease, answer);
  return gatheredFrom(answer, asking, text, gathering, progress);
}

/** The answer's frames as one body; `text` is what it was asked with. */
async function gatheredFrom(
  answer: ExchangeResponse,
  { call, order, wording, life, lease }: Asking,
  text: string,
  gathering: Gathering,
  progress: Progress,
): Promise<Whole> {
  const { ticket } = call;
  const { lane } = gathering;
  const { foreign } = wording;
  const draining = { gathering, life, ticket, progress };
  await drain(await sourceOf(call, order, foreign, answer), draining);
  let end = lane.end();
  learn(call, order, wording, end.ending.usage);
  gathering.take(end.piece);
  if (end.correction) {
    const again = await secondSource(call, order, text, { life, lease, foreign, correction: end.correction });
    if (again) await drainAgain(again, draining);
    else gathering.take(lane.giveUp(end.correction));
    end = lane.end();
    gathering.take(end.piece);
  }
  ticket.sending();
  const { ending } = end;
  if (ending.fault) throw ending.fault;
  return {
    response: Response.json(gathering.result(), { headers: answerHeaders(call, order) }),
    outcome: { kind: 'completed', usage: ending.usage, timings: ending.timings, finishReason: ending.finish },
  };
}

type Draining = {
  readonly gathering: Gathering;
  readonly life: Life;
  readonly ticket: Ticket;
  readonly progress: Progress;
};

/** Reads an engine's stream to its end, or to that of the answer. */
async function drain(source: Source, { gathering, life, ticket, progress }: Draining): Promise<void> {
  const { lane } = gathering;
  try {
    for (let bytes = await source.read(); bytes; bytes = await source.read()) {
      gathering.take(lane.take(bytes));
      progress.hasContent = lane.hasContent;
      life.heard(lane.outputTokens > 0);
      if (lane.outputTokens > 0) ticket.output(lane.outputTokens);
      if (lane.isOver) break;
    }
  } finally {
    life.rest();
    source.close();
  }
}

/** A second answer whose connection breaks is one without an end: the lane knows what has been said of it. */
async function drainAgain(source: Source, draining: Draining): Promise<void> {
  await drain(source, draining).catch((cause) => {
    if (draining.life.endedBy) throw cause;
  });
}
