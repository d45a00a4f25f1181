/** Chat templates that stand in files of their own, read once for each state of a file. */
import { readFileSync } from 'node:fs';
import { statOrNull } from './file-look.ts';

/** The largest template that is known has some 30 kB. */
const BYTES_MAX = 1 << 20;
const FILES_MAX = 100;

type Entry = { readonly sizeBytes: number; readonly modifiedMs: number; readonly text: string | null };

/** Reads templates, each state of a file once. */
export class TemplateFiles {
  readonly #entries = new Map<string, Entry>();

  /** The file's text as it is now; null when it is no file, too large, or cannot be read. Never throws. */
  textOf(path: string): string | null {
    const stat = statOrNull(path);
    if (!stat?.isFile() || stat.size > BYTES_MAX) return null;
    const held = this.#entries.get(path);
    if (held && held.sizeBytes === stat.size && held.modifiedMs === stat.mtimeMs) return held.text;
    const text = readOrNull(path);
    this.#entries.delete(path);
    this.#entries.set(path, { sizeBytes: stat.size, modifiedMs: stat.mtimeMs, text });
    const [oldest] = this.#entries.keys();
    if (this.#entries.size > FILES_MAX && oldest !== undefined) this.#entries.delete(oldest);
    return text;
  }
}

function readOrNull(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}
