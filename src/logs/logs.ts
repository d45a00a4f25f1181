/** All logs: Flow's own and each engine's, kept in memory, written to files, followed live. */
import { join } from 'node:path';
import type { Clock } from '#src/clock.ts';
import type { Bus } from '#src/events.ts';
import { Fault } from '#src/faults.ts';
import { LogFile } from './log-file.ts';
import { guessLevel } from './log-level.ts';
import { type LogEntry, type LogLevel, LogRing, type LogStream, RING_LINES_MAX } from './log-ring.ts';
import { Redactor } from './redaction.ts';
import type { SaidLine } from './said-line.ts';

/** The source of Flow's own lines; a model's source is its id. */
export const FLOW_SOURCE = 'flow';
export const TAIL_LINES_MAX = RING_LINES_MAX;
const NOTICE_MS = 100;
const SOURCES_MAX = 500;
const CONTROL = /[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/gu;
const LINE_BREAK = /[\r\n\p{Zl}\p{Zp}]/gu;
const STACK_LENGTH_MAX = 2_000;
const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warning', 'error'];

export type LogsOptions = {
  readonly clock: Clock;
  readonly bus: Bus;
  /** `<data>/logs`; null keeps everything in memory. */
  readonly folder: string | null;
  /** Flow's own lines below this are not kept. */
  readonly level?: LogLevel;
  /** Hears each of Flow's own lines at once. It must be quick and must not throw. */
  readonly onSaid?: (line: SaidLine) => void;
};

export type TailQuery = {
  /** Null or absent = all sources, merged by time. */
  readonly source?: string | null;
  /** 1 to 2,000. */
  readonly lines: number;
};

/** Lines whose sequence lies between the two; neither end belongs to it. */
export type SpanQuery = TailQuery & { readonly after: number; readonly before: number };

/** How many lines a source has written since Flow started, kept or not. */
export type SourceCount = { readonly source: string; readonly lines: number };

/** `dropped` counts lines of the asked sources that are no longer in memory, or came too fast to be kept. */
export type Tail = { readonly entries: readonly LogEntry[]; readonly dropped: number };

type Kept = { readonly ring: LogRing; readonly file: LogFile | null; isTold: boolean };

/** Keeps a ring and a file for each source. Every line passes the redaction before anything else sees it. */
export class Logs {
  readonly #options: LogsOptions;
  readonly #redactor = new Redactor();
  readonly #kept = new Map<string, Kept>();
  readonly #followers = new Set<(entry: LogEntry) => void>();
  readonly #sinceMs: number;
  #sequence = 0;
  #errorCount = 0;

  constructor(options: LogsOptions) {
    this.#options = options;
    this.#sinceMs = options.clock.wallMs();
  }

  /** Since when lines are kept in memory, wall clock. */
  get sinceMs(): number {
    return this.#sinceMs;
  }

  /** How many lines were errors since then. */
  get errorCount(): number {
    return this.#errorCount;
  }

  /** A line of an engine's output, or (stream `flow`) what Flow has to say about that model. */
  append(source: string, line: string, stream: LogStream): void {
    this.#keep(source, line, stream, guessLevel(line));
  }

  debug(text: string, facts: Readonly<Record<string, unknown>> = {}): void {
    this.#say('debug', text, facts);
  }

  info(text: string, facts: Readonly<Record<string, unknown>> = {}): void {
    this.#say('info', text, facts);
  }

  warning(text: string, facts: Readonly<Record<string, unknown>> = {}): void {
    this.#say('warning', text, facts);
  }

  error(text: string, facts: Readonly<Record<string, unknown>> = {}): void {
    this.#say('error', text, facts);
  }

  /** Hides a secret by its value in all later lines, until the returned function is called. */
  protect(secret: string): () => void {
    return this.#redactor.protect(secret);
  }

  /** Counts lines of a source that came too fast to be kept. */
  noteDropped(source: string, lines: number): void {
    this.#of(source).ring.noteDropped(lines);
  }

  /** The newest lines, oldest first. */
  tail({ source, lines }: TailQuery): Tail {
    const count = Math.min(Math.max(1, lines), TAIL_LINES_MAX);
    const kept = this.#asked(source ?? null);
    const dropped = kept.reduce((sum, { ring }) => sum + ring.dropped, 0);
    if (kept.length === 1) return { entries: kept[0]?.ring.tail(count) ?? [], dropped };
    const merged = kept.flatMap(({ ring }) => ring.tail(count)).sort((one, other) => one.sequence - other.sequence);
    return { entries: merged.slice(-count), dropped };
  }

  /** The newest of a span of lines, oldest first. */
  span({ source, lines, after, before }: SpanQuery): readonly LogEntry[] {
    const count = Math.min(Math.max(1, lines), TAIL_LINES_MAX);
    const spans = this.#asked(source ?? null).map(({ ring }) => ring.between(after, before, count));
    if (spans.length === 1) return spans[0] ?? [];
    return spans
      .flat()
      .sort((one, other) => one.sequence - other.sequence)
      .slice(-count);
  }

  /** Every source with its number of lines, Flow first. */
  counts(): readonly SourceCount[] {
    return this.sources.map((source) => {
      const ring = this.#kept.get(source)?.ring;
      return { source, lines: ring === undefined ? 0 : ring.dropped + ring.length };
    });
  }

  /** Every line from now on, until the returned function is called. The listener must be quick and must not throw. */
  follow(listener: (entry: LogEntry) => void): () => void {
    this.#followers.add(listener);
    return () => this.#followers.delete(listener);
  }

  /** Where the files are; null when lines are kept in memory only. */
  get folder(): string | null {
    return this.#options.folder;
  }

  /** Names of what has written so far, Flow first. */
  get sources(): readonly string[] {
    return [...this.#kept.keys()].sort((one, other) => Number(other === FLOW_SOURCE) - Number(one === FLOW_SOURCE));
  }

  /** How many follow now; for tests and metrics. */
  get followerCount(): number {
    return this.#followers.size;
  }

  /** Writes what waits, so that a reader of the files sees it. */
  async flush(): Promise<void> {
    await Promise.all([...this.#kept.values()].map(({ file }) => file?.flush()));
  }

  /** Writes what waits and closes the files. */
  async close(): Promise<void> {
    await Promise.all([...this.#kept.values()].map(({ file }) => file?.close()));
  }

  #say(level: LogLevel, text: string, facts: Readonly<Record<string, unknown>>): void {
    if (LEVELS.indexOf(level) < LEVELS.indexOf(this.#options.level ?? 'info')) return;
    const pairs = Object.entries(facts).map(([name, value]) => `${name}=${inLine(value, level)}`);
    // What Flow says goes to a terminal as well, and may repeat what a client sent.
    const entry = this.#keep(FLOW_SOURCE, [text, ...pairs].join(' ').replace(CONTROL, escaped), 'flow', level);
    if (!this.#options.onSaid) return;
    const clean = (words: string): string => this.#redactor.redact(words.replace(CONTROL, escaped));
    const plain = Object.entries(facts).map(([name, value]) => [
      name,
      typeof value === 'number' || typeof value === 'boolean' || value === null
        ? value
        : clean(typeof value === 'string' ? value : unquoted(inLine(value, level))),
    ]);
    const { atMs } = entry;
    this.#options.onSaid({ atMs, level, message: clean(text), facts: Object.fromEntries(plain), text: entry.text });
  }

  #keep(source: string, line: string, stream: LogStream, level: LogLevel): LogEntry {
    const { clock } = this.#options;
    this.#sequence += 1;
    // One entry is one line, in the file too: nobody forges a second one.
    const text = this.#redactor.redact(line.replace(LINE_BREAK, escaped));
    const entry: LogEntry = { sequence: this.#sequence, source, atMs: clock.wallMs(), level, stream, text };
    if (level === 'error') this.#errorCount += 1;
    const kept = this.#of(source);
    kept.ring.push(entry);
    kept.file?.append(`${new Date(entry.atMs).toISOString()} ${level} ${stream} ${text}`);
    for (const follower of this.#followers) follower(entry);
    this.#notice(kept, source);
    return entry;
  }

  /** Screens hear of a source at most every 100 ms, however much it writes. */
  #notice(kept: Kept, source: string): void {
    if (kept.isTold) return;
    kept.isTold = true;
    this.#options.clock.after(NOTICE_MS, () => {
      kept.isTold = false;
      this.#options.bus.publish({ type: 'log-line', source });
    });
  }

  #asked(source: string | null): readonly Kept[] {
    if (source === null) return [...this.#kept.values()];
    const kept = this.#kept.get(source);
    return kept ? [kept] : [];
  }

  #of(source: string): Kept {
    const known = this.#kept.get(source);
    if (known) return known;
    const { folder, clock } = this.#options;
    const file = folder === null ? null : new LogFile({ path: join(folder, fileName(source)), clock });
    const kept = { ring: new LogRing(), file, isTold: false };
    this.#kept.set(source, kept);
    if (this.#kept.size > SOURCES_MAX) this.#forgetOldest();
    return kept;
  }

  #forgetOldest(): void {
    for (const [source, { file }] of this.#kept) {
      if (source === FLOW_SOURCE) continue;
      this.#kept.delete(source);
      void file?.close();
      return;
    }
  }
}

/** A file name for any source: ids hold slashes, and two ids must not meet in one file. */
export function fileName(source: string): string {
  const plain = source.replace(/[^A-Za-z0-9._-]+|^\.+/g, '_').slice(0, 100);
  const isSame = plain === source && plain !== '';
  return isSame ? `${plain}.log` : `${plain}-${Bun.hash.crc32(source).toString(16)}.log`;
}

function inLine(value: unknown, level: LogLevel): string {
  if (value instanceof Error) {
    // Nobody can mend what he cannot find: an unexpected error is told with the place it came from.
    const isExpected = value instanceof Fault || level !== 'error';
    return JSON.stringify(isExpected ? value.message : (value.stack ?? value.message).slice(0, STACK_LENGTH_MAX));
  }
  return typeof value === 'string' && /^[^\s"]+$/.test(value) ? value : (JSON.stringify(value) ?? 'undefined');
}

/** Errors come as a JSON text; as a field of its own it is told plainly. */
function unquoted(text: string): string {
  if (!text.startsWith('"')) return text;
  const value: unknown = JSON.parse(text);
  return typeof value === 'string' ? value : text;
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
