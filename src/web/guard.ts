/**
 * The chain that every request passes before the application sees it, and every answer after. It stands round
 * `app.fetch` and not inside the application, so that no route, static file, WebSocket or malformed URL can go past it;
 * each step answers by itself and none throws (a throw before routing would show Bun's own error page).
 */
import type { Server } from 'bun';
import type { AnyElysia } from 'elysia';
import type { Access } from '#src/access.ts';
import { type Clock, systemClock } from '#src/clock.ts';
import { asFault, Fault } from '#src/faults.ts';
import { isObject } from '#src/json.ts';
import type { Callers } from '#src/keys/callers.ts';
import type { HeldKey } from '#src/keys/held-key.ts';
import { isLoopbackHost } from '#src/keys/who.ts';
import { percentDecoded } from '#src/percent.ts';
import type { Settings } from '#src/settings/settings.ts';
import { LOCAL_KEY_HEADER } from '#src/store/local-key.ts';
import { compressPage, isCompressible } from './compress-page.ts';
import { contentFault } from './content-check.ts';
import { answerPreflight, withCors } from './cors.ts';
import type { Credentials } from './credentials.ts';
import type { DescriptorRoom } from './descriptor-room.ts';
import { notFound, type Refuser } from './errors.tsx';
import { type HostVerdict, judgeHost, ownNames } from './host-check.ts';
import { judgeOrigin } from './origin-check.ts';
import { type Finding, RouteTable } from './route-table.ts';
import { harden } from './security-headers.ts';
import { withBody } from './small-body.ts';
import { untilOver } from './until-over.ts';

/** The server that a request came in by. */
export type Listening = Server<unknown>;

export type GuardParts = {
  /** The complete application: all routes are known. */
  readonly app: AnyElysia;
  readonly settings: () => Settings;
  readonly credentials: Credentials;
  /** Told of each request that a key let in; and of its use. */
  readonly callers?: Callers;
  readonly onKey?: (key: HeldKey, address: string, userAgent: string | null) => void;
  readonly refuser: Refuser;
  /** Whether there are descriptors for what comes; without it, there always are. */
  readonly room?: Pick<DescriptorRoom, 'refusal'>;
  /** The address that Flow listens on in this run: the setting may be another one by now, for the next start. */
  readonly host: string;
  /** This machine's present addresses, for the Host check when bound to all of them: a laptop changes its network. */
  readonly interfaceAddresses: () => readonly string[];
  /** The port when `fetch` is called without a server, as tests do. */
  readonly port: number;
  /** By which senders of bodies are waited for; the real one when it is not given. */
  readonly clock?: Clock;
};

/** The application behind its guard. */
export interface Guarded {
  /** A socket was opened; `data` is what Elysia keeps with it. It is closed when the key that let it in is over. */
  socketOpened(data: unknown, close: () => void): Disposable | null;
  /** Answers a request. `undefined` when it became a WebSocket. */
  fetch(request: Request, server: Listening | null): Promise<Response | undefined>;
  /** Every route with its declaration; for tests and `/openapi.json`. */
  readonly routes: RouteTable['routes'];
}

/**
 * Time that a connection may be idle, or take for the head of its next request. Bun itself gives 10 s for the first.
 * Not while a request is answered: a model may think for longer before its first word.
 */
const REST_S = 75;
/** Of one whose request was given up: the rest of it may still come in. */
const REST_AFTER_SLOW_S = 4;
const SLOW_STATUS = 408;
/** Distinct Host headers whose verdict is remembered. */
const VERDICTS_MAX = 64;
/** Empty and dot segments, backslashes and NUL, also when encoded: what different parsers read differently. */
const SLY_PATH = /\/\/|\\|%5c|%00|(?:\/|%2f)(?:\.|%2e){1,2}(?:\/|%2f|$)/i;
const USUAL_METHODS: readonly string[] = ['DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT'];
const LONGEST_PATH = 8_192;

/** Puts the guard round an application. Throws when a route carries no access declaration. */
export function guard(parts: GuardParts): Guarded {
  const { app, refuser, clock = systemClock } = parts;
  app.compile();
  const table = new RouteTable(app.routes);
  const hosts = new HostJudge(parts);

  const admit = (request: Request, path: string, server: Listening | null): Admitted | Response => {
    const settings = parts.settings();
    const rawHost = request.headers.get('host');
    const hostFault = refusedHost(hosts.judge(rawHost, server, settings));
    if (hostFault) return withoutPage(refuser, request, hostFault);
    if (path.length > LONGEST_PATH || SLY_PATH.test(path)) return refuser.refuse(request, path, notFound(path));
    const isUpgrade = request.headers.get('upgrade')?.toLowerCase() === 'websocket';
    const finding = findRoute(table, request.method, path, isUpgrade);
    if (request.method === 'OPTIONS' && finding.kind !== 'unknown') {
      const allow = finding.kind === 'found' ? USUAL_METHODS : finding.allow;
      return answerPreflight(request, allow, settings.cors_origins);
    }
    const origin = judgeOrigin({
      method: request.method,
      isUpgrade,
      fetchSite: request.headers.get('sec-fetch-site'),
      origin: request.headers.get('origin'),
      host: rawHost ?? '',
      trustedOrigins: settings.cors_origins,
    });
    if (origin === 'foreign') return refuser.refuse(request, path, foreignPage());
    if (finding.kind !== 'found') return unknownRoute(refuser, request, path, finding);
    const { access } = finding;
    if (isUndecodable(path, finding.path)) return refuser.refuse(request, path, undecodable());
    const admitted = contentFault(request, access, origin === 'own') ?? judged(parts, request, access, server);
    if (!(admitted instanceof Fault)) return admitted;
    return wantsLogin(admitted, access, request) ? toLogin(path) : refuser.refuse(request, path, admitted);
  };

  const answer = async (request: Request, server: Listening | null): Promise<Response | undefined> => {
    const path = pathOf(request);
    const admitted = admit(request, path, server);
    if (admitted instanceof Response) return admitted;
    const bounded = await withBody(request, admitted.access, clock).catch(asFault);
    if (bounded instanceof Fault) return refuser.refuse(request, path, bounded);
    // Two servers listen (IPv4 and IPv6), and only the one that a handshake came in by can upgrade it.
    app.server = server;
    // Elysia would read a HEAD's answer to its end to count it; an event stream has none.
    const isHead = request.method === 'HEAD';
    const passed = isHead ? asGet(bounded) : bounded;
    const { key } = admitted;
    if (key === null) return isHead ? headOf(await app.fetch(passed)) : app.fetch(passed);
    parts.callers?.note(passed, key);
    const response = await app.fetch(passed);
    return isHead ? headOf(response) : untilOver(request, response, key);
  };

  return {
    routes: table.routes,
    socketOpened(data, close) {
      const request = isObject(data) && data.request instanceof Request ? data.request : null;
      const key = request === null ? null : (parts.callers?.keyOf(request) ?? null);
      return key === null ? null : key.whenOver(close);
    },
    fetch: async (request, server) => {
      const answered = await answer(request, server);
      if (!(answered instanceof Response)) return answered;
      const response = isCompressible(request, answered) ? await compressPage(answered) : answered;
      if (server && isWhole(response)) server.timeout(request, restFor(response));
      const { cors_origins } = parts.settings();
      return harden(cors_origins.length > 0 ? withCors(request, response, cors_origins) : response);
    },
  };
}

/** A stream is left alone: its client may be slow, and whoever writes it has its own patience. */
function isWhole({ status, headers }: Response): boolean {
  return status >= 300 || (headers.get('content-type')?.startsWith('application/json') ?? false);
}

function restFor({ status }: Response): number {
  return status === SLOW_STATUS ? REST_AFTER_SLOW_S : REST_S;
}

/** `key` is null for the owner, and where anybody may come in. */
type Admitted = { readonly access: Access; readonly key: HeldKey | null };

/** Remembers our own Host headers until the settings change: agents send the same one thousands of times. */
class HostJudge {
  readonly #parts: GuardParts;
  #settings: Settings | null = null;
  readonly #verdicts = new Map<string, HostVerdict>();
  /** Bun asks the system for a server's port each time. */
  readonly #ports = new WeakMap<Listening, number>();

  constructor(parts: GuardParts) {
    this.#parts = parts;
  }

  judge(rawHost: string | null, server: Listening | null, settings: Settings): HostVerdict {
    if (settings !== this.#settings) {
      this.#settings = settings;
      this.#verdicts.clear();
    }
    const port = this.#portOf(server);
    const key = `${port} ${rawHost}`;
    const known = this.#verdicts.get(key);
    if (known) return known;
    const own = ownNames(this.#parts.host, this.#parts.interfaceAddresses());
    const verdict = judgeHost(rawHost, { port, ownNames: own, extraNames: settings.allowed_hosts });
    // What is foreign now may be the address that the next network gives this machine.
    if (verdict === 'ours' && this.#verdicts.size < VERDICTS_MAX) this.#verdicts.set(key, verdict);
    return verdict;
  }

  #portOf(server: Listening | null): number {
    if (server === null) return this.#parts.port;
    const known = this.#ports.get(server);
    if (known !== undefined) return known;
    const port = server.port ?? this.#parts.port;
    this.#ports.set(server, port);
    return port;
  }
}

/** Under a foreign name a page of ours would tell somebody else's script what stands here, and of which version. */
function withoutPage(refuser: Refuser, request: Request, fault: Fault): Response {
  const isForReading =
    request.headers.has('hx-request') || (request.headers.get('accept')?.includes('text/html') ?? false);
  if (!isForReading) return refuser.refuse(request, '/', fault);
  const headers = { 'content-type': 'text/plain; charset=utf-8' };
  return new Response(`${fault.message}\n${fault.hint ?? ''}\n`, { status: fault.status, headers });
}

function refusedHost(verdict: HostVerdict): Fault | null {
  switch (verdict) {
    case 'ours':
      return null;
    case 'foreign':
      return new Fault('forbidden', 'The Host header names somebody else.', {
        hint: 'Use http://localhost and the port, or add the name to allowed_hosts in the settings.',
      });
    case 'malformed':
      return new Fault('forbidden', 'The request has no single valid Host header.');
  }
}

/** A handshake where there is no socket is a GET like any other: the route itself says what to do instead. */
function findRoute(table: RouteTable, method: string, path: string, isUpgrade: boolean): Finding {
  const socket = isUpgrade && method === 'GET' ? table.find('WS', path) : null;
  return socket?.kind === 'found' ? socket : table.find(method, path);
}

function unknownRoute(
  refuser: Refuser,
  request: Request,
  path: string,
  finding: { kind: 'unknown' } | { kind: 'wrong-method'; allow: readonly string[] },
): Response {
  if (finding.kind === 'unknown') return refuser.refuse(request, path, notFound(path));
  const allow = finding.allow.join(', ');
  const fault = new Fault('method-not-allowed', `${path} answers ${allow}, not ${request.method}.`);
  const response = refuser.refuse(request, path, fault);
  response.headers.set('allow', allow);
  return response;
}

/** The router hands null to a handler for a parameter that it cannot decode; what follows a star stays as it came. */
function isUndecodable(path: string, routePath: string): boolean {
  return path.includes('%') && routePath.includes('/:') && percentDecoded(path) === null;
}

function undecodable(): Fault {
  return new Fault('invalid-request', 'The address holds a percent sign that encodes nothing.');
}

function foreignPage(): Fault {
  return new Fault('forbidden', 'A web page of another origin made this request.', {
    hint: 'If the page is yours, add its origin to cors_origins in the settings.',
  });
}

/** Lets a request in, as somebody; or says why not. */
function judged(
  { credentials, onKey, host, room }: GuardParts,
  request: Request,
  access: Access,
  server: Listening | null,
): Admitted | Fault {
  if (access.scope === 'public') return { access, key: null };
  const crowded = server === null ? null : (room?.refusal(server) ?? null);
  if (crowded) return crowded;
  const { headers } = request;
  const address = addressOf(host, request, server);
  const isForwarded = FORWARDING_HEADERS.some((name) => headers.has(name));
  const judgement = credentials.judge({
    authorization: headers.get('authorization'),
    apiKeyHeader: headers.get('x-api-key'),
    cookie: takesSession(access, request.method) ? headers.get('cookie') : null,
    localKey: headers.get(LOCAL_KEY_HEADER),
    address,
    isForwarded,
  });
  if (judgement.verdict !== 'granted') return strangerFault(judgement.verdict, isForwarded);
  const { key } = judgement;
  if (key === null) return { access, key };
  onKey?.(key, address, headers.get('user-agent'));
  return scopeFault(key, access, request.method) ?? limitFault(key, access, request.method) ?? { access, key };
}

/** A session is for the dashboard, which asks models by its own pages: whoever asks by the API shows a key. */
function takesSession({ scope }: Access, method: string): boolean {
  return scope !== 'infer' || method === 'GET' || method === 'HEAD';
}

const OWN_ADDRESS = '127.0.0.1';

/** Who comes in by a loopback port is on this machine. Elsewhere a client that has gone has no address and no trust. */
function addressOf(host: string, request: Request, server: Listening | null): string {
  if (server === null || isLoopbackHost(host)) return OWN_ADDRESS;
  return server.requestIP(request)?.address ?? '';
}

/** Whoever passes a request on says so in one of these; what they say is not believed, but that there is one counts. */
const FORWARDING_HEADERS = [
  'x-forwarded-for',
  'forwarded',
  'x-real-ip',
  'x-forwarded-host',
  'x-forwarded-proto',
  'via',
  'cf-connecting-ip',
] as const;

const BEHIND_PROXY = ', since a proxy passed this request on and whoever asks may be anywhere';

function strangerFault(verdict: 'missing' | 'wrong' | 'expired' | 'throttled', isForwarded: boolean): Fault {
  switch (verdict) {
    case 'missing':
      return new Fault('unauthorized', `This Flow needs an API key${isForwarded ? BEHIND_PROXY : ''}.`, {
        hint: 'Send it as `Authorization: Bearer` or `x-api-key`.',
      });
    case 'wrong':
      return new Fault('unauthorized', 'That is not an API key of this Flow.', {
        hint: 'It may have been revoked: "flow keys" lists those that there are.',
      });
    case 'expired':
      return new Fault('unauthorized', 'This API key has expired.', {
        hint: 'Whoever manages this Flow can give it more time.',
      });
    case 'throttled':
      return new Fault('queue-full', 'Too many wrong API keys from this address.', { retryAfterS: 60 });
  }
}

const NEEDED: Readonly<Record<Access['scope'], string>> = {
  public: 'nothing',
  infer: 'the scope infer',
  read: 'the scope read',
  page: 'the scope read',
  manage: 'the scope manage',
};

function scopeFault(key: HeldKey, { scope }: Access, method: string): Fault | null {
  if (key.may(scope, method)) return null;
  const { name, scopes } = key.rules;
  const isAction = scope === 'page' && key.may(scope, 'GET');
  const needed = isAction ? NEEDED.manage : NEEDED[scope];
  return new Fault('forbidden', `The key "${name}" has the scope ${scopes.join(' and ')}; this needs ${needed}.`, {
    hint: isAction ? 'Sign in with a key that may manage this Flow.' : 'Use a key that has it.',
  });
}

/** Questions to models count; looking does not. */
function limitFault(key: HeldKey, { scope }: Access, method: string): Fault | null {
  return scope === 'infer' && method === 'POST' ? key.take() : null;
}

function wantsLogin(fault: Fault, access: Access, request: Request): boolean {
  const isPage = access.scope === 'page' && request.method === 'GET';
  return fault.kind === 'unauthorized' && isPage && (request.headers.get('accept')?.includes('text/html') ?? false);
}

function toLogin(path: string): Response {
  return new Response(null, { status: 303, headers: { location: `/login?next=${encodeURIComponent(path)}` } });
}

/** Just as Elysia cuts it out, from the raw URL: a normalised copy would be judged by another path than is routed. */
function pathOf(request: Request): string {
  const url = request.url;
  const start = url.indexOf('/', url.startsWith('http') ? 8 : 0);
  if (start < 0) return '/';
  const end = url.indexOf('?', start);
  return end < 0 ? url.slice(start) : url.slice(start, end);
}

function asGet(request: Request): Request {
  return new Request(request, { method: 'GET' });
}

async function headOf(response: Response | undefined): Promise<Response | undefined> {
  if (!response) return response;
  response.body?.cancel().catch(() => {});
  return new Response(null, { status: response.status, headers: response.headers });
}
