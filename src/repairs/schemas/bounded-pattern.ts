/** Regular expressions that came from a client, tried only where they cannot take long. */

const PATTERN_CHARACTERS_MAX = 500;
const TEXT_CHARACTERS_MAX = 10_000;
/** Backtracking of at most so many steps, as a power of ten: some ten milliseconds. */
const STEPS_EXPONENT_MAX = 7;
/** An optional piece doubles the ways. */
const OPTION_EXPONENT = Math.log10(2);
/** Compiled ones are kept: the same tools come with each request. */
const KEPT_MAX = 500;

/** A compiled pattern and how long a text it may be tried on. */
type Bounded = { readonly expression: RegExp; readonly charactersMax: number };

const kept = new Map<string, Bounded | null>();

/**
 * Whether the text matches; null when that was not tried, because the pattern is none, or because it and the text are
 * so made that it could take for ever.
 */
export function matches(pattern: string, text: string): boolean | null {
  let bounded = kept.get(pattern);
  if (bounded === undefined) {
    bounded = compiled(pattern);
    if (kept.size >= KEPT_MAX) kept.clear();
    kept.set(pattern, bounded);
  }
  return bounded && text.length <= bounded.charactersMax ? bounded.expression.test(text) : null;
}

function compiled(pattern: string): Bounded | null {
  const charactersMax = charactersFor(pattern);
  if (pattern.length > PATTERN_CHARACTERS_MAX || charactersMax === 0) return null;
  for (const flags of ['u', '']) {
    try {
      return { expression: new RegExp(pattern, flags), charactersMax };
    } catch {
      // Patterns of other languages often escape what `u` does not allow to be escaped.
    }
  }
  return null;
}

/**
 * How long a text the pattern may be tried on. Each repetition may try each length, so that the steps are a power of
 * the length; a repetition of what can itself match in many ways is exponential and not tried at all (0).
 */
export function charactersFor(pattern: string): number {
  if (/\\[1-9]|\\k</.test(pattern)) return 0;
  const groups: boolean[] = [];
  // Without an anchor, every place of the text is a beginning.
  let repetitions = pattern.startsWith('^') ? 0 : 1;
  let options = 0;
  let isVaried = false;
  let isInBrackets = false;
  for (let at = 0; at < pattern.length; at += 1) {
    const character = pattern.charAt(at);
    if (character === '\\') at += 1;
    else if (isInBrackets) isInBrackets = character !== ']';
    else if (character === '[') isInBrackets = true;
    else if (character === '(') {
      groups.push(isVaried);
      isVaried = false;
      // The question mark of `(?:` is no quantifier.
      if (pattern.charAt(at + 1) === '?') at += 1;
    } else if (character === ')') {
      if (isVaried && /^(?:[*+]|\{(?!1\})\d)/.test(pattern.slice(at + 1))) return 0;
      isVaried = (groups.pop() ?? false) || isVaried;
    } else if (character === '|' || character === '?') {
      options += 1;
      isVaried = true;
    } else if (/^(?:[*+]|\{\d+,\d*\})/.test(pattern.slice(at, at + 20))) {
      repetitions += 1;
      isVaried = true;
    }
  }
  const exponent = STEPS_EXPONENT_MAX - options * OPTION_EXPONENT;
  if (exponent <= 0) return 0;
  return Math.min(TEXT_CHARACTERS_MAX, Math.floor(10 ** (exponent / Math.max(1, repetitions))));
}
