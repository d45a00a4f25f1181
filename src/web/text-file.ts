/** A text file of our own as an answer: read and compressed once for each state of it. */
import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';

type Read = {
  readonly stamp: string;
  readonly etag: string;
  readonly plain: Uint8Array<ArrayBuffer>;
  readonly compressed: Uint8Array<ArrayBuffer>;
};

/** One file, whose path and type do not change. */
export class TextFile {
  readonly #path: string;
  readonly #type: string;
  #read: Read | null = null;

  constructor(path: string, type: string) {
    this.#path = path;
    this.#type = type;
  }

  /** Its present content, or 304 for who has it. Throws what the file system throws. */
  respond(request: Request): Response {
    const { etag, plain, compressed } = this.#present();
    const headers = { etag, 'cache-control': 'no-cache', vary: 'accept-encoding' };
    if (request.headers.get('if-none-match') === etag) return new Response(null, { status: 304, headers });
    const isCompressed = request.headers.get('accept-encoding')?.includes('gzip') ?? false;
    return new Response(isCompressed ? compressed : plain, {
      headers: { ...headers, 'content-type': this.#type, ...(isCompressed ? { 'content-encoding': 'gzip' } : {}) },
    });
  }

  #present(): Read {
    const { size, mtimeMs } = statSync(this.#path);
    const stamp = `${size}:${mtimeMs}`;
    if (this.#read?.stamp === stamp) return this.#read;
    const plain = new Uint8Array(readFileSync(this.#path));
    const etag = `"${createHash('sha256').update(plain).digest('hex').slice(0, 16)}"`;
    this.#read = { stamp, etag, plain, compressed: Bun.gzipSync(plain) };
    return this.#read;
  }
}
