/** What can go wrong in operation, as a closed list. A programmer's mistake is an assertion, not a Fault. */

/** Every kind of operating error. The HTTP status and the retry advice follow from the kind alone (`FAULTS`). */
export type FaultKind =
  | 'invalid-request'
  | 'context-overflow'
  | 'unauthorized'
  | 'forbidden'
  | 'not-found'
  | 'model-not-found'
  | 'method-not-allowed'
  | 'conflict'
  | 'too-large'
  | 'too-slow'
  | 'too-busy'
  | 'unsupported-media'
  | 'unprocessable'
  | 'queue-full'
  | 'rate-limited'
  | 'quota-used'
  | 'cancelled'
  | 'engine-refused'
  | 'engine-unreachable'
  | 'engine-died'
  | 'engine-silent'
  | 'engine-missing'
  | 'install-failed'
  | 'download-damaged'
  | 'offline'
  | 'hub-token-missing'
  | 'hub-token-refused'
  | 'hub-gated'
  | 'hub-busy'
  | 'hub-broken'
  | 'disk-full'
  | 'model-not-loaded'
  | 'model-unloaded'
  | 'load-failed'
  | 'no-memory'
  | 'queue-timeout'
  | 'shutting-down'
  | 'internal';

/**
 * How a kind is answered. `retry` tells whether the same request may succeed later without anybody changing anything.
 */
export type FaultRule = { readonly status: number; readonly retry: boolean };

/**
 * The one table that turns a kind into a status. Statuses follow RFC 9110; 499 (client closed request) is nginx's,
 * used in records only, since nobody is left to read it.
 */
export const FAULTS: { readonly [Kind in FaultKind]: FaultRule } = {
  'invalid-request': { status: 400, retry: false },
  'context-overflow': { status: 400, retry: false },
  unauthorized: { status: 401, retry: false },
  forbidden: { status: 403, retry: false },
  'not-found': { status: 404, retry: false },
  'model-not-found': { status: 404, retry: false },
  'method-not-allowed': { status: 405, retry: false },
  conflict: { status: 409, retry: false },
  'too-large': { status: 413, retry: false },
  'too-slow': { status: 408, retry: false },
  'too-busy': { status: 503, retry: true },
  'unsupported-media': { status: 415, retry: false },
  unprocessable: { status: 422, retry: false },
  'queue-full': { status: 429, retry: true },
  'rate-limited': { status: 429, retry: true },
  // Only midnight helps, and clients that repeat by themselves would ask until then.
  'quota-used': { status: 429, retry: false },
  cancelled: { status: 499, retry: false },
  'engine-refused': { status: 502, retry: false },
  'engine-unreachable': { status: 502, retry: true },
  'engine-died': { status: 502, retry: true },
  'engine-silent': { status: 504, retry: true },
  'engine-missing': { status: 503, retry: false },
  'install-failed': { status: 503, retry: false },
  'download-damaged': { status: 502, retry: false },
  offline: { status: 503, retry: false },
  // Not 401: that would say that the caller's key to Flow is wrong.
  'hub-token-missing': { status: 403, retry: false },
  'hub-token-refused': { status: 403, retry: false },
  'hub-gated': { status: 403, retry: false },
  'hub-busy': { status: 429, retry: true },
  'hub-broken': { status: 502, retry: true },
  'disk-full': { status: 507, retry: false },
  'model-not-loaded': { status: 503, retry: false },
  'model-unloaded': { status: 503, retry: true },
  'load-failed': { status: 503, retry: false },
  'no-memory': { status: 503, retry: false },
  'queue-timeout': { status: 503, retry: true },
  'shutting-down': { status: 503, retry: true },
  internal: { status: 500, retry: false },
};

/** The parts of a Fault beyond its kind and sentence. */
export type FaultParts = {
  /** What may help, as one sentence in the imperative. */
  readonly hint?: string;
  /** Numbers and names a protocol may want to repeat, for example `{ promptTokens: 9000, contextTokens: 4096 }`. */
  readonly details?: Readonly<Record<string, unknown>>;
  /** Overrides the table's status; only for `engine-refused`, where the engine chose it. */
  readonly status?: number;
  /** Seconds after which a retry makes sense. */
  readonly retryAfterS?: number;
  /** What caused it, for our own eyes: never sent to a client. */
  readonly cause?: unknown;
};

/**
 * An operating error: a kind from the closed list and a sentence for the user that says what happened, with numbers.
 */
export class Fault extends Error {
  readonly kind: FaultKind;
  readonly hint: string | null;
  readonly details: Readonly<Record<string, unknown>>;
  readonly status: number;
  readonly retryAfterS: number | null;

  constructor(kind: FaultKind, message: string, parts: FaultParts = {}) {
    super(message, parts.cause === undefined ? undefined : { cause: parts.cause });
    this.name = 'Fault';
    this.kind = kind;
    this.hint = parts.hint ?? null;
    this.details = parts.details ?? {};
    this.status = parts.status ?? FAULTS[kind].status;
    this.retryAfterS = parts.retryAfterS ?? null;
  }

  /** Whether the same request may succeed later by itself. */
  get isRetryable(): boolean {
    return FAULTS[this.kind].retry;
  }
}

/**
 * Turns whatever was thrown into a Fault; an abort becomes `cancelled`, anything unknown `internal` with its cause
 * kept.
 */
export function asFault(cause: unknown): Fault {
  if (cause instanceof Fault) return cause;
  if (cause instanceof Error && cause.name === 'AbortError') {
    return new Fault('cancelled', 'The client went away before the answer was complete.', { cause });
  }
  return new Fault('internal', 'Flow met a condition it did not expect; the details are in its log.', { cause });
}

/** The system's own code of an error, for example `ENOSPC`; null when it has none. */
export function systemCodeOf(cause: unknown): string | null {
  return cause instanceof Error && 'code' in cause && typeof cause.code === 'string' ? cause.code : null;
}
