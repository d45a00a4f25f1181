/** Answers kept for a while, and asked for once by however many want them at the same time. */
import type { Clock } from '#src/clock.ts';
import { Fault } from '#src/faults.ts';

type Entry<Value> = {
  readonly answer: Promise<Value>;
  readonly asking: AbortController;
  waiting: number;
  /** When the answer came, on the monotonic clock; null = not yet. */
  cameMs: number | null;
};

const ENTRIES_MAX = 200;

/** Failures are not kept. A question is withdrawn when the last who wanted its answer has left. */
export class SharedAnswers<Value> {
  readonly #clock: Clock;
  readonly #ageMsMax: number;
  readonly #entries = new Map<string, Entry<Value>>();

  constructor(clock: Clock, ageMsMax: number) {
    this.#clock = clock;
    this.#ageMsMax = ageMsMax;
  }

  /** The answer to the question that `key` stands for; `ask` is called when there is none that is young enough. */
  async get(key: string, signal: AbortSignal, ask: (signal: AbortSignal) => Promise<Value>): Promise<Value> {
    if (signal.aborted) throw left();
    const entry = this.#fresh(key) ?? this.#begin(key, ask);
    entry.waiting += 1;
    const leaving = Promise.withResolvers<never>();
    const leave = (): void => leaving.reject(left());
    signal.addEventListener('abort', leave, { once: true });
    try {
      return await Promise.race([entry.answer, leaving.promise]);
    } finally {
      signal.removeEventListener('abort', leave);
      entry.waiting -= 1;
      if (entry.waiting === 0 && entry.cameMs === null) {
        if (this.#entries.get(key) === entry) this.#entries.delete(key);
        entry.asking.abort();
      }
    }
  }

  #fresh(key: string): Entry<Value> | null {
    const entry = this.#entries.get(key);
    if (!entry) return null;
    const isOld = entry.cameMs !== null && this.#clock.monotonicMs() - entry.cameMs > this.#ageMsMax;
    if (isOld) this.#entries.delete(key);
    return isOld ? null : entry;
  }

  #begin(key: string, ask: (signal: AbortSignal) => Promise<Value>): Entry<Value> {
    const asking = new AbortController();
    const entry: Entry<Value> = { answer: ask(asking.signal), asking, waiting: 0, cameMs: null };
    this.#entries.set(key, entry);
    const [oldest] = this.#entries.keys();
    if (this.#entries.size > ENTRIES_MAX && oldest !== undefined) this.#entries.delete(oldest);
    entry.answer.then(
      () => {
        entry.cameMs = this.#clock.monotonicMs();
      },
      () => {
        if (this.#entries.get(key) === entry) this.#entries.delete(key);
      },
    );
    return entry;
  }
}

function left(): Fault {
  return new Fault('cancelled', 'The question to the hub was withdrawn.');
}
