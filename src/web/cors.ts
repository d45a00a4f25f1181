/** Cross-origin reading: off, but for the exact origins that the user listed. */
import { isTrusted } from './origin-check.ts';

const PREFLIGHT_AGE_S = 600;
const HEADER_LIST = /^[\w-]+(?:\s*,\s*[\w-]+)*$/;
const EXPOSED_HEADERS = 'x-flow-model, x-request-id, request-id, retry-after';

/** Answers OPTIONS, which no route has of its own: what the path allows, and to a listed origin that it may. */
export function answerPreflight(request: Request, allow: readonly string[], origins: readonly string[]): Response {
  const headers = new Headers({ allow: allow.join(', ') });
  const origin = request.headers.get('origin');
  if (origin !== null && isTrusted(origin, origins)) {
    const wanted = request.headers.get('access-control-request-headers') ?? '';
    headers.set('access-control-allow-methods', allow.join(', '));
    if (HEADER_LIST.test(wanted)) headers.set('access-control-allow-headers', wanted);
    headers.set('access-control-max-age', String(PREFLIGHT_AGE_S));
  }
  return new Response(null, { status: 204, headers });
}

/** Lets a listed origin read this answer. The key goes in a header, so credentials are never allowed. */
export function withCors(request: Request, response: Response, origins: readonly string[]): Response {
  response.headers.append('vary', 'origin');
  const origin = request.headers.get('origin');
  if (origin === null || !isTrusted(origin, origins)) return response;
  response.headers.set('access-control-allow-origin', origin);
  response.headers.set('access-control-expose-headers', EXPOSED_HEADERS);
  return response;
}
