/** Remembers what headers say, for as long as the files stay the same: the scheduler asks often and must not wait. */

import { readGguf } from '#src/gguf/read.ts';
import type { ModelFacts } from './facts.ts';
import { statOrNull } from './file-look.ts';

/** Tells one state of a file from another. */
export type FileStamp = { readonly sizeBytes: number; readonly modifiedMs: number };

const FILES_MAX = 200;

/** Reads headers, each state of a file once. */
export class HeaderCache {
  readonly #entries = new Map<string, { stamp: FileStamp; facts: ModelFacts }>();

  /** The facts of a file as it is now. Throws Fault('not-found') or Fault('unprocessable'). */
  factsOf(path: string): ModelFacts {
    const stamp = stampOf(path);
    const held = this.#entries.get(path);
    if (held && stamp && isSame(held.stamp, stamp)) return held.facts;
    this.#entries.delete(path);
    const facts = readGguf(path);
    if (stamp) this.#remember(path, { stamp, facts });
    return facts;
  }

  #remember(path: string, entry: { stamp: FileStamp; facts: ModelFacts }): void {
    this.#entries.set(path, entry);
    const [oldest] = this.#entries.keys();
    if (this.#entries.size > FILES_MAX && oldest !== undefined) this.#entries.delete(oldest);
  }
}

/** The stamp of a file now; null when there is none, or it cannot be reached. Never throws: the scheduler asks. */
export function stampOf(path: string): FileStamp | null {
  const stat = statOrNull(path);
  return stat ? { sizeBytes: stat.size, modifiedMs: Math.floor(stat.mtimeMs) } : null;
}

function isSame(a: FileStamp, b: FileStamp): boolean {
  return a.sizeBytes === b.sizeBytes && a.modifiedMs === b.modifiedMs;
}
