/** Engines that run on this machine already: looked for on the ports where they usually listen, and only offered. */
import { asFault } from '#src/faults.ts';
import type { SocketEngineClient } from '#src/transport/client.ts';
import type { LookUp } from './addresses.ts';
import { enquire } from './enquiry.ts';
import type { Recognised } from './recognise.ts';

/** One that was found. `wantsKey`: it answers, and says no more without a key. */
export type Offer = {
  readonly baseUrl: string;
  readonly recognised: Recognised | null;
  readonly wantsKey: boolean;
};

export type ScanParts = {
  readonly client: SocketEngineClient;
  readonly lookUp: LookUp;
  /** Ports that are Flow's own: its door, and its engines. */
  readonly ownPorts: () => ReadonlySet<number>;
  /** Places that are connected already: nobody is disturbed there. */
  readonly isConnected: (baseUrl: string) => boolean;
  /** Forgets a place that nobody wants. */
  readonly release: (baseUrl: string) => void;
  readonly signal: AbortSignal;
};

/** llama-server and Flow's own range, MLX servers, Ollama, LM Studio, vLLM. */
export const USUAL_PORTS: readonly number[] = [...range(8080, 8099), ...range(8100, 8119), 11434, 1234, 8000];
const AT_ONCE = 8;

/** Asks each port once; a port where nobody listens costs next to nothing. Never rejects. */
export async function scanPorts(parts: ScanParts, ports: readonly number[] = USUAL_PORTS): Promise<readonly Offer[]> {
  const own = parts.ownPorts();
  const waiting = ports.filter((port) => !own.has(port));
  const offers: Offer[] = [];
  const one = async (): Promise<void> => {
    for (let port = waiting.shift(); port !== undefined; port = waiting.shift()) {
      if (parts.signal.aborted) return;
      const offer = await offerAt(`http://127.0.0.1:${port}`, parts);
      if (offer) offers.push(offer);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, one));
  return offers.toSorted((a, b) => (a.baseUrl < b.baseUrl ? -1 : 1));
}

async function offerAt(baseUrl: string, { client, lookUp, isConnected, release, signal }: ScanParts) {
  if (isConnected(baseUrl)) return null;
  try {
    const { recognised } = await enquire({ client, baseUrl, key: '', signal }, { lookUp, onTrouble: () => {} });
    return { baseUrl, recognised, wantsKey: false };
  } catch (cause) {
    return asFault(cause).kind === 'unauthorized' ? { baseUrl, recognised: null, wantsKey: true } : null;
  } finally {
    release(baseUrl);
  }
}

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}
