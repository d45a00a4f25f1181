/** POST /v1/messages/count_tokens, /v1/responses/input_tokens: the engine counts the prompt as it would read it. */
import { faultOfAnswer, NO_TIMINGS, NO_USAGE } from '#src/dialects/chat/engine-word.ts';
import type { Dialect } from '#src/dialects/dialect.ts';
import { asFault, Fault } from '#src/faults.ts';
import { isObject, type JsonObject, jsonOrNull, numberOrNull, stringOrNull } from '#src/json.ts';
import type { Lease } from '#src/scheduling/lease.ts';
import type { EngineClient } from '#src/transport/exchange.ts';
import { type Counting, countedOrGuessed } from './count-by-asking.ts';
import { endIfDead } from './end-if-dead.ts';
import { refuseDanger, translatedText, without } from './engine-body.ts';
import { readBody } from './json-body.ts';
import { keyHeader, underLease } from './lend.ts';
import { Life } from './life.ts';
import { refuseOddModel } from './odd-model.ts';
import { namingHeaders, openTicket, refusalResponse } from './order.ts';
import { prepare } from './prepare.ts';
import type { GatewayServices } from './services.ts';
import { isLlama } from './wording.ts';

/** Answers it in a protocol's shape: the count, and what `beside` has to stand with it. */
export async function countTokens(
  services: GatewayServices,
  request: Request,
  { dialect, beside = {} }: { readonly dialect: Dialect; readonly beside?: JsonObject },
): Promise<Response> {
  const { read, place } = await readBody(services.bodies, request);
  using _place = place;
  const wanted = read instanceof Fault ? null : stringOrNull(read.body.model);
  const ticket = openTicket(services, request, { dialect: dialect.name, wantedModel: wanted, isStream: false });
  const life = new Life({ ticket, clientSignal: request.signal, heartbeat: '' });
  let modelId: string | null = null;
  using _beats = services.pulse.join(life);
  try {
    if (read instanceof Fault) throw read;
    refuseOddModel(read.body);
    const meant = services.models.resolve(wanted);
    const { model } = meant;
    modelId = model.id;
    ticket.resolved(model.id);
    const { request: asked } = dialect.read({ max_tokens: 1, ...read.body });
    const { set, drop } = prepare(services, meant, asked);
    const ready = { ...without(asked, drop), messages: asked.messages, ...set };
    refuseDanger(ready);
    const text = translatedText(ready, { model: model.id, stream: false });
    const { inputTokens, headers: told } = isLlama(model)
      ? { inputTokens: await counted({ services, ticket, life, model }, text), headers: {} }
      : await countedOrGuessed({ services, ticket, life, model }, ready);
    ticket.settle({ kind: 'completed', usage: { ...NO_USAGE, inputTokens }, timings: NO_TIMINGS, finishReason: null });
    const headers = { ...namingHeaders(ticket.id, model.id), ...told };
    return Response.json({ ...beside, input_tokens: inputTokens }, { headers });
  } catch (cause) {
    const { fault, outcome } = life.verdict(asFault(cause));
    ticket.settle(outcome);
    if (fault.kind === 'engine-silent' && modelId !== null) void endIfDead(services, modelId);
    return refusalResponse(dialect, fault, ticket.id, modelId);
  } finally {
    life.over();
  }
}

function counted({ services, ticket, life, model }: Counting, text: string): Promise<number> {
  return underLease({
    lender: services.lender,
    modelId: model.id,
    ticket,
    life,
    mayRepeat: () => true,
    isBrief: true,
    use: (lease) => {
      ticket.sent();
      life.listen();
      return count(services.client, lease, text, life.signal);
    },
  });
}

async function count(client: EngineClient, lease: Lease, text: string, signal: AbortSignal): Promise<number> {
  const counted = await post(client, lease, '/v1/chat/completions/input_tokens', text, signal);
  const exact = isObject(counted) ? numberOrNull(counted.input_tokens) : null;
  if (exact !== null) return exact;
  // Engines of before that route: render the prompt, then count its tokens.
  const rendered = await post(client, lease, '/apply-template', text, signal);
  const prompt = isObject(rendered) ? stringOrNull(rendered.prompt) : null;
  const body = JSON.stringify({ content: prompt ?? '', add_special: true, parse_special: true });
  const tokenized = prompt === null ? null : await post(client, lease, '/tokenize', body, signal);
  if (isObject(tokenized) && Array.isArray(tokenized.tokens)) return tokenized.tokens.length;
  throw new Fault('engine-refused', 'The engine cannot count tokens.', { status: 501 });
}

/** The answer as JSON; null when the engine does not know the route. */
async function post(
  client: EngineClient,
  lease: Lease,
  path: string,
  body: string,
  signal: AbortSignal,
): Promise<JsonObject | null> {
  const headers = { 'content-type': 'application/json', ...keyHeader(lease) };
  const answer = await client.send(lease.baseUrl, { method: 'POST', path, headers, body, signal });
  const text = await answer.text();
  if (answer.status === 404 || answer.status === 405 || answer.status === 501) return null;
  if (answer.status !== 200) throw faultOfAnswer(answer.status, text);
  const parsed = jsonOrNull(text);
  return isObject(parsed) ? parsed : null;
}
