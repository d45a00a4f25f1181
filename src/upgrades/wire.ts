/** An update under way, and what came of one, in the names of the wire. */
import type { JsonObject } from '#src/json.ts';
import type { StepName, StepResult, Trial } from './report.ts';

/**
 * `adding`: fetched and installed beside the others. `trying`: the new one answers questions. `comparing`: the one in
 * use answers the same, because the new one failed.
 */
export type UpdatePhase = 'adding' | 'trying' | 'comparing';

/** How far an update is. */
export type UpdateProgress = {
  readonly kind: string;
  /** The wanted version; null = the newest. */
  readonly version: string | null;
  readonly phase: UpdatePhase;
  /** 0 to 1 while adding; null when it cannot be told. */
  readonly ratio: number | null;
  readonly message: string;
  /** The question that is being asked; null between two. */
  readonly step: StepName | null;
  /** Those of the present phase. */
  readonly steps: readonly StepResult[];
  readonly startedAtMs: number;
};

/**
 * `updated`: the new one is the default. `up-to-date`: there is none newer. `failed`: it did worse, or could not be
 * had. `inconclusive` and `untested`: nothing speaks against it, but nothing could be shown either. Except after
 * `updated` the default is what it was.
 */
export type UpdateOutcome =
  | 'updated'
  | 'up-to-date'
  | 'failed'
  | 'inconclusive'
  | 'untested'
  | 'cancelled'
  | 'interrupted';

export type EngineName = { readonly id: string; readonly version: string | null };

/** What came of an update. */
export type UpdateReport = {
  readonly kind: string;
  /** The wanted version; null = the newest. */
  readonly version: string | null;
  readonly outcome: UpdateOutcome;
  /** What happened and what is in force now, in one or two sentences. */
  readonly words: string;
  /** What may help; null when there is nothing to suggest. */
  readonly hint: string | null;
  readonly from: EngineName | null;
  readonly to: EngineName | null;
  /** Why the model of the trial was taken; null when there was no trial. */
  readonly modelWords: string | null;
  readonly fresh: Trial | null;
  /** The same trial of the engine in use; null when it was not needed. */
  readonly former: Trial | null;
  readonly startedAtMs: number;
  readonly endedAtMs: number;
};

/** For `/api/engines/update`. */
export function progressWire(progress: UpdateProgress) {
  const { kind, version, phase, ratio, message, step, steps, startedAtMs } = progress;
  return {
    name: kind,
    version,
    phase,
    ratio,
    message,
    step,
    steps: steps.map(stepWire),
    started_at: startedAtMs / 1000,
  };
}

/** For `/api/engines/update`, and as it is kept. */
export function reportWire(report: UpdateReport) {
  const { kind, version, outcome, words, hint, from, to, modelWords, fresh, former } = report;
  return {
    name: kind,
    version,
    outcome,
    message: words,
    hint,
    from,
    to,
    model: fresh?.modelId ?? null,
    model_reason: modelWords,
    steps: fresh?.steps.map(stepWire) ?? [],
    baseline_steps: former?.steps.map(stepWire) ?? [],
    log: fresh?.tail ?? [],
    started_at: report.startedAtMs / 1000,
    ended_at: report.endedAtMs / 1000,
  };
}

/** A kept report in short, for `/api/engines`; null when there is none. */
export function reportSummary(report: JsonObject | null): JsonObject | null {
  if (report === null) return null;
  const { outcome, message, hint, from, to, ended_at } = report;
  return { outcome, message, hint, from, to, ended_at };
}

function stepWire({ name, outcome, durationMs, words }: StepResult) {
  return { name, outcome, duration_ms: durationMs, message: words };
}
