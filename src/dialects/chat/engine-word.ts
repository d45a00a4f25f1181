/** What an engine says about an answer beside its text: errors, counts, speeds. Reads llama-server, mlx_lm and vLLM. */
import { Fault } from '#src/faults.ts';
import { isObject, type JsonObject, jsonOrNull, numberOrNull, stringOrNull } from '#src/json.ts';
import type { EngineTimings, Usage } from '#src/requests/request.ts';

/** Nothing is known yet. */
export const NO_USAGE: Usage = { inputTokens: null, cachedTokens: null, outputTokens: null, thinkingTokens: null };
/** Nothing is known yet. */
export const NO_TIMINGS: EngineTimings = {
  prefillTokensPerS: null,
  decodeTokensPerS: null,
  prefillMs: null,
  decodeMs: null,
};

/** How much of an engine's own words is repeated to a client when they are not JSON. */
const QUOTE_CHARACTERS_MAX = 300;

/** What engines say, with 500 or 404, of requests that will fare no better when they are repeated. */
const BLAMES_REQUEST = [
  /jinja|chat template|template error|(?:image|audio) input is not supported/i,
  /^Failed to parse (?:tools|messages)\b/i,
  // mlx_lm, of pictures.
  /^Only 'text' content type is supported/,
];

/** An error answer of an engine as a Fault that keeps its status and its own words (`details.engineError`). */
export function faultOfAnswer(status: number, text: string): Fault {
  const error = errorObject(jsonOrNull(text));
  if (error) return faultOfError(error, status);
  const plain = text
    .replace(/<[^>]*>/g, ' ')
    .replace(/\s+/g, ' ')
    .trim()
    .slice(0, QUOTE_CHARACTERS_MAX);
  const sentence = `The engine answered ${status}${plain === '' ? '.' : `: ${plain}`}`;
  return new Fault('engine-refused', sentence, { status: errorStatus(status) });
}

/** An `error` object of an engine, in an answer or in the middle of a stream, as a Fault. */
export function faultOfError(error: JsonObject, status?: number): Fault {
  const message = stringOrNull(error.message) ?? 'The engine gave no reason.';
  const code = numberOrNull(error.code) ?? digitsOrNull(error.code);
  if (error.type === 'exceed_context_size_error') {
    const details = {
      promptTokens: numberOrNull(error.n_prompt_tokens),
      contextTokens: numberOrNull(error.n_ctx),
      engineError: error,
    };
    return new Fault('context-overflow', message, { details });
  }
  if (BLAMES_REQUEST.some((words) => words.test(message))) {
    const engineError = { ...error, type: 'invalid_request_error', code: 400 };
    return new Fault('engine-refused', message, { status: 400, details: { engineError } });
  }
  return new Fault('engine-refused', message, {
    status: errorStatus(status ?? code ?? 500),
    details: { engineError: error },
  });
}

/**
 * The `error` of a parsed body or frame, as an object; null when there is none. A text becomes its message. Servers on
 * FastAPI put it into `detail`, or list there what is wrong with the request's fields; vLLM says `object: "error"`.
 */
export function errorObject(value: unknown): JsonObject | null {
  if (!isObject(value)) return null;
  if (isObject(value.error)) return value.error;
  if (typeof value.error === 'string') return { message: value.error };
  if (value.object === 'error' && typeof value.message === 'string') return value;
  const { detail } = value;
  if (typeof detail === 'string') return { message: detail };
  if (Array.isArray(detail)) return { message: detail.map(fieldFault).join('; ').slice(0, QUOTE_CHARACTERS_MAX) };
  return isObject(detail) ? (errorObject(detail) ?? detail) : null;
}

/** `body.max_tokens: Input should be greater than 0`. */
function fieldFault(entry: unknown): string {
  if (!isObject(entry)) return String(entry);
  const place = Array.isArray(entry.loc) ? `${entry.loc.join('.')}: ` : '';
  return `${place}${stringOrNull(entry.msg) ?? 'not valid'}`;
}

/** Counts from `usage`, and from llama-server's `timings` what it leaves out. */
export function readUsage(answer: JsonObject): Usage {
  const usage = isObject(answer.usage) ? answer.usage : {};
  const timings = isObject(answer.timings) ? answer.timings : {};
  const prompt = isObject(usage.prompt_tokens_details) ? usage.prompt_tokens_details : {};
  const completion = isObject(usage.completion_tokens_details) ? usage.completion_tokens_details : {};
  const readTokens = numberOrNull(timings.prompt_n);
  const reusedTokens = numberOrNull(timings.cache_n);
  return {
    inputTokens: numberOrNull(usage.prompt_tokens) ?? (readTokens === null ? null : readTokens + (reusedTokens ?? 0)),
    cachedTokens: numberOrNull(prompt.cached_tokens) ?? reusedTokens,
    outputTokens: numberOrNull(usage.completion_tokens) ?? numberOrNull(timings.predicted_n),
    thinkingTokens: numberOrNull(completion.reasoning_tokens),
  };
}

/** Speeds from llama-server's `timings`. */
export function readTimings(answer: JsonObject): EngineTimings {
  const timings = isObject(answer.timings) ? answer.timings : {};
  return {
    prefillTokensPerS: numberOrNull(timings.prompt_per_second),
    decodeTokensPerS: numberOrNull(timings.predicted_per_second),
    prefillMs: numberOrNull(timings.prompt_ms),
    decodeMs: numberOrNull(timings.predicted_ms),
  };
}

function digitsOrNull(value: unknown): number | null {
  return typeof value === 'string' && /^[45]\d\d$/.test(value) ? Number(value) : null;
}

function errorStatus(status: number): number {
  return Number.isInteger(status) && status >= 400 && status <= 599 ? status : 502;
}
