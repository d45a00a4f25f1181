/** How Anthropic's protocol tells faults and silence. */
import type { Refusal } from '#src/dialects/dialect.ts';
import type { Fault, FaultKind } from '#src/faults.ts';
import { type JsonObject, numberOrNull } from '#src/json.ts';

/** Keeps a silent stream alive: Claude Code gives up after 300 s without a byte. Legal at any place. */
export const PING = frame('ping', '{"type":"ping"}');

// Anthropic's own status for "too much at the moment"; its clients wait and try again.
const OVERLOADED_STATUS = 529;
const RETRY_AFTER_S = 5;

const TYPE_OF_STATUS: { readonly [status: number]: string } = {
  401: 'authentication_error',
  402: 'billing_error',
  403: 'permission_error',
  404: 'not_found_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  504: 'timeout_error',
  [OVERLOADED_STATUS]: 'overloaded_error',
};

/**
 * Statuses that differ from the fault's own. What somebody must mend first is a 400 here: Claude Code retries every
 * status from 500 up, up to ten times. `no-memory` may pass when another model unloads, but not by asking again
 * at once.
 */
const STATUS_OF_KIND: { readonly [Kind in FaultKind]?: number } = {
  'engine-missing': 400,
  'install-failed': 400,
  offline: 400,
  'load-failed': 400,
  'model-not-loaded': 400,
  'disk-full': 500,
  'no-memory': OVERLOADED_STATUS,
  'model-unloaded': OVERLOADED_STATUS,
  'queue-timeout': OVERLOADED_STATUS,
  'shutting-down': OVERLOADED_STATUS,
  'too-busy': OVERLOADED_STATUS,
};

/** One frame of an event stream; `data` is JSON and so holds no line break. The SDK ignores frames without a name. */
export function frame(event: string, data: string): string {
  return `event: ${event}\ndata: ${data}\n\n`;
}

/** A request's id as this protocol writes it. */
function requestIdOf(requestId: string): string {
  return `req_${requestId}`;
}

/** A fault as an error answer. */
export function refusalOf(fault: Fault, requestId: string): Refusal {
  const status = statusOf(fault);
  const isWaiting = fault.isRetryable && (status === 429 || status === OVERLOADED_STATUS);
  const retryAfterS = fault.retryAfterS ?? (isWaiting ? RETRY_AFTER_S : null);
  return {
    status,
    headers: {
      'request-id': requestIdOf(requestId),
      'x-should-retry': String(fault.isRetryable),
      // Whole seconds: Claude Code reads an integer only.
      ...(retryAfterS === null ? {} : { 'retry-after': String(Math.max(1, Math.ceil(retryAfterS))) }),
    },
    body: envelope(fault, status, requestId),
  };
}

/** A fault after the first byte, as the stream's last frame. */
export function failureOf(fault: Fault, requestId: string): string {
  return frame('error', JSON.stringify(envelope(fault, statusOf(fault), requestId)));
}

function statusOf(fault: Fault): number {
  const status = STATUS_OF_KIND[fault.kind] ?? fault.status;
  // An engine that is busy loading says 503; this protocol's word for it is another.
  return status === 503 ? OVERLOADED_STATUS : status;
}

function envelope(fault: Fault, status: number, requestId: string): JsonObject {
  const type = TYPE_OF_STATUS[status] ?? (status < 500 ? 'invalid_request_error' : 'api_error');
  return { type: 'error', error: { type, message: messageOf(fault) }, request_id: requestIdOf(requestId) };
}

/**
 * The fault's sentence and hint. Claude Code reads the numbers of an overflow from exactly this wording, and compacts.
 */
function messageOf(fault: Fault): string {
  const promptTokens = numberOrNull(fault.details.promptTokens);
  const contextTokens = numberOrNull(fault.details.contextTokens);
  if (fault.kind === 'context-overflow' && promptTokens !== null && contextTokens !== null) {
    return `prompt is too long: ${promptTokens} tokens > ${contextTokens} maximum`;
  }
  if (fault.kind === 'context-overflow') return `prompt is too long: ${fault.message}`;
  return fault.hint === null ? fault.message : `${fault.message} ${fault.hint}`;
}
