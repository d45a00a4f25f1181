/**
 * A chat request for engines that are not llama-server: each is told what it knows, in its own words, and what it
 * cannot do is left to the repairs of its answer. Pure.
 */
import type { Speech } from '#src/engines/speech.ts';
import { Fault } from '#src/faults.ts';
import { isObject, type Json, type JsonObject, numberOrNull, stringOrNull } from '#src/json.ts';
import type { EngineKind } from '#src/models/model.ts';
import type { AskedForm } from '#src/repairs/stage.ts';
import { STEERING_FIELDS, without } from './engine-body.ts';

/** Whom the request is written for. */
export type Addressee = {
  readonly engine: EngineKind;
  readonly speech: Speech;
  /** Tokens of one conversation. */
  readonly contextTokens: number;
};

/** What it is asked, and what Flow sees to itself. */
export type ForeignBody = {
  readonly body: JsonObject;
  /** The limit of the answer that stands in it; null = none. */
  readonly limitTokens: number | null;
  readonly stopStrings: readonly string[];
  readonly form: AskedForm | null;
  /** What was asked for in vain, in words. */
  readonly notes: readonly string[];
};

/** Flow's own wishes, and settings of llama-server's work that change nothing in what is said. */
const WORKING_FIELDS = [
  'return_progress',
  'verbose',
  'timings_per_token',
  'cache_prompt',
  'return_tokens',
  'n_cache_reuse',
  'sse_ping_interval',
  'response_fields',
  'reasoning_format',
  'parse_tool_calls',
  'thinking_forced_open',
  'generation_prompt',
  't_max_predict_ms',
  't_max_prompt_ms',
] as const;
/** Fields of llama-server's that change what is said: a client that sent one is told that it had no effect. */
const SAYING_FIELDS = [
  'grammar',
  'grammar_lazy',
  'grammar_triggers',
  'preserved_tokens',
  'dry_multiplier',
  'dry_base',
  'dry_allowed_length',
  'dry_penalty_last_n',
  'dry_sequence_breakers',
  'dynatemp_range',
  'dynatemp_exponent',
  'mirostat',
  'mirostat_tau',
  'mirostat_eta',
  'typical_p',
  'top_n_sigma',
  'samplers',
  'repeat_last_n',
  'ignore_eos',
  'n_keep',
  'n_probs',
  'min_keep',
  'post_sampling_probs',
  'reasoning_budget_tokens',
  'reasoning_control',
] as const;
/** These would have the engine load other files than those it was started with. */
const LOADING_FIELDS = ['adapters', 'adapter_path', 'draft_model', 'draft_kind', 'num_draft_tokens'] as const;
/** Words of gateways that serve several providers: an engine behind one of them would be asked at another address. */
const ROUTING_FIELDS = [
  ...['api_base', 'base_url', 'api_key', 'api_version', 'user_config', 'model_list', 'fallbacks'],
  ...['custom_llm_provider', 'litellm_params', 'mock_response'],
];
const LIMIT_FIELDS = ['max_tokens', 'max_completion_tokens', 'n_predict'] as const;
/** Answered here. */
const MOVED_FIELDS = ['repeat_penalty', 'repetition_penalty', 'thinking_budget_tokens', 'json_schema'] as const;

/** The least that is left for an answer when the prompt seems to fill the context: its length is only guessed. */
const ROOM_RATIO = 0.25;
const SCHEMA_CHARACTERS_MAX = 20_000;
/** Flow looks for each of them in each piece of the answer. */
const STOPS_MAX = 64;
const STOP_CHARACTERS_MAX = 1_000;

/**
 * Writes it. `promptTokens` is a guess at the prompt's length. Throws Fault('invalid-request') for more stop strings
 * than can be looked for.
 */
export function foreignBody(body: JsonObject, to: Addressee, modelId: string, promptTokens: number): ForeignBody {
  const { speech, engine } = to;
  const lost = SAYING_FIELDS.filter((name) => isTold(body[name]));
  const stops = speech.stopsAtStrings ? [] : stopsOf(body.stop);
  const { form, fields } = speech.hasGrammar ? { form: null, fields: body } : formed(body);
  const limitTokens = limitOf(body) ?? (speech.needsLimit ? roomIn(to.contextTokens, promptTokens) : null);
  const kept = without(withoutNulls(fields), [
    ...WORKING_FIELDS,
    ...SAYING_FIELDS,
    ...STEERING_FIELDS,
    ...ROUTING_FIELDS,
    ...MOVED_FIELDS,
    ...LIMIT_FIELDS,
    ...(speech.isStreamedOnly ? LOADING_FIELDS : []),
    ...(speech.stopsAtStrings ? [] : ['stop']),
  ]);
  const penalty = numberOrNull(body.repeat_penalty) ?? numberOrNull(body.repetition_penalty);
  const budget = engine === 'mlx-vlm' ? numberOrNull(body.thinking_budget_tokens) : null;
  return {
    body: {
      ...(speech.thinkingPlace === 'body' ? thinkingBeside(kept) : kept),
      ...(penalty === null ? {} : { [speech.repetitionField]: penalty }),
      ...(budget === null || budget < 0 ? {} : { thinking_budget: budget }),
      ...(limitTokens === null ? {} : { max_tokens: limitTokens }),
      model: speech.modelName ?? modelId,
    },
    limitTokens,
    stopStrings: stops,
    form,
    notes: lost.length === 0 ? [] : [`${lost.join(', ')} had no effect: ${engine} does not know it`],
  };
}

/** What the prompt leaves of the context. */
export function roomIn(contextTokens: number, promptTokens: number): number {
  return Math.max(Math.ceil(contextTokens * ROOM_RATIO), contextTokens - promptTokens, 1);
}

function limitOf(body: JsonObject): number | null {
  const given = LIMIT_FIELDS.map((name) => numberOrNull(body[name])).find((tokens) => tokens !== null) ?? null;
  return given !== null && given > 0 ? given : null;
}

function isTold(value: unknown): boolean {
  return value !== undefined && value !== null && value !== false && value !== '' && value !== 0;
}

/** Strict servers take `null` for a value of the wrong type, where OpenAI's own takes it for none. */
function withoutNulls(body: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(body).filter(([, value]) => value !== null));
}

function stopsOf(stop: unknown): readonly string[] {
  const list: readonly unknown[] = Array.isArray(stop) ? stop : [stop];
  const stops = list.filter((each) => typeof each === 'string' && each !== '').map(String);
  if (stops.length <= STOPS_MAX && stops.every(({ length }) => length <= STOP_CHARACTERS_MAX)) return stops;
  const longest = Math.max(...stops.slice(0, STOPS_MAX + 1).map(({ length }) => length));
  throw new Fault(
    'invalid-request',
    `stop holds ${stops.length} strings, of up to ${longest} characters; ` +
      `${STOPS_MAX} of ${STOP_CHARACTERS_MAX} are allowed.`,
  );
}

/** The template's switch said beside the messages: where mlx-vlm reads it. */
function thinkingBeside(body: JsonObject): JsonObject {
  const words = isObject(body.chat_template_kwargs) ? body.chat_template_kwargs : {};
  const isOn = [words.enable_thinking, words.thinking].find((each) => typeof each === 'boolean');
  return isOn === undefined ? body : { ...body, enable_thinking: isOn };
}

type Formed = { readonly form: AskedForm | null; readonly fields: JsonObject };

/** Asks in words for what no grammar sees to: calls of tools, and JSON. */
function formed(body: JsonObject): Formed {
  const { tool_choice: choice, response_format, json_schema, ...rest } = body;
  const tools: readonly unknown[] = Array.isArray(rest.tools) ? rest.tools : [];
  if (choice === 'none') {
    const { tools: _tools, parallel_tool_calls: _parallel, ...bare } = rest;
    return formedAnswer(bare, response_format, json_schema);
  }
  if (choice !== 'required' || tools.length === 0) return formedAnswer(rest, response_format, json_schema);
  const names = tools.map(nameOf).filter((name) => name !== null);
  const words =
    names.length === 1
      ? `You must answer with a call of the tool ${names[0]}, and nothing else.`
      : 'You must answer with a call of one of the tools, and nothing else.';
  return { form: { kind: 'call', tools: names }, fields: told(rest, words) };
}

function formedAnswer(body: JsonObject, format: unknown, bare: unknown): Formed {
  const schema = schemaOf(format, bare);
  if (schema === null) return { form: null, fields: body };
  const text = JSON.stringify(schema).slice(0, SCHEMA_CHARACTERS_MAX);
  const words =
    schema === ANY_OBJECT
      ? 'Answer with one valid JSON object alone: no other text, no code fence.'
      : `Answer with JSON alone, without other text or a code fence. It must match this JSON schema:\n${text}`;
  return { form: { kind: 'json', schema }, fields: told(body, words) };
}

const ANY_OBJECT: Json = { type: 'object' };

/** The schema that an answer must match, in OpenAI's shape and in llama.cpp's; null = none. */
function schemaOf(format: unknown, bare: unknown): Json | null {
  if (isObject(bare)) return bare;
  if (!isObject(format)) return null;
  if (isObject(format.json_schema) && isObject(format.json_schema.schema)) return format.json_schema.schema;
  if (isObject(format.schema)) return format.schema;
  return format.type === 'json_object' || format.type === 'json_schema' ? ANY_OBJECT : null;
}

/** The words at the end of the system text, where they leave the longest beginning of the prompt as it was. */
function told(body: JsonObject, words: string): JsonObject {
  const messages: readonly unknown[] = Array.isArray(body.messages) ? body.messages : [];
  const [first, ...others] = messages;
  if (!isObject(first) || first.role !== 'system') {
    return { ...body, messages: [{ role: 'system', content: words }, ...messages] };
  }
  const content = Array.isArray(first.content)
    ? [...first.content, { type: 'text', text: words }]
    : `${stringOrNull(first.content) ?? ''}\n\n${words}`.trimStart();
  return { ...body, messages: [{ ...first, content }, ...others] };
}

function nameOf(tool: unknown): string | null {
  return isObject(tool) && isObject(tool.function) ? stringOrNull(tool.function.name) : null;
}
