/** Which commands a few letters mean. Pure. */
import type { Command } from '#views/shell/palette.tsx';

const SHOWN_MAX = 10;
const SCORE_START = 4;
const SCORE_WORD = 3;
const SCORE_PART = 2;
const SCORE_LETTERS = 1;

/**
 * The best commands for a query, best first; of equals the earlier. Each word of the query must be found in the title:
 * at its start, at a word's, inside, or letter by letter in order. Without a query, the first ones.
 */
export function findCommands(commands: readonly Command[], query: string): readonly Command[] {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  const scored = commands.map((command) => ({ command, score: scoreOf(command.title.toLowerCase(), words) }));
  return scored
    .filter(({ score }) => score > 0)
    .toSorted((a, b) => b.score - a.score)
    .slice(0, SHOWN_MAX)
    .map(({ command }) => command);
}

function scoreOf(title: string, words: readonly string[]): number {
  let total = 1;
  for (const word of words) {
    const score = scoreOfWord(title, word);
    if (score === 0) return 0;
    total += score;
  }
  return total;
}

function scoreOfWord(title: string, word: string): number {
  const at = title.indexOf(word);
  if (at === 0) return SCORE_START;
  if (at > 0) return /[^\p{L}\p{N}]/u.test(title.charAt(at - 1)) ? SCORE_WORD : SCORE_PART;
  return hasLetters(title, word) ? SCORE_LETTERS : 0;
}

function hasLetters(title: string, word: string): boolean {
  let at = 0;
  for (const letter of word) {
    at = title.indexOf(letter, at) + 1;
    if (at === 0) return false;
  }
  return true;
}
