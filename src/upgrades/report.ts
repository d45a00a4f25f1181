/** What a trial of an engine found, and what follows from it. Pure. */

export type StepName = 'start' | 'chat' | 'stream' | 'tools' | 'thinking' | 'count' | 'embeddings' | 'stop';

/** One question of a trial. A step is skipped when the model cannot do it, or when the engine had ended by then. */
export type StepResult = {
  readonly name: StepName;
  readonly outcome: 'passed' | 'failed' | 'skipped';
  readonly durationMs: number;
  /** One sentence: what was seen. */
  readonly words: string;
};

/** One engine tried on one model. */
export type Trial = {
  readonly engineId: string;
  readonly engineVersion: string | null;
  readonly modelId: string;
  readonly steps: readonly StepResult[];
  /** The engine's last lines, oldest first, at most 40; empty when everything went well. */
  readonly tail: readonly string[];
};

/** Why a model was taken for the trial, and which were not. */
export type TrialModelWords = { readonly modelId: string; readonly why: string };

/** `inconclusive`: nothing could be told of the new engine, because the one in use fails as well. */
export type Verdict = { readonly outcome: 'passed' | 'failed' | 'inconclusive'; readonly words: string };

/** Whether every question was answered as it should be. */
export function isSound({ steps }: Trial): boolean {
  return steps.every(({ outcome }) => outcome !== 'failed');
}

/**
 * What a trial of the new engine means; `former` is the same trial of the engine in use, made when something failed,
 * and null when there is none to compare with. What fails with both is no reason against the new one, unless nothing
 * works with either.
 */
export function verdictOf(fresh: Trial, former: Trial | null): Verdict {
  const failed = failures(fresh);
  const [first] = failed;
  if (!first) return { outcome: 'passed', words: `${nameOf(fresh)} answers ${fresh.modelId} as it should.` };
  if (former === null) return { outcome: 'failed', words: first.words };
  const failedBefore = new Set(failures(former).map(({ name }) => name));
  const worse = failed.filter(({ name }) => !failedBefore.has(name));
  if (worse[0]) {
    const names = worse.map(({ name }) => name).join(', ');
    const words = `${nameOf(former)} does what ${nameOf(fresh)} does not (${names}): ${worse[0].words}`;
    return { outcome: 'failed', words };
  }
  const both = failed.map(({ name }) => name).join(', ');
  if (first.name === 'start' || !hasAnswered(fresh)) {
    const words = `${nameOf(former)} fails with ${fresh.modelId} as well (${both}), so the update is not at fault: ${first.words}`;
    return { outcome: 'inconclusive', words };
  }
  const words = `${nameOf(fresh)} does all that ${nameOf(former)} does; with ${fresh.modelId} both fail at ${both}.`;
  return { outcome: 'passed', words };
}

/** A name for people: the version, else the id. */
export function nameOf({ engineVersion, engineId }: Pick<Trial, 'engineVersion' | 'engineId'>): string {
  return engineVersion ?? engineId;
}

function failures({ steps }: Trial): readonly StepResult[] {
  return steps.filter(({ outcome }) => outcome === 'failed');
}

function hasAnswered({ steps }: Trial): boolean {
  return steps.some(({ name, outcome }) => (name === 'chat' || name === 'embeddings') && outcome === 'passed');
}
