/** Where somebody else's engine cannot be: at Flow itself, at its own engines, and with a key, in the open. */
import { networkInterfaces } from 'node:os';
import { Fault } from '#src/faults.ts';
import { isLoopback, isPrivate, portOf } from './addresses.ts';

/** An engine of Flow's own that runs now. */
export type OwnEngine = { readonly port: number; readonly modelId: string };

/** Checks each address before it is dialled: at every look, since names and ports change their meaning. */
export class OwnPlaces {
  readonly #engines: () => readonly OwnEngine[];
  #port: number | null = null;

  constructor(engines: () => readonly OwnEngine[]) {
    this.#engines = engines;
  }

  /** Where Flow itself listens. */
  listenAt(port: number): void {
    this.#port = port;
  }

  /** Ports of Flow's own: its door, and its engines. */
  get ports(): ReadonlySet<number> {
    return new Set([...this.#engines().map(({ port }) => port), ...(this.#port === null ? [] : [this.#port])]);
  }

  /**
   * Throws Fault('conflict') for what is Flow's own: requests that Flow sends to itself would go round for ever; and
   * Fault('invalid-request') for a key (empty = none) that would travel unencrypted over the open net.
   */
  check(baseUrl: string, address: string, key: string): void {
    this.#refuseOwn(baseUrl, address);
    if (key === '' || baseUrl.startsWith('https:') || isPrivate(address)) return;
    throw new Fault('invalid-request', `${baseUrl} is not encrypted, so a key for it could be read on the way.`, {
      hint: 'Use https.',
    });
  }

  #refuseOwn(baseUrl: string, address: string): void {
    const port = portOf(baseUrl);
    const engine = this.#engines().find((one) => one.port === port);
    if (port !== this.#port && !engine) return;
    if (!isLoopback(address) && !ownAddresses().has(address)) return;
    if (port === this.#port) {
      throw new Fault('conflict', `${baseUrl} is this Flow itself.`, { hint: 'Its models are in its list already.' });
    }
    if (engine) throw new Fault('conflict', `${baseUrl} is Flow's own engine of ${engine.modelId}.`);
  }
}

function ownAddresses(): ReadonlySet<string> {
  return new Set(Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map(({ address }) => address)));
}
