/** One engine tried on one model, beside whatever runs: started, asked, stopped. What it does wrong is its report. */
import type { Clock } from '#src/clock.ts';
import type { InstalledEngine } from '#src/engines/engine.ts';
import { asFault, Fault } from '#src/faults.ts';
import type { LaunchSettings, Model } from '#src/models/model.ts';
import type { RunDeps } from '#src/supervision/engine-run.ts';
import { STOP_GRACE_MS } from '#src/supervision/lifecycle.ts';
import type { ModelState, Supervisor, SupervisorFactory } from '#src/supervision/model-state.ts';
import type { EngineClient } from '#src/transport/exchange.ts';
import { engineAsker } from './asker.ts';
import { type Asker, askChat, askCount, askEmbeddings, askStream, askThinking, askTools } from './questions.ts';
import type { StepName, StepResult, Trial } from './report.ts';

/** Makes supervisors that start this engine with these settings, and from which nothing is learned. */
export type TrialRoom = (parts: {
  readonly engine: InstalledEngine;
  readonly launch: LaunchSettings;
  readonly logs: RunDeps['logs'];
}) => SupervisorFactory;

export type TrialDeps = {
  readonly clock: Clock;
  readonly client: EngineClient;
  readonly room: TrialRoom;
  readonly logs: RunDeps['logs'];
  /** The longest that one question may take, in seconds. */
  readonly boundS: () => number;
};

export type TrialWish = { readonly engine: InstalledEngine; readonly model: Model; readonly launch: LaunchSettings };

/** Hears each step as it begins and as it ends. */
export type TrialListener = {
  readonly onBegin: (name: StepName) => void;
  readonly onResult: (result: StepResult) => void;
};

/** Name of the log of engines on trial. */
const TRIAL_LOG = 'engine-trial';
const TAIL_LINES_MAX = 40;
/** An engine that is killed is gone a moment later. */
const STOP_MAX_MS = STOP_GRACE_MS + 5_000;
/** How long an engine that has broken a connection may take to be seen as ended. */
const OBITUARY_MS = 1_000;

type Question = { readonly name: StepName; readonly ask: (asker: Asker) => Promise<string> };

/** Tries it. Rejects with Fault('cancelled') after an abort, when the engine has been stopped; with nothing else. */
export async function tryEngine(
  wish: TrialWish,
  deps: TrialDeps,
  signal: AbortSignal,
  listener: TrialListener,
): Promise<Trial> {
  const run = new TrialRun(wish, deps, signal, listener);
  try {
    await run.perform();
  } finally {
    await run.stop();
  }
  if (signal.aborted) throw new Fault('cancelled', 'The trial was cancelled.');
  return run.report;
}

class TrialRun {
  readonly #wish: TrialWish;
  readonly #deps: TrialDeps;
  readonly #signal: AbortSignal;
  readonly #listener: TrialListener;
  readonly #supervisor: Supervisor;
  readonly #steps: StepResult[] = [];
  readonly #tail: string[] = [];
  #onChange: () => void = () => {};

  constructor(wish: TrialWish, deps: TrialDeps, signal: AbortSignal, listener: TrialListener) {
    this.#wish = wish;
    this.#deps = deps;
    this.#signal = signal;
    this.#listener = listener;
    const logs: RunDeps['logs'] = {
      append: (_source, line, stream) => this.#hear(line, stream),
      protect: (secret) => deps.logs.protect(secret),
      noteDropped: (_source, lines) => deps.logs.noteDropped(TRIAL_LOG, lines),
    };
    const { engine, launch, model } = wish;
    this.#supervisor = deps.room({ engine, launch, logs })(model.id, () => this.#onChange());
  }

  get report(): Trial {
    const { engine, model } = this.#wish;
    const hasFailed = this.#steps.some(({ outcome }) => outcome === 'failed');
    return {
      engineId: engine.id,
      engineVersion: engine.version,
      modelId: model.id,
      steps: this.#steps,
      tail: hasFailed ? this.#tail.slice(-TAIL_LINES_MAX) : [],
    };
  }

  async perform(): Promise<void> {
    await this.#step('start', () => this.#start());
    const { state } = this.#supervisor;
    if (state.phase !== 'ready') return;
    const asker = (signal: AbortSignal) => engineAsker(this.#deps.client, state, this.#wish.model, signal);
    for (const { name, ask } of questionsFor(this.#wish.model, state)) {
      if (this.#supervisor.state.phase === 'ready') await this.#step(name, (signal) => ask(asker(signal)));
      else this.#note({ name, outcome: 'skipped', durationMs: 0, words: 'The engine had ended.' });
      if (this.#signal.aborted) return;
    }
  }

  /** Ends it, however far it is. A stop that goes well is a step like the others. */
  async stop(): Promise<void> {
    if (this.#supervisor.state.phase === 'ready' && !this.#signal.aborted) {
      await this.#step('stop', async () => {
        const startMs = this.#deps.clock.monotonicMs();
        await this.#gone();
        const tookMs = this.#deps.clock.monotonicMs() - startMs;
        if (tookMs < STOP_GRACE_MS) return 'It ended when asked to.';
        throw new Fault('engine-silent', 'It did not end when asked to and was killed.');
      });
    }
    await this.#gone();
  }

  async #start(): Promise<string> {
    const { clock } = this.#deps;
    const startMs = clock.monotonicMs();
    this.#supervisor.start(this.#wish.model, {}, { force: true });
    const state = await this.#until(({ phase }) => phase === 'ready' || phase === 'failed' || phase === 'idle');
    const seconds = ((clock.monotonicMs() - startMs) / 1000).toFixed(1);
    switch (state?.phase) {
      case 'ready':
        return `Ready after ${seconds} s, with ${state.contextTokens} tokens of context.`;
      case 'failed':
        throw new Fault('load-failed', state.report.message);
      default:
        throw new Fault('cancelled', 'The start was given up.');
    }
  }

  async #step(name: StepName, perform: (signal: AbortSignal) => Promise<string>): Promise<void> {
    const { clock, boundS } = this.#deps;
    this.#listener.onBegin(name);
    const startMs = clock.monotonicMs();
    const boundMs = boundS() * 1000;
    const timeout = AbortSignal.timeout(boundMs);
    const result = (outcome: 'passed' | 'failed', words: string) =>
      this.#note({ name, outcome, durationMs: Math.round(clock.monotonicMs() - startMs), words });
    try {
      result('passed', await perform(AbortSignal.any([this.#signal, timeout])));
    } catch (cause) {
      if (this.#signal.aborted) return;
      const isLate = timeout.aborted && name !== 'start' && name !== 'stop';
      result('failed', isLate ? `It did not answer within ${boundMs / 1000} s.` : await this.#wordsOf(asFault(cause)));
    }
  }

  /** An engine that died under a question says best itself why. */
  async #wordsOf(fault: Fault): Promise<string> {
    const isDeath = fault.kind === 'engine-died' || fault.kind === 'engine-unreachable';
    if (isDeath) await this.#until(({ phase }) => phase === 'failed', OBITUARY_MS);
    const { state } = this.#supervisor;
    return isDeath && state.phase === 'failed' ? state.report.message : fault.message;
  }

  #note(result: StepResult): void {
    this.#steps.push(result);
    this.#listener.onResult(result);
  }

  async #gone(): Promise<void> {
    if (this.#supervisor.state.phase !== 'failed') this.#supervisor.stop('user');
    await this.#until(({ phase }) => phase === 'idle' || phase === 'failed', STOP_MAX_MS);
  }

  /** The first state that fits; null when the trial was cancelled or the time was up before. */
  async #until(fits: (state: ModelState) => boolean, boundMs: number | null = null): Promise<ModelState | null> {
    const { clock } = this.#deps;
    const endMs = boundMs === null ? Number.POSITIVE_INFINITY : clock.monotonicMs() + boundMs;
    // A stop is waited for also after an abort: nothing may be left running.
    const signal = boundMs === null ? this.#signal : null;
    while (!fits(this.#supervisor.state)) {
      const leftMs = endMs - clock.monotonicMs();
      if (signal?.aborted || leftMs <= 0) return null;
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#onChange = resolve;
      signal?.addEventListener('abort', () => resolve(), { once: true });
      if (boundMs === null) await promise;
      else {
        using _timer = clock.after(leftMs, resolve);
        await promise;
      }
    }
    return this.#supervisor.state;
  }

  #hear(line: string, stream: Parameters<RunDeps['logs']['append']>[2]): void {
    this.#deps.logs.append(TRIAL_LOG, line, stream);
    this.#tail.push(line);
    if (this.#tail.length > TAIL_LINES_MAX * 2) this.#tail.splice(0, TAIL_LINES_MAX);
  }
}

function questionsFor(
  { capabilities }: Model,
  { speech }: Extract<ModelState, { phase: 'ready' }>,
): readonly Question[] {
  const { thinking, tools, embedding } = capabilities;
  if (embedding) return [{ name: 'embeddings', ask: askEmbeddings }];
  const questions: Question[] = [
    { name: 'chat', ask: (asker) => askChat(asker, thinking) },
    { name: 'stream', ask: (asker) => askStream(asker, thinking) },
  ];
  if (tools) questions.push({ name: 'tools', ask: (asker) => askTools(asker, thinking) });
  if (thinking) questions.push({ name: 'thinking', ask: askThinking });
  if (speech.countsTokens) questions.push({ name: 'count', ask: askCount });
  return questions;
}
