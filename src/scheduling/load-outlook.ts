/**
 * What a load would be like, before anybody loads: its need in parts, whether it fits, who would have to go, how large
 * it could be, how fast it will be, and the command line. Nothing is changed and no engine is touched.
 */
import { basename } from 'node:path';
import type { Clock } from '#src/clock.ts';
import { Fault } from '#src/faults.ts';
import { type ExpectedSpeed, expectedSpeed, type MeasuredSpeed } from '#src/hub/expected-speed.ts';
import type { ModelFacts } from '#src/models/facts.ts';
import { statOrNull } from '#src/models/file-look.ts';
import { largestWhere, type Verdict, verdictOf } from '#src/models/fit-search.ts';
import { type Companion, launchWarnings } from '#src/models/fit-warnings.ts';
import type { Footprint, LaunchOverrides, LaunchSettings, Model, ModelId } from '#src/models/model.ts';
import type { Admission } from './admission.ts';
import type { Fleet } from './fleet.ts';
import { forecast } from './forecast.ts';

export type LoadOutlookParts = {
  readonly clock: Clock;
  readonly fleet: Pick<Fleet, 'foresee' | 'snapshot' | 'model'>;
  readonly launchFor: (model: Model, overrides: LaunchOverrides) => LaunchSettings;
  /** What is known best, and the formula alone. Both may throw a Fault. */
  readonly needs: {
    needOf(model: Model, launch: LaunchSettings): Footprint;
    formulaOf(model: Model, launch: LaunchSettings): Footprint;
  };
  readonly factsOf: (path: string) => ModelFacts;
  /** Memory of this machine that programs could have now, in bytes. */
  readonly availableBytes: () => number;
  /** Speeds measured on this machine; asked for at most once a minute. */
  readonly measured: () => readonly MeasuredSpeed[];
  /** The engine's arguments; null when no engine is there. May throw a Fault. */
  readonly commandOf: (model: Model, launch: LaunchSettings) => Promise<readonly string[] | null>;
};

export type LoadOutlook = {
  readonly model: Model;
  readonly launch: LaunchSettings;
  readonly need: Footprint;
  readonly verdict: Verdict;
  readonly budgetBytes: number;
  /** Of the budget, what no other model holds now. */
  readonly freeBytes: number;
  readonly availableBytes: number;
  readonly isRunning: boolean;
  readonly admission: Admission;
  /** The same in a sentence. */
  readonly sentence: string;
  readonly trainedContextTokens: number | null;
  /** The largest context of one conversation at these slots, and the most slots at this context; 0 = none. */
  readonly largestContextTokens: number;
  readonly largestSlots: number;
  readonly speed: ExpectedSpeed | null;
  readonly command: readonly string[] | null;
  readonly warnings: readonly string[];
};

const CONTEXT_STEP = 256;
const CONTEXT_UNKNOWN_TOKENS = 131_072;
const SLOTS_MAX = 1024;
const SPEEDS_AGE_MS_MAX = 60_000;

/** Foresees loads. */
export class LoadOutlooks {
  readonly #parts: LoadOutlookParts;
  #speeds: readonly MeasuredSpeed[] = [];
  #speedsMs = Number.NEGATIVE_INFINITY;

  constructor(parts: LoadOutlookParts) {
    this.#parts = parts;
  }

  /** Throws a Fault when the need cannot be told: file gone or damaged, or an engine that Flow did not start. */
  async of(model: Model, overrides: LaunchOverrides): Promise<LoadOutlook> {
    if (model.endpoint !== null) {
      throw new Fault('conflict', `${model.id} is served by an engine that Flow did not start, so there is no load.`);
    }
    const { fleet, needs, factsOf, launchFor, availableBytes } = this.#parts;
    const launch = launchFor(model, overrides);
    const need = needs.needOf(model, launch);
    const facts = factsOf(model.path);
    const snapshot = fleet.snapshot();
    const { budgetBytes, reservedBytes } = snapshot.memory;
    const ownBytes = fleet.model(model.id).reserved?.totalBytes ?? 0;
    const admission = fleet.foresee(model.id, need);
    const plan = { modelId: model.id, needBytes: need.totalBytes, admission };
    const command = await this.#command(model, launch);
    return {
      model,
      launch,
      need,
      verdict: verdictOf(need.totalBytes, budgetBytes),
      budgetBytes,
      freeBytes: Math.max(0, budgetBytes - reservedBytes + ownBytes),
      availableBytes: availableBytes(),
      isRunning: ownBytes > 0,
      admission,
      sentence: forecast(snapshot, [plan], this.#parts.clock.wallMs()).join(' '),
      trainedContextTokens: facts.contextTokens,
      ...this.#largest({ model, launch, need, facts, budgetBytes }),
      speed: this.#speed(model.id, facts, model.sizeBytes),
      command: command.argv,
      warnings: [...command.warnings, ...this.#warnings(model, facts, overrides, launch)],
    };
  }

  /** A measurement holds for one set of flags: what it adds to the formula is taken to be the same for the others. */
  #largest({ model, launch, need, facts, budgetBytes }: Size) {
    const { needs } = this.#parts;
    const beyondFormula = need.totalBytes - needs.formulaOf(model, launch).totalBytes;
    const doesFit = (changed: Partial<LaunchSettings>): boolean =>
      needs.formulaOf(model, { ...launch, ...changed }).totalBytes + beyondFormula <= budgetBytes;
    const trained = facts.contextTokens ?? CONTEXT_UNKNOWN_TOKENS;
    const reachable = launch.rope_scale > 1 ? Math.floor(trained * launch.rope_scale) : trained;
    return {
      largestContextTokens: largestWhere(
        (tokens) => doesFit({ ctx_size: Math.max(1, tokens) }),
        reachable,
        CONTEXT_STEP,
      ),
      largestSlots: largestWhere((slots) => doesFit({ n_parallel: slots }), SLOTS_MAX, 1),
    };
  }

  /** Its own measured speed, else what others on this machine let expect. */
  #speed(modelId: ModelId, facts: ModelFacts, weightsBytes: number): ExpectedSpeed | null {
    const nowMs = this.#parts.clock.monotonicMs();
    if (nowMs - this.#speedsMs > SPEEDS_AGE_MS_MAX) {
      this.#speeds = this.#parts.measured();
      this.#speedsMs = nowMs;
    }
    const own = this.#speeds.find((one) => one.modelId === modelId);
    if (own) return { tokensPerS: Math.round(own.tokensPerS * 10) / 10, from: [modelId] };
    return expectedSpeed(facts, weightsBytes, this.#speeds);
  }

  async #command(model: Model, launch: LaunchSettings) {
    try {
      return { argv: await this.#parts.commandOf(model, launch), warnings: [] };
    } catch (cause) {
      // What keeps the engine from being started is just what is to be said here.
      if (cause instanceof Fault) return { argv: null, warnings: [cause.message] };
      throw cause;
    }
  }

  #warnings(model: Model, facts: ModelFacts, overrides: LaunchOverrides, launch: LaunchSettings): readonly string[] {
    const draft = companionAt(launch.draft_model_path);
    return launchWarnings({
      model,
      facts,
      chosen: { ...model.config.launch, ...overrides },
      launch,
      projector: companionAt(launch.mmproj_path),
      draft: draft && { ...draft, facts: draft.isThere ? this.#factsOrNull(launch.draft_model_path) : null },
    });
  }

  #factsOrNull(path: string): ModelFacts | null {
    try {
      return this.#parts.factsOf(path);
    } catch {
      return null;
    }
  }
}

type Size = Pick<LoadOutlook, 'model' | 'launch' | 'need' | 'budgetBytes'> & { readonly facts: ModelFacts };

function companionAt(path: string): Companion | null {
  return path === '' ? null : { name: basename(path), isThere: statOrNull(path) !== null };
}
