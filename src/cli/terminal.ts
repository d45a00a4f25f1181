/** How the command line shows things: tables, bars, colours; plain lines when nobody watches. */

// Whole escape sequences (CSI; OSC up to its end) first, so that their letters do not stay behind; then what is left
// of control characters but tab and line feed, and the marks that turn the direction of writing.
const CONTROL = new RegExp(
  [
    String.raw`\u001b\[[0-?]*[ -/]*[@-~]`,
    String.raw`\u001b\][^\u0007\u001b]*(?:\u0007|\u001b\\)`,
    String.raw`[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]`,
  ].join('|'),
  'g',
);
const COLUMNS_DEFAULT = 80;
const COLUMN_WIDTH_MIN = 8;
const GAP = '  ';
const BAR_WIDTH = 24;

/** Where a command writes. `isInteractive` is a terminal that may be drawn upon. */
export interface Terminal {
  readonly isInteractive: boolean;
  readonly hasColor: boolean;
  /** Width of the screen that data goes to; null when it goes to a file or a pipe, where nothing is cut. */
  readonly columns: number | null;
  /** Data, to stdout. */
  out(text: string): void;
  /** Progress and remarks, to stderr. */
  say(text: string): void;
  /** Resolves when all data has left: a process that ends before loses what a pipe has not taken yet. */
  flush(): Promise<void>;
}

/** The process's own terminal; honours NO_COLOR, FORCE_COLOR and TERM=dumb. */
export function systemTerminal(environment: Readonly<Record<string, string | undefined>>): Terminal {
  const isInteractive = process.stderr.isTTY === true && environment.TERM !== 'dumb' && !environment.CI;
  const isForced = environment.FORCE_COLOR !== undefined && environment.FORCE_COLOR !== '0';
  const unsent = new Set<Promise<void>>();
  return {
    isInteractive,
    hasColor: isForced || (process.stdout.isTTY === true && !environment.NO_COLOR && environment.TERM !== 'dumb'),
    columns: process.stdout.isTTY === true ? (process.stdout.columns ?? COLUMNS_DEFAULT) : null,
    out(text) {
      // Only the callback of a write that has something to write waits for the pipe (measured: an empty one does not).
      if (text === '') return;
      const { promise, resolve } = Promise.withResolvers<void>();
      unsent.add(promise);
      process.stdout.write(text, () => {
        unsent.delete(promise);
        resolve();
      });
    },
    say: (text) => void process.stderr.write(text),
    flush: async () => void (await Promise.all(unsent)),
  };
}

/**
 * Rows as aligned columns, headings first; nothing but the headings for no rows. What is wider than `columnsMax` loses
 * the ends of its widest cells.
 */
export function table(
  headings: readonly string[],
  rows: readonly (readonly string[])[],
  columnsMax: number | null = null,
): string {
  const cells = [headings, ...rows].map((row) => headings.map((_, column) => oneLine(row[column] ?? '')));
  const widths = headings.map((_, column) => Math.max(...cells.map((row) => Bun.stringWidth(row[column] ?? ''))));
  if (columnsMax !== null) narrow(widths, columnsMax - GAP.length * (widths.length - 1));
  const line = (row: readonly string[]): string =>
    row.map((cell, column) => padded(cut(cell, widths[column] ?? 0), widths[column] ?? 0)).join(GAP);
  return cells.map((row) => `${line(row).trimEnd()}\n`).join('');
}

/** Takes from the widest column until all fit, or none can give more. */
function narrow(widths: number[], sumMax: number): void {
  let excess = widths.reduce((sum, width) => sum + width, 0) - sumMax;
  while (excess > 0) {
    const widest = widths.indexOf(Math.max(...widths));
    const width = widths[widest] ?? 0;
    if (width <= COLUMN_WIDTH_MIN) return;
    widths[widest] = width - 1;
    excess -= 1;
  }
}

/** At most `width` columns of the screen, with a sign that something is missing. */
export function cut(text: string, width: number): string {
  if (Bun.stringWidth(text) <= width) return text;
  let kept = '';
  for (const character of text) {
    if (Bun.stringWidth(kept + character) > width - 1) break;
    kept += character;
  }
  return `${kept}…`;
}

function padded(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - Bun.stringWidth(text)));
}

function oneLine(text: string): string {
  return safe(text).replace(/\s*\n\s*/g, ' ');
}

/** Text from outside without control characters: a model's name must not drive the terminal. */
export function safe(text: string): string {
  return text.replace(CONTROL, '');
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

  /** `ratio` 0 to 1, or null when not known; beyond is shown as the end it is nearer to. */
  show(label: string, given: number | null): void {
    const ratio = given === null ? null : Math.min(1, Math.max(0, given));
    const percent = ratio === null ? '' : ` ${Math.floor(ratio * 100)} %`;
    if (this.#terminal.isInteractive) {
      const filled = Math.round((ratio ?? 0) * BAR_WIDTH);
      const bar = ratio === null ? '' : ` ${'█'.repeat(filled)}${'░'.repeat(BAR_WIDTH - filled)}`;
      const room = (this.#terminal.columns ?? COLUMNS_DEFAULT) - bar.length - percent.length - 1;
      this.#terminal.say(`\r\u001b[K${cut(oneLine(label), room)}${bar}${percent}`);
      return;
    }
    const tenth = ratio === null ? -1 : Math.floor(ratio * 10);
    const text = oneLine(label);
    // Labels that count up (3 MB of 9 MB) change with every call: a line for each tenth is enough.
    if (tenth === this.#lastTenth && (tenth >= 0 || text === this.#lastText)) return;
    this.#lastTenth = tenth;
    this.#lastText = text;
    this.#terminal.say(`${text}${percent}\n`);
  }

  /** Leaves the line clean. */
  end(): void {
    if (this.#terminal.isInteractive) this.#terminal.say('\r\u001b[K');
  }
}
