/** The last bytes of a stream that passes by, where the engine's counts, finish and errors are. */
import { endOfFrames } from '#src/stream/frames.ts';

/** Holds the finish, a usage frame with timings and `[DONE]` several times over. */
const TAIL_BYTES = 8 * 1024;

/**
 * Keeps the last 8 KiB of what it is shown, or all of a longer last frame: llama-server's own `/completion` repeats the
 * prompt there. Copying them costs less than keeping the reads alive. Each piece but the very last ends with a frame.
 */
export class Tail {
  #bytes = new Uint8Array(2 * TAIL_BYTES);
  #length = 0;
  #isCut = false;

  /** Takes note of what passed. */
  show(piece: Uint8Array): void {
    if (piece.length >= TAIL_BYTES) {
      this.#keepEnd(piece);
      return;
    }
    if (this.#length + piece.length > this.#bytes.length) {
      this.#bytes.copyWithin(0, this.#length - TAIL_BYTES, this.#length);
      this.#length = TAIL_BYTES;
      this.#isCut = true;
    }
    this.#bytes.set(piece, this.#length);
    this.#length += piece.length;
  }

  #keepEnd(piece: Uint8Array): void {
    // Without its own empty line, the end of the frames is the beginning of the last one.
    const lastFrame = endOfFrames(piece.subarray(0, -2));
    const from = Math.min(piece.length - TAIL_BYTES, lastFrame);
    this.#isCut = from > 0 && from !== lastFrame;
    this.#length = piece.length - from;
    if (this.#length + TAIL_BYTES > this.#bytes.length) this.#bytes = new Uint8Array(this.#length + TAIL_BYTES);
    this.#bytes.set(piece.subarray(from));
  }

  /** The whole frames among them. */
  frames(): Uint8Array {
    const kept = this.#bytes.subarray(0, this.#length);
    if (!this.#isCut) return kept;
    // The first frame may lack its beginning; its end is an empty line.
    const text = Buffer.from(kept.buffer, 0, this.#length);
    const end = Math.max(text.indexOf('\n\n'), text.indexOf('\n\r\n'), text.indexOf('\r\r'));
    return end < 0 ? kept.subarray(kept.length) : kept.subarray(end + 2);
  }
}
