/** How OpenAI Responses tells faults and silence. */
import { chatVoice } from '#src/dialects/chat/voice.ts';
import type { Refusal } from '#src/dialects/dialect.ts';
import type { Fault, FaultKind } from '#src/faults.ts';
import { isObject, type JsonObject, stringOrNull } from '#src/json.ts';

/**
 * What somebody must mend first is a 400 here: Codex repeats every status from 500 up, and hears no `x-should-retry`.
 */
const MENDED_FIRST: ReadonlySet<FaultKind> = new Set<FaultKind>([
  'engine-missing',
  'install-failed',
  'offline',
  'load-failed',
  'model-not-loaded',
]);

/** A fault as an error answer in OpenAI's shape. */
export function refusalOf(fault: Fault, requestId: string): Refusal {
  const refusal = chatVoice.refusal(fault, requestId);
  const status = MENDED_FIRST.has(fault.kind) ? 400 : refusal.status;
  const error = isObject(refusal.body.error) ? refusal.body.error : {};
  const type = status === 400 ? 'invalid_request_error' : error.type;
  return { ...refusal, status, body: { error: { ...error, type, ...namingOf(fault, error) } } };
}

/** A fault after the first byte, when there is no answer yet that could fail. */
export function failureOf(fault: Fault, requestId: string): string {
  const { body } = refusalOf(fault, requestId);
  const error = isObject(body.error) ? body.error : {};
  const { message, code, param } = error;
  return frame('error', JSON.stringify({ type: 'error', code, message, param, sequence_number: 0 }));
}

/** A fault as the `error` of a failed response. */
export function errorOf(fault: Fault, requestId: string): JsonObject {
  const { body } = refusalOf(fault, requestId);
  const error = isObject(body.error) ? body.error : {};
  return { code: codeOf(fault), message: error.message };
}

/** One frame of an event stream; `data` is JSON and so holds no line break. */
export function frame(event: string, data: string): string {
  return `event: ${event}\ndata: ${data}\n\n`;
}

/**
 * Of the codes that the protocol has, the one that makes clients do the right thing: Codex compacts at
 * `context_length_exceeded`, waits at `rate_limit_exceeded`, gives up at `invalid_prompt`, and repeats the others: what
 * a user of Flow has cancelled must not come back by itself.
 */
function codeOf(fault: Fault): string {
  if (fault.kind === 'context-overflow') return 'context_length_exceeded';
  if (fault.kind === 'queue-full' || fault.kind === 'rate-limited') return 'rate_limit_exceeded';
  if (fault.kind === 'quota-used') return 'insufficient_quota';
  const isHopeless = fault.status < 500 || MENDED_FIRST.has(fault.kind);
  return isHopeless && !fault.isRetryable ? 'invalid_prompt' : 'server_error';
}

/** `param` and `code`, as far as the fault itself knows better; there are no `messages` in this protocol. */
function namingOf(fault: Fault, error: JsonObject): JsonObject {
  const { details } = fault;
  const param = stringOrNull(details.param) ?? stringOrNull(details.path);
  const own = error.param === 'messages' ? 'input' : (error.param ?? null);
  return { param: param ?? own, code: stringOrNull(details.code) ?? error.code ?? null };
}
