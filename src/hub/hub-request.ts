/**
 * One request to the hub: redirects followed by hand, the token shown to the hub alone, each wait bounded, each refusal
 * told apart. (Left to itself, `fetch` would send every header of ours on to wherever it is redirected.)
 */
import type { Clock } from '#src/clock.ts';
import { Fault } from '#src/faults.ts';
import { redirectTarget } from './addresses.ts';
import { Deadline } from './deadline.ts';
import { refusalFault } from './refusals.ts';

export type HubAccess = {
  readonly clock: Clock;
  /** Base address without a slash at its end, by the present settings. */
  readonly hubUrl: () => string;
  /** The token for the hub at this origin; null when there is none. */
  readonly tokenFor: (origin: string) => string | null;
};

export type HubRequest = {
  readonly url: string;
  readonly accept: string;
  /** The repository it is about, for messages. */
  readonly repository: string | null;
  /** Value of the Range header; null = all of it. */
  readonly range: string | null;
  readonly signal: AbortSignal;
};

/** `passed`: what the hub said of the file before it sent us on to where the bytes are. */
export type HubAnswer = { readonly response: Response; readonly passed: readonly Headers[] };

const HEAD_MS_MAX = 20_000;
const DOCUMENT_MS_MAX = 30_000;
const REDIRECTS_MAX = 5;
/** A listing of a thousand files is some 300 kB. A packed one is counted unpacked. */
const DOCUMENT_BYTES_MAX = 32 << 20;

/** Sends it, and resolves with the head of a 200, 206 or 416. The signal also ends the body. */
export async function askHub(access: HubAccess, request: HubRequest): Promise<HubAnswer> {
  using deadline = new Deadline(access.clock, HEAD_MS_MAX, request.signal);
  const hubUrl = access.hubUrl();
  const { origin } = new URL(hubUrl);
  const token = access.tokenFor(origin);
  const passed: Headers[] = [];
  let target = new URL(request.url);
  for (let hop = 0; hop <= REDIRECTS_MAX; hop += 1) {
    const isHub = target.origin === origin;
    const response = await fetch(target, {
      headers: headersOf(request, isHub ? token : null),
      redirect: 'manual',
      signal: deadline.signal,
    }).catch((cause) => {
      throw deadline.explain(cause, target.host);
    });
    const location = response.headers.get('location');
    const isRedirect = response.status >= 300 && response.status < 400 && location !== null;
    if (!isRedirect && [200, 206, 416].includes(response.status)) return { response, passed };
    // Not awaited: a host that sends its page of regret for ever must not keep us.
    void response.body?.cancel().catch(() => {});
    if (!isRedirect) {
      throw refusalFault({
        status: response.status,
        headers: response.headers,
        host: target.host,
        isHub,
        hasToken: token !== null,
        repository: request.repository,
        hubUrl,
        nowMs: access.clock.wallMs(),
      });
    }
    passed.push(response.headers);
    target = redirectTarget(location, target, hubUrl);
  }
  throw new Fault('hub-broken', `${new URL(hubUrl).host} sent Flow on more than ${REDIRECTS_MAX} times.`);
}

/** Fetches a document whole, at most 32 MiB and half a minute. */
export async function fetchDocument(
  access: HubAccess,
  request: HubRequest,
): Promise<{ readonly text: string; readonly headers: Headers }> {
  using deadline = new Deadline(access.clock, DOCUMENT_MS_MAX, request.signal);
  const { response } = await askHub(access, { ...request, signal: deadline.signal }).catch((cause) => {
    throw deadline.explain(cause, new URL(request.url).host);
  });
  const bytes = await readBounded(response.body, DOCUMENT_BYTES_MAX).catch((cause) => {
    throw deadline.explain(cause, new URL(request.url).host);
  });
  return { text: bytes.toString('utf8'), headers: response.headers };
}

/** All of a stream. Throws Fault('hub-broken') beyond `bytesMax`; the stream is cancelled however it ends. */
async function readBounded(stream: ReadableStream<Uint8Array> | null, bytesMax: number): Promise<Buffer> {
  const bytes = stream === null ? Buffer.alloc(0) : await readUpTo(stream, bytesMax + 1);
  if (bytes.length <= bytesMax) return bytes;
  throw new Fault('hub-broken', `The hub's answer is larger than ${bytesMax} bytes.`);
}

/** The first bytes of a stream, at most `bytesMax`; the rest is left, and the stream cancelled however it ends. */
export async function readUpTo(stream: ReadableStream<Uint8Array>, bytesMax: number): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  let total = 0;
  const reader = stream.getReader();
  try {
    while (total < bytesMax) {
      const { done, value } = await reader.read();
      if (done) break;
      parts.push(value.subarray(0, bytesMax - total));
      total += value.length;
    }
    return Buffer.concat(parts);
  } finally {
    void reader.cancel().catch(() => {});
  }
}

function headersOf({ accept, range }: HubRequest, token: string | null): Record<string, string> {
  return {
    accept,
    'accept-encoding': 'identity',
    'user-agent': 'flow-llm-gateway',
    ...(range === null ? {} : { range }),
    ...(token === null ? {} : { authorization: `Bearer ${token}` }),
  };
}
