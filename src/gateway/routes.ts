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

/** What a request may use, by whose it is. */
export type ServicesOf = (request: Request) => GatewayServices;

/** The inference routes, the listing, and the engines themselves. */
export const gatewayRoutes = (services: GatewayServices, of: ServicesOf = () => services) => {
  const embeddings = verbatimDoor('/v1/embeddings');
  const { anthropic } = services.dialects;
  const messages = translatedDoor(anthropic);
  return new Elysia({ name: 'gateway-routes' })
    .use(ollamaRoutes(services, of))
    .use(nativeRoutes(of))
    .post('/v1/chat/completions', ({ request }) => enter(of(request), chatDoor, request), inference)
    .post('/chat/completions', ({ request }) => enter(of(request), chatDoor, request), inference)
    .post('/v1/completions', ({ request }) => enter(of(request), completionsDoor, request), inference)
    .post('/v1/embeddings', ({ request }) => enter(of(request), embeddings, request), inference)
    .post('/embeddings', ({ request }) => enter(of(request), embeddings, request), inference)
    .post('/v1/messages', ({ request }) => enter(of(request), messages, request), inference)
    .post(
      '/v1/messages/count_tokens',
      ({ request }) => countTokens(of(request), request, { dialect: anthropic }),
      inference,
    )
    .post('/v1/responses/input_tokens', ({ request }) => countResponse(of(request), request), inference)
    .post('/v1/responses', ({ request }) => enterResponse(of(request), request), inference)
    .get('/v1/responses', ({ request }) => refuseSocket(of(request), request), access('infer'))
    .get('/v1/responses/:id', ({ request, params }) => showResponse(of(request), request, params.id), access('infer'))
    .delete('/v1/responses/:id', ({ request, params }) => forgetResponse(of(request), params.id), access('infer'))
    .post('/v1/responses/:id/cancel', ({ request, params }) => refuseCancelling(of(request), params.id), inference)
    .get(
      '/v1/responses/:id/input_items',
      ({ request, params }) => listInputItems(of(request), request, params.id),
      access('infer'),
    )
    .get('/v1/models', ({ request }) => listModels(of(request), request), access('infer'))
    .get(
      '/v1/models/*',
      ({ request, params }) => showModel(of(request), request, percentDecoded(params['*']) ?? params['*']),
      access('infer'),
    )
    .get('/upstream/*', ({ request }) => upstream(of(request), request), access('infer'))
    .post('/upstream/*', ({ request }) => upstream(of(request), request), inference);
};

/** This protocol's answers are kept, and whose they are is the caller's affair. */
function enterResponse(services: GatewayServices, request: Request): Promise<Response> {
  return enter(services, translatedDoor(services.dialects.responses), request);
}

function countResponse(services: GatewayServices, request: Request): Promise<Response> {
  return countTokens(services, request, {
    dialect: services.dialects.responses,
    beside: { object: 'response.input_tokens' },
  });
}
