/** Ollama's doors: `/api/chat`, `/api/generate` and its embeddings. */
import { NO_TIMINGS, NO_USAGE } from '#src/dialects/chat/engine-word.ts';
import { invalid, listAt } from '#src/dialects/invalid.ts';
import { type AnswerShape, type Durations, lineHead, nanoseconds, said } from '#src/dialects/ollama/answer-lines.ts';
import { ollamaCollector } from '#src/dialects/ollama/collect.ts';
import { ollamaEncoder } from '#src/dialects/ollama/encode.ts';
import { readKeepAlive } from '#src/dialects/ollama/keep-alive.ts';
import { ollamaDialect } from '#src/dialects/ollama/ollama.ts';
import { readStream } from '#src/dialects/ollama/options.ts';
import { readPlain } from '#src/dialects/ollama/request.ts';
import { NDJSON, ollamaVoice } from '#src/dialects/ollama/voice.ts';
import { asFault, Fault } from '#src/faults.ts';
import { isObject, type JsonObject, numberOrNull, stringOrNull } from '#src/json.ts';
import type { KeepAlive, Lender } from '#src/scheduling/lease.ts';
import { plainOrder } from './completions.ts';
import { type Door, enterRead, translatedDoor, verbatimDoor } from './doors.ts';
import { plainly } from './inability.ts';
import { readBody } from './json-body.ts';
import { lendingBy, underLease } from './lend.ts';
import { Life } from './life.ts';
import { refuseOddModel } from './odd-model.ts';
import { namingHeaders, openTicket, refusalResponse } from './order.ts';
import type { GatewayServices } from './services.ts';

/** One request of Ollama's protocol: how long its model is to stay, and how long things took. */
type Course = { readonly keepAlive: KeepAlive; readonly startedMs: number; leasedMs: number | null };

/** Answers `/api/chat` or `/api/generate`. Without words to answer, the model is only loaded, or unloaded. */
export async function ollamaAnswer(services: GatewayServices, shape: AnswerShape, request: Request): Promise<Response> {
  const { read, place } = await readBody(services.bodies, request);
  const body = read instanceof Fault ? {} : read.body;
  const keepAlive = readOrFault(() => readKeepAlive(body.keep_alive));
  const wantsStream = readOrFault(() => readStream(body.stream));
  const fault = [read, keepAlive, wantsStream].find((each) => each instanceof Fault);
  const course = courseOf(services, keepAlive instanceof Fault ? 'default' : keepAlive);
  const lent = { ...services, lender: keeping(services, course) };
  const isStream = wantsStream === true;
  if (!fault && isWordless(shape, body)) {
    place[Symbol.dispose]();
    return loadOnly(lent, { shape, body, request, isStream, course });
  }
  const door = answerDoor(shape, durationsOf(services, course));
  return enterRead(lent, door, { request, read: fault ?? read, place, modelId: null, isStream });
}

function readOrFault<Value>(read: () => Value): Value | Fault {
  try {
    return read();
  } catch (cause) {
    return asFault(cause);
  }
}

function courseOf({ clock }: GatewayServices, keepAlive: KeepAlive): Course {
  return { keepAlive, startedMs: clock.monotonicMs(), leasedMs: null };
}

function durationsOf({ clock }: GatewayServices, course: Course): Durations {
  return {
    totalMs: () => clock.monotonicMs() - course.startedMs,
    loadMs: () => (course.leasedMs === null ? 0 : course.leasedMs - course.startedMs),
  };
}

/** The lender, telling it of each model that was lent how long it is to stay. */
function keeping({ lender, clock }: GatewayServices, course: Course): Lender {
  return lendingBy(lender, async (modelId, options) => {
    const lease = await lender.acquire(modelId, options);
    course.leasedMs = clock.monotonicMs();
    if (course.keepAlive !== 'default') lender.keep(modelId, course.keepAlive);
    return lease;
  });
}

function isWordless(shape: AnswerShape, body: JsonObject): boolean {
  const isEmpty = (value: unknown) => value === undefined || value === null || value === '' || isEmptyList(value);
  if (shape === 'chat') return isEmpty(body.messages);
  return isEmpty(body.prompt) && isEmpty(body.images) && isEmpty(body.suffix);
}

function isEmptyList(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0;
}

function answerDoor(shape: AnswerShape, durations: Durations): Door {
  const dialect = ollamaDialect(shape, durations);
  const door = translatedDoor(dialect);
  if (shape === 'chat') return door;
  return {
    voice: plainly(dialect),
    order: (arrived) => {
      const plain = readPlain(arrived.json.body);
      if (plain === null) return door.order(arrived);
      return plainOrder(arrived, {
        ...plain,
        encoder: (head) => ollamaEncoder(shape, head, durations),
        collector: (head) => ollamaCollector(shape, head, durations),
      });
    },
  };
}

type Wordless = {
  readonly shape: AnswerShape;
  readonly body: JsonObject;
  readonly request: Request;
  readonly isStream: boolean;
  readonly course: Course;
};

/** Loads a model, so that the next request need not wait; or lets it go, for a `keep_alive` of 0. */
async function loadOnly(services: GatewayServices, wordless: Wordless): Promise<Response> {
  const { shape, body, request, isStream, course } = wordless;
  const voice = ollamaVoice(shape);
  const wanted = stringOrNull(body.model);
  const ticket = openTicket(services, request, { dialect: voice.name, wantedModel: wanted, isStream });
  const life = new Life({ ticket, clientSignal: request.signal, heartbeat: '' });
  let modelId: string | null = null;
  using _beats = services.pulse.join(life);
  try {
    refuseOddModel(body);
    const { model } = services.models.resolve(wanted);
    modelId = model.id;
    ticket.resolved(model.id);
    const reason = course.keepAlive === 0 ? 'unload' : 'load';
    if (reason === 'unload') letGo(services, model.id);
    else await loaded(services, model.id, ticket, life);
    ticket.settle({ kind: 'completed', usage: NO_USAGE, timings: NO_TIMINGS, finishReason: reason });
    const createdS = Math.floor(services.clock.wallMs() / 1000);
    const head = lineHead({ requestId: ticket.id, modelId: model.id, createdS });
    const line = JSON.stringify({ ...head, ...said(shape, {}), done: true, done_reason: reason });
    const headers = { ...namingHeaders(ticket.id, model.id), 'content-type': isStream ? NDJSON : 'application/json' };
    return new Response(`${line}\n`, { headers });
  } catch (cause) {
    const { fault, outcome } = life.verdict(asFault(cause));
    ticket.settle(outcome);
    return refusalResponse(voice, fault, ticket.id, modelId);
  } finally {
    life.over();
  }
}

type Asking = Parameters<typeof underLease>[0];

function loaded(services: GatewayServices, modelId: string, ticket: Asking['ticket'], life: Life): Promise<void> {
  const { lender } = services;
  return underLease({ lender, modelId, ticket, life, isBrief: true, mayRepeat: () => true, use: async () => {} });
}

/** It goes as soon as nobody uses it. */
function letGo({ lender }: GatewayServices, modelId: string): void {
  const { state, isPinned } = lender.model(modelId);
  if (isPinned && (state.phase === 'ready' || state.phase === 'starting')) {
    throw new Fault('conflict', `${modelId} is pinned, so it stays loaded.`, { hint: 'Unpin it in Flow.' });
  }
  lender.keep(modelId, 0);
}

/** Answers `/api/embed` (`input`) or the older `/api/embeddings` (`prompt`), through the engine's own embeddings. */
export async function ollamaEmbed(
  services: GatewayServices,
  field: 'input' | 'prompt',
  request: Request,
): Promise<Response> {
  const { read, place } = await readBody(services.bodies, request);
  const body = read instanceof Fault ? {} : read.body;
  const asked = readOrFault(() => ({ keepAlive: readKeepAlive(body.keep_alive), texts: textsOf(body, field) }));
  const course = courseOf(services, asked instanceof Fault ? 'default' : asked.keepAlive);
  const lent = { ...services, lender: keeping(services, course) };
  if (!(asked instanceof Fault) && !(read instanceof Fault) && asked.texts.length === 0) {
    place[Symbol.dispose]();
    const loading = await loadOnly(lent, { shape: 'generate', body, request, isStream: false, course });
    if (!loading.ok) return loading;
    const nothing = field === 'prompt' ? { embedding: [] } : { model: body.model ?? '', embeddings: [] };
    return Response.json(nothing, { headers: passedHeaders(loading) });
  }
  const input = asked instanceof Fault ? [] : asked.texts;
  let modelId = '';
  const door: Door = {
    voice: plainly(ollamaVoice('generate')),
    order: (arrived) => {
      modelId = arrived.model.id;
      return embeddingOrder(arrived, input);
    },
  };
  const refused = asked instanceof Fault ? asked : read;
  const response = await enterRead(lent, door, { request, read: refused, place, modelId: null, isStream: false });
  if (!response.ok) return response;
  const answer: unknown = await response.json();
  const vectors = vectorsOf(answer, numberOrNull(body.dimensions));
  const usage = isObject(answer) && isObject(answer.usage) ? answer.usage : {};
  const durations = durationsOf(services, course);
  const headers = passedHeaders(response);
  if (field === 'prompt') return Response.json({ embedding: vectors[0] ?? [] }, { headers });
  const told = {
    model: modelId,
    embeddings: vectors,
    total_duration: nanoseconds(durations.totalMs()),
    load_duration: nanoseconds(durations.loadMs()),
    prompt_eval_count: numberOrNull(usage.prompt_tokens) ?? 0,
  };
  return Response.json(told, { headers });
}

function textsOf(body: JsonObject, field: 'input' | 'prompt'): readonly string[] {
  const value = body[field] ?? body.input ?? body.prompt ?? [];
  const texts = typeof value === 'string' ? [value] : listAt(value, field);
  const isText = (text: unknown): text is string => typeof text === 'string';
  if (!texts.every(isText)) throw invalid(field, 'a text, or a list of texts, is required');
  return texts.length === 1 && texts[0] === '' ? [] : texts;
}

function embeddingOrder(arrived: Parameters<Door['order']>[0], input: readonly string[]): ReturnType<Door['order']> {
  const body = { model: arrived.model.id, input };
  const json = { ...arrived.json, body, text: JSON.stringify(body) };
  return verbatimDoor('/v1/embeddings').order({ ...arrived, json });
}

/** The vectors in the order of their texts; shortened ones are brought back to length 1. */
function vectorsOf(answer: unknown, dimensions: number | null): readonly (readonly number[])[] {
  const data: readonly unknown[] = isObject(answer) && Array.isArray(answer.data) ? answer.data : [];
  return data
    .filter(isObject)
    .toSorted((a, b) => (numberOrNull(a.index) ?? 0) - (numberOrNull(b.index) ?? 0))
    .map(({ embedding }) => (Array.isArray(embedding) ? embedding.filter((each) => typeof each === 'number') : []))
    .map((vector) => (dimensions !== null && dimensions > 0 ? shortened(vector, dimensions) : vector));
}

function shortened(vector: readonly number[], dimensions: number): readonly number[] {
  if (dimensions >= vector.length) return vector;
  const kept = vector.slice(0, dimensions);
  const length = Math.hypot(...kept);
  return length === 0 ? kept : kept.map((each) => each / length);
}

function passedHeaders(response: Response): Record<string, string> {
  const named = ['x-flow-model', 'x-request-id'].map((name) => [name, response.headers.get(name)] as const);
  return Object.fromEntries(named.flatMap(([name, value]) => (value === null ? [] : [[name, value]])));
}
