/**
 * The route table of a whole Flow with handlers that only say that they were reached: so that every key can be tried
 * on every route, without doing what the route does. The guard and the keys are the real ones.
 */
import { Elysia } from 'elysia';
import { access } from '#src/access.ts';
import { LOCAL_KEY_HEADER } from '#src/store/local-key.ts';
import { Credentials } from '#src/web/credentials.ts';
import { errorHandling, type Refuser } from '#src/web/errors.tsx';
import { type Guarded, guard, type Listening } from '#src/web/guard.ts';
import type { DeclaredRoute } from '#src/web/route-table.ts';
import { FakeClock } from '#test/support/fake-clock.ts';
import { type FrontDoor, pathFor } from './front-door.ts';

export type TwinOptions = {
  readonly apiKey?: string;
  /** The address that Flow listens on; all of them unless said otherwise, so that a socket's address counts. */
  readonly host?: string;
  /** Leaves no minute between two requests, so that guesses add up. */
  readonly isHasty?: boolean;
};

export type Twin = {
  readonly routes: readonly DeclaredRoute[];
  /** The status of a request that came from an address: 299 when a handler was reached. */
  ask(route: DeclaredRoute, headers: Readonly<Record<string, string>>, from?: string, query?: string): Promise<number>;
};

/** What a handler that was reached answers. */
export const REACHED = 299;
const PORT = 3377;
const WINDOW_MS = 60_000;

/** Makes it, for a Flow whose keys it takes. */
export function twinOf({ flow, routes }: FrontDoor, { apiKey, host = '0.0.0.0', isHasty }: TwinOptions): Twin {
  const clock = new FakeClock();
  const { keys, callers, settings, localKey } = flow;
  const isKeyWished = () => settings.current.require_key;
  const credentials = new Credentials({
    ...{ apiKey: apiKey ?? null, clock, keys, localKey, isKeyWished },
  });
  const refuser: Refuser = { refuse: (_, __, cause) => new Response(null, { status: statusOf(cause) }) };
  const app = new Elysia().use(errorHandling(refuser));
  for (const { method, path, access: declared } of routes) {
    const detail = access(declared.scope, declared.bodyBytesMax);
    // A handshake is judged as what it is; that a socket would be opened is told like any other answer.
    app.route(method, path, () => new Response(null, { status: REACHED }), detail);
  }
  const interfaceAddresses = () => ['192.168.1.2'];
  const parts = { app, settings: () => settings.current, credentials, callers, refuser, host, port: PORT };
  const guarded = guard({ ...parts, interfaceAddresses });
  return {
    routes: guarded.routes,
    async ask(route, headers, from = '127.0.0.1', query = '') {
      // Guesses of a minute ago are forgotten: what slows them down is looked at elsewhere.
      if (!isHasty) clock.advance(WINDOW_MS + 1);
      return (await askTwin(guarded, route, headers, from, query)) ?? 0;
    },
  };
}

async function askTwin(
  guarded: Guarded,
  route: DeclaredRoute,
  headers: Readonly<Record<string, string>>,
  from: string,
  query: string,
): Promise<number | undefined> {
  const isSocket = route.method === 'WS';
  const handshake = isSocket ? { upgrade: 'websocket', connection: 'Upgrade' } : {};
  const url = `http://127.0.0.1:${PORT}${pathFor(route)}${query}`;
  const request = new Request(url, {
    method: isSocket ? 'GET' : route.method,
    headers: { host: `127.0.0.1:${PORT}`, ...handshake, ...headers },
  });
  const counts = { pendingRequests: 1, pendingWebSockets: 0 };
  const server = { ...counts, port: PORT, requestIP: () => ({ address: from }), timeout() {} } as unknown as Listening;
  return (await guarded.fetch(request, server))?.status;
}

function statusOf(cause: unknown): number {
  return cause instanceof Error && 'status' in cause && typeof cause.status === 'number' ? cause.status : 500;
}

/** The headers that show a key in some way; `other` is another right one. */
export type ShowKey = (key: string, other: string) => Readonly<Record<string, string>>;

/** All the ways to show a key. */
export const SHOWN = {
  nothing: () => ({}),
  'as bearer': (key: string) => ({ authorization: `Bearer ${key}` }),
  'as bearer in lower case': (key: string) => ({ authorization: `bearer ${key}` }),
  'as x-api-key': (key: string) => ({ 'x-api-key': key }),
  'by both': (key: string) => ({ authorization: `Bearer ${key}`, 'x-api-key': key }),
  'as bearer beside another key': (key: string, other: string) => ({ ...bearer(key), 'x-api-key': other }),
  'as x-api-key beside another key': (key: string, other: string) => ({ ...bearer(other), 'x-api-key': key }),
  'beside an empty key': (key: string) => ({ ...bearer(key), 'x-api-key': '' }),
  'as Basic': (key: string) => ({ authorization: `Basic ${btoa(`flow:${key}`)}` }),
  'as Basic without a name': (key: string) => ({ authorization: `Basic ${btoa(`:${key}`)}` }),
  'without a scheme': (key: string) => ({ authorization: key }),
  'as the cookie itself': (key: string) => ({ cookie: `flow_session=${key}` }),
  'as the proof of the own user': (key: string) => ({ [LOCAL_KEY_HEADER]: key }),
} as const satisfies Readonly<Record<string, ShowKey>>;

function bearer(key: string): { readonly authorization: string } {
  return { authorization: `Bearer ${key}` };
}
