/**
 * Where an engine that Flow did not start may be: this machine and its networks are the purpose, addresses that no
 * engine has are refused in each of their spellings.
 */
import { isIP } from 'node:net';
import { Fault } from '#src/faults.ts';

const URL_LENGTH_MAX = 2_000;
/** Addresses tried when a name has several. */
const CANDIDATES_MAX = 4;
/** The services that tell a machine in a cloud its secrets. */
const METADATA_NAMES = new Set([
  'metadata',
  'metadata.goog',
  'metadata.google.internal',
  'metadata.azure.internal',
  'metadata.azure.com',
  'metadata.tencentyun.com',
  'instance-data',
  'instance-data.ec2.internal',
]);
/** Those of them that lie outside of the link-local range: Alibaba, Oracle, Azure; and Amazon's IPv6 one. */
const METADATA_IPV4 = new Set(['100.100.100.200', '192.0.0.192', '168.63.129.16']);
const METADATA_IPV6 = 'fd00:0ec2:0000:0000:0000:0000:0000:0254';

/** Looks a name up: all of its addresses, best first. */
export type LookUp = (hostname: string) => Promise<readonly string[]>;

/**
 * A base URL in its one spelling: scheme, host, port and path, without `/v1` and without a slash at its end. Throws
 * Fault('invalid-request').
 */
export function checkedBaseUrl(text: string): string {
  const url = text.length > URL_LENGTH_MAX ? null : URL.parse(text.trim());
  if (!url || !/^https?:$/.test(url.protocol) || url.hostname === '') {
    throw new Fault('invalid-request', 'base_url must be an http or https address, for example http://127.0.0.1:8080.');
  }
  if (url.username !== '' || url.password !== '') {
    throw new Fault('invalid-request', 'A user or a password does not belong into base_url.', {
      hint: 'Give the key as api_key: it is kept in a file of its own.',
    });
  }
  if (url.search !== '' || url.hash !== '') {
    throw new Fault('invalid-request', 'base_url must be without a query and without a fragment.');
  }
  const path = url.pathname.replace(/\/+$/, '').replace(/\/v1$/, '').replace(/\/+$/, '');
  return `${url.origin}${path}`;
}

/** The port of a base URL, also when it is not written. */
export function portOf(baseUrl: string): number {
  const { port, protocol } = new URL(baseUrl);
  return Number(port || (protocol === 'https:' ? 443 : 80));
}

/**
 * The addresses behind a base URL, looked up once and all of them checked; whoever connects uses these and looks up
 * nothing more. Throws Fault('forbidden') for what Flow never asks, 'engine-unreachable' for a name that means nothing.
 */
export async function addressesOf(baseUrl: string, lookUp: LookUp): Promise<readonly string[]> {
  const hostname = new URL(baseUrl).hostname.toLowerCase().replace(/^\[|\]$/g, '');
  const name = hostname.replace(/\.$/, '');
  if (METADATA_NAMES.has(name)) throw refused(hostname);
  const addresses = await found(name, lookUp);
  if (addresses.length === 0) throw new Fault('engine-unreachable', `There is no machine called ${hostname}.`);
  for (const address of addresses) if (isRefused(address)) throw refused(hostname);
  // Engines listen on IPv4 unless told otherwise.
  return addresses.toSorted((one, other) => isIP(one) - isIP(other)).slice(0, CANDIDATES_MAX);
}

async function found(name: string, lookUp: LookUp): Promise<readonly string[]> {
  if (isIP(name) !== 0) return [name];
  // Never asked of a name server: it means this machine, and no answer may make it mean another.
  if (name === 'localhost' || name.endsWith('.localhost')) return ['127.0.0.1', '::1'];
  try {
    return await lookUp(name);
  } catch (cause) {
    throw new Fault('engine-unreachable', `There is no machine called ${name}, or no name server answers.`, { cause });
  }
}

/** Whether an IP address is one that Flow never connects to, whatever it is asked; also when it cannot be read. */
export function isRefused(address: string): boolean {
  const family = isIP(address);
  if (family === 4) return isRefusedIpv4(address);
  const groups = family === 6 ? groupsOf(address) : null;
  if (!groups) return true;
  const [first = 0] = groups;
  if ((first & 0xffc0) === 0xfe80 || (first & 0xff00) === 0xff00) return true;
  if (groups.map((group) => group.toString(16).padStart(4, '0')).join(':') === METADATA_IPV6) return true;
  const inside = embeddedIpv4(groups);
  if (inside === '0.0.0.1') return groups.slice(0, 6).some((group) => group !== 0);
  return inside !== null && isRefusedIpv4(inside);
}

/** Whether it is this machine, spoken to from itself. */
export function isLoopback(address: string): boolean {
  return /^(?:127\.\d+\.\d+\.\d+|::1|::ffff:127\.\d+\.\d+\.\d+|::ffff:7f[0-9a-f]{2}:[0-9a-f]{1,4})$/i.test(address);
}

/** Whether it is this machine or a network of its owner's, where a key may travel unencrypted. */
export function isPrivate(address: string): boolean {
  if (isLoopback(address)) return true;
  if (isIP(address) === 6) return /^f[cd]/i.test(address);
  return /^(?:10\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.|100\.(?:6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.)/.test(address);
}

/** "This network", link-local, multicast, reserved and broadcast, and what clouds keep their secrets at. */
function isRefusedIpv4(address: string): boolean {
  const [first = 0, second = 0] = address.split('.').map(Number);
  return first === 0 || first >= 224 || (first === 169 && second === 254) || METADATA_IPV4.has(address);
}

/** The IPv4 address that an IPv6 one carries: mapped, compatible, translated (NAT64), 6to4 or Teredo. */
function embeddedIpv4(groups: readonly number[]): string | null {
  const [a = 0, b = 0, c = 0] = groups;
  const areZero = (from: number, to: number): boolean => groups.slice(from, to).every((group) => group === 0);
  if (areZero(0, 6)) return dotted(groups[6], groups[7]);
  if (areZero(0, 5) && groups[5] === 0xffff) return dotted(groups[6], groups[7]);
  if (areZero(0, 4) && groups[4] === 0xffff && groups[5] === 0) return dotted(groups[6], groups[7]);
  if (a === 0x64 && b === 0xff9b) return dotted(groups[6], groups[7]);
  if (a === 0x2002) return dotted(b, c);
  if (a === 0x2001 && b === 0) return dotted((groups[6] ?? 0) ^ 0xffff, (groups[7] ?? 0) ^ 0xffff);
  return null;
}

function dotted(high = 0, low = 0): string {
  return [high >> 8, high & 255, low >> 8, low & 255].join('.');
}

/** The eight numbers of an IPv6 address that `isIP` knows as one; null with a zone, which names an interface. */
function groupsOf(address: string): readonly number[] | null {
  if (address.includes('%')) return null;
  const plain = address.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_whole, ...parts: string[]) => {
    const [w = 0, x = 0, y = 0, z = 0] = parts.map(Number);
    return `${((w << 8) | x).toString(16)}:${((y << 8) | z).toString(16)}`;
  });
  const [head = '', tail] = plain.split('::');
  const left = numbers(head);
  if (tail === undefined) return left;
  const right = numbers(tail);
  return [...left, ...Array.from({ length: Math.max(0, 8 - left.length - right.length) }, () => 0), ...right];
}

function numbers(text: string): number[] {
  return text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16));
}

function refused(hostname: string): Fault {
  return new Fault(
    'forbidden',
    `Flow connects to no engine at ${hostname.slice(0, 100)}: no engine has that address.`,
    {
      hint: 'Link-local, multicast, unspecified and cloud metadata addresses are refused, however they are written.',
    },
  );
}
