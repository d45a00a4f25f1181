/**
 * The length of a prompt where the engine has no route that counts. One token is asked for, and the engine says how
 * long the prompt was: exact, and not in vain, since the prompt stays in its cache for the request that follows. It is
 * done only when nobody has to wait for it; else the length is guessed from earlier prompts.
 */
import { ChatDecoder } from '#src/dialects/chat/decode.ts';
import { Fault } from '#src/faults.ts';
import type { JsonObject } from '#src/json.ts';
import type { Model } from '#src/models/model.ts';
import type { Ticket } from '#src/requests/request.ts';
import type { Lease } from '#src/scheduling/lease.ts';
import { FrameReader } from '#src/stream/frames.ts';
import { keyHeader, underLease } from './lend.ts';
import type { Life } from './life.ts';
import type { GatewayServices } from './services.ts';
import { sourceOf } from './whole-as-stream.ts';
import { foreignWording } from './wording.ts';

/** One question for a count. */
export type Counting = {
  readonly services: GatewayServices;
  readonly ticket: Ticket;
  readonly life: Life;
  readonly model: Model;
};

/** The count, and the header that says so when it is a guess. */
export type Counted = { readonly inputTokens: number; readonly headers: Readonly<Record<string, string>> };

/** Agents ask for the length before each request: they would rather guess than wait. */
const ASKING_MS_MAX = 15_000;
const GUESSED = { 'x-flow-estimated': 'input_tokens' };

/** Counts a chat request. Loads nothing. */
export async function countedOrGuessed(counting: Counting, body: JsonObject): Promise<Counted> {
  const { services, model, life } = counting;
  const { estimates } = services;
  const characters = estimates.charactersOf(body);
  const exact = isFree(counting) ? await asked(counting, body) : null;
  if (life.endedBy) throw new Fault('cancelled', 'The request was ended before its prompt was counted.');
  if (exact === null) return { inputTokens: estimates.guess(model.id, characters).tokens, headers: GUESSED };
  estimates.learn(model.id, characters, exact);
  return { inputTokens: exact, headers: {} };
}

/** Loaded, idle, and on this machine: a server elsewhere may want money for each answer. */
function isFree({ services, model }: Counting): boolean {
  const { state, inFlight, waiting } = services.lender.model(model.id);
  return state.phase === 'ready' && state.speech.isStreamedOnly && inFlight === 0 && waiting === 0;
}

/** Null when the engine does not say, or takes too long. */
async function asked({ services, ticket, life, model }: Counting, body: JsonObject): Promise<number | null> {
  const controller = new AbortController();
  const stop = () => controller.abort();
  using _limit = services.clock.after(ASKING_MS_MAX, stop);
  life.signal.addEventListener('abort', stop);
  try {
    return await underLease({
      lender: services.lender,
      modelId: model.id,
      ticket,
      life,
      mayRepeat: () => false,
      isBrief: true,
      use: (lease) => {
        ticket.sent();
        return promptLength(services, { model, lease, ticket }, body, controller.signal);
      },
    });
  } catch {
    // Whatever is wrong with the request, the request itself will be told.
    return null;
  } finally {
    life.signal.removeEventListener('abort', stop);
  }
}

async function promptLength(
  services: GatewayServices,
  { model, lease, ticket }: { model: Model; lease: Lease; ticket: Ticket },
  body: JsonObject,
  signal: AbortSignal,
): Promise<number | null> {
  const wish = { services, model, body: { ...body, max_tokens: 1 }, wantsStream: true, mending: null };
  const { text, foreign } = foreignWording(wish, lease);
  const headers = { 'content-type': 'application/json', ...keyHeader(lease) };
  const path = '/v1/chat/completions';
  const answer = await services.client.send(lease.baseUrl, { method: 'POST', path, headers, body: text, signal });
  if (answer.status !== 200) {
    answer.close();
    return null;
  }
  const head = { requestId: ticket.id, modelId: model.id, createdS: 0 };
  const shape = { head, wantsUsage: true, translation: null, wantsStream: true };
  const source = await sourceOf({ ticket }, shape, foreign, answer);
  const reader = new FrameReader();
  const decoder = new ChatDecoder(ticket.id);
  for (let bytes = await source.read(); bytes; bytes = await source.read()) {
    for (const { data } of reader.push(bytes)) decoder.push(data);
  }
  const usage = decoder.end().find((event) => event.type === 'usage');
  return usage?.type === 'usage' ? usage.usage.inputTokens : null;
}
