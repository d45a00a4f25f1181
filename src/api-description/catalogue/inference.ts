/** What agents ask: the protocols of OpenAI and Anthropic. */
import type { Answer, TaggedOperations } from '../operation.ts';

const EVENTS = ['text/event-stream'] as const;

/** JSON of a shape, or a stream of events where `stream` is asked for. */
function streamed(json: string): Readonly<Record<number, Answer>> {
  return { 200: { json, other: EVENTS } };
}

const MODELS_QUERY = '{ limit?: integer, after_id?: string, before_id?: string }';

/** `/v1` in OpenAI's words, and the same paths without it where clients expect them. */
export const OPEN_AI: TaggedOperations = {
  tag: 'OpenAI',
  operations: [
    {
      route: 'POST /v1/chat/completions',
      summary: 'Continue a conversation',
      about: 'A model that is not loaded is loaded first. Without `model`, the default one answers.',
      body: 'ChatQuestion',
      answers: streamed('ChatAnswer'),
    },
    {
      route: 'POST /chat/completions',
      summary: 'Continue a conversation, without /v1',
      body: 'ChatQuestion',
      answers: streamed('ChatAnswer'),
    },
    {
      route: 'POST /v1/completions',
      summary: 'Continue a text',
      body: 'TextQuestion',
      answers: streamed('TextAnswer'),
    },
    {
      route: 'POST /v1/embeddings',
      summary: 'Embed texts',
      body: 'EmbeddingsQuestion',
      answers: { 200: { json: 'EmbeddingsAnswer' } },
    },
    {
      route: 'POST /embeddings',
      summary: 'Embed texts, without /v1',
      body: 'EmbeddingsQuestion',
      answers: { 200: { json: 'unknown' } },
    },
    {
      route: 'POST /v1/chat/completions/input_tokens',
      summary: 'Count the tokens of a conversation',
      body: 'ChatQuestion',
      answers: { 200: { json: '{ [name]: unknown }' } },
    },
    {
      route: 'POST /v1/responses',
      summary: 'Answer in the Responses protocol',
      about: 'With `store` the answer is kept, so that `previous_response_id` can continue it.',
      body: 'ResponsesQuestion',
      answers: streamed('ResponsesAnswer'),
    },
    {
      route: 'POST /v1/responses/input_tokens',
      summary: 'Count the tokens of a Responses request',
      body: 'ResponsesQuestion',
      answers: { 200: { json: "{ object: 'response.input_tokens', input_tokens: integer }" } },
    },
    {
      route: 'GET /v1/responses',
      summary: 'Always refused: responses are not listed',
      about: 'A WebSocket handshake is told with 426 to use HTTP.',
      answers: { 426: { json: 'OpenAIError' } },
      faults: ['method-not-allowed'],
    },
    {
      route: 'GET /v1/responses/:id',
      summary: 'A kept response',
      query: '{ stream?: string }',
      answers: { 200: { json: 'ResponsesAnswer' } },
    },
    {
      route: 'DELETE /v1/responses/:id',
      summary: 'Forget a kept response',
      answers: { 200: { json: "{ id: string, object: 'response', deleted: boolean }" } },
    },
    {
      route: 'POST /v1/responses/:id/cancel',
      summary: 'Always refused: no response runs in the background',
      answers: { 400: { json: 'OpenAIError' } },
    },
    {
      route: 'GET /v1/responses/:id/input_items',
      summary: 'The input of a kept response',
      query: "{ order?: 'asc' | 'desc', after?: string, limit?: integer }",
      answers: {
        200: {
          json:
            "{ object: 'list', data: { [name]: unknown }[], first_id: string | null, last_id: string | null, " +
            'has_more: boolean }',
        },
      },
    },
    {
      route: 'GET /v1/models',
      summary: 'All models',
      about: "With an `anthropic-version` header, in Anthropic's shape and with an alias that Claude Code lists.",
      query: MODELS_QUERY,
      answers: {
        200: {
          json:
            "{ object: 'list', data: ListedModel[], has_more: boolean, first_id: string | null, " +
            'last_id: string | null }',
        },
      },
    },
    {
      route: 'GET /v1/models/*',
      path: '/v1/models/{id}',
      summary: 'One model',
      parameters: { id: 'Any name of the model; it may hold slashes.' },
      answers: { 200: { json: 'ListedModel' } },
    },
  ],
};

/** `/v1/messages`. */
export const ANTHROPIC: TaggedOperations = {
  tag: 'Anthropic',
  operations: [
    {
      route: 'POST /v1/messages',
      summary: 'Continue a conversation',
      body: 'AnthropicQuestion',
      answers: streamed('AnthropicAnswer'),
    },
    {
      route: 'POST /v1/messages/count_tokens',
      summary: 'Count the tokens of a conversation',
      body: '{ model?: string, messages: Message[], system?: unknown, tools?: unknown[] }',
      answers: { 200: { json: '{ input_tokens: integer }' } },
    },
  ],
};
