/** The paths of llama-server and of its router, without a prefix, as their users know them. */
import { Elysia } from 'elysia';
import { access, LARGE_BODY_BYTES_MAX } from '#src/access.ts';
import { infillDoor, nativeDoor } from './completions.ts';
import { enter } from './doors.ts';
import { rerank } from './rerank.ts';
import { routerLoad, routerUnload } from './router-models.ts';
import type { GatewayServices } from './services.ts';
import { askEngine, lookAtEngine } from './upstream.ts';

/** All of them. */
export const nativeRoutes = (of: (request: Request) => GatewayServices) => {
  const inference = { parse: 'none', ...access('infer', LARGE_BODY_BYTES_MAX) } as const;
  const order = { parse: 'none', ...access('manage') } as const;
  return new Elysia({ name: 'native-routes' })
    .post('/completion', ({ request }) => enter(of(request), nativeDoor, request), inference)
    .post('/completions', ({ request }) => enter(of(request), nativeDoor, request), inference)
    .post('/infill', ({ request }) => enter(of(request), infillDoor, request), inference)
    .post('/v1/rerank', ({ request }) => rerank(of(request), request), inference)
    .post('/v1/reranking', ({ request }) => rerank(of(request), request), inference)
    .post('/rerank', ({ request }) => rerank(of(request), request), inference)
    .post('/reranking', ({ request }) => rerank(of(request), request), inference)
    .post('/tokenize', ({ request }) => askEngine(of(request), request), inference)
    .post('/detokenize', ({ request }) => askEngine(of(request), request), inference)
    .post('/apply-template', ({ request }) => askEngine(of(request), request), inference)
    .post('/v1/chat/completions/input_tokens', ({ request }) => askEngine(of(request), request), inference)
    .get('/props', ({ request }) => lookAtEngine(of(request), request), access('infer'))
    .get('/slots', ({ request }) => lookAtEngine(of(request), request), access('infer'))
    .post('/models/load', ({ request }) => routerLoad(of(request), request), order)
    .post('/models/unload', ({ request }) => routerUnload(of(request), request), order);
};
