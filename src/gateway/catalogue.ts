/** GET /v1/models: one object that satisfies the clients of OpenAI, of Anthropic and of llama.cpp's router. */

import { chatVoice } from '#src/dialects/chat/voice.ts';
import { asFault, Fault } from '#src/faults.ts';
import type { JsonObject } from '#src/json.ts';
import type { Model } from '#src/models/model.ts';
import { CLAUDE_ALIAS_PREFIX } from '#src/models/resolve.ts';
import { type Offer, offersOf } from './offers.ts';
import { refusalResponse } from './order.ts';
import { routerStatus } from './router-models.ts';
import type { GatewayServices } from './services.ts';

type Entry = JsonObject & { readonly id: string };
type Page = { readonly data: readonly Entry[]; readonly hasMore: boolean };

/** Anthropic's clients always send this header, OpenAI's never. */
const ANTHROPIC_HEADER = 'anthropic-version';
const OUTPUT_TOKENS_DEFAULT = 8_192;
const PAGE_MAX = 1_000;

/**
 * The listing. Claude Code lists no names but `claude-…`, so its header adds an alias for each model. Without a `limit`
 * all are listed: a client that does not page would never hear of the rest.
 */
export function listModels(services: GatewayServices, request: Request): Response {
  return inVoice(services, request, () => {
    const isAnthropic = request.headers.has(ANTHROPIC_HEADER);
    const models = offersOf(services.models.list()).map((offer) => entryOf(services, offer, isAnthropic));
    const aliases = isAnthropic ? models.map((entry) => ({ ...entry, id: `${CLAUDE_ALIAS_PREFIX}${entry.id}` })) : [];
    const { data, hasMore } = pageOf([...models, ...aliases], new URL(request.url).searchParams);
    const ends = { first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null };
    return { object: 'list', data, has_more: hasMore, ...ends };
  });
}

/** One model, by any name that a request may use. */
export function showModel(services: GatewayServices, request: Request, wanted: string): Response {
  return inVoice(services, request, () => {
    const { model, variant } = services.models.resolve(wanted);
    const offer = offersOf([model]).find((each) => each.variant === variant);
    return entryOf(services, offer ?? { id: model.id, model, name: model.name, variant: null }, isAnthropics(request));
  });
}

function isAnthropics(request: Request): boolean {
  return request.headers.has(ANTHROPIC_HEADER);
}

function inVoice(services: GatewayServices, request: Request, answer: () => JsonObject): Response {
  try {
    return Response.json(answer());
  } catch (cause) {
    if (!(cause instanceof Fault)) throw cause;
    const voice = isAnthropics(request) ? services.dialects.anthropic : chatVoice;
    return refusalResponse(voice, asFault(cause), crypto.randomUUID(), null);
  }
}

/** The part after or before a cursor, at most `limit` of it; before one, those that are nearest to it. */
function pageOf(entries: readonly Entry[], query: URLSearchParams): Page {
  const limit = limitOf(query.get('limit'));
  const afterId = query.get('after_id');
  const beforeId = query.get('before_id');
  if (beforeId !== null) {
    const before = entries.slice(0, placeOf(entries, beforeId, 'before_id'));
    return { data: before.slice(-limit), hasMore: before.length > limit };
  }
  const after = afterId === null ? entries : entries.slice(placeOf(entries, afterId, 'after_id') + 1);
  return { data: after.slice(0, limit), hasMore: after.length > limit };
}

function limitOf(text: string | null): number {
  if (text === null) return Number.MAX_SAFE_INTEGER;
  const limit = Number(text);
  if (Number.isInteger(limit) && limit >= 1) return Math.min(limit, PAGE_MAX);
  throw new Fault('invalid-request', `limit: a whole number from 1 to ${PAGE_MAX} is required`);
}

function placeOf(entries: readonly Entry[], id: string, name: string): number {
  const place = entries.findIndex((entry) => entry.id === id);
  if (place >= 0) return place;
  throw new Fault('invalid-request', `${name}: no model of this name is listed`);
}

function entryOf(services: GatewayServices, { id, model, name, variant }: Offer, isAnthropic: boolean): Entry {
  const { state } = services.lender.model(model.id);
  const contextTokens = state.phase === 'ready' ? state.contextTokens : model.trainedContextTokens;
  // What runs has its files open, and goes on.
  const missing = state.phase === 'idle' || state.phase === 'failed' ? services.missing(model) : null;
  return {
    id,
    object: 'model',
    created: Math.floor(model.createdAtMs / 1000),
    owned_by: 'flow',
    type: 'model',
    display_name: name,
    created_at: new Date(model.createdAtMs).toISOString(),
    max_input_tokens: contextTokens,
    max_tokens: contextTokens === null ? OUTPUT_TOKENS_DEFAULT : Math.min(OUTPUT_TOKENS_DEFAULT, contextTokens),
    context_length: contextTokens,
    trained_context_length: model.trainedContextTokens,
    capabilities: isAnthropic ? anthropicCapabilities(services, model) : model.capabilities,
    state: state.phase,
    status: routerStatus(state),
    aliases: variant === null ? model.aliases : [],
    ...(variant === null ? {} : { variant_of: model.id }),
    quantization: model.quantization,
    size_bytes: model.sizeBytes,
    // It stays listed, so that agents keep their configuration while a disk is away.
    ...(missing === null ? {} : { meta: { missing: { reason: missing.reason, message: missing.message } } }),
  };
}

/** What a model can do, as Anthropic's clients ask for it; what runs at Anthropic only runs nowhere here. */
function anthropicCapabilities(services: GatewayServices, model: Model): JsonObject {
  const { tools, thinking, vision } = model.capabilities;
  const { readsEffort } = services.traits(model);
  const is = (supported: boolean) => ({ supported });
  return {
    batch: is(false),
    citations: is(false),
    code_execution: is(false),
    context_management: is(false),
    effort: {
      ...is(readsEffort),
      low: is(readsEffort),
      medium: is(readsEffort),
      high: is(readsEffort),
      max: is(false),
    },
    image_input: is(vision),
    pdf_input: is(false),
    structured_outputs: is(true),
    thinking: { ...is(thinking), types: { adaptive: is(thinking), enabled: is(thinking) } },
    tools: is(tools),
  };
}
