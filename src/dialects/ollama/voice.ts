/** How Ollama's protocol tells faults and silence: `{"error": "…"}`, as an answer or as the last line. */
import type { AnswerHead, Refusal, Voice } from '#src/dialects/dialect.ts';
import type { Fault } from '#src/faults.ts';
import { type AnswerShape, lineHead, said } from './answer-lines.ts';

/** The content type of its streams: a JSON object a line. */
export const NDJSON = 'application/x-ndjson';

const RETRY_AFTER_S = 5;

/** The voice of an answer of one shape, which its heartbeat has: a piece without a word. */
export function ollamaVoice(shape: AnswerShape): Voice {
  return {
    name: 'ollama',
    streamType: NDJSON,
    heartbeat: (head: AnswerHead) => `${JSON.stringify({ ...lineHead(head), ...said(shape, {}), done: false })}\n`,
    refusal: refusalOf,
    failure: failureLine,
  };
}

/** A fault as the last line of a stream. */
export function failureLine(fault: Fault): string {
  return `${JSON.stringify({ error: messageOf(fault) })}\n`;
}

function refusalOf(fault: Fault, requestId: string): Refusal {
  const isWorthWaiting = fault.isRetryable && (fault.status === 429 || fault.status === 503);
  const retryAfterS = fault.retryAfterS ?? (isWorthWaiting ? RETRY_AFTER_S : null);
  return {
    status: fault.status,
    headers: {
      'x-request-id': requestId,
      ...(retryAfterS === null ? {} : { 'retry-after': String(Math.max(1, Math.ceil(retryAfterS))) }),
    },
    body: { error: messageOf(fault) },
  };
}

/** Clients look for "not found" before they offer to pull a model. */
function messageOf(fault: Fault): string {
  const words = fault.hint === null ? fault.message : `${fault.message} ${fault.hint}`;
  return fault.kind === 'model-not-found' ? `model not found: ${words}` : words;
}
