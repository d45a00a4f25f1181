/** Fetches from a release host: every wait bounded, redirects followed by hand, nothing unencrypted but on loopback. */
import { open } from 'node:fs/promises';
import { Fault } from '#src/faults.ts';

export type Download = {
  readonly url: string;
  /** Where the bytes go; must not exist. */
  readonly path: string;
  readonly sizeBytes: number;
  /** 64 hexadecimal digits. */
  readonly sha256: string;
  readonly signal: AbortSignal;
  readonly onBytes: (bytes: number) => void;
};

/** An unreachable host is known by then. */
const CONNECT_MS = 10_000;
/** A download that stands still for this long is given up. */
const STALL_MS = 30_000;
const REDIRECTS_MAX = 5;
const USER_AGENT = 'flow-llm-gateway';

/**
 * Downloads a file and checks its size and SHA-256. Throws a Fault; what was written then is the caller's to remove.
 */
export async function downloadFile({ url, path, sizeBytes, sha256, signal, onBytes }: Download): Promise<void> {
  using watch = new Watch(signal);
  const response = await request(url, 'application/octet-stream', watch);
  const hash = new Bun.CryptoHasher('sha256');
  const file = await open(path, 'wx', 0o600);
  let bytes = 0;
  try {
    for await (const piece of pieces(response, watch, url)) {
      bytes += piece.length;
      if (bytes > sizeBytes) throw broken(url, `is larger than the ${sizeBytes} bytes that were announced`);
      hash.update(piece);
      await writeAll(file, piece);
      onBytes(bytes);
    }
    await file.sync();
  } finally {
    await file.close();
  }
  if (bytes < sizeBytes) throw broken(url, `ended after ${bytes} of ${sizeBytes} bytes`);
  if (hash.digest('hex') !== sha256) throw broken(url, 'does not have the announced SHA-256 checksum');
}

/** The text of a small document, at most `bytesMax`. Throws a Fault, 'not-found' for a 404. */
export async function downloadText(
  url: string,
  accept: string,
  bytesMax: number,
  signal: AbortSignal,
): Promise<string> {
  using watch = new Watch(signal);
  const response = await request(url, accept, watch);
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of pieces(response, watch, url)) {
    bytes += piece.length;
    if (bytes > bytesMax) throw broken(url, `is larger than ${bytesMax} bytes`);
    parts.push(piece);
  }
  return Buffer.concat(parts).toString('utf8');
}

async function request(url: string, accept: string, watch: Watch): Promise<Response> {
  let target = checkedUrl(url, url);
  for (let hop = 0; hop <= REDIRECTS_MAX; hop += 1) {
    const headers = { accept, 'accept-encoding': 'identity', 'user-agent': USER_AGENT };
    watch.expect(CONNECT_MS);
    const response = await fetch(target, { headers, redirect: 'manual', signal: watch.signal }).catch((cause) => {
      throw watch.explain(cause, target.host);
    });
    const location = response.headers.get('location');
    if (response.status < 300 || response.status >= 400 || location === null) return checkedStatus(response, target);
    await response.body?.cancel().catch(() => {});
    target = checkedUrl(new URL(location, target).href, url);
  }
  throw broken(url, `was redirected more than ${REDIRECTS_MAX} times`);
}

/** Plain http, and this machine as a target, are allowed only when the first address was on this machine already. */
function checkedUrl(url: string, first: string): URL {
  const target = URL.parse(url);
  if (!target) throw new Fault('install-failed', `\`${url}\` is not an address.`);
  const isLocal = isLoopback(target.hostname) && isLoopback(URL.parse(first)?.hostname ?? '');
  const isPublic = target.protocol === 'https:' && !isLoopback(target.hostname);
  if (!isPublic && !(isLocal && /^https?:$/.test(target.protocol))) {
    throw new Fault(
      'install-failed',
      `Flow does not download from ${target.protocol}//${target.host}: only https is safe.`,
    );
  }
  return target;
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}

function checkedStatus(response: Response, target: URL): Response {
  if (response.status === 200) return response;
  void response.body?.cancel().catch(() => {});
  if (response.status === 404) throw new Fault('not-found', `${target.host} has nothing at ${target.pathname} (404).`);
  const hint = response.status === 403 || response.status === 429 ? { hint: 'It may limit requests; try later.' } : {};
  throw new Fault('install-failed', `${target.host} answered with status ${response.status}.`, hint);
}

async function* pieces(response: Response, watch: Watch, url: string): AsyncGenerator<Uint8Array> {
  const reader = response.body?.getReader();
  if (!reader) return;
  try {
    for (;;) {
      watch.expect(STALL_MS);
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } catch (cause) {
    throw cause instanceof Fault ? cause : watch.explain(cause, URL.parse(url)?.host ?? url);
  } finally {
    await reader.cancel().catch(() => {});
  }
}

async function writeAll(file: Awaited<ReturnType<typeof open>>, piece: Uint8Array): Promise<void> {
  for (let written = 0; written < piece.length; ) {
    written += (await file.write(piece, written)).bytesWritten;
  }
}

function broken(url: string, what: string): Fault {
  const name = URL.parse(url)?.pathname.split('/').at(-1) ?? url;
  return new Fault('install-failed', `The download ${name} ${what}.`);
}

/** Ends a transfer when the next sign of life does not come in time, or when the caller aborts. */
class Watch {
  readonly #silence = new AbortController();
  readonly #caller: AbortSignal;
  readonly signal: AbortSignal;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #boundMs = 0;

  constructor(caller: AbortSignal) {
    this.#caller = caller;
    this.signal = AbortSignal.any([caller, this.#silence.signal]);
  }

  /** The next thing must happen within this time. */
  expect(boundMs: number): void {
    this[Symbol.dispose]();
    this.#boundMs = boundMs;
    this.#timer = setTimeout(() => this.#silence.abort(), boundMs);
  }

  explain(cause: unknown, host: string): Fault {
    if (this.#caller.aborted) return new Fault('cancelled', 'The download was cancelled.', { cause });
    if (this.#silence.signal.aborted) {
      return new Fault('offline', `${host} did not answer within ${this.#boundMs / 1000} s.`, { cause });
    }
    return new Fault('offline', `${host} cannot be reached or broke off.`, { cause });
  }

  [Symbol.dispose](): void {
    if (this.#timer) clearTimeout(this.#timer);
  }
}
