/** Colours that programs write for terminals, as names that the style sheet knows. Pure; the text stays text. */
import type { LineSpan, LineStyle } from '#views/logs/lines.tsx';

const ESCAPE = '\u001b';
const BELL = '\u0007';
const CONTROLS = String.raw`\[([0-9;:?<=>]*)[ -/]*([@-~])`;
const COMMANDS = String.raw`\][^${BELL}${ESCAPE}]*(?:${BELL}|${ESCAPE}\\)?`;
/** Control sequences, operating system commands (titles, links), and escapes of one character. */
const SEQUENCE = new RegExp(`${ESCAPE}(?:${CONTROLS}|${COMMANDS}|[@-Z^_a-z=>78]?)`, 'g');
const INVISIBLE = /(?!\t)[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu;
const COLOURS = ['black', 'red', 'green', 'yellow', 'blue', 'magenta', 'cyan', 'white'] as const;
const SPANS_MAX = 200;
const EXTENDED = 38;
const EXTENDED_BACKGROUND = 48;

const PLAIN: LineStyle = { colour: null, isBold: false, isQuiet: false, isItalic: false, isUnderlined: false };

/**
 * A line in parts of one look each. Backgrounds are dropped, since text must be readable on the theme's own ground;
 * so are directions and control characters, with which a line could pretend to be another.
 */
export function ansiSpans(line: string): readonly LineSpan[] {
  if (!line.includes(ESCAPE)) return [{ text: visible(line), style: PLAIN }];
  const spans: LineSpan[] = [];
  let style = PLAIN;
  let from = 0;
  for (const match of line.matchAll(SEQUENCE)) {
    add(spans, line.slice(from, match.index), style);
    from = match.index + match[0].length;
    if (match[2] === 'm') style = styled(style, match[1] ?? '');
  }
  add(spans, line.slice(from), style);
  return spans;
}

function add(spans: LineSpan[], text: string, style: LineStyle): void {
  if (text === '') return;
  const last = spans.at(-1);
  // A line of a thousand colours is a picture; its end is shown plainly.
  if (spans.length >= SPANS_MAX && last) spans[spans.length - 1] = { text: last.text + visible(text), style: PLAIN };
  else spans.push({ text: visible(text), style });
}

function visible(text: string): string {
  return text.replace(INVISIBLE, '');
}

function styled(before: LineStyle, parameters: string): LineStyle {
  const codes = parameters.split(/[;:]/).map((code) => (code === '' ? 0 : Number(code)));
  let style = before;
  for (let index = 0; index < codes.length; index += 1) {
    const code = codes[index] ?? 0;
    if (code === EXTENDED || code === EXTENDED_BACKGROUND) {
      const isIndexed = codes[index + 1] === 5;
      if (code === EXTENDED) style = { ...style, colour: isIndexed ? indexed(codes[index + 2] ?? 0) : null };
      index += isIndexed ? 2 : 4;
    } else style = withCode(style, code);
  }
  return style;
}

function withCode(style: LineStyle, code: number): LineStyle {
  if (code >= 30 && code <= 37) return { ...style, colour: indexed(code - 30) };
  if (code >= 90 && code <= 97) return { ...style, colour: indexed(code - 90) };
  switch (code) {
    case 0:
      return PLAIN;
    case 1:
      return { ...style, isBold: true };
    case 2:
      return { ...style, isQuiet: true };
    case 3:
      return { ...style, isItalic: true };
    case 4:
      return { ...style, isUnderlined: true };
    case 22:
      return { ...style, isBold: false, isQuiet: false };
    case 23:
      return { ...style, isItalic: false };
    case 24:
      return { ...style, isUnderlined: false };
    case 39:
      return { ...style, colour: null };
    default:
      return style;
  }
}

/** The sixteen named colours; of the 256 others none, since nobody knows how they look on this ground. */
function indexed(number: number): LineStyle['colour'] {
  const colour = COLOURS[number % 8];
  if (number < 0 || number > 15 || colour === undefined) return null;
  // Black and white are the ground and the text of one theme or the other.
  return colour === 'black' || colour === 'white' ? null : colour;
}
