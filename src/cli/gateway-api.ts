/** The running gateway, as the command line reaches it: over its own HTTP API and nothing else. */
import { FAULTS, Fault, type FaultKind } from '#src/faults.ts';
import { isObject, type JsonObject, stringOrNull } from '#src/json.ts';

/** Where a Flow is, and the key it asks for. */
export type Address = { readonly baseUrl: string; readonly apiKey: string | null };

/** Flow does not run at the address: nothing answers there, or (`isTaken`) something else does. */
export class NotRunning extends Error {
  readonly baseUrl: string;
  readonly isTaken: boolean;

  constructor(baseUrl: string, { isTaken = false, cause }: { isTaken?: boolean; cause?: unknown } = {}) {
    super(isTaken ? `What answers at ${baseUrl} is not Flow.` : `Flow does not answer at ${baseUrl}.`, { cause });
    this.name = 'NotRunning';
    this.baseUrl = baseUrl;
    this.isTaken = isTaken;
  }
}

/** Asks one Flow at one address. */
export class GatewayApi {
  readonly baseUrl: string;
  readonly #apiKey: string | null;

  constructor({ baseUrl, apiKey }: Address) {
    this.baseUrl = baseUrl;
    this.#apiKey = apiKey;
  }

  /** A JSON answer; a list comes as `value`. Throws NotRunning, or a Fault with the gateway's own words. */
  async json(method: string, path: string, body?: unknown, headers: HeadersInit = {}): Promise<JsonObject> {
    const response = await this.open(method, path, body, undefined, headers);
    try {
      const value: unknown = await response.json();
      return isObject(value) ? value : { value };
    } catch (cause) {
      throw new NotRunning(this.baseUrl, { isTaken: true, cause });
    }
  }

  /** The raw answer, for streams; the status is already checked. */
  async open(
    method: string,
    path: string,
    body?: unknown,
    signal?: AbortSignal,
    more: HeadersInit = {},
  ): Promise<Response> {
    const response = await this.#fetch(method, path, body, signal, more);
    if (response.ok) return response;
    throw faultOf(response.status, await response.text()) ?? new NotRunning(this.baseUrl, { isTaken: true });
  }

  async #fetch(
    method: string,
    path: string,
    body: unknown,
    signal: AbortSignal | undefined,
    more: HeadersInit,
  ): Promise<Response> {
    const headers = new Headers(more);
    headers.set('accept', 'application/json');
    if (body !== undefined) headers.set('content-type', 'application/json');
    if (this.#apiKey) headers.set('authorization', `Bearer ${this.#apiKey}`);
    try {
      return await fetch(this.baseUrl + path, {
        method,
        headers,
        body: body === undefined ? null : JSON.stringify(body),
        signal: signal ?? null,
        redirect: 'manual',
        // A load may be silent for longer than the runtime's own limit of five minutes.
        timeout: false,
      });
    } catch (cause) {
      if (signal?.aborted) throw cause;
      throw new NotRunning(this.baseUrl, { cause });
    }
  }
}

/** Reads `{"error":{kind?,message,hint?}}` in either of the API's shapes; null for anything else, which is no Flow. */
function faultOf(status: number, text: string): Fault | null {
  const error = errorIn(text);
  return error === null ? null : faultIn(error, status);
}

/** The Fault that an `error` object tells of, in an answer or in the midst of a stream; null when it tells of none. */
export function faultIn(error: JsonObject, status: number): Fault | null {
  const message = stringOrNull(error.message);
  if (message === null) return null;
  const hint = stringOrNull(error.hint);
  const kind = stringOrNull(error.kind) ?? stringOrNull(error.code)?.replaceAll('_', '-') ?? null;
  return new Fault(kindOf(status, kind), message, { status, ...(hint ? { hint } : {}) });
}

function errorIn(text: string): JsonObject | null {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) && isObject(value.error) ? value.error : null;
  } catch {
    // Something else listens there, or a proxy answered.
    return null;
  }
}

function kindOf(status: number, kind: string | null): FaultKind {
  const known = Object.keys(FAULTS).find((name): name is FaultKind => name === kind);
  if (known) return known;
  if (status === 401) return 'unauthorized';
  if (status === 404) return 'not-found';
  return status >= 500 ? 'internal' : 'invalid-request';
}
