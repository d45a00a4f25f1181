/** Waits for an engine to be ready, by its own health check and nothing else. */
import type { Clock } from '#src/clock.ts';
import type { EngineAdapter, EngineFacts, LaunchPlan } from '#src/engines/engine.ts';

export type Outcome =
  | { readonly kind: 'ready'; readonly baseUrl: string; readonly facts: EngineFacts }
  /** Healthy, but it would not say what it is: another program on our port, or one we cannot use. */
  | { readonly kind: 'mute'; readonly message: string };

export type ReadyingDeps = { readonly clock: Clock; readonly adapter: EngineAdapter; readonly plan: LaunchPlan };

const PROBE_FIRST_MS = 50;
const PROBE_SLOWEST_MS = 250;
const PROBE_GROWTH = 1.2;
/** One probe; a loading engine may be slow to answer. */
const PROBE_MAX_MS = 3_000;
/** Some four seconds: an engine that found its port taken says so and ends in that time, and gets another port. */
const INSPECTIONS_MAX = 20;

/**
 * Probes every 50 ms at first, every 250 ms later, and at once when the engine says that it is ready. Tells the outcome
 * once; disposing it ends the wait, also a probe under way. How long that may take in all is the load watch's affair.
 */
export class Readying implements Disposable {
  readonly #deps: ReadyingDeps;
  readonly #over = new AbortController();
  #wake: (() => void) | null = null;
  #isHurried = false;

  constructor(deps: ReadyingDeps, onOutcome: (outcome: Outcome) => void) {
    this.#deps = deps;
    void this.#run().then((outcome) => {
      if (outcome !== null && !this.#over.signal.aborted) onOutcome(outcome);
    });
  }

  /** The engine says that it is ready: look now. */
  hurry(): void {
    this.#isHurried = true;
    this.#wake?.();
  }

  [Symbol.dispose](): void {
    this.#over.abort();
    this.#wake?.();
  }

  async #run(): Promise<Outcome | null> {
    const { adapter, plan } = this.#deps;
    const baseUrl = `http://127.0.0.1:${plan.port}`;
    let inspections = 0;
    for (let waitMs = PROBE_FIRST_MS; !this.#over.signal.aborted; ) {
      this.#isHurried = false;
      if (await adapter.isHealthy(baseUrl, this.#probeSignal())) {
        const facts = await this.#inspect(baseUrl);
        if (facts instanceof Error) {
          inspections += 1;
          if (inspections >= INSPECTIONS_MAX) return { kind: 'mute', message: muteMessage(plan, facts) };
        } else if (facts !== null) return { kind: 'ready', baseUrl, facts };
      }
      if (!this.#isHurried) await this.#sleep(waitMs);
      waitMs = Math.min(waitMs * PROBE_GROWTH, PROBE_SLOWEST_MS);
    }
    return null;
  }

  async #inspect(baseUrl: string): Promise<EngineFacts | Error | null> {
    const { adapter, plan } = this.#deps;
    try {
      return await adapter.inspect(baseUrl, plan, this.#probeSignal());
    } catch (cause) {
      return cause instanceof Error ? cause : new Error(String(cause));
    }
  }

  #probeSignal(): AbortSignal {
    return AbortSignal.any([this.#over.signal, AbortSignal.timeout(PROBE_MAX_MS)]);
  }

  async #sleep(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    using _timer = this.#deps.clock.after(ms, resolve);
    if (!this.#over.signal.aborted) await promise;
    this.#wake = null;
  }
}

function muteMessage({ port }: LaunchPlan, cause: Error): string {
  return `The program on port ${port} is healthy but does not answer as the engine that was started: ${cause.message}`;
}
