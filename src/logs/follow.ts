/** A log as an event stream: a snapshot first, then each line as it comes; a slow reader loses lines, never memory. */
import type { Clock } from '#src/clock.ts';
import type { LogEntry } from './log-ring.ts';
import type { Logs, TailQuery } from './logs.ts';

const HEARTBEAT_MS = 5_000;
const WAITING_LINES_MAX = 2_000;
const WAITING_CHARACTERS_MAX = 1_000_000;

/**
 * The lines of a query, then what follows, as SSE messages of one JSON entry each; comments in silence. It ends with
 * `closing`, when Flow stops.
 */
export function followStream(
  logs: Logs,
  clock: Clock,
  query: TailQuery,
  closing: AbortSignal = new AbortController().signal,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let follower: Follower | null = null;
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        if (follower === null) follower = new Follower(logs, query, closing);
        else await follower.more(clock);
        if (!closing.aborted) return controller.enqueue(encoder.encode(follower.take() || ': quiet\n\n'));
        follower[Symbol.dispose]();
        controller.close();
      },
      cancel: () => follower?.[Symbol.dispose](),
    },
    // Follows from the first read on: a client that left before would never end it.
    new CountQueuingStrategy({ highWaterMark: 0 }),
  );
}

/** What one reader has not read yet: at most 2,000 lines and a million characters. */
class Follower implements Disposable {
  readonly #closing: AbortSignal;
  readonly #unfollow: () => void;
  readonly #onClosing = () => this.#wake();
  #waiting: LogEntry[];
  #characters = 0;
  #dropped = 0;
  #wake: () => void = () => {};
  #isOver = false;

  constructor(logs: Logs, query: TailQuery, closing: AbortSignal) {
    const source = query.source ?? null;
    this.#closing = closing;
    this.#waiting = [...logs.tail(query).entries];
    this.#unfollow = logs.follow((entry) => {
      if (source === null || entry.source === source) this.#add(entry);
    });
    closing.addEventListener('abort', this.#onClosing);
  }

  [Symbol.dispose](): void {
    this.#isOver = true;
    this.#unfollow();
    this.#closing.removeEventListener('abort', this.#onClosing);
    this.#wake();
  }

  /** Until there is a line, Flow stops, or it is time for a sign of life. */
  async more(clock: Clock): Promise<void> {
    if (this.#waiting.length > 0 || this.#isOver || this.#closing.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    using _timer = clock.after(HEARTBEAT_MS, resolve);
    await promise;
  }

  /** All that waits, as one text; '' for nothing. */
  take(): string {
    const lost = this.#dropped > 0 ? `event: dropped\ndata: ${this.#dropped}\n\n` : '';
    const messages = this.#waiting.map((entry) => `id: ${entry.sequence}\ndata: ${JSON.stringify(entry)}\n\n`);
    this.#waiting = [];
    this.#characters = 0;
    this.#dropped = 0;
    return lost + messages.join('');
  }

  #add(entry: LogEntry): void {
    this.#waiting.push(entry);
    this.#characters += entry.text.length;
    while (
      this.#waiting.length > WAITING_LINES_MAX ||
      (this.#characters > WAITING_CHARACTERS_MAX && this.#waiting.length > 1)
    ) {
      this.#characters -= this.#waiting.shift()?.text.length ?? 0;
      this.#dropped += 1;
    }
    this.#wake();
  }
}
