/** One process of an engine, from its preparation to its end: says what happens as signals, decides nothing. */
import { assert } from '#src/assert.ts';
import type { Clock, Timer } from '#src/clock.ts';
import { loadStalled, portUsurped } from '#src/engines/diagnose.ts';
import type { CrashReport, EngineAdapter, InstalledEngine, LaunchPlan, StopStep } from '#src/engines/engine.ts';
import { Fault } from '#src/faults.ts';
import type { LaunchOverrides, LaunchSettings, Model } from '#src/models/model.ts';
import type { Settings } from '#src/settings/settings.ts';
import type { Signal, Wish } from './lifecycle.ts';
import { LoadWatch } from './load-watch.ts';
import { MemoryProgress } from './memory-progress.ts';
import { MemoryTally } from './memory-tally.ts';
import { FIRST_MLX_PORT, type PortLease, type Ports } from './ports.ts';
import { type EngineProcess, type OutputStream, type ProcessExit, spawnEngine } from './process.ts';
import type { ProcessRegistry } from './process-registry.ts';
import { checkProgram } from './program-check.ts';
import { Readying } from './readying.ts';

/** What an engine's own words say it has taken, in bytes, and what it takes now. */
export type MemoryTaken = {
  readonly weightsBytes: number;
  readonly kvCacheBytes: number;
  readonly computeBytes: number;
  /** Resident memory when it became ready; null when unknown. */
  readonly residentBytes: number | null;
};

export type RunDeps = {
  readonly clock: Clock;
  readonly logs: {
    append(source: string, line: string, stream: OutputStream | 'flow'): void;
    /** Hides a secret in all lines until the returned function is called. */
    protect(secret: string): () => void;
    /** Counts lines that came too fast to be read. */
    noteDropped(source: string, lines: number): void;
  };
  readonly engines: {
    /** An engine for a model, installed if need be. Rejects with a Fault. */
    ensure(
      wish: { readonly model: Model; readonly launch: LaunchSettings },
      signal: AbortSignal,
      onProgress: (ratio: number | null) => void,
    ): Promise<InstalledEngine>;
  };
  readonly adapterFor: (kind: InstalledEngine['kind']) => EngineAdapter;
  readonly launchFor: (model: Model, overrides: LaunchOverrides) => LaunchSettings;
  readonly processRegistry: ProcessRegistry;
  readonly ports: Ports;
  readonly settings: () => Pick<Settings, 'load_stall_seconds'>;
  readonly onMemory?: (model: Model, launch: LaunchSettings, taken: MemoryTaken) => void;
};

/** What the diagnosis reads. */
const TAIL_LINES_MAX = 200;
const TAIL_BYTES_MAX = 64 * 1024;
/** From the word that an engine is broken to its end. */
const LAST_WORDS_MS = 200;

/** One generation of a model's engine. */
export class EngineRun {
  readonly generation: number;
  readonly #deps: RunDeps;
  readonly #wish: Wish;
  readonly #tell: (signal: Signal) => void;
  readonly #abandoned = new AbortController();
  readonly #tail: string[] = [];
  #tailBytes = 0;
  #port: PortLease | null = null;
  #process: EngineProcess | null = null;
  #plan: LaunchPlan | null = null;
  #adapter: EngineAdapter | null = null;
  #watch: LoadWatch | null = null;
  #readying: Readying | null = null;
  #memoryProgress: MemoryProgress | null = null;
  #broken: Timer | null = null;
  readonly #tally = new MemoryTally();
  /** By its own words; its health check may not have been seen yet. */
  #saysReady = false;
  #wasReady = false;
  /** What showed that another program has its port. */
  #usurped: string | null = null;
  #stopTimers: Timer[] = [];
  #unprotect: () => void = () => {};

  constructor(deps: RunDeps, generation: number, wish: Wish, tell: (signal: Signal) => void) {
    this.#deps = deps;
    this.generation = generation;
    this.#wish = wish;
    this.#tell = tell;
  }

  /** Prepares and spawns. Never rejects: what goes wrong is told. */
  async begin(avoidPorts: ReadonlySet<number>): Promise<void> {
    const { signal } = this.#abandoned;
    try {
      let hasInstalled = false;
      const { model } = this.#wish;
      const launch = this.#deps.launchFor(model, this.#wish.overrides);
      const engine = await this.#deps.engines.ensure({ model, launch }, signal, (ratio) => {
        hasInstalled = true;
        this.#progress('installing-engine', ratio);
      });
      if (signal.aborted) return;
      if (hasInstalled) this.#progress('starting-process', null);
      const adapter = this.#deps.adapterFor(engine.kind);
      const refusal = checkProgram(engine.executable) ?? adapter.precheck(model);
      if (refusal) {
        this.#tell({ type: 'start-failed', generation: this.generation, report: refusal });
        return;
      }
      const port = await this.#deps.ports.claim(avoidPorts, engine.kind === 'llama.cpp' ? undefined : FIRST_MLX_PORT);
      this.#port = port;
      if (signal.aborted) this.#releasePort();
      else this.#spawn(engine, adapter, port);
    } catch (cause) {
      this.#unprotect();
      this.#releasePort();
      if (!signal.aborted) this.#tell({ type: 'start-failed', generation: this.generation, report: reportOf(cause) });
    }
  }

  /** Gives up a start without a process: nothing more is told. */
  abandon(): void {
    assert(this.#process === null, 'no process to be abandoned');
    this.#abandoned.abort(new DOMException('The start was given up.', 'AbortError'));
    this.#releasePort();
  }

  /** Asks the engine to go, in ever plainer words, and says when its time is up. */
  terminate(killAtMs: number): void {
    const { clock } = this.#deps;
    this.#stopLoading();
    this.#stopTimers.push(
      ...(this.#adapter?.stopping ?? []).map((step) => clock.after(step.afterMs, () => this.#take(step))),
      clock.after(Math.max(0, killAtMs - clock.monotonicMs()), () => {
        this.#tell({ type: 'grace-over', generation: this.generation });
      }),
    );
  }

  #take(step: StopStep): void {
    if ('say' in step) this.#process?.tell(step.say);
    else this.#process?.signal(step.signal);
  }

  kill(): void {
    this.#stopLoading();
    this.#process?.signal('SIGKILL');
  }

  memoryBytes(): number | null {
    return this.#tally.without(this.#process?.memoryBytes() ?? null);
  }

  /** The port it has, or had. */
  get port(): number | null {
    return this.#plan?.port ?? null;
  }

  /** No `await` in here: whoever gives up the start either finds a process or keeps it from being. */
  #spawn(engine: InstalledEngine, adapter: EngineAdapter, { port }: PortLease): void {
    const deps = this.#deps;
    const { model } = this.#wish;
    // Anew, since an installation may have taken minutes.
    const launch = deps.launchFor(model, this.#wish.overrides);
    const apiKey = Buffer.from(crypto.getRandomValues(new Uint8Array(24))).toString('base64url');
    const plan = { model, launch, engine, port, apiKey };
    this.#plan = plan;
    this.#adapter = adapter;
    this.#unprotect = deps.logs.protect(apiKey);
    const command = adapter.command(plan);
    const child = spawnEngine({
      command,
      nonce: deps.processRegistry.nonce,
      clock: deps.clock,
      onLine: (line, stream) => this.#hear(line, stream),
      onDropped: (lines) => {
        deps.logs.noteDropped(model.id, lines);
        deps.logs.append(model.id, `… ${lines} lines dropped: too many at once`, 'flow');
      },
    });
    this.#process = child;
    deps.processRegistry.add({ pid: child.pid, port: plan.port, modelId: model.id, executable: engine.executable });
    void child.ended.then((exit) => this.#end(exit, plan, adapter));
    this.#watchLoad(plan, adapter, child);
    // Last: whoever hears of it may stop it at once.
    this.#tell({ type: 'spawned', generation: this.generation, pid: child.pid });
  }

  #watchLoad(plan: LaunchPlan, adapter: EngineAdapter, child: EngineProcess): void {
    const stallS = this.#deps.settings().load_stall_seconds;
    this.#watch = new LoadWatch(this.#deps.clock, stallS, ({ because, afterS }) => {
      const stalled = loadStalled(plan, afterS, this.#tail);
      const tooLong = `Loading ${plan.model.id} was given up after ${afterS / 60} minutes.`;
      this.#giveUp(because === 'silence' ? stalled : { ...stalled, message: tooLong });
    });
    if (adapter.measuresLoad) this.#measureLoad(plan, child);
    this.#readying = new Readying({ clock: this.#deps.clock, adapter, plan }, (outcome) => {
      if (outcome.kind === 'mute') {
        if (this.#saysReady) this.#giveUp({ ...loadStalled(plan, stallS, this.#tail), message: outcome.message });
        else this.#yieldPort(outcome.message);
        return;
      }
      this.#stopLoading();
      this.#wasReady = true;
      const { contextTokens, slots } = outcome.facts;
      const { engine, launch, apiKey, port } = plan;
      this.#deps.onMemory?.(plan.model, launch, this.#memoryTaken(child));
      const speech = adapter.speech(plan);
      const known = {
        engine: engine.kind,
        speech,
        engineVersion: engine.version,
        apiKey,
        port,
        launch,
        contextTokens,
        slots,
      };
      const readiness = { ...known, baseUrl: outcome.baseUrl, pid: child.pid };
      this.#tell({ type: 'became-ready', generation: this.generation, readiness });
    });
  }

  #measureLoad({ model }: LaunchPlan, child: EngineProcess): void {
    const { clock } = this.#deps;
    this.#memoryProgress = new MemoryProgress(
      { clock, weightsBytes: model.sizeBytes, read: child.memoryBytes },
      (ratio) => {
        this.#watch?.noteLife();
        this.#progress('text_model', ratio);
      },
    );
  }

  /** It is killed, and its last lines say why; what explains them may still be on its way. */
  #break(): void {
    this.#broken ??= this.#deps.clock.after(LAST_WORDS_MS, () => this.#process?.signal('SIGKILL'));
  }

  /**
   * Somebody else answers on its port before it has said that it is ready, so it will not get that port. A slow start
   * (a cold disk, a GPU that wakes) may take longer than anybody should wait for it to notice; another port is tried.
   */
  #yieldPort(message: string): void {
    this.#stopLoading();
    this.#usurped = message;
    this.#process?.signal('SIGKILL');
  }

  #giveUp(report: CrashReport): void {
    this.#tell({ type: 'timed-out', generation: this.generation, report });
  }

  #hear(line: string, stream: OutputStream): void {
    const signal = this.#adapter?.readLog(line) ?? null;
    this.#watch?.noteLife();
    // What stdout tells us as a protocol is not for people.
    if (signal === null || stream === 'stderr' || signal.kind === 'memory') this.#keep(line, stream);
    switch (signal?.kind) {
      case 'load-progress':
        this.#memoryProgress?.begin();
        if (this.#watch !== null) this.#progress(signal.stage, signal.ratio);
        break;
      case 'broken':
        this.#break();
        break;
      case 'remark':
        this.#deps.logs.append(this.#wish.model.id, signal.text, 'flow');
        break;
      case 'ready':
        this.#saysReady = true;
        this.#readying?.hurry();
        break;
      case 'memory':
        this.#tally.add(signal.part, signal.bytes);
        break;
      default:
        break;
    }
  }

  #keep(line: string, stream: OutputStream): void {
    this.#deps.logs.append(this.#wish.model.id, line, stream);
    // What an engine says last becomes the words for its crash, which pages show.
    this.#tail.push(this.#plan === null ? line : line.replaceAll(this.#plan.apiKey, '[secret]'));
    this.#tailBytes += line.length;
    while (this.#tail.length > TAIL_LINES_MAX || this.#tailBytes > TAIL_BYTES_MAX) {
      this.#tailBytes -= this.#tail.shift()?.length ?? 0;
    }
  }

  #progress(stage: string, ratio: number | null): void {
    this.#tell({ type: 'progressed', generation: this.generation, stage, ratio });
  }

  #memoryTaken(child: EngineProcess): MemoryTaken {
    return { ...this.#tally.taken, residentBytes: this.#tally.without(child.memoryBytes()) };
  }

  #end(exit: ProcessExit, plan: LaunchPlan, adapter: EngineAdapter): void {
    this.#stopLoading();
    for (const timer of this.#stopTimers) timer[Symbol.dispose]();
    this.#broken?.[Symbol.dispose]();
    if (this.#process) this.#deps.processRegistry.remove(this.#process.pid);
    this.#process = null;
    this.#unprotect();
    this.#releasePort();
    const ending = { ...exit, tail: this.#tail, wasReady: this.#wasReady };
    const report = this.#usurped === null ? adapter.diagnose(ending, plan) : portUsurped(this.#usurped, ending);
    this.#tell({ type: 'exited', generation: this.generation, report });
  }

  #stopLoading(): void {
    this.#watch?.[Symbol.dispose]();
    this.#watch = null;
    this.#readying?.[Symbol.dispose]();
    this.#readying = null;
    this.#memoryProgress?.[Symbol.dispose]();
    this.#memoryProgress = null;
  }

  #releasePort(): void {
    this.#port?.[Symbol.dispose]();
    this.#port = null;
  }
}

/** A start that came to nothing, as a report. What the user must change first is sticky. */
function reportOf(cause: unknown): CrashReport {
  const ends = { exitCode: null, signal: null, tail: [] };
  if (!(cause instanceof Fault)) {
    const message = `The engine could not be started: ${cause instanceof Error ? cause.message : String(cause)}.`;
    return { kind: 'unknown', isSticky: false, message, hint: null, ...ends };
  }
  const { message, hint } = cause;
  switch (cause.kind) {
    case 'invalid-request':
      return { kind: 'bad-flag', isSticky: true, message, hint, ...ends };
    case 'engine-missing':
      return { kind: 'not-executable', isSticky: true, message, hint, ...ends };
    default:
      return { kind: 'unknown', isSticky: false, message, hint, ...ends };
  }
}
