/** Answers that come compressed although nobody asked for it, as some servers behind proxies do. */
import { Fault } from '#src/faults.ts';
import type { ExchangeResponse } from './exchange.ts';
import { readText } from './read-text.ts';

const FORMATS: Readonly<Record<string, Bun.CompressionFormat>> = {
  gzip: 'gzip',
  'x-gzip': 'gzip',
  deflate: 'deflate',
  br: 'brotli',
  zstd: 'zstd',
};

/** The answer as it was before somebody compressed it. Throws Fault('engine-refused') for a coding nobody knows. */
export function inflated(answer: ExchangeResponse): ExchangeResponse {
  const coding = answer.headers['content-encoding']?.trim().toLowerCase() ?? '';
  if (coding === '' || coding === 'identity') return answer;
  const format = FORMATS[coding];
  if (format) return new Inflated(answer, coding, format);
  answer.close();
  throw new Fault('engine-refused', `The engine answered in the coding ${JSON.stringify(coding.slice(0, 40))}.`, {
    hint: 'Flow asks for none; something between may have added it.',
  });
}

/** Reads no further ahead than its reader: a bomb is cut by whoever bounds what is read. */
class Inflated implements ExchangeResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly #answer: ExchangeResponse;
  readonly #coding: string;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;

  constructor(answer: ExchangeResponse, coding: string, format: Bun.CompressionFormat) {
    const { 'content-encoding': _coding, 'content-length': _length, ...headers } = answer.headers;
    this.status = answer.status;
    this.headers = headers;
    this.#answer = answer;
    this.#coding = coding;
    const source = new ReadableStream<Uint8Array>(
      {
        pull: async (controller) => {
          const bytes = await answer.read();
          if (bytes) controller.enqueue(bytes);
          else controller.close();
        },
      },
      new CountQueuingStrategy({ highWaterMark: 0 }),
    );
    // The DOM's types, which come first, do not know all of Bun's formats.
    const decoding: ReadableWritablePair<Uint8Array, Uint8Array> = Reflect.construct(DecompressionStream, [format]);
    this.#reader = source.pipeThrough(decoding).getReader();
  }

  async read(): Promise<Uint8Array | null> {
    try {
      const { done, value } = await this.#reader.read();
      return done ? null : value;
    } catch (cause) {
      if (cause instanceof Fault) throw cause;
      throw new Fault('engine-refused', `The engine's answer is not valid ${this.#coding}.`, { cause });
    }
  }

  text(bytesMax?: number): Promise<string> {
    return readText(this, bytesMax);
  }

  close(): void {
    this.#answer.close();
    // What is left of it is nobody's: its end need not be heard.
    this.#reader.cancel().catch(() => {});
  }
}
