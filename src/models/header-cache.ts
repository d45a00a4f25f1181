/** Remembers what headers say, for as long as the files stay the same: the scheduler asks often and must not wait. */

import { readGguf } from '#src/gguf/read.ts';
import { folderState } from '#src/mlx/folder.ts';
import { readMlx } from '#src/mlx/read.ts';
import type { ModelFacts } from './facts.ts';
import { statOrNull } from './file-look.ts';

/** Tells one state of a file from another; of an MLX folder, its weights' size and the newest change that matters. */
export type FileStamp = { readonly sizeBytes: number; readonly modifiedMs: number };

const FILES_MAX = 200;

/** Reads headers, each state of a file once. */
export class HeaderCache {
  readonly #entries = new Map<string, { stamp: FileStamp; facts: ModelFacts }>();

  /** The facts of a GGUF file or an MLX folder as it is now. Throws Fault('not-found') or Fault('unprocessable'). */
  factsOf(path: string): ModelFacts {
    const stamp = stampOf(path);
    const held = this.#entries.get(path);
    if (held && stamp && isSame(held.stamp, stamp)) return held.facts;
    this.#entries.delete(path);
    const facts = statOrNull(path)?.isDirectory() ? readMlx(path) : readGguf(path);
    if (stamp) this.#remember(path, { stamp, facts });
    return facts;
  }

  #remember(path: string, entry: { stamp: FileStamp; facts: ModelFacts }): void {
    this.#entries.set(path, entry);
    const [oldest] = this.#entries.keys();
    if (this.#entries.size > FILES_MAX && oldest !== undefined) this.#entries.delete(oldest);
  }
}

/** The stamp of a file or an MLX folder now; null when none is there, or can be reached. Never throws. */
export function stampOf(path: string): FileStamp | null {
  const stat = statOrNull(path);
  if (stat?.isDirectory()) {
    const state = folderState(path);
    return state ? { sizeBytes: state.weightsBytes, modifiedMs: state.modifiedMs } : null;
  }
  return stat ? { sizeBytes: stat.size, modifiedMs: Math.floor(stat.mtimeMs) } : null;
}

function isSame(a: FileStamp, b: FileStamp): boolean {
  return a.sizeBytes === b.sizeBytes && a.modifiedMs === b.modifiedMs;
}
