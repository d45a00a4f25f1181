/** Who can reach Flow, as a sentence. Pure. */

/** What decides it. */
export type Door = {
  /** What is listened on now; port 0 = one that the system chose. */
  readonly host: string;
  readonly port: number;
  /** Whether anybody has one. */
  readonly hasKey: boolean;
  /** Whether one is asked for on this machine too. */
  readonly isKeyRequired: boolean;
  /** Flow was told to let others in without a key. */
  readonly isOpenAllowed: boolean;
  /** This machine's addresses that others can reach. */
  readonly addresses: readonly string[];
};

export type Exposure = {
  readonly tone: 'good' | 'warning';
  readonly sentence: string;
  /** What is needed, or what may help. */
  readonly hint: string;
};

const LOOPBACK: ReadonlySet<string> = new Set(['127.0.0.1', 'localhost', '::1']);
const ANY: ReadonlySet<string> = new Set(['0.0.0.0', '::']);
const ADDRESSES_SHOWN_MAX = 3;

/** Whether only this machine can reach an address. */
export function isLoopbackHost(host: string): boolean {
  return LOOPBACK.has(host);
}

/** Who can reach Flow now. */
export function exposure({ host, port, hasKey, isKeyRequired, isOpenAllowed, addresses }: Door): Exposure {
  const at = (name: string): string => `${name.includes(':') ? `[${name}]` : name}${port === 0 ? '' : `:${port}`}`;
  const keyed = isKeyRequired ? 'Every caller must show an API key.' : 'No API key is asked for here.';
  if (LOOPBACK.has(host)) {
    return { tone: 'good', sentence: `Reachable from this computer only, at ${at(host)}.`, hint: keyed };
  }
  const names = ANY.has(host) ? addresses.slice(0, ADDRESSES_SHOWN_MAX) : [host];
  const where = names.length === 0 ? '' : ` at ${names.map(at).join(', ')}`;
  if (isOpenAllowed && !isKeyRequired) {
    return {
      tone: 'warning',
      sentence: `Reachable from your network${where} by everybody, without a key.`,
      hint: 'Make a key below and ask for it on this computer too, or listen on 127.0.0.1.',
    };
  }
  if (hasKey) return { tone: 'good', sentence: `Reachable from your network${where}, with an API key.`, hint: keyed };
  return {
    tone: 'warning',
    sentence: `Listens to your network${where}, but nobody there has a key.`,
    hint: 'Make one below, or listen on 127.0.0.1.',
  };
}

/** What the next start will change about it; null when it will be the same. */
export function nextStart(
  now: Pick<Door, 'host' | 'port' | 'hasKey'>,
  saved: Pick<Door, 'host' | 'port'>,
  isOpenAllowed: boolean,
): string | null {
  if (now.host === saved.host && now.port === saved.port) return null;
  const where = `${saved.host}:${saved.port}`;
  if (!LOOPBACK.has(saved.host) && !now.hasKey && !isOpenAllowed) {
    return `The next start would refuse to listen on ${where} while nobody has an API key: make one before it.`;
  }
  return `From the next start: ${where}. Restart Flow to use it.`;
}
