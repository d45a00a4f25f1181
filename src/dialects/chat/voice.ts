/** How OpenAI's protocol tells faults and silence: `/v1/chat/completions`, completions, embeddings, models. */
import { EVENT_STREAM, type Refusal, type Voice } from '#src/dialects/dialect.ts';
import type { Fault, FaultKind } from '#src/faults.ts';
import { isObject, type JsonObject, numberOrNull } from '#src/json.ts';

/** What its clients read beside the message: they branch on `code`. */
type Naming = { readonly code: string; readonly param?: string };

const NAMING_OF_KIND: { readonly [Kind in FaultKind]?: Naming } = {
  'context-overflow': { code: 'context_length_exceeded', param: 'messages' },
  unauthorized: { code: 'invalid_api_key' },
  'model-not-found': { code: 'model_not_found', param: 'model' },
  'too-large': { code: 'request_too_large' },
  'queue-full': { code: 'rate_limit_exceeded' },
  'rate-limited': { code: 'rate_limit_exceeded' },
  'quota-used': { code: 'insufficient_quota' },
  'engine-died': { code: 'backend_died' },
  'engine-silent': { code: 'backend_silent' },
  'engine-unreachable': { code: 'backend_unreachable' },
  'engine-missing': { code: 'engine_missing' },
  'model-not-loaded': { code: 'model_not_loaded' },
  'model-unloaded': { code: 'model_unloaded' },
  'load-failed': { code: 'model_load_failed' },
  'no-memory': { code: 'insufficient_memory' },
  'queue-timeout': { code: 'model_loading' },
  'shutting-down': { code: 'shutting_down' },
  cancelled: { code: 'cancelled' },
};

const TYPE_OF_STATUS: { readonly [status: number]: string } = {
  401: 'authentication_error',
  403: 'permission_error',
  429: 'rate_limit_error',
};

const RETRY_AFTER_S = 5;

/** OpenAI's voice. An SSE comment as heartbeat: all of twelve clients tried took it. */
export const chatVoice: Voice = {
  name: 'chat',
  streamType: EVENT_STREAM,
  heartbeat: () => ': flow\n\n',
  refusal(fault: Fault, requestId: string): Refusal {
    const retryAfterS = fault.retryAfterS ?? (isWorthWaiting(fault) ? RETRY_AFTER_S : null);
    return {
      status: fault.status,
      headers: {
        'x-request-id': requestId,
        // Both official SDKs retry 408, 409, 429 and 5xx by themselves, unless this header forbids it.
        ...(fault.isRetryable ? {} : { 'x-should-retry': 'false' }),
        ...(retryAfterS === null ? {} : { 'retry-after': String(Math.max(1, Math.ceil(retryAfterS))) }),
      },
      body: { error: errorOf(fault) },
    };
  },
  failure: (fault: Fault) => `data: ${JSON.stringify({ error: errorOf(fault) })}\n\n`,
};

function isWorthWaiting(fault: Fault): boolean {
  return fault.isRetryable && (fault.status === 429 || fault.status === 503);
}

/** The engine's own words survive (`n_ctx`, its `type` …) where it was the engine that refused. */
function errorOf(fault: Fault): JsonObject {
  const own = isObject(fault.details.engineError) ? fault.details.engineError : {};
  const naming = NAMING_OF_KIND[fault.kind];
  return {
    message: messageOf(fault),
    type: TYPE_OF_STATUS[fault.status] ?? (fault.status < 500 ? 'invalid_request_error' : 'server_error'),
    ...own,
    ...(fault.kind === 'context-overflow' ? { message: messageOf(fault) } : {}),
    param: naming?.param ?? own.param ?? null,
    code: naming?.code ?? own.code ?? null,
  };
}

/** OpenAI's own wording of an overflow, by which agents know to compact. */
function messageOf(fault: Fault): string {
  const promptTokens = numberOrNull(fault.details.promptTokens);
  const contextTokens = numberOrNull(fault.details.contextTokens);
  if (fault.kind === 'context-overflow' && promptTokens !== null && contextTokens !== null) {
    return [
      `This model's maximum context length is ${contextTokens} tokens.`,
      `However, your messages resulted in ${promptTokens} tokens. Please reduce the length of the messages.`,
    ].join(' ');
  }
  return fault.hint === null ? fault.message : `${fault.message} ${fault.hint}`;
}
