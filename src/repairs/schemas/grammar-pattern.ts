/**
 * Which regular expressions llama.cpp's grammar understands, and how they must be written for it. Pure.
 *
 * It copies a pattern's text into its own grammar language, so what is special in one language and not in the other
 * is refused (`\d`, `\-` in brackets), matches something else (`.` and `[^…]` match the quote that ends the string,
 * and then the call is no JSON), or brings the engine down (`^+a$` is a segmentation fault, `{5,2}` never ends).
 */

/** Characters that mean themselves in both languages, outside and inside of brackets. */
const PLAIN = /^[A-Za-z0-9_ ,:;@#%&=<>~!'/]$/;
/** Escaped, these mean themselves. */
const ESCAPABLE = /^[-.+*?()[\]{}|^$/_ ,:;@#%&=<>~!']$/;
/** Outside of brackets the engine knows these escapes; every other character it wants without. */
const KEEPS_ESCAPE = /^[.+*?()[\]{}|^$]$/;
const IN_BRACKETS = /^[A-Za-z0-9_ ,:;@#%&=<>~!'/.+*?(){}|$]$/;
const CLASSES: Readonly<Record<string, string>> = { d: '0-9', w: 'a-zA-Z0-9_' };
const RANGE = /^(?:[a-z]-[a-z]|[A-Z]-[A-Z]|[0-9]-[0-9])$/;
/** Rules that one repetition may unfold to are bounded in the engine; nested ones multiply. */
const REPETITIONS_MAX = 1_000;
const PATTERN_CHARACTERS_MAX = 500;

type Reader = { readonly text: string; at: number };

/**
 * The pattern so that the engine's grammar takes it and means the same by it; null when there is no such spelling.
 * The same text comes back when nothing had to be changed.
 */
export function grammarPattern(pattern: string): string | null {
  if (pattern.length < 3 || pattern.length > PATTERN_CHARACTERS_MAX) return null;
  if (!pattern.startsWith('^') || !pattern.endsWith('$') || pattern.endsWith('\\$')) return null;
  const reader = { text: pattern.slice(1, -1), at: 0 };
  const body = sequence(reader, REPETITIONS_MAX, false);
  return body === null || reader.at < reader.text.length ? null : `^${body}$`;
}

/** Pieces up to the end, or to the parenthesis that closes a group. */
function sequence(reader: Reader, budget: number, isGroup: boolean): string | null {
  let out = '';
  let isEmpty = true;
  while (reader.at < reader.text.length) {
    const character = reader.text.charAt(reader.at);
    if (character === ')') return isGroup && !isEmpty ? out : null;
    if (character === '|') {
      // Outside of a group it would part the anchors too; nothing at all cannot be repeated.
      if (!isGroup || isEmpty) return null;
      out += '|';
      isEmpty = true;
      reader.at += 1;
      continue;
    }
    isEmpty = false;
    const piece = repeated(reader, budget);
    if (piece === null) return null;
    out += piece;
  }
  return isGroup ? null : out;
}

/** One piece and how often it comes. The bound is read first, since it bounds what may stand inside. */
function repeated(reader: Reader, budget: number): string | null {
  const from = reader.at;
  if (atom(reader, budget) === null) return null;
  const quantifier = /^(?:[*+?]|\{(\d{1,4})(,(\d{0,4}))?\})\??/.exec(reader.text.slice(reader.at));
  const after = reader.at + (quantifier?.[0].length ?? 0);
  const times = quantifier ? timesOf(quantifier) : 1;
  if (times === null || times > budget) return null;
  const inner = { text: reader.text, at: from };
  const piece = atom(inner, Math.floor(budget / times));
  if (piece === null) return null;
  reader.at = after;
  if (!quantifier) return piece;
  // Of `a\.+` the engine would repeat both characters.
  const repeatable = piece.startsWith('\\') ? `(${piece})` : piece;
  // Lazy and greedy are the same where the whole string must match.
  return repeatable + quantifier[0].replace(/(.)\?$/, '$1');
}

/** How many copies a quantifier unfolds to; null when it asks for the impossible. */
function timesOf([text, least, isRange, most]: RegExpExecArray): number | null {
  if (least === undefined) return text.startsWith('{') ? null : 1;
  const min = Number(least);
  const max = isRange === undefined ? min : most === '' ? min : Number(most);
  return max < min || max + min === 0 ? null : Math.max(max, 1);
}

function atom(reader: Reader, budget: number): string | null {
  const character = reader.text.charAt(reader.at);
  if (character === '(') return group(reader, budget);
  if (character === '[') return brackets(reader);
  if (character === '\\') return escaped(reader);
  reader.at += 1;
  return PLAIN.test(character) || character === '-' ? character : null;
}

function group(reader: Reader, budget: number): string | null {
  reader.at += reader.text.startsWith('(?:', reader.at) ? 3 : 1;
  const body = sequence(reader, budget, true);
  if (body === null) return null;
  reader.at += 1;
  return `(${body})`;
}

function escaped(reader: Reader): string | null {
  const character = reader.text.charAt(reader.at + 1);
  reader.at += 2;
  const known = CLASSES[character];
  if (known !== undefined) return `[${known}]`;
  if (!ESCAPABLE.test(character)) return null;
  return KEEPS_ESCAPE.test(character) ? `\\${character}` : character;
}

/** `[…]`, with the hyphen at its end. */
function brackets(reader: Reader): string | null {
  let out = '';
  let hasHyphen = false;
  reader.at += 1;
  while (reader.at < reader.text.length) {
    const character = reader.text.charAt(reader.at);
    if (character === ']') {
      reader.at += 1;
      const body = `${out}${hasHyphen ? '-' : ''}`;
      return body === '' ? null : `[${body}]`;
    }
    const range = reader.text.slice(reader.at, reader.at + 3);
    if (RANGE.test(range)) {
      if (range.charCodeAt(0) > range.charCodeAt(2)) return null;
      out += range;
      reader.at += 3;
      continue;
    }
    const isEscaped = character === '\\';
    const meant = isEscaped ? reader.text.charAt(reader.at + 1) : character;
    reader.at += isEscaped ? 2 : 1;
    const known = isEscaped ? CLASSES[meant] : undefined;
    if (known !== undefined) out += known;
    else if (meant === '-' && (isEscaped || out === '' || reader.text.charAt(reader.at) === ']')) hasHyphen = true;
    else if (isEscaped && (meant === '[' || meant === ']')) out += `\\${meant}`;
    else if (IN_BRACKETS.test(meant) && (!isEscaped || ESCAPABLE.test(meant))) out += meant;
    else return null;
    // `a-` before anything but the end would be a range of other characters.
    if (reader.text.charAt(reader.at) === '-' && !/^-(?:\]|$)/.test(reader.text.slice(reader.at))) return null;
  }
  return null;
}
