/**
 * A load generator for engines that speak at a pace, as a process of its own:
 * `bun test/bench/paced-load.ts '<PacedOrder as JSON>'` prints one `PacedFigures` as JSON. Each stream asks, reads the
 * moments at which the flat engine wrote its tokens, rests for a moment that is drawn by lot, and asks again: so many
 * streams are open at a time, and no two of them ask in step.
 */
import type { Socket } from 'bun';
import { requestText } from './load.ts';

/** What to ask, of whom, and for how long. */
export type PacedOrder = {
  readonly host: string;
  readonly port: number;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Streams at the same time. */
  readonly streams: number;
  readonly forMs: number;
};

/** What came of it: from the asking to the first token, and from a token's writing to its arrival. Times in ms. */
export type PacedFigures = {
  readonly requests: number;
  readonly failed: number;
  readonly tokens: number;
  readonly ttftP50Ms: number;
  readonly ttftP99Ms: number;
  readonly tokenP50Ms: number;
  readonly tokenP99Ms: number;
};

const END = '0\r\n\r\n';
/** A token's moment, in every protocol: the value of a `content` or `text`. */
const STAMP = /"(?:content|text)":\s*" (\d{9,})"/g;
const REST_MS_MAX = 50;
const STAGGER_MS = 250;
/** A token's frame may be cut; what is longer is none. */
const TEXT_KEPT = 512;

type Tally = { requests: number; failed: number; readonly ttftMs: number[]; readonly tokenMs: number[] };

/** As the flat engine tells the time: processes share no monotonic clock in Bun. */
const nowUs = (): number => Math.round((performance.timeOrigin + performance.now()) * 1000);

/** Runs an order to its end. */
export async function runPaced(order: PacedOrder): Promise<PacedFigures> {
  const tally: Tally = { requests: 0, failed: 0, ttftMs: [], tokenMs: [] };
  const untilMs = performance.now() + order.forMs;
  const stream = async (): Promise<void> => {
    await Bun.sleep(Math.random() * STAGGER_MS);
    const line = new Line(order);
    while (performance.now() < untilMs) {
      await line.ask(tally);
      await Bun.sleep(Math.random() * REST_MS_MAX);
    }
    line.close();
  };
  await Promise.all(Array.from({ length: order.streams }, stream));
  const of = (figures: number[], share: number): number => {
    figures.sort((a, b) => a - b);
    return figures[Math.min(figures.length - 1, Math.floor(figures.length * share))] ?? Number.NaN;
  };
  return {
    requests: tally.requests,
    failed: tally.failed,
    tokens: tally.ttftMs.length + tally.tokenMs.length,
    ttftP50Ms: of(tally.ttftMs, 0.5),
    ttftP99Ms: of(tally.ttftMs, 0.99),
    tokenP50Ms: of(tally.tokenMs, 0.5),
    tokenP99Ms: of(tally.tokenMs, 0.99),
  };
}

/** One connection, which is kept from request to request as clients do; a closed one is opened anew before its turn. */
class Line {
  readonly #order: PacedOrder;
  #socket: Promise<Socket | null> | null = null;
  #take: ((text: string) => void) | null = null;
  #broken: (() => void) | null = null;

  constructor(order: PacedOrder) {
    this.#order = order;
  }

  async ask(tally: Tally): Promise<void> {
    this.#socket ??= this.#open();
    const socket = await this.#socket;
    const over = Promise.withResolvers<void>();
    let text = '';
    let tokens = 0;
    const askedUs = nowUs();
    this.#broken = over.resolve;
    this.#take = (arrived) => {
      const arrivedUs = nowUs();
      text += arrived;
      let read = 0;
      for (const match of text.matchAll(STAMP)) {
        if (tokens === 0) tally.ttftMs.push((arrivedUs - askedUs) / 1000);
        else tally.tokenMs.push((arrivedUs - Number(match[1])) / 1000);
        tokens += 1;
        read = match.index + match[0].length;
      }
      text = text.slice(Math.max(read, text.length - TEXT_KEPT));
      if (text.endsWith(END)) over.resolve();
    };
    if (socket) {
      socket.write(requestText(this.#order));
      await over.promise;
    }
    tally.requests += 1;
    if (tokens === 0) tally.failed += 1;
  }

  close(): void {
    void this.#socket?.then((socket) => socket?.terminate());
  }

  #open(): Promise<Socket | null> {
    const { host: hostname, port } = this.#order;
    const gone = (): void => {
      this.#socket = null;
      this.#broken?.();
    };
    const socket = { data: (_: Socket, bytes: Buffer) => this.#take?.(bytes.toString('latin1')), close: gone };
    return Bun.connect({ hostname, port, socket: { ...socket, connectError: gone } }).catch(() => null);
  }
}

if (import.meta.main) {
  const order: PacedOrder = JSON.parse(process.argv[2] ?? '{}');
  process.stdout.write(`${JSON.stringify(await runPaced(order))}\n`);
}
