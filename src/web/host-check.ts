/**
 * Whether a request's Host header names us. It must be exact, because in DNS rebinding the Host header is the only
 * thing that still tells the attacker's page from ours. Pure.
 */

/** `ours`: go on. `foreign`: somebody else's name. `malformed`: no single valid name at all. */
export type HostVerdict = 'ours' | 'foreign' | 'malformed';

export type HostRules = {
  /** Our port, as it stands in a Host header. */
  readonly port: number;
  /** Names or bracketed addresses that count as ours with exactly our port. */
  readonly ownNames: readonly string[];
  /** Further exact names from the settings, with any port or none: a proxy in front may have its own. */
  readonly extraNames: readonly string[];
};

/** The names of this machine's loopback, as browsers write them. */
const LOOPBACK_NAMES: readonly string[] = ['127.0.0.1', 'localhost', '[::1]'];

/** Bun joins two Host headers to `a, b`; the comma fails here. */
const HOST_PATTERN = /^(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(?::(\d{1,5}))?$/;

/**
 * Elysia looks for the path from the twelfth character of the URL on; behind a shorter host it would route by another
 * path than the one that was judged.
 */
const HOST_LENGTH_MIN = 4;
const HTTP_PORT = 80;

/** Judges one raw Host header. */
export function judgeHost(rawHost: string | null, rules: HostRules): HostVerdict {
  const host = rawHost?.toLowerCase() ?? '';
  const match = HOST_PATTERN.exec(host);
  if (!match || host.length < HOST_LENGTH_MIN) return 'malformed';
  const name = match[1] ?? '';
  const port = match[2] === undefined ? HTTP_PORT : Number(match[2]);
  if (rules.ownNames.includes(name) && port === rules.port) return 'ours';
  return rules.extraNames.some((extra) => extra.toLowerCase() === name) ? 'ours' : 'foreign';
}

/**
 * The names that count as ours when listening on `host`. Bound to every address, the machine's own addresses count too;
 * its name does not: a name is what rebinding forges.
 */
export function ownNames(host: string, interfaceAddresses: readonly string[]): readonly string[] {
  const isWildcard = host === '0.0.0.0' || host === '::';
  const further = isWildcard ? interfaceAddresses : [host];
  return [...new Set([...LOOPBACK_NAMES, ...further.map(asHostName)])];
}

function asHostName(address: string): string {
  const bare = address.toLowerCase();
  return bare.includes(':') && !bare.startsWith('[') ? `[${bare}]` : bare;
}
