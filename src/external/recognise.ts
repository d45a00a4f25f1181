/** Tells from a server's own words which engine it is, what it serves and how much of it at once. Pure. */
import { Fault } from '#src/faults.ts';
import { isObject, type JsonObject, numberOrNull, stringOrNull } from '#src/json.ts';
import { abilitiesIn } from '#src/models/facts.ts';
import type { Capabilities, EngineKind, ModelFormat } from '#src/models/model.ts';

/** One answer of a server; null when there was none in time. */
export type Answer = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
} | null;

/** What it was asked: `/health`, `/props`, `/v1/models`, and LM Studio's own listing. */
export type Answers = {
  readonly health: Answer;
  readonly props: Answer;
  readonly models: Answer;
  readonly lmStudio: Answer;
};

/** One model that it serves. Null = it does not say. */
export type ServedModel = {
  /** What it must be asked for by. */
  readonly modelName: string;
  /** What people would call it. */
  readonly title: string;
  readonly format: ModelFormat;
  readonly contextTokens: number | null;
  readonly trainedContextTokens: number | null;
  readonly slots: number | null;
  readonly sizeBytes: number | null;
  readonly capabilities: Capabilities;
  readonly chatTemplate: string | null;
};

export type Recognised = {
  readonly engine: EngineKind;
  /** As people know it: `llama-server`, `Ollama`, `LM Studio`, `vLLM`, `Flow` … */
  readonly product: string;
  readonly version: string | null;
  readonly models: readonly ServedModel[];
};

/** What mlx_lm.server calls the model that it was started with; any other name makes it load another one. */
const MLX_LM_OWN_MODEL = 'default_model';
const MODELS_MAX = 500;
const NAME_LENGTH_MAX = 500;
const NOTHING: Capabilities = { tools: false, thinking: false, vision: false, embedding: false };

/**
 * What answers there. Throws Fault('unauthorized') when it wants a key or another one, 'unprocessable' when it is no
 * engine or not ready to say what it serves.
 */
export function recognise(baseUrl: string, answers: Answers, hasKey: boolean): Recognised {
  const { health, props, models } = answers;
  // llama-server lists its model to everybody, and asks for its key for all else.
  const isLlama = (props?.headers.server ?? '').startsWith('llama.cpp');
  if (isRefusal(models) || (isLlama && isRefusal(props))) throw keyNeeded(baseUrl, hasKey);
  if ([health, models, props].some((answer) => answer?.status === 503 && /loading model/i.test(answer.text))) {
    throw new Fault('unprocessable', `The engine at ${baseUrl} is still loading its model.`, {
      hint: 'Connect when it is ready.',
    });
  }
  const listed = listOf(models);
  const properties = objectOf(props);
  const word = objectOf(health);
  // Another Flow, and llama-server as a router of several, pass on or make up the properties of one model.
  const isOneModel = word?.service !== 'flow' && properties?.role !== 'router';
  if (isOneModel && isObject(properties?.default_generation_settings)) return llamaServer(properties, listed);
  const mlx = mlxServer(word, health, listed);
  if (mlx) return mlx;
  if (listed === null) throw notAnEngine(baseUrl, answers);
  return openai(answers, word, listed);
}

function llamaServer(props: JsonObject, listed: readonly JsonObject[] | null): Recognised {
  const generation = isObject(props.default_generation_settings) ? props.default_generation_settings : {};
  const [entry] = listed ?? [];
  const meta = isObject(entry?.meta) ? entry.meta : {};
  const path = named(props.model_path);
  const modelName = named(props.model_alias) ?? named(entry?.id) ?? path ?? 'model';
  const chatTemplate = stringOrNull(props.chat_template);
  const modalities = isObject(props.modalities) ? props.modalities : {};
  const isEmbedding = Array.isArray(entry?.capabilities) && entry.capabilities.includes('embedding');
  const model: ServedModel = {
    modelName,
    title: titleOf(path ?? modelName),
    format: 'gguf',
    contextTokens: positive(generation.n_ctx),
    trainedContextTokens: positive(meta.n_ctx_train),
    slots: positive(props.total_slots),
    sizeBytes: positive(meta.size),
    capabilities: { ...abilitiesIn(chatTemplate), vision: modalities.vision === true, embedding: isEmbedding },
    chatTemplate,
  };
  return { engine: 'llama.cpp', product: 'llama-server', version: stringOrNull(props.build_info), models: [model] };
}

function mlxServer(word: JsonObject | null, health: Answer, listed: readonly JsonObject[] | null): Recognised | null {
  if (!word) return null;
  const server = health?.headers.server ?? '';
  if (typeof word.model_status === 'string' && 'model_id' in word) {
    const name = named(word.model_id) ?? named(listed?.[0]?.id);
    return { engine: 'mlx-openai-server', product: 'mlx-openai-server', version: null, models: mlxModels([name]) };
  }
  if ('loaded_model' in word) {
    const loaded = named(word.loaded_model);
    const names = loaded === null ? (listed ?? []).map(({ id }) => named(id)) : [loaded];
    return { engine: 'mlx-vlm', product: 'mlx_vlm.server', version: null, models: mlxModels(names, true) };
  }
  // Python's own HTTP server, which no other of them uses.
  if (!/^BaseHTTP\//.test(server) || typeof word.status !== 'string') return null;
  const names = (listed ?? []).flatMap(({ id }) => named(id) ?? []);
  // It lists whatever lies in the cache of Hugging Face besides its own model, which it was started with by a path.
  const own = names.find((name) => name.startsWith('/')) ?? (names.length === 1 ? names[0] : undefined);
  const [present] = mlxModels([own ?? MLX_LM_OWN_MODEL]);
  const models = present ? [{ ...present, modelName: MLX_LM_OWN_MODEL }] : [];
  return { engine: 'mlx-lm', product: 'mlx_lm.server', version: null, models };
}

function mlxModels(names: readonly (string | null)[], vision = false): readonly ServedModel[] {
  return names.flatMap((modelName) => {
    if (modelName === null) return [];
    // Its templates are not told, and most of these models call tools.
    return [{ ...bare(modelName, 'mlx'), capabilities: { ...NOTHING, tools: true, vision } }];
  });
}

function openai(answers: Answers, word: JsonObject | null, listed: readonly JsonObject[]): Recognised {
  // A server that answers everything alike is not LM Studio.
  const listedThere = listOf(answers.lmStudio)?.filter((one) => 'compatibility_type' in one || 'state' in one) ?? [];
  const details = new Map(listedThere.map((detail) => [detail.id, detail]));
  const models = listed.slice(0, MODELS_MAX).flatMap((entry) => {
    const modelName = named(entry.id);
    if (modelName === null) return [];
    return [openaiModel(modelName, entry, details.get(modelName) ?? null)];
  });
  const { product, version } = productOf(answers, word, listed, details.size > 0);
  return { engine: 'openai', product, version, models };
}

function openaiModel(modelName: string, entry: JsonObject, detail: JsonObject | null): ServedModel {
  const kind = stringOrNull(detail?.type) ?? '';
  const isEmbedding = kind === 'embeddings' || /(?:^|[-_/])(?:embed|bge|e5)/i.test(modelName);
  const trained = positive(detail?.max_context_length);
  // vLLM, SGLang, OpenRouter and another Flow, each in its own words.
  const said = [entry.max_model_len, entry.context_length, entry.context_window, entry.max_context_length];
  const contextTokens = positive(detail?.loaded_context_length) ?? said.map(positive).find((one) => one !== null);
  const isMlx = detail?.compatibility_type === 'mlx' || /(?:^|[-_/])mlx(?:$|[-_/])/i.test(modelName);
  return {
    ...bare(modelName, isMlx ? 'mlx' : 'gguf'),
    contextTokens: contextTokens ?? null,
    trainedContextTokens: trained,
    capabilities: { tools: !isEmbedding, thinking: false, vision: kind === 'vlm', embedding: isEmbedding },
  };
}

function productOf(
  { health, models }: Answers,
  word: JsonObject | null,
  listed: readonly JsonObject[],
  isLmStudio: boolean,
): Pick<Recognised, 'product' | 'version'> {
  const owner = stringOrNull(listed[0]?.owned_by) ?? '';
  if (word?.service === 'flow') return { product: 'Flow', version: stringOrNull(word.version) };
  if (isLmStudio) return { product: 'LM Studio', version: null };
  if (owner === 'library') return { product: 'Ollama', version: null };
  if (owner === 'vllm') return { product: 'vLLM', version: null };
  if (owner === 'sglang') return { product: 'SGLang', version: null };
  const isRouter = (models?.headers.server ?? health?.headers.server ?? '').startsWith('llama.cpp');
  return { product: isRouter ? 'llama-server (router)' : 'OpenAI-compatible server', version: null };
}

function bare(modelName: string, format: ModelFormat): ServedModel {
  const unknown = { contextTokens: null, trainedContextTokens: null, slots: null, sizeBytes: null, chatTemplate: null };
  return { modelName, title: titleOf(modelName), format, ...unknown, capabilities: NOTHING };
}

/** The last part of a path without its ending; any other name as it is. */
function titleOf(name: string): string {
  const isPath = name.startsWith('/') || /\.gguf$/i.test(name);
  const last = isPath ? (name.split('/').findLast((part) => part !== '') ?? name) : name;
  return last.replace(/\.gguf$/i, '').slice(0, 200);
}

function isRefusal(answer: Answer): boolean {
  return answer?.status === 401 || answer?.status === 403;
}

/** The `data` of a model listing, when it is one. */
function listOf(answer: Answer): readonly JsonObject[] | null {
  const body = objectOf(answer);
  return body && Array.isArray(body.data) ? body.data.filter(isObject) : null;
}

function objectOf(answer: Answer): JsonObject | null {
  if (answer?.status !== 200) return null;
  try {
    const value: unknown = JSON.parse(answer.text);
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}

function named(value: unknown): string | null {
  const text = stringOrNull(value);
  return text === null || text === '' || text.length > NAME_LENGTH_MAX ? null : text;
}

function positive(value: unknown): number | null {
  const number = numberOrNull(value);
  return number !== null && number > 0 ? number : null;
}

function keyNeeded(baseUrl: string, hasKey: boolean): Fault {
  const message = hasKey ? `The server at ${baseUrl} refuses the key.` : `The server at ${baseUrl} wants a key.`;
  return new Fault('unauthorized', message, { hint: 'Give its key as api_key.' });
}

function notAnEngine(baseUrl: string, { models }: Answers): Fault {
  const isPage = /^\s*(?:<!doctype|<html)/i.test(models?.text ?? '');
  const said = isPage ? 'a web page' : models === null ? 'nothing' : `status ${models.status}`;
  return new Fault('unprocessable', `What answers at ${baseUrl} is no engine: /v1/models gave ${said}.`, {
    hint: 'Give the address of an OpenAI-compatible server, with its port and without /v1.',
  });
}
