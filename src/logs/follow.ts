/** A log as an event stream: a snapshot first, then each line as it comes; a slow reader loses lines, never memory. */
import type { Clock } from '#src/clock.ts';
import type { LogEntry } from './log-ring.ts';
import type { Logs, TailQuery } from './logs.ts';

const HEARTBEAT_MS = 5_000;
const WAITING_MAX = 2_000;

/** The lines of a query, then what follows, as SSE messages of one JSON entry each; comments in silence. */
export function followStream(logs: Logs, clock: Clock, query: TailQuery): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  const source = query.source ?? null;
  let waiting: LogEntry[] = [...logs.tail(query).entries];
  let dropped = 0;
  let wake: (() => void) | null = null;
  const unfollow = logs.follow((entry) => {
    if (source !== null && entry.source !== source) return;
    if (waiting.length >= WAITING_MAX) {
      waiting.shift();
      dropped += 1;
    }
    waiting.push(entry);
    wake?.();
  });
  let isFirst = true;
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      if (waiting.length === 0 && !isFirst) await silence(clock, (resolve) => (wake = resolve));
      wake = null;
      const lost = dropped > 0 ? `event: dropped\ndata: ${dropped}\n\n` : '';
      const messages = waiting.map((entry) => `id: ${entry.sequence}\ndata: ${JSON.stringify(entry)}\n\n`).join('');
      waiting = [];
      dropped = 0;
      isFirst = false;
      controller.enqueue(encoder.encode(lost + messages || ': quiet\n\n'));
    },
    cancel() {
      unfollow();
      wake?.();
    },
  });
}

/** Until woken, or until it is time for a heartbeat. */
async function silence(clock: Clock, onWake: (resolve: () => void) => void): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  onWake(resolve);
  using _timer = clock.after(HEARTBEAT_MS, resolve);
  await promise;
}
