/** Connects to engines that somebody else started, and knows which of them are offered. */
import type { Clock, Timer } from '#src/clock.ts';
import type { Bus } from '#src/events.ts';
import { asFault, Fault } from '#src/faults.ts';
import type { Endpoint, Model, ModelFormat } from '#src/models/model.ts';
import type { Registry } from '#src/models/registry.ts';
import type { FleetModel } from '#src/scheduling/lease.ts';
import type { SocketEngineClient } from '#src/transport/client.ts';
import { checkedBaseUrl, isLoopback, type LookUp, portOf } from './addresses.ts';
import { enquire } from './enquiry.ts';
import type { ExternalKeys } from './external-keys.ts';
import type { OwnPlaces } from './own-places.ts';
import type { Places } from './places.ts';
import type { Recognised, ServedModel } from './recognise.ts';
import { type Offer, scanPorts, USUAL_PORTS } from './scan.ts';
import { factsOf } from './watch.ts';

export type ExternalDeskParts = {
  readonly clock: Clock;
  readonly bus: Bus;
  readonly registry: Registry;
  readonly fleet: { attend(modelId: string): void; model(modelId: string): FleetModel };
  readonly client: SocketEngineClient;
  readonly places: Places;
  readonly keys: ExternalKeys;
  readonly lookUp: LookUp;
  readonly own: OwnPlaces;
  /** Whether what is found running is connected without asking. */
  readonly adoptsRunning: () => boolean;
  readonly log: (text: string) => void;
  readonly scanPorts?: readonly number[];
};

/** What somebody wants connected. */
export type ConnectWish = {
  readonly baseUrl: string;
  /** Which of its models; null = the only one. */
  readonly modelName: string | null;
  /** Null = the one kept for that address, if there is one. */
  readonly key: string | null;
  /** Null = as recognised. */
  readonly format: ModelFormat | null;
  /** What to call it; null = as its engine does. */
  readonly name: string | null;
};

export type Connected = {
  readonly model: Model & { readonly endpoint: Endpoint };
  readonly isNew: boolean;
  readonly recognised: Recognised;
  readonly served: ServedModel;
};

/** The first scan waits until a start is over. */
const SCAN_AFTER_MS = 5_000;
/** A connected engine answered a moment ago, so its first look is quick. */
const READY_MS_MAX = 4_000;
const POLL_MS = 20;
/** As long as a removal can be undone. */
const KEY_KEPT_MS = 11 * 60_000;
const LISTED_MAX = 20;

/** Owns the offers. `begin` and `close` are called once each. */
export class ExternalDesk {
  readonly #parts: ExternalDeskParts;
  readonly #closing = new AbortController();
  #offers: readonly Offer[] = [];
  #scannedAtMs: number | null = null;
  #scan: Promise<void> | null = null;
  #forgetting: Timer | null = null;

  constructor(parts: ExternalDeskParts) {
    this.#parts = parts;
    parts.bus.subscribe((event) => {
      if (event.type === 'model-removed') this.#forgetLater();
    });
  }

  /** Watches what is connected, and looks later for what runs. `ownPort` is where Flow itself listens. */
  begin(ownPort: number): void {
    const { clock, registry, fleet, own } = this.#parts;
    own.listenAt(ownPort);
    this.#forgetKeys();
    for (const model of registry.list()) if (model.endpoint) fleet.attend(model.id);
    clock.after(SCAN_AFTER_MS, () => void this.scan());
  }

  close(): void {
    this.#closing.abort();
    this.#forgetting?.[Symbol.dispose]();
  }

  /** What runs on this machine and is not connected. Null = nobody has looked yet. */
  get offers(): { readonly list: readonly Offer[]; readonly scannedAtMs: number | null; readonly isScanning: boolean } {
    const list = this.#offers.filter(({ baseUrl }) => !this.#isConnected(baseUrl));
    return { list, scannedAtMs: this.#scannedAtMs, isScanning: this.#scan !== null };
  }

  /** Looks at the usual ports; one look at a time. Never rejects. */
  scan(): Promise<void> {
    this.#scan ??= this.#scanNow().finally(() => {
      this.#scan = null;
    });
    return this.#scan;
  }

  /**
   * Registers what is served there. Throws Fault('invalid-request') with the names when there are several,
   * 'unprocessable' when it cannot be reached, is no engine or wants a key, 'forbidden' for an address that is refused,
   * 'conflict' for Flow itself.
   */
  async connect(wish: ConnectWish, signal: AbortSignal): Promise<Connected> {
    const { keys, places, registry } = this.#parts;
    const baseUrl = checkedBaseUrl(wish.baseUrl);
    if (wish.key !== null) keys.check(wish.key);
    const key = wish.key ?? keys.keyFor(baseUrl);
    try {
      const { recognised } = await this.#enquire(baseUrl, key, signal);
      const served = chosen(recognised, wish.modelName, baseUrl);
      const endpoint: Endpoint = { baseUrl, engine: recognised.engine, modelName: served.modelName };
      if (wish.key !== null) keys.save(baseUrl, wish.key);
      const held = registry.list().find((model) => isSame(model.endpoint, endpoint));
      const model = held ?? registry.add(newModel(endpoint, served, wish));
      this.#parts.fleet.attend(model.id);
      await this.#settled(model.id, signal);
      return { model: { ...model, endpoint }, isNew: held === undefined, recognised, served };
    } catch (cause) {
      throw inWords(asFault(cause));
    } finally {
      places.release(baseUrl);
    }
  }

  #enquire(baseUrl: string, key: string, signal: AbortSignal) {
    const { client, places, lookUp, own } = this.#parts;
    const either = AbortSignal.any([signal, this.#closing.signal]);
    const check = (address: string) => own.check(baseUrl, address, key);
    return enquire(
      { client, baseUrl, key, signal: either },
      { lookUp, check, onTrouble: () => places.trouble(baseUrl) },
    );
  }

  async #settled(modelId: string, signal: AbortSignal): Promise<void> {
    const { clock, fleet } = this.#parts;
    const endMs = clock.monotonicMs() + READY_MS_MAX;
    while (fleet.model(modelId).state.phase !== 'ready' && clock.monotonicMs() < endMs && !signal.aborted) {
      const { promise, resolve } = Promise.withResolvers<void>();
      clock.after(POLL_MS, resolve);
      await promise;
    }
  }

  async #scanNow(): Promise<void> {
    const { client, lookUp, places, clock, own, adoptsRunning, log } = this.#parts;
    const known = new Set(this.#offers.map(({ baseUrl }) => baseUrl));
    this.#offers = await scanPorts(
      {
        ...{ client, lookUp, ownPorts: () => own.ports, signal: this.#closing.signal },
        isConnected: (baseUrl) => this.#isConnected(baseUrl),
        release: (baseUrl) => places.release(baseUrl),
      },
      this.#parts.scanPorts ?? USUAL_PORTS,
    );
    this.#scannedAtMs = clock.wallMs();
    for (const { baseUrl, recognised } of this.#offers) {
      if (known.has(baseUrl)) continue;
      log(`${recognised?.product ?? 'An engine that wants a key'} runs at ${baseUrl} and can be connected`);
    }
    if (adoptsRunning()) await this.#adopt();
  }

  async #adopt(): Promise<void> {
    for (const { baseUrl, recognised } of this.#offers) {
      if (recognised?.models.length !== 1) continue;
      const wish = { baseUrl, modelName: null, key: null, format: null, name: null };
      await this.connect(wish, this.#closing.signal).catch((cause) => this.#parts.log(asFault(cause).message));
    }
  }

  #isConnected(baseUrl: string): boolean {
    const key = placeKey(baseUrl);
    return this.#parts.registry.list().some(({ endpoint }) => endpoint !== null && placeKey(endpoint.baseUrl) === key);
  }

  /** Keys that are nobody's go some time after the last removal: until then its model can be had back, and wants it. */
  #forgetLater(): void {
    const { clock, keys } = this.#parts;
    this.#forgetting?.[Symbol.dispose]();
    const inUse = this.#inUse();
    const isNobodys = keys.baseUrls.some((baseUrl) => !inUse.has(baseUrl));
    this.#forgetting = isNobodys ? clock.after(KEY_KEPT_MS, () => this.#forgetKeys()) : null;
  }

  #inUse(): ReadonlySet<string> {
    return new Set(this.#parts.registry.list().flatMap(({ endpoint }) => endpoint?.baseUrl ?? []));
  }

  #forgetKeys(): void {
    const { keys, log } = this.#parts;
    try {
      keys.keepOnly(this.#inUse());
    } catch (cause) {
      log(asFault(cause).message);
    }
  }
}

function chosen({ models }: Recognised, wanted: string | null, baseUrl: string): ServedModel {
  const [only, ...others] = models;
  if (!only) {
    throw new Fault('unprocessable', `The engine at ${baseUrl} serves no model.`, { hint: 'Load one there first.' });
  }
  const names = models.map(({ modelName }) => modelName);
  const listed = names.slice(0, LISTED_MAX).join(', ');
  const details = { models: names };
  if (wanted !== null) {
    const key = nameKey(wanted);
    const found =
      models.find(({ modelName }) => modelName === wanted) ??
      models.find(({ modelName, title }) => nameKey(modelName) === key || nameKey(title) === key);
    if (found) return found;
    throw new Fault('invalid-request', `${baseUrl} does not serve "${wanted.slice(0, 200)}" but ${listed}.`, {
      details,
    });
  }
  if (others.length === 0) return only;
  throw new Fault('invalid-request', `${baseUrl} serves ${models.length} models: ${listed}.`, {
    hint: 'Say which one as model_id; each is connected by itself.',
    details,
  });
}

function newModel(
  endpoint: Endpoint,
  served: ServedModel,
  { name, format }: ConnectWish,
): Parameters<Registry['add']>[0] {
  const title = name?.trim() || served.title;
  return {
    id: title,
    name: title,
    format: format ?? served.format,
    path: '',
    endpoint,
    hfId: null,
    quantization: null,
    ...factsOf(served),
    isManaged: false,
  };
}

function isSame(one: Endpoint | null, other: Endpoint): boolean {
  return one?.baseUrl === other.baseUrl && one.modelName === other.modelName;
}

/** One key for the spellings of this machine. */
function placeKey(baseUrl: string): string {
  const { hostname } = new URL(baseUrl);
  const isHere = isLoopback(hostname.replace(/^\[|\]$/g, '')) || hostname === 'localhost';
  return isHere ? `here:${portOf(baseUrl)}` : baseUrl;
}

function nameKey(name: string): string {
  return name.toLowerCase().replace(/\.gguf$/, '');
}

/** What went wrong there is a mistake in the wish here: 4xx, and never 401, which would be about Flow's own key. */
function inWords(fault: Fault): Fault {
  switch (fault.kind) {
    case 'engine-unreachable':
    case 'engine-silent':
    case 'engine-died':
    case 'engine-refused':
    case 'unauthorized': {
      const hint = fault.hint ?? 'Check the address, and that the engine runs.';
      const details = { reason: fault.kind === 'unauthorized' ? 'key-needed' : fault.kind };
      return new Fault('unprocessable', fault.message, { hint, details, cause: fault });
    }
    default:
      return fault;
  }
}
