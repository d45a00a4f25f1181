/** Which hosts a hub may be at, and where it may send us on to. Pure. */
import { Fault } from '#src/faults.ts';

const PRIVATE_ADDRESS =
  /^(?:0|10|127|192\.168|172\.(?:1[6-9]|2\d|3[01])|169\.254|100\.(?:6[4-9]|[7-9]\d|1[01]\d|12[0-7]))\.[\d.]+$/;

/** The hub's base address without a slash at its end. Throws Fault('invalid-request') for anything but http(s). */
export function checkedHubUrl(text: string): string {
  const url = URL.parse(text);
  if (url && /^https?:$/.test(url.protocol) && url.username === '' && url.password === '' && url.search === '') {
    return `${url.origin}${url.pathname}`.replace(/\/+$/, '');
  }
  throw new Fault('invalid-request', 'hub_url must be an http or https address without a user, a password or a query.');
}

/**
 * Where a redirect leads. Throws Fault('hub-broken') for what a hub has no reason to point at: an unencrypted host,
 * when the hub itself is encrypted; this machine or its network, when the hub is not there itself; link-local ones.
 */
export function redirectTarget(location: string, from: URL, hubUrl: string): URL {
  const target = URL.parse(location, from.href);
  const hub = URL.parse(hubUrl);
  if (!target || !hub) throw unsafe(from, 'what is no address');
  if (!/^https?:$/.test(target.protocol)) throw unsafe(from, target.protocol);
  if (target.username !== '' || target.password !== '') throw unsafe(from, `${target.host} with a password`);
  if (hub.protocol === 'https:' && target.protocol !== 'https:') throw unsafe(from, `unencrypted ${target.host}`);
  if (isLinkLocal(target.hostname)) throw unsafe(from, target.host);
  if (isInternal(target.hostname) && !isInternal(hub.hostname)) throw unsafe(from, target.host);
  return target;
}

/** Whether it is this machine by name or number. */
export function isLoopback(hostname: string): boolean {
  return /^(?:localhost|.*\.localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname);
}

/** Addresses of this machine and of private networks. URLs are normalised, so each has one spelling. */
function isInternal(hostname: string): boolean {
  if (isLoopback(hostname)) return true;
  // Global IPv6 addresses begin with 2 or 3; mapped and embedded ones may mean anything.
  if (hostname.startsWith('[')) return !/^\[[23]/.test(hostname) || hostname.startsWith('[2002:');
  return PRIVATE_ADDRESS.test(hostname);
}

function isLinkLocal(hostname: string): boolean {
  return /^(?:169\.254\.|\[fe[89ab])/.test(hostname) || /^\[(?:::ffff:|64:ff9b::)a9fe:/.test(hostname);
}

function unsafe(from: URL, target: string): Fault {
  return new Fault('hub-broken', `${from.host} sent Flow on to ${target.slice(0, 100)}, where it does not go.`);
}
