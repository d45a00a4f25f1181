/** The log files on disk, read: those of earlier runs and what no longer fits into memory. */
import { lstat, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { LogEntry } from './log-ring.ts';

/** One file. The higher the number behind `.log`, the older. */
export type KeptFile = { readonly name: string; readonly sizeBytes: number; readonly changedAtMs: number };

/** A line of a file; without time where something else was written. */
export type KeptLine = Pick<LogEntry, 'level' | 'text'> & { readonly atMs: number | null };

/** Part of a file, oldest line first. `startBytes` is where the page before it ends; 0 = this is the first. */
export type KeptPage = { readonly lines: readonly KeptLine[]; readonly startBytes: number; readonly endBytes: number };

const NAME = /^[A-Za-z0-9._-]{1,140}\.log(\.\d)?$/;
const LINE = /^(\d{4}-\d\d-\d\dT[\d:.]+Z) (debug|info|warning|error) (?:stdout|stderr|flow) (.*)$/;
const PAGE_BYTES = 64 * 1024;
const LINE_BYTES_MAX = 64 * 1024;
const SPAN_BYTES_MAX = 256 * 1024;
const NEWLINE = 10;

/** Looks into one folder and nowhere else: names are compared with what lies there, and links are not followed. */
export class KeptFiles {
  readonly #folder: string | null;

  constructor(folder: string | null) {
    this.#folder = folder;
  }

  /** All files by name, so that the newest of each source comes first. */
  async list(): Promise<readonly KeptFile[]> {
    if (this.#folder === null) return [];
    const names = await readdir(this.#folder).catch(() => []);
    const found = await Promise.all(names.filter((name) => NAME.test(name)).map((name) => this.find(name)));
    return found.filter((file) => file !== null).sort((one, other) => (one.name < other.name ? -1 : 1));
  }

  /** Null when there is no such log. */
  async find(name: string): Promise<KeptFile | null> {
    if (this.#folder === null || !NAME.test(name)) return null;
    const facts = await lstat(join(this.#folder, name)).catch(() => null);
    if (!facts?.isFile()) return null;
    return { name, sizeBytes: facts.size, changedAtMs: facts.mtimeMs };
  }

  /** The files of one log, oldest first, as one stream of bytes. */
  async read(files: readonly KeptFile[]): Promise<ReadableStream<Uint8Array>> {
    const paths = files.map(({ name }) => join(this.#folder ?? '', name));
    const readers = paths.map((path) => () => Bun.file(path).stream().getReader());
    let reader: ReadableStreamDefaultReader<Uint8Array> | null = null;
    return new ReadableStream<Uint8Array>({
      async pull(controller) {
        while (true) {
          reader ??= readers.shift()?.() ?? null;
          if (reader === null) return controller.close();
          const { value, done } = await reader.read();
          if (!done) return controller.enqueue(value);
          reader = null;
        }
      },
      cancel: () => reader?.cancel(),
    });
  }

  /** The lines that end at a byte; null when there is no such file. Some 64 kB a page. */
  async page(name: string, endBytes = Number.MAX_SAFE_INTEGER): Promise<KeptPage | null> {
    const file = await this.find(name);
    if (file === null) return null;
    const end = Math.min(Math.max(0, endBytes), file.sizeBytes);
    const start = Math.max(0, end - PAGE_BYTES);
    const bytes = await this.#bytes(name, start, end);
    const first = start === 0 ? 0 : bytes.indexOf(NEWLINE) + 1;
    const lines = bytes
      .subarray(first)
      .toString('utf8')
      .split('\n')
      .filter((line) => line !== '');
    return { lines: lines.map(lineOf), startBytes: start + first, endBytes: end };
  }

  /** The lines of a file between two times, both included; the newest 256 kB of them. */
  async between(name: string, fromMs: number, untilMs: number): Promise<readonly KeptLine[]> {
    const file = await this.find(name);
    if (file === null) return [];
    const start = await this.placeOf(file, fromMs);
    const end = await this.placeOf(file, untilMs + 1);
    const bytes = await this.#bytes(name, Math.max(start, end - SPAN_BYTES_MAX), end);
    const lines = bytes
      .toString('utf8')
      .split('\n')
      .filter((line) => line !== '');
    return lines.map(lineOf).filter(({ atMs }) => atMs !== null && atMs >= fromMs && atMs <= untilMs);
  }

  /** Where the first line at or after a time begins; the end of the file when all are older. */
  async placeOf(file: KeptFile, atMs: number): Promise<number> {
    const head = await this.#bytes(file.name, 0, Math.min(file.sizeBytes, LINE_BYTES_MAX));
    const beginning = lineOf(head.toString('utf8').split('\n', 1)[0] ?? '').atMs;
    if (beginning !== null && beginning >= atMs) return 0;
    let low = 0;
    let high = file.sizeBytes;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      const time = await this.#timeAfter(file, middle);
      if (time !== null && time < atMs) low = middle;
      else high = middle;
    }
    // That byte lies in the last older line, whose end is wanted.
    const rest = await this.#bytes(file.name, high, Math.min(file.sizeBytes, high + LINE_BYTES_MAX));
    return Math.min(file.sizeBytes, high + rest.indexOf(NEWLINE) + 1);
  }

  /** The time of the first whole line behind a byte; null behind the last. */
  async #timeAfter(file: KeptFile, startBytes: number): Promise<number | null> {
    const bytes = await this.#bytes(file.name, startBytes, Math.min(file.sizeBytes, startBytes + LINE_BYTES_MAX));
    const lines = bytes.toString('utf8').split('\n').slice(1);
    const timed = lines.map(lineOf).find(({ atMs }) => atMs !== null);
    return timed?.atMs ?? null;
  }

  async #bytes(name: string, start: number, end: number): Promise<Buffer> {
    await using handle = await open(join(this.#folder ?? '', name), 'r');
    const buffer = Buffer.alloc(Math.max(0, end - start));
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, start);
    return buffer.subarray(0, bytesRead);
  }
}

function lineOf(text: string): KeptLine {
  const [, time, level, rest] = LINE.exec(text) ?? [];
  const known = level === 'debug' || level === 'warning' || level === 'error' ? level : 'info';
  return { atMs: time === undefined ? null : Date.parse(time), level: known, text: rest ?? text };
}
