/**
 * Keeps a model that is served by an engine which Flow did not start: looks at it every few seconds, says when it is
 * gone and when it is back, and stops it only when a person asks and it is known for sure which process it is.
 */
import { assert } from '#src/assert.ts';
import type { Clock, Timer } from '#src/clock.ts';
import type { CrashReport } from '#src/engines/engine.ts';
import { SPEECH } from '#src/engines/speech.ts';
import { asFault, type Fault } from '#src/faults.ts';
import type { Endpoint, LaunchOverrides, LaunchSettings, Model } from '#src/models/model.ts';
import type { ServedFacts } from '#src/models/registry.ts';
import type { ModelState, StopReason, Supervisor, SupervisorFactory } from '#src/supervision/model-state.ts';
import { residentBytes } from '#src/supervision/process-memory.ts';
import type { SocketEngineClient } from '#src/transport/client.ts';
import { type LookUp, portOf } from './addresses.ts';
import { endProcess, STOP_GRACE_MS } from './end-process.ts';
import { type Asked, enquire } from './enquiry.ts';
import type { ExternalKeys } from './external-keys.ts';
import { isLlamaServer, isStillThere, type SeenProcess } from './listener-process.ts';
import type { OwnPlaces } from './own-places.ts';
import type { Places } from './places.ts';
import type { ServedModel } from './recognise.ts';
import { factsOf, lookAgain, nextLookMs, processAt, roomOf, served } from './watch.ts';

export type ExternalDeps = {
  readonly clock: Clock;
  readonly logs: { append(source: string, line: string, stream: 'flow'): void };
  readonly client: SocketEngineClient;
  readonly places: Places;
  readonly keys: Pick<ExternalKeys, 'keyFor'>;
  readonly lookUp: LookUp;
  readonly own: Pick<OwnPlaces, 'check'>;
  /** The model as it is registered now; null when it no longer is. */
  readonly findModel: (modelId: string) => Model | null;
  /** Takes note of what the engine says of a model. */
  readonly describe: (modelId: string, facts: ServedFacts) => void;
  readonly launchFor: (model: Model, overrides: LaunchOverrides) => LaunchSettings;
  /** Whether requests are being answered: a busy engine may be too slow to say that it is well. */
  readonly isBusy: (modelId: string) => boolean;
};

/** Looks without an answer in time, one after the other, before an engine counts as gone. */
const SILENT_LOOKS_MAX = 4;

type Ready = Extract<ModelState, { phase: 'ready' }>;
type Watched = Model & { readonly endpoint: Endpoint };

/** A factory of such supervisors. Each begins to look as soon as it is made. */
export function externalSupervisors(deps: ExternalDeps): SupervisorFactory {
  return (modelId, onChange) => new ExternalSupervisor(deps, modelId, onChange);
}

class ExternalSupervisor implements Supervisor {
  readonly modelId: string;
  readonly #deps: ExternalDeps;
  readonly #onChange: (state: ModelState, previous: ModelState) => void;
  #state: ModelState = { phase: 'idle' };
  #generation = 0;
  #timer: Timer | null = null;
  /** The look under way. */
  #looking: AbortController | null = null;
  #place: Disposable | null = null;
  #placeUrl = '';
  #process: SeenProcess | null = null;
  #silentLooks = 0;
  #goneLooks = 0;
  #goneSinceWallMs: number | null = null;

  constructor(deps: ExternalDeps, modelId: string, onChange: (state: ModelState, previous: ModelState) => void) {
    this.#deps = deps;
    this.modelId = modelId;
    this.#onChange = onChange;
    this.#lookIn(0);
  }

  get state(): ModelState {
    return this.#state;
  }

  /** One look at once; what it finds ends the start. */
  start(model: Model): void {
    assert(model.id === this.modelId, `a start of ${this.modelId}`);
    if (this.#state.phase !== 'idle' && this.#state.phase !== 'failed') return;
    const sinceMs = this.#deps.clock.monotonicMs();
    this.#generation += 1;
    const generation = this.#generation;
    this.#become({ phase: 'starting', generation, sinceMs, stage: 'asking-engine', ratio: null, pid: null });
    this.#lookIn(0);
  }

  /** A person's wish ends the process, if it is known; anything else only looks away. */
  stop(reason: StopReason): void {
    if (reason === 'user' && this.#state.phase === 'ready' && this.#state.pid !== null && this.#process) {
      this.#end(this.#state, this.#process);
    } else if (reason === 'unhealthy') {
      if (this.#state.phase === 'ready') this.#fail('It answered nothing for a long time', null);
      this.#lookIn(0);
    } else if (reason === 'shutdown' || reason === 'abandoned') {
      this.#lookAway();
    } else {
      this.#quiet();
      if (this.#state.phase !== 'idle') this.#become({ phase: 'idle' });
      this.#lookIn(nextLookMs(0, Math.random()));
    }
  }

  forgive(): void {
    if (this.#state.phase !== 'failed') return;
    this.#become({ phase: 'idle' });
    this.#lookIn(0);
  }

  memoryBytes(): number | null {
    return this.#process ? residentBytes(this.#process.pid) : null;
  }

  /** A request met trouble there: look now instead of later. */
  readonly #hurry = (): void => {
    if (this.#state.phase === 'ready' && this.#looking === null) this.#lookIn(0);
  };

  #lookIn(ms: number): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = this.#deps.clock.after(ms, () => {
      this.#timer = null;
      if (this.#looking === null) void this.#look();
    });
  }

  /** Never rejects. One at a time. */
  async #look(): Promise<void> {
    const model = this.#deps.findModel(this.modelId);
    if (!isWatched(model)) {
      this.#lookAway();
      return;
    }
    const looking = new AbortController();
    this.#looking = looking;
    try {
      this.#stayAt(model.endpoint.baseUrl);
      const { baseUrl } = model.endpoint;
      const asked: Asked = {
        client: this.#deps.client,
        baseUrl,
        key: this.#deps.keys.keyFor(baseUrl),
        signal: looking.signal,
      };
      if (this.#state.phase !== 'ready' || (await this.#isOtherThan(this.#state, asked, model))) {
        await this.#find(asked, model);
      }
    } catch (cause) {
      if (!looking.signal.aborted) this.#missed(asFault(cause));
    } finally {
      if (this.#looking === looking) this.#looking = null;
    }
    if (!looking.signal.aborted && this.#state.phase !== 'stopping' && this.#timer === null) {
      this.#lookIn(nextLookMs(this.#goneLooks, Math.random()));
    }
  }

  /** Whether what is there now is not quite what was found: it was started anew between two looks. */
  async #isOtherThan(ready: Ready, asked: Asked, model: Watched): Promise<boolean> {
    const one = await lookAgain(asked, model.endpoint);
    if (asked.signal.aborted || this.#state !== ready) return false;
    this.#silentLooks = 0;
    if (ready.apiKey !== asked.key || (this.#process && !isStillThere(this.#process))) return true;
    return one !== null && !Bun.deepEquals(this.#roomOf(model, one), roomIn(ready));
  }

  #roomOf(model: Watched, one: ServedModel) {
    return roomOf(model, one, this.#deps.launchFor(model, {}));
  }

  async #find(asked: Asked, model: Watched): Promise<void> {
    const { places, lookUp, own, launchFor, clock } = this.#deps;
    const { baseUrl } = asked;
    const startedMs = clock.monotonicMs();
    const check = (address: string) => own.check(baseUrl, address, asked.key);
    const found = await enquire(asked, { lookUp, check, onTrouble: () => places.trouble(baseUrl) });
    const one = served(found.recognised, model.endpoint);
    const process = await processAt(baseUrl, found.address);
    if (asked.signal.aborted || this.#state.phase === 'stopping') return;
    const room = this.#roomOf(model, one);
    const { engine, modelName } = model.endpoint;
    const known = this.#state;
    const isKnown = known.phase === 'ready' && known.apiKey === asked.key && Bun.deepEquals(roomIn(known), room);
    const isSameProcess = Bun.deepEquals(this.#process, process);
    this.#silentLooks = 0;
    this.#goneLooks = 0;
    this.#goneSinceWallMs = null;
    if (isKnown && isSameProcess) return;
    if (known.phase !== 'starting') this.#generation += 1;
    this.#process = process;
    const launch = launchFor(model, {});
    this.#become({
      phase: 'ready',
      generation: this.#generation,
      sinceMs: clock.monotonicMs(),
      engine,
      engineVersion: found.recognised.version,
      baseUrl,
      apiKey: asked.key,
      speech: { ...SPEECH[engine], modelName },
      port: portOf(baseUrl),
      pid: process && engine === 'llama.cpp' && isLlamaServer(process) ? process.pid : null,
      ...room,
      launch: { ...launch, ctx_size: room.contextTokens, n_parallel: room.slots },
      loadMs: clock.monotonicMs() - startedMs,
    });
    this.#describe(one);
  }

  #describe(one: ServedModel): void {
    try {
      this.#deps.describe(this.modelId, factsOf(one));
    } catch (cause) {
      // The list cannot be written now; the engine is there all the same.
      this.#deps.logs.append(this.modelId, asFault(cause).message, 'flow');
    }
  }

  /** A look that found nothing, or something else. */
  #missed(fault: Fault): void {
    const isSilent = fault.kind === 'engine-silent' || fault.kind === 'engine-died';
    const isBusy = this.#deps.isBusy(this.modelId);
    // While answers come, one connection that was not made is a blip of the network: ending it would cut them.
    if (this.#state.phase === 'ready' && (isSilent || (isBusy && fault.kind === 'engine-unreachable'))) {
      this.#silentLooks += 1;
      if (this.#silentLooks < SILENT_LOOKS_MAX || (isBusy && isSilent)) return;
    }
    this.#fail(fault.message, fault.hint);
  }

  #fail(message: string, hint: string | null): void {
    const { clock } = this.#deps;
    this.#goneLooks += 1;
    this.#goneSinceWallMs ??= clock.wallMs();
    this.#process = null;
    const report = goneReport(this.modelId, message, hint, this.#goneSinceWallMs);
    // Said once: the same words every half minute would be an event each.
    if (this.#state.phase === 'failed' && this.#state.report.message === report.message) return;
    const nowMs = clock.monotonicMs();
    this.#become({ phase: 'failed', report, sinceMs: nowMs, retryAtMs: nowMs, attempts: this.#goneLooks });
  }

  #end({ generation }: Ready, process: SeenProcess): void {
    const { clock } = this.#deps;
    const model = this.#deps.findModel(this.modelId);
    this.#quiet();
    const killAtMs = clock.monotonicMs() + STOP_GRACE_MS;
    const sinceMs = clock.monotonicMs();
    this.#become({ phase: 'stopping', generation, sinceMs, reason: 'user', killAtMs, pid: process.pid });
    const { baseUrl } = model?.endpoint ?? { baseUrl: this.#placeUrl };
    const signal = AbortSignal.timeout(STOP_GRACE_MS);
    const asked: Asked = { client: this.#deps.client, baseUrl, key: this.#deps.keys.keyFor(baseUrl), signal };
    const isTheSame = async () => isWatched(model) && lookAgain(asked, model.endpoint).then(() => true);
    void endProcess({ clock, process, port: portOf(baseUrl), isTheSame }).then((outcome) => {
      this.#process = null;
      this.#deps.logs.append(this.modelId, outcome.words, 'flow');
      this.#become({ phase: 'idle' });
      if (outcome.isGone) this.#goneLooks = 1;
      this.#goneSinceWallMs = outcome.isGone ? clock.wallMs() : null;
      this.#lookIn(outcome.isGone ? nextLookMs(1, Math.random()) : 0);
    });
  }

  /** Ends the watch; a start begins it anew. The engine goes on. */
  #lookAway(): void {
    this.#quiet();
    this.#place?.[Symbol.dispose]();
    this.#place = null;
    this.#placeUrl = '';
    this.#process = null;
    if (this.#state.phase !== 'idle') this.#become({ phase: 'idle' });
  }

  #quiet(): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = null;
    this.#looking?.abort();
    this.#looking = null;
  }

  #stayAt(baseUrl: string): void {
    if (this.#placeUrl === baseUrl) return;
    this.#place?.[Symbol.dispose]();
    this.#place = this.#deps.places.join(baseUrl, this.#hurry);
    this.#placeUrl = baseUrl;
  }

  #become(state: ModelState): void {
    const previous = this.#state;
    this.#state = state;
    const line = narrate(state, previous);
    if (line !== null) this.#deps.logs.append(this.modelId, line, 'flow');
    this.#onChange(state, previous);
  }
}

function isWatched(model: Model | null): model is Watched {
  return model !== null && model.endpoint !== null;
}

function roomIn({ contextTokens, slots }: Ready): { readonly contextTokens: number; readonly slots: number } {
  return { contextTokens, slots };
}

function goneReport(modelId: string, message: string, hint: string | null, sinceWallMs: number): CrashReport {
  const since = new Date(sinceWallMs).toISOString().replace('T', ' ').slice(0, 19);
  return {
    kind: 'unknown',
    isSticky: false,
    message: `${modelId} cannot be used since ${since} UTC; somebody else started it. ${message}`,
    hint: hint ?? 'Start it again, and Flow connects by itself; or disconnect the model.',
    exitCode: null,
    signal: null,
    tail: [],
  };
}

/** What the model's log says about a change, in Flow's voice. */
function narrate(state: ModelState, previous: ModelState): string | null {
  if (state.phase === previous.phase && state.phase !== 'ready') return null;
  switch (state.phase) {
    case 'ready':
      return `Connected to ${state.baseUrl}: ${state.slots} × ${state.contextTokens} tokens.`;
    case 'stopping':
      return `Stopping the engine that somebody else started, pid ${state.pid}: a person asked for it.`;
    case 'failed':
      return state.report.message;
    default:
      return null;
  }
}
