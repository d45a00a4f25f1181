/** Which commands a few letters mean. Pure. */
import type { Command } from '#views/shell/palette.tsx';

const SHOWN_MAX = 10;
const SCORE_START = 4;
const SCORE_WORD = 3;
const SCORE_PART = 2;
/** Found among the words that stand for it, not in its title. */
const SCORE_MEANT = 1;
/** A tenth: letters in order are in many titles, and count only when nothing better is found. */
const SCORE_LETTERS = 0.1;

/**
 * The best commands for a query, best first; of equals the earlier. Each word of the query must be found: at the
 * title's start, at a word's, inside, among the words that stand for it, or letter by letter in order. What matches by
 * letters alone is shown only when nothing matches better. Without a query, the first ones.
 */
export function findCommands(commands: readonly Command[], query: string): readonly Command[] {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  const scored = commands.map((command) => ({ command, ...scoreOf(command, words) }));
  const found = scored.filter(({ score }) => score > 0);
  const better = found.filter(({ isGuess }) => !isGuess);
  return (better.length > 0 ? better : found)
    .toSorted((a, b) => b.score - a.score)
    .slice(0, SHOWN_MAX)
    .map(({ command }) => command);
}

type Score = { readonly score: number; readonly isGuess: boolean };

const NOTHING: Score = { score: 0, isGuess: false };

function scoreOf(command: Command, words: readonly string[]): Score {
  const title = command.title.toLowerCase();
  let total = 1;
  let isGuess = false;
  for (const word of words) {
    const score = scoreOfWord(title, command.words, word);
    if (score === 0) return NOTHING;
    isGuess ||= score === SCORE_LETTERS;
    total += score;
  }
  return { score: total, isGuess };
}

function scoreOfWord(title: string, meant: string, word: string): number {
  const at = title.indexOf(word);
  if (at === 0) return SCORE_START;
  if (at > 0) return startsWord(title, word, at) ? SCORE_WORD : SCORE_PART;
  if (meant.includes(word)) return SCORE_MEANT;
  return hasLetters(title, word) ? SCORE_LETTERS : 0;
}

/** Whether it stands at the beginning of a word somewhere, also when it is found inside of one before. */
function startsWord(title: string, word: string, first: number): boolean {
  for (let at = first; at > 0; at = title.indexOf(word, at + 1)) {
    if (/[^\p{L}\p{N}]/u.test(title.charAt(at - 1))) return true;
  }
  return false;
}

function hasLetters(title: string, word: string): boolean {
  let at = 0;
  for (const letter of word) {
    at = title.indexOf(letter, at) + 1;
    if (at === 0) return false;
  }
  return true;
}
