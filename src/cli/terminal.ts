/** How the command line shows things: tables, bars, colours; plain lines when nobody watches. */

/** Where a command writes. `isInteractive` is a terminal that may be drawn upon. */
export interface Terminal {
  readonly isInteractive: boolean;
  readonly hasColor: boolean;
  readonly columns: number;
  /** Data, to stdout. */
  out(text: string): void;
  /** Progress and remarks, to stderr. */
  say(text: string): void;
}

/** The process's own terminal; honours NO_COLOR, FORCE_COLOR and TERM=dumb. */
export function systemTerminal(environment: Readonly<Record<string, string | undefined>>): Terminal {
  const isInteractive = process.stderr.isTTY === true && environment.TERM !== 'dumb' && !environment.CI;
  const isForced = environment.FORCE_COLOR !== undefined && environment.FORCE_COLOR !== '0';
  return {
    isInteractive,
    hasColor: isForced || (process.stdout.isTTY === true && !environment.NO_COLOR && environment.TERM !== 'dumb'),
    columns: process.stdout.columns ?? 100,
    out: (text) => void process.stdout.write(text),
    say: (text) => void process.stderr.write(text),
  };
}

/** Rows as aligned columns, headings first; nothing but the headings for no rows. */
export function table(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = headings.map((heading, column) =>
    Math.max(heading.length, ...rows.map((row) => plain(row[column] ?? '').length)),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => safe(cell).padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd();
  return [headings, ...rows].map((cells) => `${line(cells)}\n`).join('');
}

/** Text from outside without control characters: a model's name must not drive the terminal. */
export function safe(text: string): string {
  return plain(text);
}

function plain(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must go.
  return text.replace(/\u001b\[[0-9;]*[A-Za-z]|[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '');
}

/** Bytes as people say them (GB = 10⁹), `–` for unknown. */
export function bytes(count: number | null): string {
  if (count === null) return '–';
  const units = ['B', 'kB', 'MB', 'GB', 'TB'] as const;
  let value = count;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

/** Seconds as `42 s`, `4:31 min`, `2:05 h`. */
export function duration(seconds: number | null): string {
  if (seconds === null) return '–';
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  const two = (value: number): string => String(value).padStart(2, '0');
  if (whole < 3600) return `${Math.floor(whole / 60)}:${two(whole % 60)} min`;
  return `${Math.floor(whole / 3600)}:${two(Math.floor((whole % 3600) / 60))} h`;
}

/** A bar that redraws itself on a terminal, and one line per 10 % elsewhere. */
export class ProgressBar {
  readonly #terminal: Terminal;
  #lastTenth = -1;
  #lastText = '';

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  /** `ratio` 0 to 1, or null when not known. */
  show(label: string, ratio: number | null): void {
    const percent = ratio === null ? '' : ` ${Math.floor(ratio * 100)} %`;
    if (this.#terminal.isInteractive) {
      const width = 24;
      const filled = Math.round((ratio ?? 0) * width);
      const bar = ratio === null ? '' : ` ${'█'.repeat(filled)}${'░'.repeat(width - filled)}`;
      this.#terminal.say(`\r\u001b[K${label}${bar}${percent}`);
      return;
    }
    const tenth = ratio === null ? -1 : Math.floor(ratio * 10);
    if (tenth === this.#lastTenth && label === this.#lastText) return;
    this.#lastTenth = tenth;
    this.#lastText = label;
    this.#terminal.say(`${label}${percent}\n`);
  }

  /** Leaves the line clean. */
  end(): void {
    if (this.#terminal.isInteractive) this.#terminal.say('\r\u001b[K');
  }
}
