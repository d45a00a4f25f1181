/** A file that is not complete yet: its bytes, and beside them a journal that is never ahead of the bytes. */
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { type Static, Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { Digest, type Published } from './digest.ts';
import type { Disk } from './disk.ts';
import { bytesIn, prefixEnd, type Range, withRange } from './ranges.ts';
import { readJson } from './record.ts';

const Journal = Type.Object({
  revision: Type.String(),
  sizeBytes: Type.Integer({ minimum: 0 }),
  sha256: Type.Union([Type.String(), Type.Null()]),
  etag: Type.Union([Type.String(), Type.Null()]),
  ranges: Type.Array(Type.Object({ from: Type.Integer({ minimum: 0 }), to: Type.Integer({ minimum: 1 }) })),
  /** All bytes are there and have the digest. */
  isVerified: Type.Boolean(),
});
type Journal = Static<typeof Journal>;

/** What the part must become. Parts of anything else are started over. */
export type PartGoal = Published & Pick<Journal, 'revision'>;

/** Read at once while a digest is taken: some 1 ms of hashing, after which others have their turn. */
const DIGEST_BYTES = 256 << 10;

/** Owns `<path>.part` and `<path>.json` while a download runs. To be closed. */
export class Part {
  readonly #path: string;
  readonly #goal: PartGoal;
  readonly #disk: Disk;
  readonly #file: FileHandle;
  #ranges: readonly Range[];
  #etag: string | null;
  #isVerified: boolean;
  #digest: Digest | null;
  #hashedBytes = 0;
  #isHashing = false;
  #saving: Promise<void> = Promise.resolve();

  private constructor(path: string, goal: PartGoal, disk: Disk, file: FileHandle, journal: Journal | null) {
    this.#path = path;
    this.#goal = goal;
    this.#digest = Digest.of(goal);
    this.#disk = disk;
    this.#file = file;
    this.#ranges = journal?.ranges ?? [];
    this.#etag = journal?.etag ?? null;
    this.#isVerified = journal?.isVerified ?? false;
  }

  /** Opens what is there, or begins. `path` is without ending; its folder exists. */
  static async open(path: string, goal: PartGoal, disk: Disk): Promise<Part> {
    const journal = journalFor(path, goal);
    const file = await open(fileOf(path), journal ? 'r+' : 'w+', 0o600).catch(() => open(fileOf(path), 'w+', 0o600));
    const { size } = await file.stat();
    const isWhole = journal !== null && size >= Math.max(0, ...journal.ranges.map(({ to }) => to));
    return new Part(path, goal, disk, file, isWhole ? journal : null);
  }

  get ranges(): readonly Range[] {
    return this.#ranges;
  }

  get bytes(): number {
    return bytesIn(this.#ranges);
  }

  get isVerified(): boolean {
    return this.#isVerified;
  }

  /** Whether the hub has said by what the content is known. */
  get isDigested(): boolean {
    return this.#digest !== null;
  }

  get hashedBytes(): number {
    return this.#hashedBytes;
  }

  /** Whether an answer is of the same content as those before; the first one decides. */
  isSame(etag: string | null): boolean {
    this.#etag ??= etag;
    return etag === null || etag === this.#etag;
  }

  /** Throws what the file system throws; the range counts only when all of it is written. */
  async write(bytes: Uint8Array, at: number): Promise<void> {
    await this.#disk.write(this.#file, bytes, at);
    this.#ranges = withRange(this.#ranges, { from: at, to: at + bytes.length });
  }

  /** Writes the journal of what is safely on the disk; one writing after the other. */
  save(): Promise<void> {
    const saved = this.#saving.then(() => this.#save());
    this.#saving = saved.catch(() => {});
    return saved;
  }

  async #save(): Promise<void> {
    const { revision, sizeBytes, sha256 } = this.#goal;
    const ranges = [...this.#ranges];
    const [etag, isVerified] = [this.#etag, this.#isVerified];
    await this.#file.datasync();
    await writeJournal(journalOf(this.#path), { revision, sizeBytes, sha256, etag, ranges, isVerified });
  }

  /**
   * Takes the digest of as much as is there without a gap, right behind the writing, while it is still in memory. One
   * at a time: a second call returns at once.
   */
  async digestSoFar(signal: AbortSignal, onBytes: () => void = () => {}): Promise<void> {
    const digest = this.#digest;
    if (this.#isHashing || digest === null) return;
    this.#isHashing = true;
    const buffer = new Uint8Array(DIGEST_BYTES);
    try {
      for (;;) {
        const length = Math.min(buffer.length, prefixEnd(this.#ranges) - this.#hashedBytes);
        if (length <= 0 || signal.aborted) return;
        const { bytesRead } = await this.#file.read(buffer, 0, length, this.#hashedBytes);
        if (bytesRead === 0) return;
        digest.update(buffer.subarray(0, bytesRead));
        this.#hashedBytes += bytesRead;
        onBytes();
      }
    } finally {
      this.#isHashing = false;
    }
  }

  /** Whether the whole file has the digest it must have; to be asked once, when all bytes are there and digested. */
  async verify(): Promise<boolean> {
    if (this.#digest?.isRight() === false) return false;
    this.#isVerified = true;
    await this.save();
    return true;
  }

  /** Forgets all bytes: they are of no use. */
  async startOver(): Promise<void> {
    await this.#saving;
    await rm(journalOf(this.#path), { force: true });
    await this.#file.truncate(0);
    this.#ranges = [];
    this.#etag = null;
    this.#isVerified = false;
    this.#digest = Digest.of(this.#goal);
    this.#hashedBytes = 0;
  }

  async close(): Promise<void> {
    await this.#saving;
    await this.#file.close();
  }
}

/** Where the bytes of a part are. */
export function fileOf(path: string): string {
  return `${path}.part`;
}

/** How many bytes of a part are there, without opening it. */
export function bytesOfPart(path: string, goal: PartGoal): number {
  return bytesIn(journalFor(path, goal)?.ranges ?? []);
}

/** Removes the part and its journal, and nothing else. */
export async function removePart(path: string): Promise<void> {
  for (const one of [journalOf(path), `${journalOf(path)}.new`, fileOf(path)]) await rm(one, { force: true });
}

/** Whole or not at all, as records are; but a slow disk that takes seconds for it holds up nobody. */
async function writeJournal(path: string, journal: Journal): Promise<void> {
  const temporary = `${path}.new`;
  const file = await open(temporary, 'w', 0o600);
  try {
    await file.writeFile(JSON.stringify(journal));
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
}

function journalOf(path: string): string {
  return `${path}.json`;
}

function journalFor(path: string, { revision, sizeBytes, sha256 }: PartGoal): Journal | null {
  const journal = readJson(journalOf(path));
  if (!Value.Check(Journal, journal)) return null;
  // The digest names the content; a commit that did not touch the file is no reason to fetch it again.
  const isMeant = sha256 === null ? journal.revision === revision : journal.sha256 === sha256;
  return isMeant && journal.sizeBytes === sizeBytes ? journal : null;
}
