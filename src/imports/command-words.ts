/** Takes a command line apart as a POSIX shell would, without running anything or expanding a thing. Pure. */
import { Fault } from '#src/faults.ts';

const PLAIN = /[^\s'"\\#]+/y;
const WORDS_MAX = 2_000;

/**
 * The words of a command: quotes and backslashes as in a shell, lines joined, `#` before a word is a comment up to the
 * end of its line. Throws Fault('unprocessable') for a quote that is never closed.
 */
export function commandWords(text: string): string[] {
  const words: string[] = [];
  let word: string | null = null;
  for (let at = 0; at < text.length; ) {
    const character = text[at] ?? '';
    if (/\s/.test(character)) {
      if (word !== null) words.push(word);
      word = null;
      at += 1;
    } else if (character === '#' && word === null) {
      const end = text.indexOf('\n', at);
      at = end < 0 ? text.length : end;
    } else {
      const piece = pieceAt(text, at);
      word = piece.text === null ? word : (word ?? '') + piece.text;
      at = piece.end;
    }
    if (words.length > WORDS_MAX) throw new Fault('unprocessable', `The command has more than ${WORDS_MAX} words.`);
  }
  return word === null ? words : [...words, word];
}

/** A part of a word; null where a line goes on. */
type Piece = { readonly text: string | null; readonly end: number };

function pieceAt(text: string, at: number): Piece {
  switch (text[at]) {
    case "'":
      return quoted(text, at, text.indexOf("'", at + 1));
    case '"':
      return doubleQuoted(text, at);
    case '\\':
      return escaped(text, at);
    case '#':
      return { text: '#', end: at + 1 };
    default: {
      PLAIN.lastIndex = at;
      const [plain = ''] = PLAIN.exec(text) ?? [];
      return { text: plain, end: at + Math.max(1, plain.length) };
    }
  }
}

function quoted(text: string, at: number, end: number): Piece {
  if (end < 0) throw new Fault('unprocessable', 'A quote in the command is never closed.');
  return { text: text.slice(at + 1, end), end: end + 1 };
}

function doubleQuoted(text: string, at: number): Piece {
  let end = at + 1;
  while (end < text.length && text[end] !== '"') end += text[end] === '\\' ? 2 : 1;
  const whole = quoted(text, at, end < text.length ? end : -1);
  // Inside double quotes a backslash counts only before these.
  return { ...whole, text: (whole.text ?? '').replace(/\\\n/g, '').replace(/\\([$`"\\])/g, '$1') };
}

function escaped(text: string, at: number): Piece {
  const newline = /^\\\r?\n/.exec(text.slice(at, at + 3));
  if (newline) return { text: null, end: at + newline[0].length };
  return { text: text[at + 1] ?? '', end: at + 2 };
}
