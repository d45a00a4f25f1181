/** What users of Ollama and of llama-server ask, on the paths that they know. */
import type { Operation, TaggedOperations } from '../operation.ts';

const NDJSON = ['application/x-ndjson'] as const;
const EVENTS = ['text/event-stream'] as const;
const RERANK = { body: 'RerankQuestion', answers: { 200: { json: 'RerankAnswer' } } } as const;
const UPSTREAM = {
  path: '/upstream/{id}/{path}',
  parameters: {
    id: "The model's id.",
    path: "A path of the engine's own, from an explicit list; it may hold slashes.",
  },
} as const;

/** A command of Ollama's that Flow has other ways for. */
function refused(route: string, path?: string): Operation {
  const summary = 'Always refused: Flow makes, copies, pushes and deletes no models in this protocol';
  const at = path === undefined ? {} : { path };
  return { route, ...at, summary, answers: { 405: { json: 'OllamaError' } }, isBodyOptional: true, body: 'unknown' };
}

/** `/api/chat` and its like. */
export const OLLAMA: TaggedOperations = {
  tag: 'Ollama',
  operations: [
    {
      route: 'GET /api/version',
      summary: 'The version of Ollama whose protocol this is',
      answers: { 200: { json: '{ version: string, flow: string }' } },
    },
    {
      route: 'GET /api/tags',
      summary: 'All models',
      answers: { 200: { json: '{ models: { name: string, model: string, size: number, digest: string }[] }' } },
    },
    {
      route: 'GET /api/ps',
      summary: 'Models that are loaded',
      answers: { 200: { json: '{ models: { name: string, model: string, size: number, expires_at: string }[] }' } },
    },
    {
      route: 'POST /api/show',
      summary: 'One model',
      body: 'OllamaModelName',
      answers: {
        200: { json: '{ modelfile: string, template: string, details: { [name]: unknown }, capabilities: string[] }' },
      },
    },
    {
      route: 'POST /api/chat',
      summary: 'Continue a conversation',
      about: 'Streamed unless `stream` is false.',
      body: 'OllamaChatQuestion',
      answers: { 200: { json: '{ model: string, done: boolean }', other: NDJSON } },
    },
    {
      route: 'POST /api/generate',
      summary: 'Continue a text',
      about: 'Streamed unless `stream` is false.',
      body: 'OllamaGenerateQuestion',
      answers: { 200: { json: '{ model: string, done: boolean }', other: NDJSON } },
    },
    {
      route: 'POST /api/embed',
      summary: 'Embed texts',
      body: '{ model?: string, input: string | string[] }',
      answers: { 200: { json: '{ model: string, embeddings: unknown[] }' } },
    },
    {
      route: 'POST /api/embeddings',
      summary: 'Embed one text',
      body: '{ model?: string, prompt: string }',
      answers: { 200: { json: '{ embedding: number[] }' } },
    },
    {
      route: 'POST /api/pull',
      summary: 'Succeeds for a model that is there',
      body: '{ model?: string, name?: string, stream?: boolean }',
      answers: { 200: { json: '{ status: string }', other: NDJSON } },
    },
    refused('DELETE /api/delete'),
    refused('POST /api/copy'),
    refused('POST /api/create'),
    refused('POST /api/push'),
    refused('POST /api/blobs/*', '/api/blobs/{digest}'),
  ],
};

/** llama-server's paths without a prefix, its router's, and `/upstream`. */
export const LLAMA_SERVER: TaggedOperations = {
  tag: 'llama-server',
  operations: [
    {
      route: 'POST /completion',
      summary: "Continue a text, in the engine's own words",
      body: 'NativeQuestion',
      answers: { 200: { json: 'NativeAnswer', other: EVENTS } },
    },
    {
      route: 'POST /completions',
      summary: "Continue a text, in the engine's own words",
      body: 'NativeQuestion',
      answers: { 200: { json: 'NativeAnswer', other: EVENTS } },
    },
    {
      route: 'POST /infill',
      summary: 'Fill a gap in a text',
      body: 'InfillQuestion',
      answers: { 200: { json: 'NativeAnswer', other: EVENTS } },
    },
    { route: 'POST /v1/rerank', summary: 'Order documents by relevance', ...RERANK },
    { route: 'POST /v1/reranking', summary: 'Order documents by relevance', ...RERANK },
    { route: 'POST /rerank', summary: 'Order documents by relevance', ...RERANK },
    { route: 'POST /reranking', summary: 'Order documents by relevance', ...RERANK },
    {
      route: 'POST /tokenize',
      summary: 'The tokens of a text',
      body: '{ model?: string, content: string }',
      answers: { 200: { json: '{ tokens: unknown[] }' } },
    },
    {
      route: 'POST /detokenize',
      summary: 'The text of tokens',
      body: '{ model?: string, tokens: integer[] }',
      answers: { 200: { json: '{ content: string }' } },
    },
    {
      route: 'POST /apply-template',
      summary: 'The prompt that a conversation becomes',
      body: 'ChatQuestion',
      answers: { 200: { json: '{ prompt: string }' } },
    },
    {
      route: 'GET /props',
      summary: 'What the engine of a loaded model says of itself',
      query: '{ model?: string }',
      answers: { 200: { json: '{ [name]: unknown }' } },
      faults: ['model-not-loaded', 'engine-refused', 'engine-unreachable', 'unprocessable'],
    },
    {
      route: 'GET /slots',
      summary: 'The slots of a loaded model',
      query: '{ model?: string }',
      answers: { 200: { json: 'unknown' } },
      faults: ['model-not-loaded', 'engine-refused', 'engine-unreachable', 'unprocessable'],
    },
    {
      route: 'POST /models/load',
      summary: 'Load a model, as with the router of llama.cpp',
      body: '{ model: string }',
      answers: { 200: { json: '{ success: boolean }' } },
      faults: ['model-not-found', 'no-memory', 'conflict', 'shutting-down'],
    },
    {
      route: 'POST /models/unload',
      summary: 'Unload a model, as with the router of llama.cpp',
      body: '{ model: string }',
      answers: { 200: { json: '{ success: boolean }' } },
      faults: ['model-not-found', 'conflict'],
    },
    {
      route: 'GET /upstream/*',
      ...UPSTREAM,
      summary: 'Look at the engine of a loaded model',
      answers: { 200: { json: 'unknown', other: ['text/html', 'text/plain', 'application/octet-stream'] } },
      faults: ['model-not-loaded', 'engine-refused', 'engine-unreachable', 'unprocessable'],
    },
    {
      route: 'POST /upstream/*',
      ...UPSTREAM,
      summary: 'Ask the engine of a model',
      body: '{ [name]: unknown }',
      answers: { 200: { json: 'unknown', other: ['text/event-stream'] } },
    },
  ],
};
