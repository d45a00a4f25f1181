/** Keeps a proxy, which some networks need, out of the way between this machine and itself. */

const LOOPBACK = ['127.0.0.1', 'localhost', '::1', '[::1]'] as const;
const EXEMPTIONS = ['NO_PROXY', 'no_proxy'] as const;
const PROXIES = ['HTTP_PROXY', 'http_proxy', 'ALL_PROXY', 'all_proxy'] as const;

/**
 * Adds loopback to NO_PROXY. Without it, `fetch` asks the proxy for 127.0.0.1: no command would find Flow, and Flow no
 * engine. To be called before the first request.
 */
export function exemptLoopback(environment: Record<string, string | undefined>): void {
  const present = EXEMPTIONS.flatMap((name) => (environment[name] ?? '').split(',')).map((part) => part.trim());
  const all = [...new Set([...present.filter((part) => part !== ''), ...LOOPBACK])].join(',');
  for (const name of EXEMPTIONS) environment[name] = all;
}

/** Names of set variables that send plain HTTP to a proxy, loopback included. */
export function proxiesOf(environment: Readonly<Record<string, string | undefined>>): readonly string[] {
  return PROXIES.filter((name) => (environment[name] ?? '') !== '');
}

/** Whether other programs, which do not exempt it by themselves, would ask the proxy for 127.0.0.1. */
export function catchesLoopback(environment: Readonly<Record<string, string | undefined>>): boolean {
  const exempt = EXEMPTIONS.flatMap((name) => (environment[name] ?? '').split(',')).map((part) => part.trim());
  return proxiesOf(environment).length > 0 && !exempt.some((part) => part === '*' || part === '127.0.0.1');
}
