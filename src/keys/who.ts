/** Who asks, in the few words that are kept of it. Pure. */

const CLIENT_CHARACTERS_MAX = 60;
const LOOPBACK = /^(?:127\.|::1$|::ffff:127\.)/i;
const PRIVATE =
  /^(?:::ffff:)?(?:10\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.|169\.254\.|100\.(?:6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.)/i;
const PRIVATE_V6 = /^(?:f[cd]|fe[89ab])/i;

/** Where a caller is, as far as anybody needs to know. */
export type CallerPlace = 'this computer' | 'local network' | 'internet';

/** A short name of the program that asks: the first product of its User-Agent. */
export function clientName(userAgent: string | null): string | null {
  const product = userAgent?.trim().split(/[\s/(]/)[0];
  return product ? product.slice(0, CLIENT_CHARACTERS_MAX) : null;
}

/** The key's name and the program, as requests are recorded: `laptop · claude-cli`. */
export function whoAsks(keyName: string, client: string | null): string {
  return (client === null ? keyName : `${keyName} · ${client}`).slice(0, CLIENT_CHARACTERS_MAX);
}

/** Whether the other end of a socket is on this machine. */
export function isLoopbackAddress(address: string): boolean {
  return LOOPBACK.test(address);
}

/** Whether only this machine can reach a host that is listened on. */
export function isLoopbackHost(host: string): boolean {
  return host === 'localhost' || host === '127.0.0.1' || host === '::1';
}

/** The class of an address; addresses themselves are not kept. */
export function placeOfAddress(address: string): CallerPlace {
  if (isLoopbackAddress(address)) return 'this computer';
  return PRIVATE.test(address) || PRIVATE_V6.test(address) ? 'local network' : 'internet';
}
