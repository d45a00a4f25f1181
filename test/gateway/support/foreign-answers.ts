/** What servers of MLX models were seen to answer, frame by frame: recorded, shortened, with the same quirks. */
import type { EngineKind } from '#src/models/model.ts';

export type Foreign = Exclude<EngineKind, 'llama.cpp' | 'openai'>;

/** What one answer tells. */
export type Told = {
  readonly thinking?: readonly string[];
  readonly text?: readonly string[];
  readonly call?: { readonly name: string; readonly json: string };
  readonly finish: string;
  readonly outputTokens?: number;
};

export const PATH = '/models/some';
const PROMPT_TOKENS = 312;

const sse = (chunk: object) => `data: ${JSON.stringify(chunk)}\n\n`;

type Chunks = (told: Told) => string;

/** mlx_lm 0.32.2 and 0.31.3: the role in every delta, thoughts as `reasoning`, calls whole, the counts at the end. */
const mlxLm: Chunks = ({ thinking = [], text = [], call, finish, outputTokens = 26 }) => {
  const head = { id: 'chatcmpl-1', system_fingerprint: '0.32.2', object: 'chat.completion.chunk', model: PATH };
  const chunk = (delta: object, reason: string | null = null) =>
    sse({
      ...head,
      created: 7,
      choices: [{ index: 0, finish_reason: reason, delta: { role: 'assistant', ...delta } }],
    });
  const usage = {
    prompt_tokens: PROMPT_TOKENS,
    completion_tokens: outputTokens,
    total_tokens: PROMPT_TOKENS + outputTokens,
    prompt_tokens_details: { cached_tokens: 1 },
  };
  const made = call && { name: call.name, arguments: call.json };
  return [
    ': keepalive 256/312\n\n: keepalive 312/312\n\n',
    ...thinking.map((reasoning) => chunk({ reasoning })),
    ...text.map((content) => chunk({ content })),
    ...(made ? [chunk({ tool_calls: [{ function: made, type: 'function', id: '6bae', index: 0 }] })] : []),
    chunk({}, finish),
    sse({ ...head, object: 'chat.completion', created: 7, choices: [], usage }),
    'data: [DONE]\n\n',
  ].join('');
};

/** mlx-openai-server 1.8.1: no finish_reason before the end, the counts beside it, never `length`. */
const mlxOpenai: Chunks = ({ thinking = [], text = [], call, finish, outputTokens = 26 }) => {
  const head = { id: 'chatcmpl_1', object: 'chat.completion.chunk', created: 7, model: PATH };
  const chunk = (delta: object, more: object = {}, beside: object = {}) =>
    sse({ ...head, choices: [{ delta, index: 0, ...more }], ...beside });
  const usage = {
    prompt_tokens: PROMPT_TOKENS,
    completion_tokens: outputTokens,
    total_tokens: PROMPT_TOKENS + outputTokens,
    prompt_tokens_details: { cached_tokens: 311 },
  };
  const made = call && { arguments: call.json, name: call.name };
  return [
    chunk({ role: 'assistant' }),
    ...thinking.map((reasoning_content) => chunk({ role: 'assistant', reasoning_content })),
    ...text.map((content) => chunk({ role: 'assistant', content })),
    ...(made
      ? [chunk({ role: 'assistant', tool_calls: [{ index: 0, id: 'call_17', function: made, type: 'function' }] })]
      : []),
    chunk({}, { finish_reason: finish === 'length' ? 'stop' : finish }, { usage }),
    'data: [DONE]\n\n',
  ].join('');
};

/** mlx-vlm 0.7.10: thoughts under both names, calls in pieces, `usage` null until a last frame of its own. */
const mlxVlm: Chunks = ({ thinking = [], text = [], call, finish, outputTokens = 26 }) => {
  const head = { id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 7, model: PATH, usage: null };
  const chunk = (delta: object, reason: string | null = null) =>
    sse({
      ...head,
      choices: [{ index: 0, delta: { role: 'assistant', content: null, ...delta }, finish_reason: reason }],
    });
  const usage = {
    prompt_tokens: PROMPT_TOKENS,
    completion_tokens: outputTokens,
    total_tokens: PROMPT_TOKENS + outputTokens,
  };
  const half = call ? Math.floor(call.json.length / 2) : 0;
  const parts = call
    ? [
        { index: 0, id: 'call_1', type: 'function', function: { name: call.name, arguments: '' } },
        { index: 0, function: { arguments: call.json.slice(0, half) } },
        { index: 0, function: { arguments: call.json.slice(half) } },
      ]
    : [];
  return [
    ...thinking.map((reasoning) => chunk({ reasoning, reasoning_content: reasoning })),
    ...text.map((content) => chunk({ content })),
    ...parts.map((part) => chunk({ tool_calls: [part] })),
    chunk({}, finish),
    sse({ ...head, choices: [], usage }),
    'data: [DONE]\n\n',
  ].join('');
};

const SPEAKERS: Readonly<Record<Foreign, Chunks>> = {
  'mlx-lm': mlxLm,
  'mlx-openai-server': mlxOpenai,
  'mlx-vlm': mlxVlm,
};

export const FOREIGN: readonly Foreign[] = ['mlx-lm', 'mlx-openai-server', 'mlx-vlm'];

/** The stream by which an engine tells something. */
export const streamOf = (engine: Foreign, told: Told): string => SPEAKERS[engine](told);

/** It as an answer. */
export const answerOf = (stream: string): Response =>
  new Response(stream, { headers: { 'content-type': 'text/event-stream' } });
