/** Whether a model fits into this machine, before it is fetched. Pure; the formula is that of a load. */
import type { ModelFacts } from '#src/models/facts.ts';
import { footprint } from '#src/models/footprint.ts';
import type { Footprint, LaunchSettings } from '#src/models/model.ts';

/** `tight`: it can be loaded, and little else beside it. `too-big`: a load would be refused. */
export type Verdict = 'fits' | 'tight' | 'too-big';

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

/** Up to this share of the budget there is room for another, small one. */
const FITS_RATIO = 0.8;
const CONTEXT_STEP = 256;
const CONTEXT_UNKNOWN_TOKENS = 131_072;

/** Judges one model with one set of launch settings. */
export function fitOf(question: FitQuestion): Fit {
  const { facts, launch, budgetBytes } = question;
  const trained = facts.contextTokens ?? CONTEXT_UNKNOWN_TOKENS;
  const contextTokens = launch.ctx_size > 0 ? Math.min(launch.ctx_size, trained) : trained;
  const need = needAt(question, contextTokens);
  const verdict =
    need.totalBytes <= budgetBytes * FITS_RATIO ? 'fits' : need.totalBytes <= budgetBytes ? 'tight' : 'too-big';
  return { need, verdict, contextTokens, largestContextTokens: largestContext(question, trained) };
}

/** The need grows with the context, so the largest is found by halving; in the engine's steps, but for the last one. */
function largestContext(question: FitQuestion, trained: number): number {
  const isPossible = (tokens: number): boolean => needAt(question, tokens).totalBytes <= question.budgetBytes;
  if (isPossible(trained)) return trained;
  let possible = 0;
  let beyond = Math.ceil(trained / CONTEXT_STEP);
  while (beyond - possible > 1) {
    const middle = Math.floor((possible + beyond) / 2);
    if (isPossible(middle * CONTEXT_STEP)) possible = middle;
    else beyond = middle;
  }
  return possible * CONTEXT_STEP;
}

function needAt({ facts, weightsBytes, projectorBytes, launch }: FitQuestion, tokens: number): Footprint {
  return footprint(facts, { ...launch, ctx_size: Math.max(tokens, 1) }, { weightsBytes, projectorBytes, draft: null });
}
