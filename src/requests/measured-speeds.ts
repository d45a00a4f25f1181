/** How fast each model has answered on this machine, for guesses about models that are not here yet. */
import type { MeasuredSpeed } from '#src/hub/expected-speed.ts';
import type { HeaderCache } from '#src/models/header-cache.ts';
import type { Model } from '#src/models/model.ts';
import type { Telemetry } from './telemetry.ts';

export type MeasuredSpeedParts = {
  readonly models: () => readonly Model[];
  readonly telemetry: Pick<Telemetry, 'totals'>;
  readonly headers: Pick<HeaderCache, 'factsOf'>;
};

/** The mean over all completed requests of each model. Never throws: what cannot be read says nothing. */
export function measuredSpeeds({ models, telemetry, headers }: MeasuredSpeedParts): readonly MeasuredSpeed[] {
  return models().flatMap(({ id, path, isDemo, sizeBytes }): MeasuredSpeed[] => {
    // Where there are no files, nothing says what a token reads.
    if (isDemo || path === '') return [];
    try {
      const { meanTokensPerS } = telemetry.totals({ modelId: id, outcome: 'completed', sinceMs: null });
      if (meanTokensPerS === null) return [];
      return [{ modelId: id, tokensPerS: meanTokensPerS, weightsBytes: sizeBytes, facts: headers.factsOf(path) }];
    } catch {
      return [];
    }
  });
}
