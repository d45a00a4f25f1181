/** The shapes llama-server answers in, field order included, as recorded from b10434. */

const FINGERPRINT = 'b1-fake000';
const WORDS = [' the', ' quick', ' brown', ' fox', ' jumps', ' over', ' a', ' lazy', ' dog', '.', ' And', ' then'];

/** What all chunks of one answer share. */
export type AnswerHead = { readonly id: string; readonly createdS: number; readonly model: string };

export type Counts = {
  readonly prompt: number;
  readonly cached: number;
  readonly completion: number;
  readonly promptMs: number;
  readonly predictedMs: number;
};

/** The text of the built-in token at a place. */
export function word(index: number): string {
  return WORDS[index % WORDS.length] ?? ' word';
}

/** One chat chunk as JSON text. `choice` null makes the usage chunk (no choices). */
export function chatChunk(head: AnswerHead, delta: object | null, finish: string | null, more: object = {}): string {
  return JSON.stringify({
    choices: delta === null ? [] : [{ finish_reason: finish, index: 0, delta }],
    created: head.createdS,
    id: head.id,
    model: head.model,
    system_fingerprint: FINGERPRINT,
    object: 'chat.completion.chunk',
    ...more,
  });
}

/** One text-completion chunk as JSON text. */
export function textChunk(head: AnswerHead, text: string, finish: string | null, more: object = {}): string {
  return JSON.stringify({
    choices: [{ text, index: 0, logprobs: null, finish_reason: finish }],
    created: head.createdS,
    model: head.model,
    system_fingerprint: FINGERPRINT,
    object: 'text_completion',
    ...more,
    id: head.id,
  });
}

/** A whole chat answer. */
export function chatAnswer(head: AnswerHead, message: object, finish: string, counts: Counts): object {
  return {
    choices: [{ finish_reason: finish, index: 0, message: { role: 'assistant', ...message } }],
    created: head.createdS,
    model: head.model,
    system_fingerprint: FINGERPRINT,
    object: 'chat.completion',
    usage: usage(counts),
    id: head.id,
    timings: timings(counts),
  };
}

/** A whole text answer. */
export function textAnswer(head: AnswerHead, text: string, finish: string, counts: Counts): object {
  return {
    choices: [{ text, index: 0, logprobs: null, finish_reason: finish }],
    created: head.createdS,
    model: head.model,
    system_fingerprint: FINGERPRINT,
    object: 'text_completion',
    usage: usage(counts),
    id: head.id,
    timings: timings(counts),
  };
}

export function usage(counts: Counts): object {
  return {
    completion_tokens: counts.completion,
    prompt_tokens: counts.prompt,
    total_tokens: counts.prompt + counts.completion,
    prompt_tokens_details: { cached_tokens: counts.cached },
  };
}

export function timings(counts: Counts): object {
  const fresh = counts.prompt - counts.cached;
  return {
    cache_n: counts.cached,
    prompt_n: fresh,
    prompt_ms: counts.promptMs,
    prompt_per_token_ms: fresh > 0 ? counts.promptMs / fresh : 0,
    prompt_per_second: counts.promptMs > 0 ? (fresh / counts.promptMs) * 1000 : 0,
    predicted_n: counts.completion,
    predicted_ms: counts.predictedMs,
    predicted_per_token_ms: counts.completion > 0 ? counts.predictedMs / counts.completion : 0,
    predicted_per_second: counts.predictedMs > 0 ? (counts.completion / counts.predictedMs) * 1000 : 0,
  };
}

/** The engine's error envelope with its status. */
export function errorAnswer(code: number, type: string, message: string): Response {
  return Response.json({ error: { code, message, type } }, { status: code });
}

export function modelList(alias: string, contextTokens: number): object {
  const meta = {
    vocab_type: 1,
    n_vocab: 362,
    n_ctx: contextTokens,
    n_ctx_train: 32_768,
    n_embd: 384,
    n_params: 696_960,
  };
  const data = {
    id: alias,
    aliases: [alias],
    tags: [],
    object: 'model',
    created: 1_763_829_738,
    owned_by: 'llamacpp',
    meta,
  };
  return { object: 'list', data: [data] };
}
