/** How it is known that the bytes of a file are those that were published. */
import type { HubFile } from '#src/hub/hub.ts';

/** What the hub says of a file's content. */
export type Published = Pick<HubFile, 'sizeBytes' | 'sha256' | 'gitId'>;

/** Takes the digest of a file, from its first byte to its last. */
export class Digest {
  readonly #hasher: Bun.CryptoHasher;
  readonly #expected: string;

  private constructor(hasher: Bun.CryptoHasher, expected: string) {
    this.#hasher = hasher;
    this.#expected = expected;
  }

  /** By SHA-256, else as git names contents; null when the hub tells neither. */
  static of({ sizeBytes, sha256, gitId }: Published): Digest | null {
    if (sha256 !== null) return new Digest(new Bun.CryptoHasher('sha256'), sha256);
    if (gitId === null) return null;
    return new Digest(new Bun.CryptoHasher('sha1').update(`blob ${sizeBytes}\0`), gitId);
  }

  update(bytes: Uint8Array): void {
    this.#hasher.update(bytes);
  }

  /** Whether it was the published content; to be asked once, behind the last byte. */
  isRight(): boolean {
    return this.#hasher.digest('hex') === this.#expected;
  }
}
