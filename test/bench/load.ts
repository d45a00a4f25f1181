/**
 * A load generator, as a process of its own: `bun test/bench/load.ts '<Order as JSON>'` prints one `Figures` as JSON.
 * Raw sockets, one per stream, no parsing beyond counting: it must cost less than what it measures.
 */

/** What to ask, how often, of whom. */
export type Order = {
  readonly host: string;
  readonly port: number;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Streams at the same time. */
  readonly streams: number;
  /** Requests one after the other on each stream. */
  readonly requests: number;
  /** What marks one token in the answer. */
  readonly mark: string;
  /** Answers come in one piece, of a length that is told before. Absent = false. */
  readonly isWhole?: boolean;
};

/** What came of it. Times in ms. */
export type Figures = {
  readonly tokens: number;
  /** Complete ones, with at least one token in them. */
  readonly answers: number;
  readonly failed: number;
  readonly elapsedMs: number;
  readonly tokensPerS: number;
  readonly ttftP50Ms: number;
  readonly ttftP99Ms: number;
};

/** A chunked answer ends with an empty chunk. */
const END = '\r\n0\r\n\r\n';

type Stream = {
  left: number;
  sentAtMs: number;
  hasFirst: boolean;
  tokens: number;
  carry: string;
  end: string;
  isAsked: boolean;
  isOpen: boolean;
  /** Of a whole answer: its bytes that are still to come; null before its head is there. */
  missing: number | null;
};

/** The request as it goes over the wire. */
export function requestText({ host, port, path, headers, body }: Omit<Order, 'streams' | 'requests' | 'mark'>): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return (
    `POST ${path} HTTP/1.1\r\nhost: ${host}:${port}\r\ncontent-type: application/json\r\n` +
    `${lines.join('')}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
  );
}

/** Runs an order to its end. A stream whose connection breaks counts what is left as failed. */
export async function run(order: Order): Promise<Figures> {
  const request = requestText(order);
  const firstMs: number[] = [];
  let failed = 0;
  let tokens = 0;
  let answers = 0;
  const startedMs = performance.now();
  const one = (): Promise<void> =>
    new Promise((resolve) => {
      const stream: Stream = {
        left: order.requests,
        sentAtMs: 0,
        hasFirst: false,
        tokens: 0,
        carry: '',
        end: '',
        isAsked: false,
        isOpen: true,
        missing: null,
      };
      const ask = (socket: { write(text: string): number }): void => {
        stream.sentAtMs = performance.now();
        stream.hasFirst = false;
        stream.isAsked = true;
        socket.write(request);
      };
      const finish = (): void => {
        if (!stream.isOpen) return;
        stream.isOpen = false;
        failed += stream.left;
        tokens += stream.tokens;
        resolve();
      };
      const connect = (): void =>
        void Bun.connect({
          hostname: order.host,
          port: order.port,
          socket: {
            open: ask,
            data(socket, bytes) {
              stream.isAsked = false;
              const text = stream.carry + bytes.toString('latin1');
              const found = count(text, order.mark);
              stream.tokens += found;
              const last = text.lastIndexOf(order.mark);
              const from = last < 0 ? 0 : last + order.mark.length;
              stream.carry = text.slice(Math.max(from, text.length - order.mark.length + 1));
              stream.end = (stream.end + bytes.subarray(-END.length).toString('latin1')).slice(-END.length);
              if (found > 0 && !stream.hasFirst) {
                stream.hasFirst = true;
                firstMs.push(performance.now() - stream.sentAtMs);
              }
              if (order.isWhole ? !isWholeThere(stream, bytes) : stream.end !== END) return;
              stream.end = '';
              stream.left -= 1;
              if (stream.hasFirst) answers += 1;
              else failed += 1;
              if (stream.left > 0) return ask(socket);
              finish();
              socket.end();
            },
            // A server may close after an answer, as llama-server does: what was just asked is asked anew.
            close: () => (stream.isAsked && stream.isOpen ? connect() : finish()),
            error: finish,
            connectError: finish,
          },
        }).catch(finish);
      connect();
    });
  await Promise.all(Array.from({ length: order.streams }, one));
  const elapsedMs = performance.now() - startedMs;
  firstMs.sort((a, b) => a - b);
  const at = (share: number): number =>
    firstMs[Math.min(firstMs.length - 1, Math.floor(firstMs.length * share))] ?? Number.NaN;
  return {
    tokens,
    answers,
    failed,
    elapsedMs,
    tokensPerS: (tokens / elapsedMs) * 1000,
    ttftP50Ms: at(0.5),
    ttftP99Ms: at(0.99),
  };
}

/** Counts down the bytes of an answer whose length its head tells; the head comes in one piece. */
function isWholeThere(stream: Stream, bytes: Buffer): boolean {
  if (stream.missing === null) {
    const text = bytes.toString('latin1');
    const length = Number(/^content-length: *(\d+)/im.exec(text)?.[1] ?? 0);
    stream.missing = length + text.indexOf('\r\n\r\n') + 4;
  }
  stream.missing -= bytes.length;
  if (stream.missing > 0) return false;
  stream.missing = null;
  return true;
}

function count(text: string, mark: string): number {
  let found = 0;
  for (let at = text.indexOf(mark); at >= 0; at = text.indexOf(mark, at + mark.length)) found += 1;
  return found;
}

if (import.meta.main) {
  const order: Order = JSON.parse(process.argv[2] ?? '{}');
  process.stdout.write(`${JSON.stringify(await run(order))}\n`);
}
