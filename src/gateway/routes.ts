/** The routes that agents use. Paths without `/v1` are there where users of llama-server expect them. */

import { Elysia } from 'elysia';
import { access, LARGE_BODY_BYTES_MAX } from '#src/access.ts';
import { percentDecoded } from '#src/percent.ts';
import { listModels, showModel } from './catalogue.ts';
import { completionsDoor } from './completions.ts';
import { countTokens } from './count-tokens.ts';
import { chatDoor, enter, translatedDoor, verbatimDoor } from './doors.ts';
import { nativeRoutes } from './native-routes.ts';
import { ollamaRoutes } from './ollama-routes.ts';
import { forgetResponse, listInputItems, refuseCancelling, refuseSocket, showResponse } from './responses.ts';
import type { GatewayServices } from './services.ts';
import { upstream } from './upstream.ts';

/** The body is read by the handler, as text: what is forwarded is what was sent. */
const inference = { parse: 'none', ...access('infer', LARGE_BODY_BYTES_MAX) } as const;

/** The inference routes, the listing, and the engines themselves. */
export const gatewayRoutes = (services: GatewayServices) => {
  const embeddings = verbatimDoor('/v1/embeddings');
  const { anthropic } = services.dialects;
  const inputTokens = { dialect: services.dialects.responses, beside: { object: 'response.input_tokens' } };
  const messages = translatedDoor(anthropic);
  const responses = translatedDoor(services.dialects.responses);
  return new Elysia({ name: 'gateway-routes' })
    .use(ollamaRoutes(services))
    .use(nativeRoutes(services))
    .post('/v1/chat/completions', ({ request }) => enter(services, chatDoor, request), inference)
    .post('/chat/completions', ({ request }) => enter(services, chatDoor, request), inference)
    .post('/v1/completions', ({ request }) => enter(services, completionsDoor, request), inference)
    .post('/v1/embeddings', ({ request }) => enter(services, embeddings, request), inference)
    .post('/embeddings', ({ request }) => enter(services, embeddings, request), inference)
    .post('/v1/messages', ({ request }) => enter(services, messages, request), inference)
    .post(
      '/v1/messages/count_tokens',
      ({ request }) => countTokens(services, request, { dialect: anthropic }),
      inference,
    )
    .post('/v1/responses/input_tokens', ({ request }) => countTokens(services, request, inputTokens), inference)
    .post('/v1/responses', ({ request }) => enter(services, responses, request), inference)
    .get('/v1/responses', ({ request }) => refuseSocket(services, request), access('infer'))
    .get('/v1/responses/:id', ({ request, params }) => showResponse(services, request, params.id), access('infer'))
    .delete('/v1/responses/:id', ({ params }) => forgetResponse(services, params.id), access('infer'))
    .post('/v1/responses/:id/cancel', ({ params }) => refuseCancelling(services, params.id), inference)
    .get(
      '/v1/responses/:id/input_items',
      ({ request, params }) => listInputItems(services, request, params.id),
      access('infer'),
    )
    .get('/v1/models', ({ request }) => listModels(services, request), access('infer'))
    .get(
      '/v1/models/*',
      ({ request, params }) => showModel(services, request, percentDecoded(params['*']) ?? params['*']),
      access('infer'),
    )
    .get('/upstream/*', ({ request }) => upstream(services, request), access('infer'))
    .post('/upstream/*', ({ request }) => upstream(services, request), inference);
};
