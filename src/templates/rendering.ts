/** What goes to the rendering process and what comes back. */

import type { JsonObject } from '#src/json.ts';
import { isObject } from '#src/json.ts';

/** One template, and the worlds it is rendered in. */
export type RenderJob = {
  readonly number: number;
  readonly template: string;
  readonly worlds: readonly JsonObject[];
};

/** What one rendering gave. `refused`: the template itself raised it; `failed`: Jinja could not go on. */
export type Outcome =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'refused'; readonly message: string }
  | { readonly kind: 'failed'; readonly message: string };

/**
 * What became of a job. `joinsMarkup`: it puts text that `safe` has marked beside text of its own, which Python's Jinja
 * then escapes.
 */
export type Rendered =
  | { readonly kind: 'rendered'; readonly outcomes: readonly Outcome[]; readonly joinsMarkup: boolean }
  | { readonly kind: 'syntax'; readonly message: string }
  /** The process was ended, or ended itself, before the job was done. */
  | { readonly kind: 'ended'; readonly why: 'time' | 'memory' | 'crash' };

/** Longest template that is looked at, in characters. The longest real one has some 40 000. */
export const TEMPLATE_CHARS_MAX = 1 << 20;
/** Characters of one rendering that are handed back; the trials' worlds are small, and so are their prompts. */
export const TEXT_CHARS_MAX = 1 << 16;
/** Resident bytes at which the process ends itself; it begins with some 60 MB. */
export const MEMORY_BYTES_MAX = 320 << 20;

/** Reads what the process sent; null when it is not what it should be. */
export function readRendered(message: unknown, number: number): Rendered | null {
  if (!isObject(message) || message.number !== number) return null;
  if (message.kind === 'syntax') return { kind: 'syntax', message: String(message.message) };
  if (message.kind !== 'rendered' || !Array.isArray(message.outcomes)) return null;
  const outcomes = message.outcomes.map(readOutcome);
  if (!outcomes.every((outcome) => outcome !== null)) return null;
  return { kind: 'rendered', outcomes, joinsMarkup: message.joinsMarkup === true };
}

function readOutcome(outcome: unknown): Outcome | null {
  if (!isObject(outcome)) return null;
  const { kind, text, message } = outcome;
  if (kind === 'text' && typeof text === 'string') return { kind, text };
  if ((kind === 'refused' || kind === 'failed') && typeof message === 'string') return { kind, message };
  return null;
}
