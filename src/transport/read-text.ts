/** An answer's body as text. */
import { Fault } from '#src/faults.ts';
import type { ExchangeResponse } from './exchange.ts';

const TEXT_BYTES_MAX = 64 << 20;

/** What is left of it, at most `bytesMax` (default 64 MiB). Throws Fault('engine-died') when it is longer. */
export async function readText(
  answer: Pick<ExchangeResponse, 'read' | 'close'>,
  bytesMax = TEXT_BYTES_MAX,
): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  let bytes = 0;
  for (let piece = await answer.read(); piece; piece = await answer.read()) {
    bytes += piece.length;
    if (bytes > bytesMax) {
      answer.close();
      throw new Fault('engine-died', `The engine's answer is longer than ${bytesMax} bytes.`);
    }
    text += decoder.decode(piece, { stream: true });
  }
  return text + decoder.decode();
}
