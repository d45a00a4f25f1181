/** The HTTP/1.1 client for engines: keep-alive per base URL, no cap on concurrency, no timeout of silence. */
import { assert } from '#src/assert.ts';
import { asFault, Fault } from '#src/faults.ts';
import { type Address, Connection } from './connection.ts';
import type { EngineClient, ExchangeRequest, ExchangeResponse } from './exchange.ts';
import { Reception } from './reception.ts';

/** Up to here head and body of a request are one buffer; of a picture of 100 MB it would be three copies more. */
const ONE_BUFFER_BYTES_MAX = 4 << 20;
/** Idle connections kept for each engine; more are closed after use. */
const IDLE_MAX = 64;
/** Names of origins remembered; engines come and go on a few ports, so this is never reached in practice. */
const ORIGINS_MAX = 1_000;
/** A stale connection shows itself at once; an engine that kept a request for longer has begun with it. */
const STALE_MS_MAX = 1_000;
/** Flow's own engines listen nowhere else; what is elsewhere was looked up and pinned. */
const LOOPBACK = /^(?:localhost|127(?:\.\d+){3}|\[::1\])$/;
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** One engine's address and its idle connections, the freshest last. */
type Origin = {
  readonly address: Address;
  readonly host: string;
  readonly base: string;
  readonly idle: Connection[];
  readonly pin: Pin | null;
};

/** Where an engine that Flow did not start is: looked up and checked before, so that nobody looks it up again. */
export type Pin = {
  /** An IP address, without brackets. */
  readonly address: string;
  /** Called when it could not be reached, or ended a connection before its answer. */
  readonly onTrouble: () => void;
};

export type ClientOptions = {
  /** Authorities to trust instead of the system's, as PEM; for tests. */
  readonly ca?: string;
};

/**
 * Keeps connections to engines: to Flow's own on plain HTTP over loopback, to others where they were pinned. `close`
 * lets go of the idle ones; exchanges under way go on.
 */
export class SocketEngineClient implements EngineClient {
  readonly #origins = new Map<string, Origin>();
  readonly #ca: string | undefined;

  constructor({ ca }: ClientOptions = {}) {
    this.#ca = ca;
  }

  /** From now on this base URL, http or https, means that address and no other. */
  pin(baseUrl: string, pin: Pin): void {
    const known = this.#origins.get(baseUrl);
    const isSame = known?.pin?.address === pin.address;
    if (!isSame) for (const connection of known?.idle.splice(0) ?? []) connection.close();
    const origin = originOf(new URL(baseUrl), pin, this.#ca);
    this.#origins.set(baseUrl, isSame && known ? { ...origin, idle: known.idle } : origin);
  }

  /** Forgets a pin: only Flow's own engines are asked without one. */
  unpin(baseUrl: string): void {
    for (const connection of this.#origins.get(baseUrl)?.idle.splice(0) ?? []) connection.close();
    this.#origins.delete(baseUrl);
  }

  async send(baseUrl: string, request: ExchangeRequest): Promise<ExchangeResponse> {
    const origin = this.#origin(baseUrl);
    const encoded = encodeRequest(origin, request);
    throwIfAborted(request.signal);
    const idle = takeIdle(origin);
    const sentMs = performance.now();
    const reception = idle
      ? this.#exchange(origin, idle, encoded, request)
      : await this.#dial(origin, encoded, request);
    try {
      return await reception.begun;
    } catch (cause) {
      const fault = asFault(cause);
      const isUnanswered = fault.kind === 'engine-died' && !reception.hasArrivals;
      const isStale = idle !== null && isUnanswered && performance.now() - sentMs < STALE_MS_MAX;
      if (!isStale) {
        if (fault.kind !== 'cancelled') origin.pin?.onTrouble();
        throw fault;
      }
      return (await this.#dial(origin, encoded, request)).begun;
    }
  }

  close(): void {
    for (const { idle } of this.#origins.values()) {
      for (const connection of idle.splice(0)) connection.close();
    }
  }

  /** Idle connections now, for tests. */
  get idleCount(): number {
    let count = 0;
    for (const { idle } of this.#origins.values()) count += idle.length;
    return count;
  }

  async #dial(origin: Origin, encoded: Encoded, request: ExchangeRequest): Promise<Reception> {
    const connection = await Connection.open(origin.address).catch((cause) => {
      origin.pin?.onTrouble();
      throw cause;
    });
    if (request.signal.aborted) connection.close();
    throwIfAborted(request.signal);
    return this.#exchange(origin, connection, encoded, request);
  }

  #exchange(origin: Origin, connection: Connection, { bytes, text }: Encoded, request: ExchangeRequest): Reception {
    const onAbort = () => reception.abort();
    const reception = new Reception(connection, request.method, (isReusable) => {
      request.signal.removeEventListener('abort', onAbort);
      if (isReusable) keep(origin, connection);
      else connection.close();
    });
    request.signal.addEventListener('abort', onAbort);
    connection.send(bytes, reception, text);
    return reception;
  }

  #origin(baseUrl: string): Origin {
    const known = this.#origins.get(baseUrl);
    if (known) return known;
    const url = new URL(baseUrl);
    if (url.protocol !== 'http:' || !LOOPBACK.test(url.hostname)) {
      throw new Fault('engine-unreachable', `Flow is no longer connected to ${url.host}.`);
    }
    const origin = originOf(url, null, undefined);
    if (this.#origins.size >= ORIGINS_MAX) this.#forgetUnused();
    this.#origins.set(baseUrl, origin);
    return origin;
  }

  #forgetUnused(): void {
    for (const [baseUrl, { idle, pin }] of this.#origins) {
      if (idle.length === 0 && pin === null) this.#origins.delete(baseUrl);
    }
  }
}

function originOf(url: URL, pin: Pin | null, ca: string | undefined): Origin {
  const isSecure = url.protocol === 'https:';
  const named = url.hostname.replace(/^\[|\]$/g, '');
  const address = { hostname: pin?.address ?? named, port: Number(url.port || (isSecure ? 443 : 80)) };
  const tls = { serverName: named, ...(ca === undefined ? {} : { ca }) };
  return {
    address: isSecure ? { ...address, tls } : address,
    host: url.host,
    base: url.pathname.replace(/\/+$/, ''),
    idle: [],
    pin,
  };
}

function takeIdle(origin: Origin): Connection | null {
  for (let connection = origin.idle.pop(); connection; connection = origin.idle.pop()) {
    if (connection.isOpen) return connection;
  }
  return null;
}

function keep(origin: Origin, connection: Connection): void {
  if (origin.idle.length >= IDLE_MAX) {
    connection.close();
    return;
  }
  connection.rest(() => {
    const place = origin.idle.indexOf(connection);
    if (place >= 0) origin.idle.splice(place, 1);
  });
  origin.idle.push(connection);
}

/** What is sent: bytes, and a text that is encoded as it leaves. */
type Encoded = { readonly bytes: Uint8Array; readonly text: string };

/** Head and body in one buffer, so that a usual request is one write; a long body is not copied for it. */
function encodeRequest(origin: Origin, request: ExchangeRequest): Encoded {
  assert(/^\/[!-~]*$/.test(request.path), 'a request path that begins with / and holds no spaces or controls');
  let head = `${request.method} ${origin.base}${request.path} HTTP/1.1\r\nhost: ${origin.host}\r\n`;
  for (const [name, value] of Object.entries(request.headers)) {
    assert(TOKEN.test(name), 'a header name is a token');
    assert(/^[\t -~]*$/.test(value), 'a header value is one line of ASCII');
    head += `${name}: ${value}\r\n`;
  }
  const body = request.body;
  if (body === null) return whole(Buffer.from(`${head}${request.method === 'GET' ? '' : 'content-length: 0\r\n'}\r\n`));
  const length = typeof body === 'string' ? Buffer.byteLength(body) : body.length;
  head += `content-length: ${length}\r\n\r\n`;
  if (typeof body !== 'string') return whole(Buffer.concat([Buffer.from(head), body]));
  if (length > ONE_BUFFER_BYTES_MAX) return { bytes: Buffer.from(head), text: body };
  return whole(Buffer.from(head + body));
}

function whole(bytes: Uint8Array): Encoded {
  return { bytes, text: '' };
}

function throwIfAborted(signal: AbortSignal): void {
  if (signal.aborted) throw new Fault('cancelled', 'The client went away before the engine was asked.');
}
