/** Bytes of an engine's output into lines, bounded in length and in number: a flood costs time, never memory. */
import type { Clock, Timer } from '#src/clock.ts';

/** Longer lines are cut here, and say by how much. */
export const LINE_BYTES_MAX = 16 * 1024;
/** More lines than this in one window are not read one by one; the newest always are. */
export const LINES_PER_WINDOW_MAX = 2_000;
const WINDOW_MS = 500;
/** How much of the newest output is kept while too much arrives. */
const KEPT_BYTES = 16 * 1024;

const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;

export type LineReaderOptions = {
  readonly clock: Clock;
  readonly onLine: (line: string) => void;
  readonly onDropped: (lines: number) => void;
};

/**
 * A line ends at `\n`, `\r\n`, or a lone `\r` (progress bars redraw themselves that way). Within half a second at most
 * 2,000 lines are handed on; what comes above that is skipped and counted, but for its last 16 KiB, which are handed
 * on when the window ends, so that the last words of a process are never lost.
 */
export class LineReader {
  readonly #options: LineReaderOptions;
  readonly #decoder = new TextDecoder();
  #line: Uint8Array[] = [];
  #lineBytes = 0;
  #cutBytes = 0;
  #windowEndsMs = 0;
  #linesInWindow = 0;
  #kept: Uint8Array | null = null;
  #skipped = 0;
  #timer: Timer | null = null;

  constructor(options: LineReaderOptions) {
    this.#options = options;
  }

  /** The next bytes. They may be reused by the caller afterwards. */
  push(bytes: Uint8Array): void {
    const nowMs = this.#options.clock.monotonicMs();
    if (nowMs >= this.#windowEndsMs) this.#openWindow(nowMs);
    if (this.#linesInWindow < LINES_PER_WINDOW_MAX) this.#split(bytes);
    else this.#skip(bytes);
  }

  /** The stream has ended: hands on what is left, an unfinished line too. */
  end(): void {
    this.#releaseKept();
    if (this.#lineBytes > 0 || this.#cutBytes > 0) this.#emit();
    this.#timer?.[Symbol.dispose]();
    this.#timer = null;
  }

  #openWindow(nowMs: number): void {
    this.#releaseKept();
    this.#linesInWindow = 0;
    this.#windowEndsMs = nowMs + WINDOW_MS;
  }

  #split(bytes: Uint8Array): void {
    let from = 0;
    while (from < bytes.length) {
      const feed = bytes.indexOf(LINE_FEED, from);
      const end = feed < 0 ? bytes.length : feed;
      this.#splitAtReturns(bytes.subarray(from, end));
      if (feed < 0) return;
      this.#endLine();
      from = feed + 1;
      if (this.#linesInWindow >= LINES_PER_WINDOW_MAX && from < bytes.length) {
        this.#skip(bytes.subarray(from));
        return;
      }
    }
  }

  #splitAtReturns(bytes: Uint8Array): void {
    let from = 0;
    for (let at = bytes.indexOf(CARRIAGE_RETURN); at >= 0; at = bytes.indexOf(CARRIAGE_RETURN, from)) {
      this.#grow(bytes.subarray(from, at));
      this.#endLine();
      from = at + 1;
    }
    this.#grow(bytes.subarray(from));
  }

  #grow(bytes: Uint8Array): void {
    const room = LINE_BYTES_MAX - this.#lineBytes;
    const taken = bytes.subarray(0, Math.max(0, room));
    this.#cutBytes += bytes.length - taken.length;
    if (taken.length === 0) return;
    // A copy, since the buffer is the caller’s again after push(); `slice` of a Buffer would be a view of it.
    this.#line.push(new Uint8Array(taken));
    this.#lineBytes += taken.length;
  }

  /** An empty line says nothing, and `\r\n` would make one. */
  #endLine(): void {
    if (this.#lineBytes > 0) this.#emit();
  }

  #emit(): void {
    const text = this.#decoder.decode(this.#line.length === 1 ? this.#line[0] : Buffer.concat(this.#line));
    const line = this.#cutBytes > 0 ? `${text}… (+${this.#cutBytes} bytes)` : text;
    this.#line = [];
    this.#lineBytes = 0;
    this.#cutBytes = 0;
    this.#linesInWindow += 1;
    this.#options.onLine(line);
  }

  #skip(bytes: Uint8Array): void {
    if (this.#kept) this.#skipped += countLines(this.#kept);
    const kept = bytes.length > KEPT_BYTES ? bytes.subarray(bytes.length - KEPT_BYTES) : bytes;
    if (kept.length < bytes.length) this.#skipped += countLines(bytes.subarray(0, bytes.length - kept.length));
    this.#kept = new Uint8Array(kept);
    const waitMs = Math.max(0, this.#windowEndsMs - this.#options.clock.monotonicMs());
    this.#timer ??= this.#options.clock.after(waitMs, () => this.#openWindow(this.#options.clock.monotonicMs()));
  }

  #releaseKept(): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = null;
    const kept = this.#kept;
    if (kept === null) return;
    this.#kept = null;
    // What was skipped tore the line under way and the first kept one: both are counted, neither is shown.
    const whole = kept.indexOf(LINE_FEED);
    const wasTorn = this.#lineBytes > 0 || this.#skipped > 0;
    this.#line = [];
    this.#lineBytes = 0;
    this.#cutBytes = 0;
    if (this.#skipped > 0) this.#options.onDropped(this.#skipped);
    this.#skipped = 0;
    this.#linesInWindow = Number.NEGATIVE_INFINITY;
    this.#split(wasTorn && whole >= 0 ? kept.subarray(whole + 1) : kept);
  }
}

function countLines(bytes: Uint8Array): number {
  let count = 0;
  for (let at = bytes.indexOf(LINE_FEED); at >= 0; at = bytes.indexOf(LINE_FEED, at + 1)) count += 1;
  return count;
}
