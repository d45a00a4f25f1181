/** Bodies of requests that manage something: here before anybody reads them, so that no handler waits for a sender. */
import { type Access, LARGE_BODY_BYTES_MAX } from '#src/access.ts';
import type { Clock } from '#src/clock.ts';
import { arrivedBody } from '#src/stream/arrival.ts';

/**
 * The request with all of its body. Where large bodies are taken the request itself: its handler has its own way of
 * waiting. Throws Fault('too-large'), 'too-slow' or 'cancelled'.
 */
export async function withBody(request: Request, { bodyBytesMax }: Access, clock: Clock): Promise<Request> {
  if (bodyBytesMax >= LARGE_BODY_BYTES_MAX || !hasBody(request.headers)) return request;
  const body = await arrivedBody(request, { bytesMax: bodyBytesMax, clock });
  const whole = new Request(request, { body: Buffer.from(body) });
  arrivals.set(whole, request);
  return whole;
}

/** The request as it came in: its address is known of that very object alone, not of one made with its body. */
export const arrivalOf = (request: Request): Request => arrivals.get(request) ?? request;

const arrivals = new WeakMap<Request, Request>();

function hasBody(headers: Headers): boolean {
  return headers.has('transfer-encoding') || (headers.get('content-length') ?? '0') !== '0';
}
