/** Opens the ports: IPv4 and IPv6 loopback by default, so that `localhost` works whatever it resolves to first. */
import { networkInterfaces } from 'node:os';
import type { Server } from 'bun';
import { websocket } from 'elysia/ws';
import { Fault, systemCodeOf } from '#src/faults.ts';
import { isLoopbackHost } from '#src/keys/who.ts';
import type { Guarded } from './guard.ts';
import { portHolder } from './port-holder.ts';

/** The address to listen on; port 0 takes a free one. */
export type Address = { readonly host: string; readonly port: number };

/** Open ports. */
export interface Listener {
  /** For people, for example `http://127.0.0.1:3377`. */
  readonly url: string;
  readonly port: number;
  /** Takes no new connections. Resolves when the open ones have ended; at once when they are to be closed. */
  stop(closeNow: boolean): Promise<void>;
}

const DEFAULT_HOST = '127.0.0.1';
const TWIN_HOST = '::1';
/** Told to a client whose key is over; from 4000 on the codes are everybody's own. */
const KEY_OVER_CODE = 4001;
const SOCKET_MESSAGE_BYTES_MAX = 1 << 20;
const SOCKET_BACKLOG_BYTES_MAX = 4 << 20;
const PORT_ATTEMPTS_MAX = 20;

/** Refuses to be reachable by others while nobody has a key. Throws Fault('invalid-request'). */
export function requireKeyBeyondLoopback(host: string, hasKey: boolean): void {
  if (isLoopbackHost(host) || hasKey) return;
  throw new Fault('invalid-request', `Listening on ${host} would let everybody on the network use this Flow.`, {
    hint: 'Set FLOW_API_KEY (or --api-key), make a key with "flow keys create NAME", or listen on 127.0.0.1.',
  });
}

/** This machine's addresses, for the Host check. */
export function interfaceAddresses(): readonly string[] {
  return Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map(({ address }) => address));
}

/** Listens. Throws Fault('conflict') that names who holds the port, when that can be told. */
export async function listen(guarded: Guarded, { host, port }: Address): Promise<Listener> {
  const servers = await openAll(guarded, host, port);
  const [first] = servers;
  const boundPort = first?.port ?? port;
  return {
    url: `http://${reachable(host)}:${boundPort}`,
    port: boundPort,
    stop: async (closeNow) => {
      await Promise.all(servers.map((server) => server.stop(closeNow)));
    },
  };
}

/** An address to listen on is not always one to open: the guard refuses `0.0.0.0` as a name, as it must. */
function reachable(host: string): string {
  if (host === '0.0.0.0') return DEFAULT_HOST;
  if (host === '::') return `[${TWIN_HOST}]`;
  return host.includes(':') ? `[${host}]` : host;
}

async function openAll(guarded: Guarded, host: string, port: number): Promise<readonly Server<unknown>[]> {
  const isDefault = host === DEFAULT_HOST || host === 'localhost';
  // A free port of one family may be taken in the other; only port 0 may be tried again.
  for (let attempt = 0; ; attempt += 1) {
    const first = await open(guarded, isDefault ? DEFAULT_HOST : host, port);
    if (!isDefault) return [first];
    try {
      const twin = openTwin(guarded, first.port ?? port);
      return twin ? [first, twin] : [first];
    } catch (cause) {
      await first.stop(true);
      if (port !== 0 || attempt >= PORT_ATTEMPTS_MAX) throw await taken(TWIN_HOST, port, cause);
    }
  }
}

async function open(guarded: Guarded, hostname: string, port: number): Promise<Server<unknown>> {
  try {
    return serve(guarded, hostname, port);
  } catch (cause) {
    if (systemCodeOf(cause) === 'EADDRINUSE') throw await taken(hostname, port, cause);
    throw new Fault(
      'invalid-request',
      `Cannot listen on ${hostname}:${port} (${systemCodeOf(cause) ?? 'no reason given'}).`,
      {
        hint: 'Choose another host or port with --host and --port.',
        cause,
      },
    );
  }
}

/** The IPv6 side, or null on a machine without IPv6. Throws when somebody else holds it. */
function openTwin(guarded: Guarded, port: number): Server<unknown> | null {
  try {
    return serve(guarded, TWIN_HOST, port);
  } catch (cause) {
    if (systemCodeOf(cause) === 'EADDRINUSE') throw cause;
    return null;
  }
}

function serve(guarded: Guarded, hostname: string, port: number): Server<unknown> {
  return Bun.serve({
    hostname,
    port,
    // Elysia's and Bun's defaults would share the port with a second Flow and cut silent streams.
    reusePort: false,
    idleTimeout: 0,
    // Bun's own refusal has no words. Whoever reads a body counts it (stream/arrival.ts).
    maxRequestBodySize: Number.MAX_SAFE_INTEGER,
    development: false,
    fetch: (request, server) => guarded.fetch(request, server),
    error: () =>
      new Response('{"error":{"kind":"internal","message":"The request could not be read."}}', { status: 500 }),
    websocket: socketHandlers(guarded),
  });
}

type ElysiaSocket = Parameters<NonNullable<typeof websocket.open>>[0];

/** Elysia's handlers with our bounds. Its type differs from Bun's in optional fields only, hence the untyped start. */
function socketHandlers(guarded: Guarded): Bun.WebSocketHandler<unknown> {
  const watches = new WeakMap<object, Disposable>();
  return Object.assign(Object.create(null), websocket, {
    open(socket: ElysiaSocket) {
      const watch = guarded.socketOpened(socket.data, () => socket.close(KEY_OVER_CODE, 'The key is over.'));
      if (watch) watches.set(socket, watch);
      return websocket.open?.(socket);
    },
    close(socket: ElysiaSocket, code: number, reason: string) {
      watches.get(socket)?.[Symbol.dispose]();
      return websocket.close?.(socket, code, reason);
    },
    maxPayloadLength: SOCKET_MESSAGE_BYTES_MAX,
    backpressureLimit: SOCKET_BACKLOG_BYTES_MAX,
    closeOnBackpressureLimit: true,
  });
}

async function taken(hostname: string, port: number, cause: unknown): Promise<Fault> {
  const holder = await portHolder(port);
  const who = holder === null ? 'another program' : holder;
  return new Fault('conflict', `Port ${port} on ${hostname} is in use by ${who}.`, {
    hint: `Stop it, or choose another port with --port.`,
    details: { port },
    cause,
  });
}
