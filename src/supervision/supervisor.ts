/** One model's keeper: hears what happens to it, asks the lifecycle what follows, and does it. */
import { assert, impossible } from '#src/assert.ts';
import type { LaunchOverrides, Model, ModelId } from '#src/models/model.ts';
import { EngineRun, type RunDeps } from './engine-run.ts';
import { type Effect, type Life, type Signal, step, UNBORN, type Wish } from './lifecycle.ts';
import type { ModelState, StopReason, Supervisor, SupervisorFactory } from './model-state.ts';

export type SupervisorDeps = RunDeps;

/** A factory of supervisors that share engines, ports and registry. */
export function makeSupervisor(deps: SupervisorDeps): SupervisorFactory {
  return (modelId, onChange) => new ModelSupervisor(deps, modelId, onChange);
}

class ModelSupervisor implements Supervisor {
  readonly modelId: ModelId;
  readonly #deps: SupervisorDeps;
  readonly #onChange: (state: ModelState, previous: ModelState) => void;
  #life: Life = UNBORN;
  #run: EngineRun | null = null;
  /** Ports that were taken after all, since the last start that worked. */
  readonly #takenPorts = new Set<number>();
  /** Signals that came while one was being handled: a signal is handled whole before the next. */
  readonly #waiting: Signal[] = [];
  #isHandling = false;

  constructor(deps: SupervisorDeps, modelId: ModelId, onChange: (state: ModelState, previous: ModelState) => void) {
    this.#deps = deps;
    this.modelId = modelId;
    this.#onChange = onChange;
  }

  get state(): ModelState {
    return this.#life.state;
  }

  start(model: Model, overrides: LaunchOverrides, options: { force?: boolean } = {}): void {
    assert(model.id === this.modelId, `a start of ${this.modelId}`);
    this.#signal({ type: 'start', wish: { model, overrides }, force: options.force ?? false });
  }

  stop(reason: StopReason): void {
    this.#signal({ type: 'stop', reason });
  }

  forgive(): void {
    this.#signal({ type: 'forgive' });
  }

  memoryBytes(): number | null {
    return this.#run?.memoryBytes() ?? null;
  }

  #signal(signal: Signal): void {
    this.#waiting.push(signal);
    if (this.#isHandling) return;
    this.#isHandling = true;
    try {
      for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) this.#handle(next);
    } finally {
      this.#isHandling = false;
    }
  }

  #handle(signal: Signal): void {
    const previous = this.#life.state;
    const { life, effects } = step(this.#life, signal, this.#deps.clock.monotonicMs());
    this.#life = life;
    if (signal.type === 'exited' && signal.generation === this.#run?.generation) this.#forgetRun(signal.report.kind);
    if (signal.type === 'became-ready') this.#takenPorts.clear();
    for (const effect of effects) this.#perform(effect);
    if (life.state !== previous) this.#tellChange(life.state, previous);
  }

  #tellChange(state: ModelState, previous: ModelState): void {
    const line = narrate(state, previous);
    if (line !== null) this.#deps.logs.append(this.modelId, line, 'flow');
    this.#onChange(state, previous);
  }

  #forgetRun(kind: string): void {
    const port = this.#run?.port ?? null;
    if (kind === 'port-taken' && port !== null) this.#takenPorts.add(port);
    this.#run = null;
  }

  #perform(effect: Effect): void {
    switch (effect.do) {
      case 'start':
        this.#begin(effect.generation, effect.wish);
        break;
      case 'abandon':
        this.#run?.abandon();
        this.#run = null;
        break;
      case 'terminate':
        this.#run?.terminate(effect.killAtMs);
        break;
      case 'kill':
        this.#run?.kill();
        break;
      default:
        impossible(effect);
    }
  }

  #begin(generation: number, wish: Wish): void {
    const run = new EngineRun(this.#deps, generation, wish, (signal) => this.#signal(signal));
    this.#run = run;
    void run.begin(this.#takenPorts);
  }
}

/** What the model's log says about a change, in Flow's voice; null when it is only progress. */
function narrate(state: ModelState, previous: ModelState): string | null {
  if (state.phase === previous.phase) return null;
  switch (state.phase) {
    case 'idle':
      return 'Unloaded.';
    case 'starting':
      return 'Loading.';
    case 'ready':
      return `Ready after ${Math.round(state.loadMs)} ms, pid ${state.pid}: ${state.slots} × ${state.contextTokens} tokens.`;
    case 'stopping':
      return `Stopping (${state.reason}).`;
    case 'failed':
      return `${state.report.message}${state.report.hint === null ? '' : ` ${state.report.hint}`}`;
    default:
      return impossible(state);
  }
}
