/** @jsxImportSource @kitajs/html */
/**
 * How a fault is answered: in the client's protocol under `/v1`, as a page or a notice for a browser, else as
 * `{"error":…}`.
 */
import { randomBytes } from 'node:crypto';
import { Elysia } from 'elysia';
import type { Voice } from '#src/dialects/dialect.ts';
import { asFault, Fault } from '#src/faults.ts';
import { isObject, stringOrNull } from '#src/json.ts';
import { storeFault } from '#src/store/trouble.ts';
import type { Shell } from '#src/web/shell.tsx';
import { FaultPage } from '#views/fault-page.tsx';
import { Notice } from '#views/parts/notice.tsx';

/** What shaping an answer needs. */
export type ErrorParts = {
  /** The protocol that speaks on a path, or null where Flow's own shape is used. */
  readonly voiceFor: (path: string) => Voice | null;
  readonly shell: Shell;
  /** Told of what nobody expected; the request id is the one in the answer. */
  readonly log: (entry: { requestId: string; path: string; cause: unknown }) => void;
};

/** Answers for faults. */
export interface Refuser {
  /** The answer to `request` for what was thrown. Never throws. */
  refuse(request: Request, path: string, cause: unknown): Response;
}

const INVALID_FIELDS_MAX = 5;

/** Makes the one place that turns faults into answers; the guard and the error handler share it. */
export function refuser({ voiceFor, shell, log }: ErrorParts): Refuser {
  return {
    refuse: (request, path, cause) => {
      const fault = asFault(cause);
      const requestId = randomBytes(6).toString('hex');
      if (fault.kind === 'internal') log({ requestId, path, cause: fault.cause ?? cause });
      // `/models/load` is a page of ours and a route of llama.cpp's router: a browser is answered by a page.
      const voice = wantsHtml(request, path) ? null : voiceFor(path);
      const response = voice ? inVoice(voice, fault, requestId) : inOwnWords(shell, request, path, fault, requestId);
      if (fault.retryAfterS !== null && !response.headers.has('retry-after')) {
        response.headers.set('retry-after', String(Math.ceil(fault.retryAfterS)));
      }
      return response;
    },
  };
}

/** The application's one error handler. Use it first, so that it hears of everything. */
export const errorHandling = ({ refuse }: Refuser) =>
  new Elysia({ name: 'error-handling' }).onError({ as: 'global' }, ({ request, path, error, code }) =>
    refuse(request, path, faultOf(error, code, path)),
  );

/** What was thrown, by Elysia or by us, as a Fault. */
export function faultOf(error: unknown, code: unknown, path: string): Fault {
  switch (code) {
    case 'NOT_FOUND':
      return notFound(path);
    case 'PARSE':
      return new Fault('invalid-request', 'The body is not valid JSON.', { cause: error });
    case 'VALIDATION':
      return new Fault('invalid-request', validationMessage(error), { cause: error });
    default:
      return storeFault(error) ?? asFault(error);
  }
}

/** No such path; says so when the reason is plain. */
export function notFound(path: string): Fault {
  const sentence = `There is nothing at ${path.slice(0, 200)}.`;
  if (path.startsWith('/v1/v1/')) {
    return new Fault('not-found', sentence, {
      hint: 'The client adds /v1 itself: leave it out of the base URL.',
    });
  }
  return new Fault('not-found', sentence);
}

function inVoice(voice: Voice, fault: Fault, requestId: string): Response {
  const { status, headers, body } = voice.refusal(fault, requestId);
  return Response.json(body, { status, headers: { ...headers } });
}

function inOwnWords(shell: Shell, request: Request, path: string, fault: Fault, requestId: string): Response {
  if (!wantsHtml(request, path)) {
    const hint = fault.hint === null ? {} : { hint: fault.hint };
    const trace = fault.kind === 'internal' ? { request_id: requestId } : {};
    const body = { error: { kind: fault.kind, message: fault.message, ...hint, ...trace } };
    return Response.json(body, { status: fault.status });
  }
  const words = { status: fault.status, message: fault.message, hint: fault.hint, requestId };
  if (request.headers.has('hx-request')) {
    return shell.fragment(<Notice tone="error" message={fault.message} hint={fault.hint} />, { status: fault.status });
  }
  const title = fault.status === 404 ? 'Not found' : 'Something is in the way';
  return shell.page(
    request,
    { title, current: null, styles: ['simple'], body: <FaultPage {...words} /> },
    { status: fault.status },
  );
}

function wantsHtml(request: Request, path: string): boolean {
  if (/^\/+(api|v1|ws|metrics|upstream)(\/|$)/.test(path)) return false;
  return request.headers.has('hx-request') || (request.headers.get('accept')?.includes('text/html') ?? false);
}

/** Names the fields, never their values: a value may be a secret. */
function validationMessage(error: unknown): string {
  const all = isObject(error) && Array.isArray(error.all) ? error.all : [];
  const fields = all.flatMap((one: unknown) => {
    if (!isObject(one)) return [];
    const path = stringOrNull(one.path)?.replace(/^\//, '').replaceAll('/', '.') || 'the body';
    return [`${path} (${stringOrNull(one.message) ?? 'not valid'})`];
  });
  const named = [...new Set(fields)].slice(0, INVALID_FIELDS_MAX).join(', ');
  return named === '' ? 'The request is not valid.' : `The request is not valid: ${named}.`;
}
