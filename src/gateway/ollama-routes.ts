/** Ollama's paths. What it does with models beyond running them is Flow's own to do, elsewhere. */
import { Elysia } from 'elysia';
import { access, LARGE_BODY_BYTES_MAX } from '#src/access.ts';
import { NDJSON, ollamaVoice } from '#src/dialects/ollama/voice.ts';
import { asFault, Fault } from '#src/faults.ts';
import type { JsonObject } from '#src/json.ts';
import { readJsonBody } from './json-body.ts';
import { ollamaAnswer, ollamaEmbed } from './ollama-doors.ts';
import { OLLAMA_VERSION, ps, pulled, show, tags } from './ollama-listing.ts';
import { refusalResponse } from './order.ts';
import type { GatewayServices } from './services.ts';

const QUESTION_BYTES_MAX = 1 << 20;
const UNSERVED = ['/api/copy', '/api/create', '/api/push', '/api/blobs/*'] as const;

/** All of them. */
export const ollamaRoutes = (services: GatewayServices, of: (request: Request) => GatewayServices) => {
  const inference = { parse: 'none', ...access('infer', LARGE_BODY_BYTES_MAX) } as const;
  const question = { parse: 'none', ...access('infer', QUESTION_BYTES_MAX) } as const;
  const version = { version: OLLAMA_VERSION, flow: services.version };
  const app = new Elysia({ name: 'ollama-routes' })
    .get('/api/version', () => version, access('infer'))
    .get('/api/tags', ({ request }) => tags(of(request)), access('infer'))
    .get('/api/ps', ({ request }) => ps(of(request)), access('infer'))
    .post(
      '/api/show',
      ({ request }) => answered(of(request), request, (body) => Response.json(show(of(request), body))),
      question,
    )
    .post('/api/chat', ({ request }) => ollamaAnswer(of(request), 'chat', request), inference)
    .post('/api/generate', ({ request }) => ollamaAnswer(of(request), 'generate', request), inference)
    .post('/api/embed', ({ request }) => ollamaEmbed(of(request), 'input', request), inference)
    .post('/api/embeddings', ({ request }) => ollamaEmbed(of(request), 'prompt', request), inference)
    .post('/api/pull', ({ request }) => answered(of(request), request, (body) => pull(of(request), body)), question)
    .delete('/api/delete', () => refused(), question);
  for (const path of UNSERVED) app.post(path, () => refused(), question);
  return app;
};

async function answered(
  { bodies }: GatewayServices,
  request: Request,
  answer: (body: JsonObject) => Response,
): Promise<Response> {
  using place = bodies.placeFor(request.signal);
  try {
    const { body } = await readJsonBody(request, QUESTION_BYTES_MAX, place);
    return answer(body);
  } catch (cause) {
    return refusal(asFault(cause));
  }
}

/** What is there already is pulled at once; clients wait for the word "success". */
function pull(services: GatewayServices, body: JsonObject): Response {
  pulled(services, body);
  const success = JSON.stringify({ status: 'success' });
  const isStream = body.stream !== false;
  const text = isStream ? `${JSON.stringify({ status: 'pulling manifest' })}\n${success}\n` : success;
  return new Response(text, { headers: { 'content-type': isStream ? NDJSON : 'application/json' } });
}

function refused(): Response {
  return refusal(
    new Fault('method-not-allowed', 'Flow does not make, copy, push or delete models in this protocol.', {
      hint: 'Use its dashboard, or the flow command.',
    }),
  );
}

function refusal(fault: Fault): Response {
  return refusalResponse(ollamaVoice('chat'), fault, crypto.randomUUID(), null);
}
