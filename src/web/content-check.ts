/** What a request may carry: its media type, its coding and its announced length. Pure. */
import type { Access } from '#src/access.ts';
import { Fault } from '#src/faults.ts';

const CHANGING_METHODS: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH', 'DELETE']);
const FORM_TYPE = 'application/x-www-form-urlencoded';
const JSON_TYPE = 'application/json';

/**
 * The fault of a request's body, or null. A body that changes something is JSON, because a foreign page cannot send
 * JSON without asking first. Pages also take forms (so that they work without scripts), but only when the browser has
 * proven that our own page sent it, which is the stronger proof.
 *
 * Inference also takes JSON under the name that curl gives to every body, so that `curl -d '{…}'` works as it does with
 * Ollama and llama-server: but only from what is no browser, since every browser says where a POST comes from.
 */
export function contentFault(request: Request, access: Access, isOwnPage: boolean): Fault | null {
  const { headers } = request;
  const length = headers.get('content-length');
  if (length !== null && headers.has('transfer-encoding')) {
    return new Fault('invalid-request', 'A body has a length or is chunked, not both.');
  }
  if (length !== null && Number(length) > access.bodyBytesMax) {
    return new Fault('too-large', `The body has ${length} bytes; this route takes ${access.bodyBytesMax}.`);
  }
  if (!CHANGING_METHODS.has(request.method)) return null;
  return typeFault(headers, access, isOwnPage) ?? codingFault(headers, access);
}

function typeFault(headers: Headers, access: Access, isOwnPage: boolean): Fault | null {
  const type = headers.get('content-type')?.split(';', 1)[0]?.trim().toLowerCase() ?? '';
  if (type === JSON_TYPE) return null;
  const takesForms = access.scope === 'page' || access.scope === 'public';
  if (type === FORM_TYPE && takesForms && isOwnPage) return null;
  const isBrowser = headers.has('origin') || headers.has('sec-fetch-site');
  if (type === FORM_TYPE && access.scope === 'infer' && !isBrowser) return null;
  const hasBody = headers.has('transfer-encoding') || (headers.get('content-length') ?? '0') !== '0';
  if (type === '' && !hasBody) return null;
  return new Fault('unsupported-media', `The body came as ${type || 'nothing in particular'}, not as JSON.`, {
    hint: 'Send `Content-Type: application/json`.',
  });
}

function codingFault(headers: Headers, access: Access): Fault | null {
  const coding = headers.get('content-encoding')?.toLowerCase() ?? 'identity';
  if (coding === 'identity' || access.scope === 'infer') return null;
  return new Fault('unsupported-media', `The body came with the coding ${coding}; send it plain.`);
}
