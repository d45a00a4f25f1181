/**
 * A world for the scheduler: the real fleet and the real life cycle of a model (`supervision/lifecycle.ts`) on a fake
 * clock, with processes that are only timers. The world watches what no policy may do and throws when it happens.
 */
import { Value } from '@sinclair/typebox/value';
import type { CrashKind, CrashReport } from '#src/engines/engine.ts';
import { Bus, type FlowEvent } from '#src/events.ts';
import type { Footprint, LaunchOverrides, Model, ModelId } from '#src/models/model.ts';
import { Fleet } from '#src/scheduling/fleet.ts';
import type { EndRecord, FleetNeeds, LoadRecord } from '#src/scheduling/fleet-needs.ts';
import type { Lease, Wait } from '#src/scheduling/lease.ts';
import { Settings } from '#src/settings/settings.ts';
import { type Effect, type Life, type Signal, step, UNBORN } from '#src/supervision/lifecycle.ts';
import type { ModelState, StopReason, Supervisor } from '#src/supervision/model-state.ts';
import { someLaunch, someModel } from '#test/engines/support/plan.ts';
import { FakeClock } from '#test/support/fake-clock.ts';
import { llamaSpeech } from '#test/support/speech.ts';

export const GB = 1e9;

/** How the next process of a model behaves. */
export type Fate = {
  readonly loadMs: number;
  /** How the load ends. */
  readonly end: 'ready' | CrashKind;
  /** The failure will not go away by itself. */
  readonly isSticky?: boolean;
  /** It crashes so long after it became ready; null = never. */
  readonly livesMs: number | null;
  /** From TERM to exit; null = ignores TERM. */
  readonly stopMs: number | null;
};

export const GOOD: Fate = { loadMs: 1_000, end: 'ready', livesMs: null, stopMs: 100 };

/** A world of models by their sizes in GB. */
export function worldOf(models: Readonly<Record<string, number>>, budgetGb = 16): World {
  const world = new World();
  world.budgetBytes = budgetGb * GB;
  for (const [id, gigabytes] of Object.entries(models)) world.add(id, gigabytes);
  return world;
}

/** How often a model was started. */
export function startsOf(world: World, modelId: ModelId): number {
  return world.starts.filter((one) => one.modelId === modelId).length;
}

export class World {
  readonly clock = new FakeClock();
  readonly bus = new Bus((cause) => {
    throw cause;
  });
  readonly events: FlowEvent[] = [];
  readonly models = new Map<ModelId, Model>();
  readonly sizes = new Map<ModelId, number>();
  /** Resident memory, in bytes, where it differs from the size. */
  readonly held = new Map<ModelId, number>();
  readonly fates = new Map<ModelId, Fate>();
  /** What names the present state of a model's file; absent = as it always was. */
  readonly fileStates = new Map<ModelId, string>();
  readonly supervisors = new Map<ModelId, FakeSupervisor>();
  readonly loads: LoadRecord[] = [];
  /** What a model is known to need at least, since with less it ran out of memory. */
  readonly shortages = new Map<ModelId, number>();
  readonly ends: EndRecord[] = [];
  readonly starts: { modelId: ModelId; atMs: number; overrides: LaunchOverrides }[] = [];
  readonly stops: { modelId: ModelId; reason: StopReason; atMs: number }[] = [];
  settings: Settings = Value.Parse(Settings, { ...(Value.Default(Settings, { models_dir: '/models' }) as object) });
  budgetBytes = 16 * GB;
  slots = 2;
  guests: NonNullable<FleetNeeds['guests']> = () => [];
  /** A stop of a busy model that nobody forced is a violation. */
  isForced = false;
  readonly fleet: Fleet;

  constructor() {
    this.bus.subscribe((event) => this.events.push(event));
    this.fleet = new Fleet({
      clock: this.clock,
      bus: this.bus,
      makeSupervisor: (modelId, onChange) => {
        const supervisor = new FakeSupervisor(this, modelId, onChange);
        this.supervisors.set(modelId, supervisor);
        return supervisor;
      },
      settings: () => this.settings,
      findModel: (modelId) => this.models.get(modelId.toLowerCase()) ?? null,
      needOf: (model, overrides) => this.needOf(model, overrides),
      fileStateOf: (model) => this.fileStates.get(model.id) ?? 'as it was',
      budgetBytes: () => this.budgetBytes,
      guests: () => this.guests(),
      records: {
        usualLoadMs: (modelId) =>
          this.loads.findLast((load) => load.modelId === modelId && load.outcome === 'ready')?.loadMs ?? null,
        recordLoad: (load) => this.loads.push(load),
        recordMemory: () => {},
        recordShortage: ({ modelId, givenBytes }) => this.shortages.set(modelId, givenBytes * 1.25),
        recordEnd: (end) => this.ends.push(end),
      },
    });
  }

  add(modelId: ModelId, gigabytes: number, fate: Fate = GOOD, format: Model['format'] = 'gguf'): void {
    this.sizes.set(modelId, gigabytes * GB);
    this.fates.set(modelId, fate);
    this.models.set(modelId, { ...modelOf(modelId), format });
  }

  needOf(model: Model, overrides: LaunchOverrides): Footprint {
    const extraBytes = (overrides.ctx_size ?? 0) * 1_000;
    const weightsBytes = this.sizes.get(model.id) ?? 0;
    const parts = { weightsBytes, kvCacheBytes: extraBytes, computeBytes: 0, engineCacheBytes: 0 };
    const atLeastBytes = Math.min(this.shortages.get(model.id) ?? 0, this.budgetBytes);
    return { totalBytes: Math.max(weightsBytes + extraBytes, atLeastBytes), source: 'formula', parts };
  }

  configure(modelId: ModelId, config: Partial<Model['config']>): void {
    const model = this.models.get(modelId);
    if (!model) throw new Error(`no model ${modelId}`);
    this.models.set(modelId, { ...model, config: { ...model.config, ...config } });
    this.bus.publish({ type: 'model-changed', modelId });
  }

  remove(modelId: ModelId): void {
    this.models.delete(modelId);
    this.bus.publish({ type: 'model-removed', modelId });
  }

  set(patch: Partial<Settings>): void {
    this.settings = { ...this.settings, ...patch };
    this.bus.publish({ type: 'settings-changed', keys: Object.keys(patch) });
  }

  phase(modelId: ModelId): ModelState['phase'] {
    return this.fleet.model(modelId).state.phase;
  }

  /** Asks for a model; the answer is noted as it comes. */
  ask(modelId: ModelId, requestId = 'r', isBrief = false, caller = ''): Asked {
    return new Asked(this, { modelId, requestId, isBrief, caller });
  }

  /** Passes time in small steps, so that promises settle on the way. */
  async pass(ms: number, stepMs = 100): Promise<void> {
    for (let left = ms; left > 0; left -= stepMs) {
      this.clock.advance(Math.min(stepMs, left));
      await flushed();
    }
  }

  /** Models that have a process, each once. */
  get live(): readonly ModelId[] {
    return [...this.supervisors.values()].filter((one) => one.isLive).map((one) => one.modelId);
  }
}

/** Lets promises settle. */
export async function flushed(): Promise<void> {
  for (let turn = 0; turn < 4; turn += 1) await null;
}

/** One request and what became of it. */
export class Asked {
  readonly modelId: ModelId;
  readonly waits: Wait[] = [];
  readonly controller = new AbortController();
  readonly askedAtMs: number;
  readonly isBrief: boolean;
  readonly caller: string;
  lease: Lease | null = null;
  fault: { kind: string; message: string; hint: string | null; retryAfterS: number | null } | null = null;
  settledAtMs: number | null = null;

  constructor(
    world: World,
    { modelId, requestId, isBrief, caller }: { modelId: ModelId; requestId: string; isBrief: boolean; caller: string },
  ) {
    this.modelId = modelId;
    this.isBrief = isBrief;
    this.caller = caller;
    this.askedAtMs = world.clock.monotonicMs();
    world.fleet
      .acquire(modelId, {
        requestId,
        signal: this.controller.signal,
        onWait: (wait) => this.waits.push(wait),
        isBrief,
        caller,
      })
      .then(
        (lease) => {
          this.lease = lease;
          this.settledAtMs = world.clock.monotonicMs();
        },
        (fault) => {
          this.fault = fault;
          this.settledAtMs = world.clock.monotonicMs();
        },
      );
  }

  get isSettled(): boolean {
    return this.settledAtMs !== null;
  }

  end(): void {
    this.lease?.[Symbol.dispose]();
  }
}

/** The real life cycle; its effects are timers. Signals that come while one is handled wait, as in the real one. */
export class FakeSupervisor implements Supervisor {
  readonly modelId: ModelId;
  readonly #world: World;
  readonly #onChange: (state: ModelState, previous: ModelState) => void;
  readonly #waiting: Signal[] = [];
  readonly #living = new Set<number>();
  #life: Life = UNBORN;
  #isHandling = false;

  constructor(world: World, modelId: ModelId, onChange: (state: ModelState, previous: ModelState) => void) {
    this.#world = world;
    this.modelId = modelId;
    this.#onChange = onChange;
  }

  get state(): ModelState {
    return this.#life.state;
  }

  get isLive(): boolean {
    return this.#living.size > 0;
  }

  start(model: Model, overrides: LaunchOverrides, options: { force?: boolean } = {}): void {
    this.#world.starts.push({ modelId: this.modelId, atMs: this.#world.clock.monotonicMs(), overrides });
    this.#signal({ type: 'start', wish: { model, overrides }, force: options.force ?? false });
  }

  stop(reason: StopReason): void {
    const { inFlight, isPinned } = this.#world.fleet.model(this.modelId);
    const mayCut = this.#world.isForced || reason === 'shutdown';
    if (inFlight > 0 && !mayCut) throw new Error(`${this.modelId} was stopped (${reason}) with ${inFlight} in flight`);
    if (isPinned && (reason === 'eviction' || reason === 'cooldown'))
      throw new Error(`pinned, but stopped (${reason})`);
    this.#world.stops.push({ modelId: this.modelId, reason, atMs: this.#world.clock.monotonicMs() });
    this.#signal({ type: 'stop', reason });
  }

  forgive(): void {
    this.#signal({ type: 'forgive' });
  }

  memoryBytes(): number | null {
    return this.isLive ? (this.#world.held.get(this.modelId) ?? this.#world.sizes.get(this.modelId) ?? null) : null;
  }

  /** The process dies now, by itself. */
  crash(kind: CrashKind = 'killed', isSticky = false): void {
    this.#exit(this.#life.generation, crashOf(kind, isSticky));
  }

  #signal(signal: Signal): void {
    this.#waiting.push(signal);
    if (this.#isHandling) return;
    this.#isHandling = true;
    try {
      for (let next = this.#waiting.shift(); next; next = this.#waiting.shift()) this.#handle(next);
    } finally {
      this.#isHandling = false;
    }
  }

  #handle(signal: Signal): void {
    const previous = this.#life.state;
    const { life, effects } = step(this.#life, signal, this.#world.clock.monotonicMs());
    this.#life = life;
    for (const effect of effects) this.#perform(effect);
    if (life.state !== previous) this.#onChange(life.state, previous);
  }

  #perform(effect: Effect): void {
    const { clock } = this.#world;
    const fate = this.#world.fates.get(this.modelId) ?? GOOD;
    const { generation } = effect;
    switch (effect.do) {
      case 'start':
        clock.after(10, () => this.#spawn(generation, fate));
        break;
      case 'terminate':
        if (fate.stopMs !== null) clock.after(fate.stopMs, () => this.#exit(generation, crashOf('unknown', false)));
        clock.after(effect.killAtMs - clock.monotonicMs(), () => this.#signal({ type: 'grace-over', generation }));
        break;
      case 'kill':
        clock.after(5, () => this.#exit(generation, crashOf('killed', false)));
        break;
      case 'abandon':
        break;
    }
  }

  #spawn(generation: number, fate: Fate): void {
    if (this.#life.generation !== generation || this.#life.state.phase !== 'starting') return;
    if (this.#living.size > 0) throw new Error(`a second process of ${this.modelId}`);
    this.#living.add(generation);
    this.#signal({ type: 'spawned', generation, pid: generation });
    const { clock } = this.#world;
    clock.after(fate.loadMs / 2, () =>
      this.#signal({ type: 'progressed', generation, stage: 'text_model', ratio: 0.5 }),
    );
    clock.after(fate.loadMs, () => {
      if (fate.end === 'load-stalled') {
        this.#signal({ type: 'timed-out', generation, report: crashOf(fate.end, fate.isSticky ?? false) });
      } else if (fate.end !== 'ready') this.#exit(generation, crashOf(fate.end, fate.isSticky ?? false));
      else this.#becomeReady(generation, fate);
    });
  }

  #becomeReady(generation: number, fate: Fate): void {
    if (!this.#living.has(generation)) return;
    const { slots, clock } = this.#world;
    const overrides = this.#life.wish?.overrides ?? {};
    this.#signal({
      type: 'became-ready',
      generation,
      readiness: {
        engine: 'llama.cpp',
        speech: llamaSpeech,
        engineVersion: 'b1',
        baseUrl: 'http://127.0.0.1:8081',
        apiKey: 'key',
        port: 8081,
        pid: generation,
        contextTokens: 4096,
        slots,
        // As the real one does: 0 becomes the trained context.
        launch: { ...LAUNCH, ...overrides, ctx_size: overrides.ctx_size || LAUNCH.ctx_size },
      },
    });
    if (fate.livesMs !== null) clock.after(fate.livesMs, () => this.#exit(generation, crashOf('killed', false)));
  }

  #exit(generation: number, report: CrashReport): void {
    if (this.#living.delete(generation)) this.#signal({ type: 'exited', generation, report });
  }
}

const LAUNCH = someLaunch({ ctx_size: 4096 });

function crashOf(kind: CrashKind, isSticky: boolean): CrashReport {
  const message = `The engine ended (${kind}).`;
  return { kind, isSticky, message, hint: 'Look at the log.', exitCode: 1, signal: null, tail: ['last words'] };
}

export function modelOf(id: ModelId): Model {
  return someModel(`/models/${id}.gguf`, { id, name: id });
}
