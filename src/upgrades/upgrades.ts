/**
 * Updates of engines: the new one comes beside the others, is tried on a model of the user's, and becomes the default
 * only when it does no worse than the one in use. One at a time.
 */
import type { Clock } from '#src/clock.ts';
import type { InstalledEngine, StartedKind } from '#src/engines/engine.ts';
import type { EngineShelf } from '#src/engines/shelf.ts';
import type { Bus } from '#src/events.ts';
import { asFault, Fault } from '#src/faults.ts';
import type { LaunchSettings, Model } from '#src/models/model.ts';
import type { UpgradeRecords } from './records.ts';
import { isSound, nameOf, type StepName, type StepResult, type Trial, verdictOf } from './report.ts';
import type { TrialListener, TrialWish } from './trial.ts';
import { type Candidate, type Choice, noModelWords, trialModels } from './trial-model.ts';
import { reportWire, type UpdatePhase, type UpdateProgress, type UpdateReport } from './wire.ts';

export type UpgradesParts = {
  readonly clock: Clock;
  readonly bus: Bus;
  readonly records: UpgradeRecords;
  /** One a kind of engine. */
  readonly shelves: readonly EngineShelf[];
  /** Why the default of a kind cannot be changed in this run; null when it can. */
  readonly fixedBy: (kind: StartedKind) => string | null;
  /** Rejects with Fault('no-memory') when there was no room for a trial. */
  readonly tryEngine: (wish: TrialWish, signal: AbortSignal, listener: WaitingListener) => Promise<Trial>;
  /** The models that a kind could serve, as `launchOf` would start them. */
  readonly candidates: (kind: StartedKind) => readonly Candidate[];
  /** A model of Flow's own for when there is none; null when there is none for that kind either. */
  readonly makeModel: (kind: StartedKind) => Promise<(AsyncDisposable & { readonly model: Model }) | null>;
  readonly launchOf: (model: Model) => LaunchSettings;
  /** Memory that a trial may take beside what runs now. */
  readonly freeBytes: () => number;
  /** Removes what an installation left that was cut off. */
  readonly sweep: () => Promise<void>;
};

/** Hears also why a trial waits for its place; null when it waits no more. */
export type WaitingListener = TrialListener & { readonly onWait: (words: string | null) => void };

export type UpdateWish = {
  readonly kind: StartedKind;
  /** Null for the newest. */
  readonly version: string | null;
  /** The model to try it on; null leaves it to Flow. */
  readonly model: Model | null;
};

/** What an update has come to, but for what was wanted and its times. */
type Result = Omit<UpdateReport, 'kind' | 'version' | 'startedAtMs' | 'endedAtMs'>;
type Running = { readonly abort: AbortController; readonly ended: Promise<void>; progress: UpdateProgress };

/** Models tried at most; more are tried only while the engine in use fails as well. */
const MODELS_MAX = 3;
const NO_TRIAL = { modelWords: null, fresh: null, former: null } as const;

/** Performs updates, and goes back. */
export class Upgrades {
  readonly #parts: UpgradesParts;
  #running: Running | null = null;

  constructor(parts: UpgradesParts) {
    this.#parts = parts;
  }

  /** How far the update under way is; null when there is none. */
  get progress(): UpdateProgress | null {
    return this.#running?.progress ?? null;
  }

  get shelves(): readonly EngineShelf[] {
    return this.#parts.shelves;
  }

  get records(): UpgradeRecords {
    return this.#parts.records;
  }

  /** Whether the engine of a kind is the same for all of this run, so that no update can begin. */
  isFixed(kind: StartedKind): boolean {
    return this.#parts.fixedBy(kind) !== null;
  }

  /** Tells of an update that the last Flow did not end, and removes its half-made files. Never rejects. */
  async recover(): Promise<void> {
    const { records, clock, sweep, bus } = this.#parts;
    const { begun } = records;
    if (begun === null) return;
    const words = `Flow ended while ${begun.kind} was being updated; the default engine is what it was.`;
    const hint = 'Start the update again when you like.';
    const report = { outcome: 'interrupted', words, hint, from: null, to: null, ...NO_TRIAL } as const;
    const times = { startedAtMs: begun.startedAtMs, endedAtMs: clock.wallMs() };
    records.end(begun.kind, reportWire({ ...report, ...times, kind: begun.kind, version: begun.version }));
    bus.publish({ type: 'notice', tone: 'warning', text: words });
    await sweep().catch(() => {});
  }

  /**
   * Begins an update and returns; `progress` and then the kept report tell. Throws Fault('conflict') during another and
   * when the default is fixed, Fault('not-found') for an unknown kind.
   */
  start(wish: UpdateWish): void {
    const shelf = this.#shelf(wish.kind);
    this.#refuseDuring();
    this.#refuseFixed(wish.kind);
    const { clock, records } = this.#parts;
    const startedAtMs = clock.wallMs();
    const { kind, version } = wish;
    records.begin({ kind, version, startedAtMs });
    const message = `Getting ${kind} ${version ?? 'in its newest version'}`;
    const progress = {
      kind,
      version,
      phase: 'adding',
      ratio: null,
      message,
      step: null,
      steps: [],
      startedAtMs,
    } as const;
    const abort = new AbortController();
    const { promise: ended, resolve: onEnded } = Promise.withResolvers<void>();
    this.#running = { abort, ended, progress };
    this.#publish(kind);
    void this.#run(shelf, wish, abort.signal).then((result) => {
      this.#end({ ...result, kind, version, startedAtMs, endedAtMs: clock.wallMs() });
      onEnded();
    });
  }

  /** Ends the update under way, in good order; the default stays. Resolves when nothing of it runs any more. */
  async cancel(): Promise<void> {
    this.#running?.abort.abort();
    await this.#running?.ended;
  }

  /**
   * Makes the engine the default again that was it before the last update; done twice it is as before. Throws
   * Fault('conflict') when there is none to go back to.
   */
  async rollback(kind: StartedKind): Promise<InstalledEngine> {
    const shelf = this.#shelf(kind);
    this.#refuseDuring();
    this.#refuseFixed(kind);
    const { records } = this.#parts;
    const formerId = records.formerOf(kind);
    if (formerId === null) throw new Fault('conflict', `${kind} was not updated, so there is nothing to go back to.`);
    const former = (await shelf.list()).installed.find(({ id }) => id === formerId);
    if (!former) throw new Fault('conflict', `\`${formerId}\`, which was used before, is not there any more.`);
    const present = await usable(shelf);
    if (present?.id === formerId) throw new Fault('conflict', `\`${formerId}\` is in use already.`);
    await shelf.choose(formerId);
    records.setFormer(kind, present?.id ?? null);
    this.#publish(kind);
    return former;
  }

  async #run(shelf: EngineShelf, wish: UpdateWish, signal: AbortSignal): Promise<Result> {
    let former: InstalledEngine | null = null;
    let fresh: InstalledEngine | null = null;
    const known = () => ({ from: engineName(former), to: engineName(fresh) });
    try {
      former = await usable(shelf);
      fresh = await shelf.add(wish.version, signal, (ratio) => this.#show({ ratio }));
      signal.throwIfAborted();
      if (fresh.id === former?.id) {
        const words = `${shelf.kind} ${fresh.version ?? fresh.id} is what is used already.`;
        return { outcome: 'up-to-date', words, hint: null, ...NO_TRIAL, ...known() };
      }
      await keepDefault(shelf, former, fresh);
      const tried = await this.#tryAll(shelf.kind, wish.model, fresh, former, signal);
      const result = { ...tried, ...known() };
      return tried.outcome === 'updated' ? await this.#adopt(shelf, former, fresh, result, signal) : result;
    } catch (cause) {
      if (signal.aborted)
        return { outcome: 'cancelled', words: 'The update was cancelled.', hint: null, ...NO_TRIAL, ...known() };
      const { kind, message, hint } = asFault(cause);
      if (fresh !== null && kind === 'no-memory') {
        const words = `${nameOfEngine(fresh)} is here, but was not tried: ${message}`;
        return { outcome: 'untested', words, hint, ...NO_TRIAL, ...known() };
      }
      return { outcome: 'failed', words: message, hint, ...NO_TRIAL, ...known() };
    }
  }

  /** Tries models until one says something of the new engine. */
  async #tryAll(
    kind: StartedKind,
    wanted: Model | null,
    fresh: InstalledEngine,
    former: InstalledEngine | null,
    signal: AbortSignal,
  ): Promise<Omit<Result, 'from' | 'to'>> {
    const { candidates, freeBytes, makeModel } = this.#parts;
    const known = candidates(kind);
    const free = freeBytes();
    const choices = trialModels(known, { wanted, freeBytes: free });
    await using own = choices.length === 0 ? await makeModel(kind) : null;
    const all = own ? [{ model: own.model, why: `${own.model.id}, because no other model can be tried.` }] : choices;
    let last: Omit<Result, 'from' | 'to'> | null = null;
    for (const choice of all.slice(0, MODELS_MAX)) {
      last = await this.#tryOn(choice, fresh, former, signal);
      if (last.outcome !== 'inconclusive') return last;
    }
    if (last) return last;
    const hint = `To use it all the same: flow engines choose ${fresh.id}`;
    const words = noModelWords(nameOfEngine(fresh), known, free);
    return { outcome: 'untested', words, hint, ...NO_TRIAL };
  }

  async #tryOn(
    { model, why }: Choice,
    engine: InstalledEngine,
    former: InstalledEngine | null,
    signal: AbortSignal,
  ): Promise<Omit<Result, 'from' | 'to'>> {
    const { tryEngine, launchOf } = this.#parts;
    const launch = launchOf(model);
    const fresh = await tryEngine({ engine, model, launch }, signal, this.#listener('trying', engine, model));
    const compared =
      isSound(fresh) || former === null
        ? null
        : await tryEngine({ engine: former, model, launch }, signal, this.#listener('comparing', former, model));
    const { outcome, words } = verdictOf(fresh, compared);
    const known = { modelWords: why, fresh, former: compared };
    if (outcome === 'passed') return { outcome: 'updated', words, hint: null, ...known };
    const stays = former ? `${nameOfEngine(former)} stays in use.` : 'There was no other engine before.';
    const hint = `The new one is kept: "flow engines remove ${engine.id}" removes it, "flow engines choose ${engine.id}" uses it.`;
    return { outcome, words: `${words} ${stays}`, hint, ...known };
  }

  /** The last look before the change: a person may have chosen meanwhile. */
  async #adopt(
    shelf: EngineShelf,
    former: InstalledEngine | null,
    fresh: InstalledEngine,
    result: Result,
    signal: AbortSignal,
  ): Promise<Result> {
    const present = await usable(shelf);
    signal.throwIfAborted();
    if (present && present.id !== former?.id && present.id !== fresh.id) {
      const words = `${result.words} Meanwhile \`${present.id}\` was chosen, so it stays in use.`;
      return { ...result, outcome: 'cancelled', words };
    }
    await shelf.choose(fresh.id);
    if (former) this.#parts.records.setFormer(shelf.kind, former.id);
    const back = former ? `; ${nameOfEngine(former)} is kept to go back to` : '';
    return { ...result, words: `${result.words} It is used from the next load on${back}.` };
  }

  #end(report: UpdateReport): void {
    const { records, bus } = this.#parts;
    records.end(report.kind, reportWire(report));
    this.#running = null;
    this.#publish(report.kind);
    const isGood = report.outcome === 'updated' || report.outcome === 'up-to-date';
    const text = `${report.kind}: ${report.words}`;
    if (report.outcome !== 'cancelled') bus.publish({ type: 'notice', tone: isGood ? 'info' : 'warning', text });
  }

  #listener(phase: UpdatePhase, engine: InstalledEngine, { id }: Model): WaitingListener {
    const steps: StepResult[] = [];
    const message = `${phase === 'trying' ? 'Trying' : 'Comparing with'} ${nameOfEngine(engine)} on ${id}`;
    this.#show({ phase, ratio: null, message, step: null, steps });
    return {
      onWait: (words) => this.#show({ message: words ?? message }),
      onBegin: (step: StepName) => this.#show({ step }),
      onResult: (result) => {
        steps.push(result);
        this.#show({ step: null, steps: [...steps] });
      },
    };
  }

  #show(change: Partial<UpdateProgress>): void {
    const running = this.#running;
    if (running === null) return;
    running.progress = { ...running.progress, ...change };
    // Bytes are told by the installer itself, and less often.
    if (change.ratio === undefined || change.phase !== undefined) this.#publish(running.progress.kind);
  }

  #publish(engine: string): void {
    this.#parts.bus.publish({ type: 'engine-install-changed', engine });
  }

  #shelf(kind: StartedKind): EngineShelf {
    const shelf = this.#parts.shelves.find((each) => each.kind === kind);
    if (shelf) return shelf;
    throw new Fault('not-found', `Flow has no engine called \`${kind}\` here.`);
  }

  #refuseDuring(): void {
    if (this.#running === null) return;
    throw new Fault('conflict', `${this.#running.progress.kind} is being updated; wait for it or cancel it.`);
  }

  #refuseFixed(kind: StartedKind): void {
    const reason = this.#parts.fixedBy(kind);
    if (reason !== null) throw new Fault('conflict', reason);
  }
}

/** The engine in use; null when there is none, or the one that is named cannot be used. */
async function usable(shelf: EngineShelf): Promise<InstalledEngine | null> {
  try {
    return await shelf.chosen();
  } catch (cause) {
    if (cause instanceof Fault) return null;
    throw cause;
  }
}

/** What is used must not follow from what is newest while that is untried. What a person chose meanwhile stays. */
async function keepDefault(shelf: EngineShelf, former: InstalledEngine | null, fresh: InstalledEngine): Promise<void> {
  if (former === null) return;
  const present = await usable(shelf);
  if (present?.id === fresh.id) await shelf.choose(former.id);
}

function engineName(engine: InstalledEngine | null): { id: string; version: string | null } | null {
  return engine && { id: engine.id, version: engine.version };
}

function nameOfEngine({ kind, id, version }: InstalledEngine): string {
  return `${kind} ${nameOf({ engineId: id, engineVersion: version })}`;
}
