/** Guesses how serious an engine's line is, from how engines write them. */
import type { LogLevel } from './log-ring.ts';

/** llama-server: `0.00.004.844 I srv    load_model: …`. */
const LLAMA_LETTER = /^[\d.]+ ([DIWE]) /;
const LETTERS: Readonly<Record<string, LogLevel>> = { D: 'debug', I: 'info', W: 'warning', E: 'error' };
const ERROR_WORD = /\b(error|fatal|panic|abort(ed)?|failed|traceback|exception|segmentation fault)\b/i;
const WARNING_WORD = /\b(warn(ing)?|deprecated)\b/i;

/** The level a line claims, else the one its words suggest. */
export function guessLevel(line: string): LogLevel {
  const letter = LLAMA_LETTER.exec(line)?.[1];
  if (letter !== undefined) return LETTERS[letter] ?? 'info';
  const head = line.slice(0, 300);
  if (ERROR_WORD.test(head)) return 'error';
  return WARNING_WORD.test(head) ? 'warning' : 'info';
}
