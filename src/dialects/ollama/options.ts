/** The parts of a request that Ollama's chat and generate have in common. */
import { invalid, listAt, objectAt, stringAt } from '#src/dialects/invalid.ts';
import { thinkingSwitch } from '#src/dialects/thinking-switch.ts';
import { isGiven, isObject, type JsonObject } from '#src/json.ts';

/** Names that engines know too. */
const NUMBERS = [
  'temperature',
  'top_k',
  'top_p',
  'min_p',
  'typical_p',
  'seed',
  'repeat_penalty',
  'repeat_last_n',
  'presence_penalty',
  'frequency_penalty',
  'mirostat',
  'mirostat_tau',
  'mirostat_eta',
] as const;
/** Their say is how a model is loaded, which no single request decides in Flow. */
const OF_LOADING = [
  'num_ctx',
  'num_batch',
  'num_gpu',
  'main_gpu',
  'num_thread',
  'num_keep',
  'use_mmap',
  'use_mlock',
  'numa',
  'low_vram',
  'f16_kv',
  'vocab_only',
] as const;
const SCHEMA_NAME = 'out';

/** Sampling, as fields of the canonical request. */
export function readOptions(value: unknown, notes: Set<string>): JsonObject {
  if (!isGiven(value)) return {};
  const options = objectAt(value, 'options');
  const given = NUMBERS.filter((name) => isGiven(options[name]));
  const numbers = given.map((name) => [name, numberAt(options[name], `options.${name}`)]);
  const unused = OF_LOADING.filter((name) => isGiven(options[name]));
  if (unused.length > 0) {
    notes.add(`options.${unused.join(', ')}: left out, as how a model is loaded is configured in Flow`);
  }
  return { ...Object.fromEntries(numbers), ...readLimit(options.num_predict), ...readStop(options.stop) };
}

/** Negative numbers mean without limit, and so does 0 to Ollama. */
function readLimit(value: unknown): JsonObject {
  if (!isGiven(value)) return {};
  const tokens = Math.floor(numberAt(value, 'options.num_predict'));
  return tokens > 0 ? { max_tokens: tokens } : {};
}

function readStop(value: unknown): JsonObject {
  if (!isGiven(value)) return {};
  const texts = typeof value === 'string' ? [value] : listAt(value, 'options.stop');
  const stop = texts.map((text, index) => stringAt(text, `options.stop.${index}`)).filter((text) => text !== '');
  return stop.length === 0 ? {} : { stop };
}

/** `think`: absent leaves the model its habit. Templates know three levels; what is more than high is high. */
export function readThink(value: unknown): JsonObject {
  if (!isGiven(value)) return {};
  switch (value) {
    case true:
    case false:
      return thinkingSwitch(value);
    case 'low':
    case 'medium':
    case 'high':
      return { ...thinkingSwitch(true), reasoning_effort: value };
    case 'max':
      return { ...thinkingSwitch(true), reasoning_effort: 'high' };
    default:
      throw invalid('think', 'true, false, "low", "medium" or "high" is required');
  }
}

/** `format`: JSON, or a schema for it. */
export function readFormat(value: unknown): JsonObject {
  if (!isGiven(value) || value === '') return {};
  if (value === 'json') return { response_format: { type: 'json_object' } };
  if (!isObject(value)) throw invalid('format', '"json" or a JSON schema is required');
  const { $schema, ...schema } = value;
  return {
    response_format: { type: 'json_schema', json_schema: { name: SCHEMA_NAME, schema, strict: true } },
  };
}

/** Whether an answer is to be streamed; Ollama's are, unless told not to. */
export function readStream(value: unknown): boolean {
  if (isGiven(value) && typeof value !== 'boolean') throw invalid('stream', 'true or false is required');
  return value !== false;
}

/** Notes what nobody can give: a field that is there and has no effect. */
export function noteUnserved(body: JsonObject, fields: Readonly<Record<string, string>>, notes: Set<string>): void {
  for (const [field, why] of Object.entries(fields)) {
    const value = body[field];
    const isEmpty = !isGiven(value) || value === false || value === '' || value === 0;
    if (!isEmpty && !(Array.isArray(value) && value.length === 0)) notes.add(`${field} was left out: ${why}`);
  }
}

function numberAt(value: unknown, path: string): number {
  if (typeof value !== 'number' || !Number.isFinite(value)) throw invalid(path, 'a number is required');
  return value;
}
