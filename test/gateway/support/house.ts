/** A gateway on a real port before fake engines in real processes; scheduler and tracker are doubles that count. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type AnyElysia, Elysia } from 'elysia';
import { systemClock } from '#src/clock.ts';
import { anthropic } from '#src/dialects/anthropic/anthropic.ts';
import { normaliseMessages } from '#src/dialects/normalise.ts';
import { openResponses } from '#src/dialects/responses/responses.ts';
import { SPEECH, type Speech } from '#src/engines/speech.ts';
import { Fault } from '#src/faults.ts';
import { LargeBodies } from '#src/gateway/large-bodies.ts';
import { gatewayRoutes } from '#src/gateway/routes.ts';
import type { GatewayServices } from '#src/gateway/services.ts';
import { TokenEstimates } from '#src/gateway/token-estimates.ts';
import { EMPTY_CONFIG, type EngineKind, type Model } from '#src/models/model.ts';
import { type Naming, resolveModel } from '#src/models/resolve.ts';
import { detectTraits } from '#src/models/traits.ts';
import type { Outcome, RequestHead, Ticket, Tracker } from '#src/requests/request.ts';
import type { AcquireOptions, FleetModel, Lease, Lender } from '#src/scheduling/lease.ts';
import { FrameReader } from '#src/stream/frames.ts';
import { Pulse } from '#src/stream/pulse.ts';
import { SocketEngineClient } from '#src/transport/client.ts';
import type { FakeRequest } from '#test/support/fake-engine-behaviour.ts';
import { type FakeEngine, type FakeRecord, makeFakeEngine } from '#test/support/fake-engine-launcher.ts';
import { freePort } from '#test/support/free-port.ts';
import { mapMemory } from '#test/support/map-memory.ts';
import { llamaSpeech } from '#test/support/speech.ts';

export type Engine = { baseUrl: string; fake: FakeEngine; kill(signal?: NodeJS.Signals): void };

/** Waits for a condition, at most 10 s. */
export async function until(isTrue: () => boolean, what = 'the condition'): Promise<void> {
  for (let waits = 0; waits < 3000 && !isTrue(); waits += 1) await Bun.sleep(10);
  if (!isTrue()) throw new Error(`${what} did not come true within 30 s`);
}

export type Settled = {
  head: RequestHead;
  outcome: Outcome;
  id: string;
  calls: string[];
  prefills: unknown[];
  outputs: number;
};

/** Records what tickets are told; settling twice is remembered. */
export class CountingTracker {
  readonly settled: Settled[] = [];
  opened = 0;
  settlements = 0;
  /** How often any ticket was told how far its prompt is read. */
  prefilled = 0;
  /** How often any ticket was told of tokens. */
  generated = 0;
  readonly controllers = new Map<string, AbortController>();

  open(head: RequestHead): Ticket {
    this.opened += 1;
    const id = `r${this.opened}`;
    const controller = new AbortController();
    this.controllers.set(id, controller);
    const calls: string[] = [];
    const prefills: unknown[] = [];
    let outputs = 0;
    let isSettled = false;
    const ticket = {
      id,
      signal: controller.signal,
      resolved: () => calls.push('resolved'),
      asked: () => {},
      waiting: () => calls.push('waiting'),
      sent: () => calls.push('sent'),
      prefill: (progress: unknown) => {
        this.prefilled += 1;
        prefills.push(progress);
      },
      output: (tokens: number) => {
        this.generated += 1;
        outputs = tokens;
      },
      sending: () => calls.push('sending'),
      repaired: (what: string) => calls.push(`repaired: ${what}`),
      mended: ({ note }: { note: string }) => calls.push(`repaired: ${note}`),
      settle: (outcome: Outcome) => {
        this.settlements += 1;
        isSettled = true;
        this.settled.push({ head, outcome, id, calls, prefills, outputs });
      },
      get isSettled() {
        return isSettled;
      },
    };
    return ticket as unknown as Ticket;
  }
}

/** Lends one model; counts what is out. Each engine of the list is a generation; the next serves when one has died. */
export class CountingLender {
  acquired = 0;
  disposed = 0;
  waiting = 0;
  refused: Fault | null = null;
  phase: 'ready' | 'stopping' | 'idle' = 'ready';
  /** Awaited by each acquire. */
  gate: Promise<void> = Promise.resolve();
  engines: string[] = [];
  generation = 1;
  engine: EngineKind = 'llama.cpp';
  speech: Speech = llamaSpeech;
  /** Why leases lent from now on have already ended. */
  ended: Fault | null = null;
  readonly listeners: ((fault: Fault) => void)[] = [];
  /** How long models were to stay, as they were told. */
  readonly stays: unknown[] = [];
  readonly unloads: unknown[] = [];
  /** Statuses that leases were told. */
  readonly answers: number[] = [];

  unload(modelId: string, options: object): void {
    this.unloads.push({ modelId, ...options });
  }

  keep(_modelId: string, keepAlive: unknown): void {
    this.stays.push(keepAlive);
  }

  /** Ends all leases, as an unload does. */
  endAll(fault: Fault): void {
    this.ended = fault;
    for (const listener of this.listeners.splice(0)) listener(fault);
  }

  async acquire(_modelId: string, { signal, onWait }: AcquireOptions): Promise<Lease> {
    if (this.refused) throw this.refused;
    onWait?.({ reason: 'loading', stage: 'text_model', ratio: null, sinceMs: 0, usualMs: null });
    this.waiting += 1;
    const aborted = new Promise<never>((_, reject) => {
      const gone = () => reject(new Fault('cancelled', 'gone'));
      if (signal.aborted) gone();
      signal.addEventListener('abort', gone, { once: true });
    });
    try {
      await Promise.race([this.gate, aborted]);
    } finally {
      this.waiting -= 1;
    }
    this.acquired += 1;
    let isDisposed = false;
    return {
      modelId: 'm',
      engine: this.engine,
      speech: this.speech,
      baseUrl: this.engines[this.generation - 1] ?? 'http://127.0.0.1:1',
      apiKey: 'engine-key',
      generation: this.generation,
      contextTokens: 4096,
      slots: 4,
      endedBy: this.ended,
      answered: (status) => {
        this.answers.push(status);
      },
      onEnded: (listener) => {
        if (this.ended) listener(this.ended);
        else this.listeners.push(listener);
      },
      [Symbol.dispose]: () => {
        if (!isDisposed) this.disposed += 1;
        isDisposed = true;
      },
    };
  }

  model(modelId: string): FleetModel {
    const state =
      this.phase === 'ready'
        ? {
            phase: 'ready',
            generation: this.generation,
            contextTokens: 4096,
            engine: this.engine,
            speech: this.speech,
            baseUrl: this.engines[0],
            apiKey: 'engine-key',
          }
        : this.phase === 'idle'
          ? { phase: 'idle' }
          : { phase: 'stopping', reason: 'user', generation: this.generation };
    return { modelId, state, inFlight: this.out, waiting: this.waiting } as unknown as FleetModel;
  }

  get out(): number {
    return this.acquired - this.disposed;
  }
}

const MODEL: Model = {
  id: 'org/Some-Model',
  name: 'Some Model',
  format: 'gguf',
  path: '/m.gguf',
  hfId: null,
  endpoint: null,
  quantization: 'Q4_K_M',
  sizeBytes: 1,
  trainedContextTokens: 8192,
  capabilities: { tools: true, thinking: true, vision: true, embedding: false },
  aliases: ['some'],
  isDemo: false,
  isManaged: false,
  config: EMPTY_CONFIG,
  createdAtMs: 1_760_000_000_000,
  updatedAtMs: 1_760_000_000_000,
};

const NAMING: Naming = {
  models: [MODEL],
  loaded: new Set(),
  settings: { default_model: '', helper_models_enabled: true, helper_model: '' },
};

/** Opens everything; call `close` at the end. */
export class House {
  readonly tracker = new CountingTracker();
  readonly lender = new CountingLender();
  readonly client = new SocketEngineClient();
  readonly services: GatewayServices;
  readonly #closers: (() => void)[] = [];
  #app: AnyElysia | null = null;

  constructor(parts: Partial<GatewayServices> = {}) {
    const clock = parts.clock ?? systemClock;
    const memory = mapMemory();
    this.services = {
      lender: this.lender as unknown as Lender,
      tracker: this.tracker as unknown as Tracker,
      client: this.client,
      models: {
        resolve: (wanted) => resolveModel(wanted, NAMING),
        list: () => [MODEL],
      },
      settings: { current: { strip_attribution: true } },
      clock,
      pulse: new Pulse({ clock }),
      bodies: new LargeBodies({ clock }),
      dialects: { anthropic, responses: openResponses({ memory }) },
      responses: memory,
      normalise: normaliseMessages,
      seen: () => new Set(),
      estimates: new TokenEstimates(),
      facts: () => null,
      missing: () => null,
      version: '0.0.0',
      traits: ({ name, hfId }) => detectTraits({ architecture: null, name, hfId, chatTemplate: null }),
      ...parts,
    };
  }

  /** Opens the door. */
  listen(): string {
    const routes = gatewayRoutes(this.services);
    const app = new Elysia({ serve: { idleTimeout: 0, reusePort: false } }).use(routes);
    app.listen({ hostname: '127.0.0.1', port: 0 });
    this.#app = app;
    return `http://127.0.0.1:${app.server?.port}`;
  }

  /** Starts a fake engine; it becomes the next generation. */
  async engine(request: FakeRequest = {}, slots = 512): Promise<Engine> {
    const folder = mkdtempSync(join(tmpdir(), 'flow-gateway-'));
    const fake = makeFakeEngine(folder, { request, no_tether: true });
    const port = freePort();
    const argv = [fake.executable, '--port', String(port), '-np', String(slots), '-c', '4096', '--alias', MODEL.id];
    const env = { ...process.env, LLAMA_API_KEY: 'engine-key' };
    const child = Bun.spawn(argv, { env, stdin: 'pipe', stdout: 'ignore', stderr: 'ignore' });
    this.#closers.push(() => {
      child.kill('SIGKILL');
      rmSync(folder, { recursive: true, force: true });
    });
    await until(() => fake.records('ready').length > 0, 'the fake engine');
    const baseUrl = `http://127.0.0.1:${port}`;
    this.lender.engines.push(baseUrl);
    return { baseUrl, fake, kill: (signal = 'SIGKILL') => child.kill(signal) };
  }

  /** A server of the test's own in place of an engine. */
  server(fetch: (request: Request) => Response | Promise<Response>): void {
    const server = Bun.serve({ hostname: '127.0.0.1', port: 0, idleTimeout: 0, fetch });
    this.#closers.push(() => void server.stop(true));
    this.lender.engines.push(`http://127.0.0.1:${server.port}`);
  }

  /** Raw bytes in place of an engine: each connection gets them as its answer. */
  bytes(answer: (write: (bytes: string | Uint8Array) => void, end: () => void) => void): void {
    const server = Bun.listen({
      hostname: '127.0.0.1',
      port: 0,
      socket: {
        data: (socket) =>
          answer(
            (bytes) => void socket.write(bytes),
            () => socket.end(),
          ),
      },
    });
    this.#closers.push(() => server.stop(true));
    this.lender.engines.push(`http://127.0.0.1:${server.port}`);
  }

  async close(): Promise<void> {
    for (const close of this.#closers.splice(0)) close();
    this.client.close();
    await this.#app?.stop(true);
  }
}

/** A house whose model is served by an engine of another kind, which calls it `/models/some`. */
export function foreignHouse(engine: Exclude<EngineKind, 'llama.cpp'>, parts: Partial<GatewayServices> = {}): House {
  const endpoint = { baseUrl: 'http://127.0.0.1:1', engine, modelName: '/models/some' };
  const model: Model = { ...MODEL, format: 'mlx', endpoint: engine === 'openai' ? endpoint : null };
  const naming = { ...NAMING, models: [model] };
  const models = { resolve: (wanted: string | null) => resolveModel(wanted, naming), list: () => [model] };
  const house = new House({ models, ...parts });
  house.lender.engine = engine;
  house.lender.speech = { ...SPEECH[engine], modelName: '/models/some' };
  return house;
}

/** The engine's record of one kind, once there are so many. */
export async function recorded(engine: Engine, event: FakeRecord['event'], count = 1): Promise<FakeRecord[]> {
  await until(() => engine.fake.records(event).length >= count, `${count} × ${event}`);
  return engine.fake.records(event);
}

export const chat = (more: object = {}) => JSON.stringify({ messages: [{ role: 'user', content: 'hi' }], ...more });

/** A request of Anthropic's protocol. */
export const messagesBody = (more: object = {}) => chat({ model: 'some', max_tokens: 50, ...more });

/** POST with JSON. */
export const post = (url: string, body: string | Uint8Array<ArrayBuffer>, init: RequestInit = {}) =>
  fetch(url, { method: 'POST', body, ...init, headers: { 'content-type': 'application/json', ...init.headers } });

/** The `data` of each frame of a stream's text. */
export function dataOf(text: string): string[] {
  const reader = new FrameReader();
  return [...reader.push(Buffer.from(text)), ...reader.end()].map((frame) => frame.data);
}

/** All text of a chat stream's deltas. */
export function contentOf(text: string): string {
  const chunks = dataOf(text).filter((data) => data !== '[DONE]');
  return chunks.map((data) => JSON.parse(data).choices?.[0]?.delta?.content ?? '').join('');
}
