/** What was seen when a template was tried, and how to look at it. */
import type { CallFormat } from '#src/models/traits.ts';
import type { Outcome } from './rendering.ts';
import type { SpecialTokens, TrialName } from './trials.ts';
import type { Treatment } from './verdict.ts';

/** The outcome of each trial. */
export type Seen = {
  readonly of: (name: TrialName) => Outcome;
  readonly joinsMarkup: boolean;
};

/** A template with everything that is known of it. */
export type Case = Seen & {
  readonly template: string;
  readonly tokens: SpecialTokens;
  /** The format in which the model's family calls tools; null = unknown. */
  readonly callFormat: CallFormat | null;
  /** The trials gave every text as a list of parts. */
  readonly isListed: boolean;
};

/** What became of these words. */
export function treatmentOf(outcome: Outcome, ...words: readonly string[]): Treatment {
  if (outcome.kind !== 'text') return 'refused';
  return words.every((word) => outcome.text.includes(word)) ? 'kept' : 'dropped';
}

/** What was rendered; empty when nothing was. */
export function textOf(outcome: Outcome): string {
  return outcome.kind === 'text' ? outcome.text : '';
}

/** What was said instead of rendering; null when it was rendered. */
export function wordsOf(outcome: Outcome): string | null {
  return outcome.kind === 'text' ? null : outcome.message;
}
