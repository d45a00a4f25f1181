/** GET /v1/models: one object that satisfies OpenAI's clients and Anthropic's. */

import { chatVoice } from '#src/dialects/chat/voice.ts';
import { Fault } from '#src/faults.ts';
import type { JsonObject } from '#src/json.ts';
import type { Model } from '#src/models/model.ts';
import { CLAUDE_ALIAS_PREFIX } from '#src/models/resolve.ts';
import { refusalResponse } from './order.ts';
import type { GatewayServices } from './services.ts';

/** Anthropic's clients always send this header, OpenAI's never. */
const ANTHROPIC_HEADER = 'anthropic-version';
const OUTPUT_TOKENS_DEFAULT = 8_192;

/** The listing. Claude Code lists no names but `claude-…`, so its header adds an alias for each model. */
export function listModels(services: GatewayServices, request: Request): Response {
  const models = services.models.list().map((model) => entryOf(services, model));
  const isAnthropic = request.headers.has(ANTHROPIC_HEADER);
  const aliases = isAnthropic ? models.map((entry) => ({ ...entry, id: `${CLAUDE_ALIAS_PREFIX}${entry.id}` })) : [];
  const data = [...models, ...aliases];
  const ends = { first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null };
  return Response.json({ object: 'list', data, has_more: false, ...ends });
}

/** One model, by any name that a request may use. */
export function showModel(services: GatewayServices, request: Request, wanted: string): Response {
  try {
    return Response.json(entryOf(services, services.models.resolve(wanted).model));
  } catch (cause) {
    if (!(cause instanceof Fault)) throw cause;
    const voice = request.headers.has(ANTHROPIC_HEADER) ? services.dialects.anthropic : chatVoice;
    return refusalResponse(voice, cause, crypto.randomUUID(), null);
  }
}

function entryOf(services: GatewayServices, model: Model): JsonObject & { readonly id: string } {
  const { state } = services.lender.model(model.id);
  const contextTokens = state.phase === 'ready' ? state.contextTokens : model.trainedContextTokens;
  return {
    id: model.id,
    object: 'model',
    created: Math.floor(model.createdAtMs / 1000),
    owned_by: 'flow',
    type: 'model',
    display_name: model.name,
    created_at: new Date(model.createdAtMs).toISOString(),
    max_input_tokens: contextTokens,
    max_tokens: contextTokens === null ? OUTPUT_TOKENS_DEFAULT : Math.min(OUTPUT_TOKENS_DEFAULT, contextTokens),
    context_length: contextTokens,
    trained_context_length: model.trainedContextTokens,
    capabilities: model.capabilities,
    state: state.phase,
    aliases: model.aliases,
    quantization: model.quantization,
    size_bytes: model.sizeBytes,
  };
}
