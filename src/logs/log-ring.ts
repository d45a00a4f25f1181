/** The last lines of one source: bounded in number and in size, the oldest dropped and counted. */

export type LogLevel = 'debug' | 'info' | 'warning' | 'error';
export type LogStream = 'stdout' | 'stderr' | 'flow';

/** One line. `sequence` grows by one with each line of any source. */
export type LogEntry = {
  readonly sequence: number;
  readonly source: string;
  /** Wall clock. */
  readonly atMs: number;
  readonly level: LogLevel;
  readonly stream: LogStream;
  readonly text: string;
};

export const RING_LINES_MAX = 2_000;
const RING_CHARACTERS_MAX = 1_000_000;
/** Dropped lines are let go of when they are a quarter of what may be kept, so that a line costs moving four. */
const SLACK_LINES_MAX = RING_LINES_MAX / 4;
const SLACK_CHARACTERS_MAX = RING_CHARACTERS_MAX / 4;

/** Appending is cheap: what is dropped is let go of in batches, at most a quarter of what is kept. */
export class LogRing {
  #entries: LogEntry[] = [];
  /** Index of the oldest entry that still counts; what is before it is let go now and then. */
  #first = 0;
  #characters = 0;
  /** Of the entries before the first. */
  #slackCharacters = 0;
  #dropped = 0;

  push(entry: LogEntry): void {
    this.#entries.push(entry);
    this.#characters += entry.text.length;
    while (this.length > RING_LINES_MAX || (this.#characters > RING_CHARACTERS_MAX && this.length > 1)) {
      const characters = this.#entries[this.#first]?.text.length ?? 0;
      this.#characters -= characters;
      this.#slackCharacters += characters;
      this.#first += 1;
      this.#dropped += 1;
    }
    if (this.#first < SLACK_LINES_MAX && this.#slackCharacters < SLACK_CHARACTERS_MAX) return;
    this.#entries = this.#entries.slice(this.#first);
    this.#first = 0;
    this.#slackCharacters = 0;
  }

  /** The newest `count` entries, oldest first. */
  tail(count: number): readonly LogEntry[] {
    return this.#entries.slice(Math.max(this.#first, this.#entries.length - count));
  }

  /** The newest `count` entries whose sequence lies between the two, oldest first; neither end belongs to it. */
  between(after: number, before: number, count: number): readonly LogEntry[] {
    const end = this.#placeOf(before);
    return this.#entries.slice(Math.max(this.#placeOf(after + 1), end - count), end);
  }

  /** Counts lines that were never kept. */
  noteDropped(lines: number): void {
    this.#dropped += lines;
  }

  get length(): number {
    return this.#entries.length - this.#first;
  }

  /** Lines that are no longer here, or never were. */
  get dropped(): number {
    return this.#dropped;
  }

  /** The first place whose entry has at least this sequence. */
  #placeOf(sequence: number): number {
    let low = this.#first;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#entries[middle]?.sequence ?? 0) < sequence) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
