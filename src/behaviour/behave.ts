/** What a model's behaviour makes of a request: defaults, forced and stripped parameters, thinking. Pure. */
import type { JsonObject } from '#src/json.ts';
import type { Behaviour } from '#src/models/behaviour.ts';
import type { ModelTraits } from '#src/models/traits.ts';

/** The fields of a canonical request that differ from what the caller sent, and why. */
export type Behaved = {
  readonly set: JsonObject;
  readonly drop: readonly string[];
  /** In words, for the request's record: only what the caller could wonder about. */
  readonly notes: readonly string[];
  /** Tokens of text and calls after which Flow itself ends the answer; null = the engine's limit holds. */
  readonly answerTokensMax: number | null;
};

/** Applies it to the body of a chat or completion request. */
export function behave(_body: JsonObject, _rules: { behaviour: Behaviour; traits: ModelTraits }): Behaved {
  return { set: {}, drop: [], notes: [], answerTokensMax: null };
}
