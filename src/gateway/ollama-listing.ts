/** What Ollama's clients ask about models: which there are, which are loaded, and what one is like. */
import { createHash } from 'node:crypto';
import { Fault } from '#src/faults.ts';
import { isObject, type JsonObject, stringOrNull } from '#src/json.ts';
import type { ModelFacts } from '#src/models/facts.ts';
import type { Model } from '#src/models/model.ts';
import type { FleetModel } from '#src/scheduling/lease.ts';
import { refuseOddModel } from './odd-model.ts';
import { type Offer, offersOf } from './offers.ts';
import type { GatewayServices } from './services.ts';

/**
 * The version of Ollama whose protocol this is, as its clients compare it: they refuse to think, call tools or use
 * schemas below some 0.x.
 */
export const OLLAMA_VERSION = '0.99.0';
/** What Ollama itself says of a model that stays for ever is some far day; this one is a date everywhere. */
const FOREVER = '2286-11-20T17:46:39.000Z';
const PARAMETER_COLUMN = 31;
const NAME_CHARACTERS_MAX = 200;
/** Behaviour by Flow's names and by Ollama's. */
const PARAMETERS = [
  ['temperature', 'temperature'],
  ['top_p', 'top_p'],
  ['top_k', 'top_k'],
  ['min_p', 'min_p'],
  ['presence_penalty', 'presence_penalty'],
  ['frequency_penalty', 'frequency_penalty'],
  ['repetition_penalty', 'repeat_penalty'],
  ['seed', 'seed'],
  ['max_tokens', 'num_predict'],
] as const;

/** `/api/tags`: all models. */
export function tags(services: GatewayServices): JsonObject {
  return { models: offersOf(services.models.list()).map((offer) => tagOf(services, offer)) };
}

/** `/api/ps`: those that are loaded. */
export function ps(services: GatewayServices): JsonObject {
  const models = services.models.list().flatMap((model) => {
    const seen = services.lender.model(model.id);
    if (seen.state.phase !== 'ready') return [];
    const size = seen.reserved?.totalBytes ?? seen.measuredBytes ?? model.sizeBytes;
    const offer = { id: model.id, model, name: model.name, variant: null };
    const { modified_at: _modified, ...tag } = tagOf(services, offer);
    const size_vram = seen.state.launch.gpu_layers === 0 ? 0 : size;
    const context_length = seen.state.contextTokens;
    return [{ ...tag, size, size_vram, expires_at: expiryOf(services, seen), context_length }];
  });
  return { models };
}

function expiryOf({ clock }: GatewayServices, { unloadAtMs, staysMs }: FleetModel): string {
  const leftMs = unloadAtMs === null ? staysMs : unloadAtMs - clock.monotonicMs();
  return leftMs === null ? FOREVER : new Date(clock.wallMs() + leftMs).toISOString();
}

function tagOf(services: GatewayServices, { id, model, variant }: Offer): JsonObject {
  return {
    name: id,
    model: id,
    modified_at: new Date(model.updatedAtMs).toISOString(),
    size: model.sizeBytes,
    digest: digestOf(model),
    details: detailsOf(model, services.facts(model), variant),
    capabilities: capabilitiesOf(services, model),
  };
}

/** Tells one state of a model from another, as clients use it; nobody reads gigabytes for a listing. */
function digestOf(model: Model): string {
  const { id, path, sizeBytes, createdAtMs } = model;
  return createHash('sha256').update([id, path, sizeBytes, createdAtMs].join('\n')).digest('hex');
}

function detailsOf(model: Model, facts: ModelFacts | null, variant: string | null): JsonObject {
  const family = facts?.architecture ?? '';
  return {
    parent_model: variant === null ? '' : model.id,
    format: model.format,
    family,
    families: family === '' ? [] : [family],
    parameter_size: parameterSize(facts?.tensors.parameters ?? 0),
    quantization_level: model.quantization ?? facts?.quantization ?? '',
    ...(model.trainedContextTokens === null ? {} : { context_length: model.trainedContextTokens }),
    ...(facts ? { embedding_length: facts.embeddingLength } : {}),
  };
}

function parameterSize(parameters: number): string {
  if (parameters >= 1e9) return `${(parameters / 1e9).toFixed(1)}B`;
  return parameters === 0 ? '' : `${(parameters / 1e6).toFixed(1)}M`;
}

/** In Ollama's words. */
function capabilitiesOf(services: GatewayServices, model: Model): readonly string[] {
  const { tools, thinking, vision, embedding } = model.capabilities;
  if (embedding) return ['embedding'];
  const insert = services.facts(model)?.fillsGaps ?? false;
  const has = { completion: true, tools, thinking, vision, insert };
  return Object.entries(has).flatMap(([name, isThere]) => (isThere ? [name] : []));
}

/** `/api/show`: one model. Throws Fault('model-not-found'). */
export function show(services: GatewayServices, body: JsonObject): JsonObject {
  refuseOddModel(body);
  const { model, behaviour, variant } = services.models.resolve(wantedBy(body));
  const facts = services.facts(model);
  const contextTokens = contextOf(services, model);
  const lines = PARAMETERS.flatMap(([name, theirs]) => {
    const value = behaviour[name];
    return value === undefined ? [] : [`${theirs.padEnd(PARAMETER_COLUMN)}${value}`];
  });
  if (contextTokens !== null) lines.push(`${'num_ctx'.padEnd(PARAMETER_COLUMN)}${contextTokens}`);
  return {
    modelfile: `FROM ${model.id}\n${lines.map((line) => `PARAMETER ${line.replace(/ +/, ' ')}\n`).join('')}`,
    parameters: lines.join('\n'),
    template: facts?.chatTemplate ?? '',
    details: detailsOf(model, facts, variant),
    model_info: facts ? infoOf(model, facts, contextTokens) : {},
    capabilities: capabilitiesOf(services, model),
    modified_at: new Date(model.updatedAtMs).toISOString(),
  };
}

/** What a conversation may hold: as loaded, else as configured; null = as trained. */
function contextOf({ lender }: GatewayServices, model: Model): number | null {
  const { state } = lender.model(model.id);
  if (state.phase === 'ready') return state.contextTokens;
  return model.config.launch.ctx_size || null;
}

/** Clients plan their prompts by the context here, so it is the one that they get. */
function infoOf(model: Model, facts: ModelFacts, contextTokens: number | null): JsonObject {
  const of = (part: string) => `${facts.architecture}.${part}`;
  return {
    'general.architecture': facts.architecture,
    'general.basename': facts.name ?? model.name,
    'general.parameter_count': facts.tensors.parameters,
    [of('context_length')]: contextTokens ?? facts.contextTokens ?? 0,
    [of('embedding_length')]: facts.embeddingLength,
    [of('block_count')]: facts.layers.length,
    [of('feed_forward_length')]: facts.feedForwardLength,
    [of('attention.head_count')]: facts.heads,
    [of('attention.head_count_kv')]: facts.layers.reduce((most, { kvHeads }) => Math.max(most, kvHeads), 0),
    ...(facts.expertCount > 0 ? { [of('expert_count')]: facts.expertCount } : {}),
  };
}

/** `/api/pull` of a model that is there. Throws Fault('model-not-found') for any other: Flow downloads elsewhere. */
export function pulled(services: GatewayServices, body: JsonObject): { readonly modelId: string } {
  const wanted = wantedBy(body);
  const hint = 'Download it in Flow (`flow pull`): names from the registry of Ollama mean nothing to it.';
  if (wanted === null) throw new Fault('invalid-request', 'model: a name is required.');
  try {
    const { model, by } = services.models.resolve(wanted);
    if (by === 'name') return { modelId: model.id };
  } catch (cause) {
    if (!(cause instanceof Fault)) throw cause;
  }
  throw new Fault('model-not-found', `There is no model "${wanted.slice(0, NAME_CHARACTERS_MAX)}".`, { hint });
}

/** The name in a body; older clients say `name`. */
function wantedBy(body: unknown): string | null {
  if (!isObject(body)) return null;
  return stringOrNull(body.model) || stringOrNull(body.name) || null;
}
