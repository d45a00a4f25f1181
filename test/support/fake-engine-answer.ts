/** How the fake engine answers one request: prefill, tokens, ending; streamed or whole. */
import type { FakeRequest } from './fake-engine-behaviour.ts';
import {
  type AnswerHead,
  type Counts,
  chatAnswer,
  chatChunk,
  textAnswer,
  textChunk,
  timings,
  usage,
  word,
} from './fake-engine-shapes.ts';

export type Phase = 'queued' | 'headers' | 'prefill' | 'generation' | 'done';

export type Job = {
  readonly head: AnswerHead;
  readonly isChat: boolean;
  readonly behaviour: FakeRequest;
  readonly tokensMax: number | null;
  readonly promptTokens: number;
  readonly wantsProgress: boolean;
  readonly wantsUsage: boolean;
  readonly signal: AbortSignal;
  readonly enter: (phase: Phase) => void;
  readonly crash: () => never;
};

const DEFAULT_TOKENS = 16;
const BLOCK_BYTES = 64 * 1024;
const EMOJI_PIECES = ['Grüße ', '你好', '👩‍👩‍👧‍👦', '🇩🇪', 'é', '🤖 end'];
const encoder = new TextEncoder();

/** Waits, or throws when the client is gone. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  await new Promise<void>((resolve, reject) => {
    const gone = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', gone);
      resolve();
    }, ms);
    signal.addEventListener('abort', gone, { once: true });
  });
}

/** Waits until the client is gone. */
export function hang(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}

/** The tokens' texts. */
function piecesOf(job: Job): readonly string[] {
  const fake = job.behaviour;
  if (fake.split_utf8) return EMOJI_PIECES;
  if (fake.pieces && fake.tokens !== undefined) return cycled(fake.pieces, fake.tokens);
  if (fake.pieces) return job.tokensMax === null ? fake.pieces : fake.pieces.slice(0, job.tokensMax);
  const count = fake.tokens ?? job.tokensMax ?? DEFAULT_TOKENS;
  return Array.from({ length: count }, (_, index) => word(index));
}

/** So many of them, over and over. */
function cycled(pieces: readonly string[], count: number): readonly string[] {
  return Array.from({ length: count }, (_, at) => pieces[at % pieces.length] ?? '');
}

/** The chunks between the role and the finish, as JSON texts. */
function tokenChunks(job: Job): { chunks: readonly string[]; wasCut: boolean } {
  const make = (delta: object) => chatChunk(job.head, delta, null);
  if (job.behaviour.deltas) return { chunks: job.behaviour.deltas.map(make), wasCut: false };
  const pieces = piecesOf(job);
  const thinking = (job.behaviour.thinking ?? []).map((text) => make({ reasoning_content: text }));
  const rendered = new Map<string, string>();
  const chunks = pieces.map((text) => {
    const known = rendered.get(text);
    if (known !== undefined) return known;
    const chunk = job.isChat ? make({ content: text }) : textChunk(job.head, text, null);
    rendered.set(text, chunk);
    return chunk;
  });
  return { chunks: [...thinking, ...chunks], wasCut: job.tokensMax !== null && pieces.length >= job.tokensMax };
}

function finishOf(job: Job, wasCut: boolean): string {
  if (job.behaviour.finish_reason) return job.behaviour.finish_reason;
  const callsTool = job.behaviour.deltas?.some((delta) => 'tool_calls' in delta) ?? false;
  if (callsTool) return 'tool_calls';
  return wasCut ? 'length' : 'stop';
}

function countsOf(job: Job, completion: number, promptMs: number, predictedMs: number): Counts {
  const prompt = job.behaviour.prompt_tokens ?? job.promptTokens;
  return { prompt, cached: job.behaviour.cached_tokens ?? 0, completion, promptMs, predictedMs };
}

/** The event stream as blocks of bytes: one event a token, many events a block when flat out. */
export async function* streamed(job: Job): AsyncGenerator<Uint8Array> {
  const fake = job.behaviour;
  if (fake.raw !== undefined) {
    yield encoder.encode(fake.raw);
    return;
  }
  const event = eventWriter(fake);
  job.enter('prefill');
  const startedMs = performance.now();
  for await (const chunk of prefill(job)) yield encoder.encode(event(chunk));
  const prefilledMs = performance.now();
  job.enter('generation');
  if (job.isChat) yield encoder.encode(event(chatChunk(job.head, { role: 'assistant', content: null }, null)));
  const { chunks, wasCut } = tokenChunks(job);
  yield* generation(job, chunks, event);
  if (fake.sse === 'cut') {
    await pause(20, job.signal);
    throw new Error('cut');
  }
  const counts = countsOf(job, chunks.length, prefilledMs - startedMs, performance.now() - prefilledMs);
  let end = '';
  for (const chunk of ending(job, finishOf(job, wasCut), counts)) end += event(chunk);
  if (fake.sse !== 'no_done') end += event('[DONE]');
  yield encoder.encode(fake.sse === 'no_final_newline' ? end.trimEnd() : end);
}

/** The whole answer as one JSON value, after the same waits. */
export async function whole(job: Job): Promise<object> {
  job.enter('prefill');
  const startedMs = performance.now();
  for await (const _ of prefill(job));
  const prefilledMs = performance.now();
  job.enter('generation');
  const { chunks, wasCut } = tokenChunks(job);
  for await (const _ of generation(job, chunks, (text) => text));
  const counts = countsOf(job, chunks.length, prefilledMs - startedMs, performance.now() - prefilledMs);
  const finish = finishOf(job, wasCut);
  const text = job.behaviour.deltas ? null : piecesOf(job).join('');
  if (!job.isChat) return textAnswer(job.head, text ?? '', finish, counts);
  const thinking = job.behaviour.thinking?.join('');
  const message = { content: text, ...(thinking ? { reasoning_content: thinking } : {}), ...wholeCalls(job.behaviour) };
  return chatAnswer(job.head, message, finish, counts);
}

async function* prefill(job: Job): AsyncGenerator<string> {
  const fake = job.behaviour;
  if (fake.crash_after_tokens === 0) job.crash();
  if (fake.hang_in_prefill) await hang(job.signal);
  const total = fake.prompt_tokens ?? job.promptTokens;
  const cached = fake.cached_tokens ?? 0;
  const steps = fake.prefill_steps ?? (fake.prefill_ms ? 4 : 1);
  const startedMs = performance.now();
  for (let step = 0; step <= steps; step += 1) {
    if (step > 0 && fake.prefill_ms) await pause(fake.prefill_ms / steps, job.signal);
    if (!job.wantsProgress) continue;
    const processed = cached + Math.round(((total - cached) * step) / steps);
    const progress = { total, cache: cached, processed, time_ms: Math.round(performance.now() - startedMs) };
    yield chatChunk(job.head, { role: 'assistant', content: null }, null, { prompt_progress: progress });
  }
}

async function* generation(
  job: Job,
  chunks: readonly string[],
  event: (json: string) => string,
): AsyncGenerator<Uint8Array> {
  const { tokens_per_s: rate = 0, hang_after_tokens: hangAt, crash_after_tokens: crashAt } = job.behaviour;
  const startedMs = performance.now();
  let block: string[] = [];
  let blockLength = 0;
  for (const [index, chunk] of chunks.entries()) {
    if (index === hangAt || index === crashAt) {
      if (block.length > 0) yield encoder.encode(block.join(''));
      // The bytes must have left before the process goes.
      await pause(20, job.signal);
      if (index === crashAt) job.crash();
      await hang(job.signal);
    }
    if (rate > 0) {
      const lateMs = startedMs + (index * 1000) / rate - performance.now();
      if (lateMs > 1) await pause(lateMs, job.signal);
      yield* split(event(chunk), job.behaviour);
      continue;
    }
    const text = event(chunk);
    block.push(text);
    blockLength += text.length;
    if (blockLength < BLOCK_BYTES && !job.behaviour.split_utf8) continue;
    yield* split(block.join(''), job.behaviour);
    block = [];
    blockLength = 0;
    job.signal.throwIfAborted();
  }
  if (block.length > 0) yield* split(block.join(''), job.behaviour);
}

function* split(text: string, fake: FakeRequest): Generator<Uint8Array> {
  const bytes = encoder.encode(text);
  if (fake.sse !== 'onebyte' && !fake.split_utf8) yield bytes;
  else for (let at = 0; at < bytes.length; at += 1) yield bytes.subarray(at, at + 1);
}

/** The finish and what follows it. Timings sit on the usage chunk when there is one, else on the finish. */
function ending(job: Job, finish: string, counts: Counts): readonly string[] {
  const told = { usage: usage(counts), timings: timings(counts) };
  if (!job.isChat) return [textChunk(job.head, '', finish, told)];
  if (!job.wantsUsage) return [chatChunk(job.head, {}, finish, { timings: told.timings })];
  return [chatChunk(job.head, {}, finish), chatChunk(job.head, null, null, told)];
}

function eventWriter(fake: FakeRequest): (json: string) => string {
  switch (fake.sse) {
    case 'crlf':
      return (json) => `data: ${json}\r\n\r\n`;
    case 'cr':
      return (json) => `data: ${json}\r\r`;
    case 'comments':
      return (json) => `: a comment\nevent: message\nid: 1\ndata:${json}\n\n`;
    case 'multiline':
      return (json) => `${indented(json).replace(/^/gm, 'data: ')}\n\n`;
    case 'no_space':
      return (json) => `data:${json}\n\n`;
    case 'fields':
      return (json) => `event: message\nid: 1\nretry: 5\nnovel: x\ndata: ${json}\n\n`;
    case 'bom':
      return firstBy((json) => `\uFEFFdata: ${json}\n\n`);
    case 'hugeline':
      return firstBy((json) => `data: ${json.replace(/\}$/, `,"novel":"${'x'.repeat(8 << 20)}"}`)}\n\n`);
    default:
      return (json) => `data: ${json}\n\n`;
  }
}

function indented(json: string): string {
  return json === '[DONE]' ? json : JSON.stringify(JSON.parse(json), null, 1);
}

/** The first event in a form of its own. */
function firstBy(first: (json: string) => string): (json: string) => string {
  let form = first;
  return (json) => {
    const event = form(json);
    form = (next) => `data: ${next}\n\n`;
    return event;
  };
}

/** Tool calls put together from their deltas. */
function wholeCalls(fake: FakeRequest): object {
  const calls: { id: string; type: string; function: { name: string; arguments: string } }[] = [];
  for (const delta of fake.deltas ?? []) {
    if (!('tool_calls' in delta) || !Array.isArray(delta.tool_calls)) continue;
    for (const part of delta.tool_calls) {
      const call = calls[part.index ?? 0] ?? { id: '', type: 'function', function: { name: '', arguments: '' } };
      calls[part.index ?? 0] = call;
      call.id += part.id ?? '';
      call.function.name += part.function?.name ?? '';
      call.function.arguments += part.function?.arguments ?? '';
    }
  }
  return calls.length > 0 ? { tool_calls: calls } : {};
}
