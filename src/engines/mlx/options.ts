/** Reads which options a server has from what its `--help` prints: argparse's way and click's. Pure. */

/** Each option by its long name (`--kv-bits`), with the values it may have; null = any. */
export type ServerOptions = ReadonlyMap<string, readonly string[] | null>;

/** An option's own line: at most eight blanks, perhaps a short name, then `--name`. */
const OPTION = /^ {1,8}(?:-\w(?: \S+)?, )?(--[a-z][a-z0-9-]*)\b(?:[ =]+(?:\{([^}]*)\}|\[([^\]]*)\]))?/i;

/** Every option of a help text. A usage line is passed over, since it names none that the list below it does not. */
export function readOptions(help: string): ServerOptions {
  const options = new Map<string, readonly string[] | null>();
  for (const line of joinChoices(help.split(/\r?\n/))) {
    const match = OPTION.exec(line);
    if (!match) continue;
    const [, name = '', braced, bracketed] = match;
    const choices = braced ?? (bracketed?.includes('|') ? bracketed : undefined);
    options.set(name, choices === undefined ? null : choices.split(/[,|]/).map((choice) => choice.trim()));
    // argparse writes `--flag, --no-flag` on one line.
    for (const [, other = ''] of line.matchAll(/, (--no-[a-z0-9-]+)/g)) options.set(other, null);
  }
  return options;
}

/** Lists of values that were wrapped are put on one line again. */
function joinChoices(lines: readonly string[]): string[] {
  const joined: string[] = [];
  for (const line of lines) {
    const last = joined.at(-1);
    if (last !== undefined && isOpen(last)) joined[joined.length - 1] = last + line.trim();
    else joined.push(line);
  }
  return joined;
}

/** Whether a list of an option's values has begun on this line and not ended. */
function isOpen(line: string): boolean {
  const value = /^ {1,8}(?:-\w(?: \S+)?, )?--[a-z][a-z0-9-]*[ =]+([{[][^}\]]*)$/i.exec(line)?.[1];
  return value !== undefined && value.length < LIST_LENGTH_MAX;
}

/** A list that is longer has no end. */
const LIST_LENGTH_MAX = 4_000;
