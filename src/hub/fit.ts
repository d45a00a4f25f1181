/** Whether a model fits into this machine, before it is fetched. Pure; the formula is that of a load. */
import type { ModelFacts } from '#src/models/facts.ts';
import { largestWhere, type Verdict, verdictOf } from '#src/models/fit-search.ts';
import { footprint } from '#src/models/footprint.ts';
import type { Footprint, LaunchSettings } from '#src/models/model.ts';

export type Fit = {
  readonly need: Footprint;
  readonly verdict: Verdict;
  /** The context it was computed for: what was wished, but no more than the model was trained for. */
  readonly contextTokens: number;
  /** The largest context of one conversation that can be loaded; 0 = none. */
  readonly largestContextTokens: number;
};

export type FitQuestion = {
  readonly facts: ModelFacts;
  /** All shards. */
  readonly weightsBytes: number;
  /** 0 = no projector. */
  readonly projectorBytes: number;
  /** `ctx_size` 0 = as trained. */
  readonly launch: LaunchSettings;
  readonly budgetBytes: number;
};

const CONTEXT_STEP = 256;
const CONTEXT_UNKNOWN_TOKENS = 131_072;

/** Judges one model with one set of launch settings. */
export function fitOf(question: FitQuestion): Fit {
  const { facts, launch, budgetBytes } = question;
  const trained = facts.contextTokens ?? CONTEXT_UNKNOWN_TOKENS;
  const contextTokens = launch.ctx_size > 0 ? Math.min(launch.ctx_size, trained) : trained;
  const need = needAt(question, contextTokens);
  const isPossible = (tokens: number): boolean => needAt(question, tokens).totalBytes <= budgetBytes;
  const largestContextTokens = largestWhere(isPossible, trained, CONTEXT_STEP);
  return { need, verdict: verdictOf(need.totalBytes, budgetBytes), contextTokens, largestContextTokens };
}

function needAt({ facts, weightsBytes, projectorBytes, launch }: FitQuestion, tokens: number): Footprint {
  return footprint(facts, { ...launch, ctx_size: Math.max(tokens, 1) }, { weightsBytes, projectorBytes, draft: null });
}
