/**
 * Whether a request was made by somebody else's web page (the rule of Go's CrossOriginProtection). Both headers are
 * needed: `Sec-Fetch-Site` is only sent to trustworthy addresses, a LAN address gets none. Pure.
 */
export type Provenance = {
  readonly method: string;
  /** A WebSocket handshake is a GET that needs no preflight, so it counts as unsafe. */
  readonly isUpgrade: boolean;
  /** `Sec-Fetch-Site`. */
  readonly fetchSite: string | null;
  readonly origin: string | null;
  readonly host: string;
  /** Exact origins that the user trusts. */
  readonly trustedOrigins: readonly string[];
};

/**
 * `safe`: nothing to check. `own`: proven to be our own page. `unproven`: no browser spoke (curl, SDKs). `foreign`:
 * refuse.
 */
export type OriginVerdict = 'safe' | 'own' | 'trusted' | 'unproven' | 'foreign';

const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

/** Judges where a request comes from. */
export function judgeOrigin(from: Provenance): OriginVerdict {
  if (SAFE_METHODS.has(from.method) && !from.isUpgrade) return 'safe';
  if (from.origin !== null && isTrusted(from.origin, from.trustedOrigins)) return 'trusted';
  if (from.fetchSite !== null) return judgeFetchSite(from.fetchSite);
  if (from.origin === null) return 'unproven';
  return hostOf(from.origin) === from.host.toLowerCase() ? 'own' : 'foreign';
}

/** Whether an origin is on the user's list. `null` is what sandboxed frames and local files send, so it never is. */
export function isTrusted(origin: string, trustedOrigins: readonly string[]): boolean {
  return origin !== 'null' && trustedOrigins.includes(origin);
}

function judgeFetchSite(site: string): OriginVerdict {
  if (site === 'same-origin') return 'own';
  return site === 'none' ? 'unproven' : 'foreign';
}

function hostOf(origin: string): string | null {
  const match = /^https?:\/\/([^/]+)$/i.exec(origin);
  return match?.[1]?.toLowerCase() ?? null;
}
