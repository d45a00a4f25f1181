/** One line of Flow's own, for who reads them as they come: a terminal, a service manager, a collector of logs. */
import type { LogLevel } from './log-ring.ts';

/** Without secrets, as everything that the logs give out. */
export type SaidLine = {
  /** Wall clock. */
  readonly atMs: number;
  readonly level: LogLevel;
  /** The sentence alone. */
  readonly message: string;
  /** What is known about it; texts and numbers. */
  readonly facts: Readonly<Record<string, string | number | boolean | null>>;
  /** Sentence and facts in one line. */
  readonly text: string;
};

/** The line as one JSON object; facts are fields of their own and cannot take the place of time, level and message. */
export function asJsonLine({ atMs, level, message, facts }: SaidLine): string {
  return JSON.stringify({ ...facts, time: new Date(atMs).toISOString(), level, message });
}
