/** The record of a request, the request when it is ready to be asked, and the words in which it is refused. */
import { faultOfAnswer } from '#src/dialects/chat/engine-word.ts';
import type { AnswerHead, Collector, Encoder, Voice } from '#src/dialects/dialect.ts';
import { Fault } from '#src/faults.ts';
import { clientName } from '#src/keys/who.ts';
import type { EngineKind } from '#src/models/model.ts';
import { repairChain } from '#src/repairs/repairs.ts';
import type { RepairContext, Sink, Stage } from '#src/repairs/stage.ts';
import type { AskedParameters, Outcome, RepairUse, RequestHead, Ticket, Usage } from '#src/requests/request.ts';
import type { Lease } from '#src/scheduling/lease.ts';
import type { ExchangeResponse } from '#src/transport/exchange.ts';
import { inflated } from '#src/transport/inflate.ts';
import type { Addressee } from './foreign-body.ts';
import { HOPS_HEADER } from './hops.ts';
import { keyHeader } from './lend.ts';
import type { Life } from './life.ts';
import type { Mending } from './prepare.ts';
import type { GatewayServices } from './services.ts';

/** A request that is ready to be asked. */
export type Order = {
  readonly modelId: string;
  /** Path of the engine. */
  readonly path: string;
  /** Writes the request for the engine that was lent. Throws the Fault that says what it cannot do. */
  readonly wording: (to: Addressee) => Wording;
  readonly wantsStream: boolean;
  /** Drop the engine's progress frames, which only Flow asked for. */
  readonly hidesProgress: boolean;
  /** Null when the client's protocol is the engine's own. */
  readonly translation: { readonly encoder: () => Encoder; readonly collector: () => Collector } | null;
  /** What was changed in the request, in words. */
  readonly notes: readonly string[];
  /** Headers of the answer that say so too. */
  readonly headers: Readonly<Record<string, string>>;
  /** Reads what is in effect, for the record; null where nothing is sampled. */
  readonly parameters: (() => AskedParameters) | null;
  readonly head: AnswerHead;
  /** The client wants a frame with the counts at the end. */
  readonly wantsUsage: boolean;
};

/** A request as one engine is asked, and what is left to Flow of its answer. */
export type Wording = {
  readonly text: string;
  /** Writes the same request for a stream, where `text` asks for a whole answer; null when that makes no sense. */
  readonly streamText: (() => string) | null;
  /** A stream would tell less than the whole answer: llama-server leaves out the probabilities of its last token. */
  readonly losesByStream: boolean;
  /** `text` asks for a stream, whatever the client wants: of a whole answer the engine would not let go. */
  readonly isStream: boolean;
  /** What may be mended in the answer; null when its bytes must pass as they come. */
  readonly mending: Mending | null;
  /** Null for llama-server's own streams; else what is known of those that have to be made like them. */
  readonly foreign: Foreign | null;
  /** What was asked for in vain, in words. */
  readonly notes: readonly string[];
};

/** What the frames of an engine that is not llama-server are read with. */
export type Foreign = {
  /** The limit of the answer that it was sent; null = none. */
  readonly limitTokens: number | null;
  /** The characters of its prompt, and how many tokens they may be. */
  readonly characters: number;
  readonly promptTokens: number;
  /** Told when the engine has lost a call that its model made. */
  readonly onLostCall: () => void;
};

/** What an answer is made for. */
export type Call = {
  readonly services: GatewayServices;
  readonly voice: Voice;
  readonly ticket: Ticket;
  readonly clientSignal: AbortSignal;
  /** Where its body is, if that is large. */
  readonly place: Disposable;
  /** Flows that the request came through before this one. */
  readonly hops: number;
};

/** Begins the record of a request. */
export function openTicket(
  { tracker }: GatewayServices,
  request: Request,
  { dialect, wantedModel, isStream }: Pick<RequestHead, 'dialect' | 'wantedModel' | 'isStream'>,
): Ticket {
  const route = new URL(request.url).pathname;
  return tracker.open({ route, dialect, wantedModel, isStream, client: clientName(request.headers.get('user-agent')) });
}

/** Settles a request that comes to nothing, and words it. */
export function refuse(call: Call, fault: Fault, modelId: string | null = null, outcome?: Outcome): Response {
  call.ticket.settle(
    outcome ?? (fault.kind === 'cancelled' ? { kind: 'cancelled', by: 'client' } : { kind: 'failed', fault }),
  );
  call.place[Symbol.dispose]();
  return refusalResponse(call.voice, fault, call.ticket.id, modelId);
}

/** A fault as an answer in a protocol's own shape. */
export function refusalResponse(voice: Voice, fault: Fault, requestId: string, modelId: string | null): Response {
  const { status, headers, body } = voice.refusal(fault, requestId);
  const named = modelId === null ? headers : { ...headers, 'x-flow-model': headerText(modelId) };
  return Response.json(body, { status, headers: { 'x-request-id': requestId, ...named } });
}

/** Engines that tell how far they have read a prompt. */
const SHOWS_PREFILL: ReadonlySet<EngineKind> = new Set<EngineKind>(['llama.cpp', 'mlx-lm']);

/** Asks the engine. Rejects with the fault of the connection, or when the life has ended. */
export async function ask(call: Call, order: Order, text: string, life: Life, lease: Lease): Promise<ExchangeResponse> {
  const { client } = call.services;
  call.ticket.sent();
  life.listen();
  if (!SHOWS_PREFILL.has(lease.engine)) life.bePatient();
  // The request's own headers stay here: an engine is told nothing but the type, its key and the hops.
  const headers = {
    'content-type': 'application/json',
    'accept-encoding': 'identity',
    ...keyHeader(lease),
    // Another Flow is taken for some server that speaks OpenAI chat.
    ...(lease.engine === 'openai' ? { [HOPS_HEADER]: String(call.hops + 1) } : {}),
  };
  const response = await client.send(lease.baseUrl, {
    method: 'POST',
    path: order.path,
    headers,
    body: text,
    signal: life.signal,
  });
  lease.answered(response.status);
  return inflated(response);
}

/** The order as the engine of this lease is asked; what it cannot do is noted. */
export function wordingFor({ ticket }: Call, order: Order, lease: Lease): Wording {
  const wording = order.wording(lease);
  for (const note of wording.notes) ticket.repaired(note);
  const limitTokens = wording.foreign?.limitTokens ?? null;
  // Some engines have no end of their own, so they are told one even where nobody named it.
  const parameters = limitTokens === null ? null : order.parameters?.();
  if (limitTokens !== null && parameters && !Object.hasOwn(parameters, 'max_tokens'))
    ticket.asked(() => ({ ...parameters, max_tokens: [limitTokens, 'flow'] }));
  return wording;
}

/** An engine's refusal as a Fault. mlx_lm answers 404 to whatever it cannot do, which a client would misunderstand. */
export async function refusedBy({ speech, apiKey }: Lease, response: ExchangeResponse): Promise<Fault> {
  const said = await response.text();
  // A careless peer repeats the key that it was shown; whoever asks, and the records, are not to learn it.
  const text = apiKey === '' ? said : said.replaceAll(apiKey, '[secret]');
  const { status } = response;
  if (speech.knowsLlamaFields) return faultOfAnswer(status, text);
  return faultOfAnswer(status === 404 ? 500 : status === 422 ? 400 : status, text);
}

/** Remembers how long a prompt was that only its engine could count. */
export function learn({ services }: Call, { modelId }: Order, { foreign }: Wording, { inputTokens }: Usage): void {
  // Of an answer that Flow ended only the guess is known.
  if (foreign && inputTokens !== null && inputTokens !== foreign.promptTokens)
    services.estimates.learn(modelId, foreign.characters, inputTokens);
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

/** The headers of every answer. */
export function answerHeaders(call: Call, order: Order): Record<string, string> {
  return { ...order.headers, ...namingHeaders(call.ticket.id, order.modelId) };
}

/** Which request it was, and which model. */
export function namingHeaders(requestId: string, modelId: string): Record<string, string> {
  return { 'x-flow-model': headerText(modelId), 'x-request-id': requestId, 'request-id': requestId };
}

/** A model's name may hold any letters; a header may not. Half an emoji cannot be encoded, so it is made well first. */
function headerText(modelId: string): string {
  return modelId.toWellFormed().replace(/[^!-~]/gu, encodeURIComponent);
}

/** Makes the repairs of one answer. With `askAgain`, they may ask for a second one. */
export type MakeChain = (sink: Sink, askAgain?: RepairContext['askAgain']) => Stage | null;

/** The repairs of one attempt; null when none is wanted. */
export function chainFor(ticket: Ticket, mending: Mending | null): MakeChain {
  return (sink, askAgain) => {
    if (!mending) return null;
    const report = (use: RepairUse) => ticket.mended(use);
    return repairChain({ ...mending, requestId: ticket.id, report, ...(askAgain ? { askAgain } : {}) }, sink);
  };
}
