/** One log file that is written behind the caller's back and rotated: `name.log`, `name.log.1`, `name.log.2`. */
import { chmod, type FileHandle, mkdir, open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Clock, Timer } from '#src/clock.ts';

const LOG_FILE_BYTES_MAX = 10_000_000;
const OLD_FILES_MAX = 2;
const FLUSH_MS = 250;
/** What may wait for a slow disk; more is dropped and counted. */
const WAITING_CHARACTERS_MAX = 1_000_000;

export type LogFileOptions = {
  readonly path: string;
  readonly clock: Clock;
  readonly bytesMax?: number;
};

/** Never throws and never waits: a log that cannot be written is a log that is lost, and the loss is written down. */
export class LogFile {
  readonly #path: string;
  readonly #clock: Clock;
  readonly #bytesMax: number;
  #file: FileHandle | null = null;
  #sizeBytes = 0;
  #waiting: string[] = [];
  #waitingCharacters = 0;
  #lost = 0;
  #timer: Timer | null = null;
  #writing: Promise<void> = Promise.resolve();

  constructor({ path, clock, bytesMax = LOG_FILE_BYTES_MAX }: LogFileOptions) {
    this.#path = path;
    this.#clock = clock;
    this.#bytesMax = bytesMax;
  }

  /** Adds a line; it is on disk a quarter of a second later, or after `flush`. */
  append(line: string): void {
    if (this.#waitingCharacters > WAITING_CHARACTERS_MAX) {
      this.#lost += 1;
      return;
    }
    this.#waiting.push(line);
    this.#waitingCharacters += line.length + 1;
    this.#timer ??= this.#clock.after(FLUSH_MS, () => {
      this.#timer = null;
      void this.flush();
    });
  }

  /** Writes what waits. Resolves when it is written, or could not be. */
  flush(): Promise<void> {
    this.#writing = this.#writing.then(() => this.#write());
    return this.#writing;
  }

  async close(): Promise<void> {
    this.#timer?.[Symbol.dispose]();
    this.#timer = null;
    await this.flush();
    await this.#closeFile();
  }

  async #write(): Promise<void> {
    if (this.#waiting.length === 0) return;
    const lost = this.#lost > 0 ? `… ${this.#lost} lines lost: the disk was full or too slow\n` : '';
    const lineCount = this.#waiting.length;
    const bytes = Buffer.from(`${this.#waiting.join('\n')}\n${lost}`);
    this.#waiting = [];
    this.#waitingCharacters = 0;
    const lostBefore = this.#lost;
    this.#lost = 0;
    try {
      if (this.#sizeBytes > 0 && this.#sizeBytes + bytes.length > this.#bytesMax) await this.#rotate();
      this.#file ??= await this.#open();
      await this.#file.appendFile(bytes);
      this.#sizeBytes += bytes.length;
    } catch {
      // A full or vanished disk: the ring still has the newest lines, and the next flush tries again.
      this.#lost += lostBefore + lineCount;
      await this.#closeFile();
    }
  }

  async #open(): Promise<FileHandle> {
    await mkdir(dirname(this.#path), { recursive: true, mode: 0o700 });
    const file = await open(this.#path, 'a', 0o600);
    // The mode above does nothing to a file that was there already.
    await chmod(this.#path, 0o600);
    this.#sizeBytes = (await file.stat()).size;
    return file;
  }

  async #rotate(): Promise<void> {
    await this.#closeFile();
    for (let number = OLD_FILES_MAX; number >= 1; number -= 1) {
      const from = number === 1 ? this.#path : `${this.#path}.${number - 1}`;
      // One that is not there yet cannot be moved, and need not be.
      await rename(from, `${this.#path}.${number}`).catch(() => {});
    }
    this.#sizeBytes = 0;
  }

  async #closeFile(): Promise<void> {
    const file = this.#file;
    this.#file = null;
    await file?.close().catch(() => {});
  }
}
