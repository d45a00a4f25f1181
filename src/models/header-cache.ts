/** Remembers what headers say, for as long as the files stay the same: the scheduler asks often and must not wait. */

import { readGguf } from '#src/gguf/read.ts';
import { folderState } from '#src/mlx/folder.ts';
import { readMlx } from '#src/mlx/read.ts';
import type { ModelFacts } from './facts.ts';
import { statOrNull } from './file-look.ts';

/**
 * Tells one state of a file from another; of an MLX folder, its weights' size and the newest change that matters. Two
 * fine-tunes may be of one size and, out of one archive, of one time: then only the inode differs.
 */
export type FileStamp = { readonly sizeBytes: number; readonly modifiedMs: number; readonly inode: number };

/** A listing looks at every model: with less room than there are models, it would read every header every time. */
const FILES_MAX = 10_000;
/** Real facts are some kilobytes, nearly all of it the chat template; a file may bring sixteen megabytes. */
const CHARS_MAX = 64 << 20;
const CHARS_PER_LAYER = 50;

type Entry = { readonly stamp: FileStamp; readonly facts: ModelFacts; readonly chars: number };

/** Reads headers, each state of a file once. */
export class HeaderCache {
  readonly #entries = new Map<string, Entry>();
  #chars = 0;

  /** The facts of a GGUF file or an MLX folder as it is now. Throws Fault('not-found') or Fault('unprocessable'). */
  factsOf(path: string): ModelFacts {
    const stamp = stampOf(path);
    const held = this.#entries.get(path);
    if (held && stamp && isSameState(held.stamp, stamp)) return held.facts;
    this.#forget(path);
    const facts = statOrNull(path)?.isDirectory() ? readMlx(path) : readGguf(path);
    if (stamp) this.#remember(path, { stamp, facts, chars: charsOf(facts) });
    return facts;
  }

  #remember(path: string, entry: Entry): void {
    this.#entries.set(path, entry);
    this.#chars += entry.chars;
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= FILES_MAX && this.#chars <= CHARS_MAX) return;
      this.#forget(oldest);
    }
  }

  #forget(path: string): void {
    this.#chars -= this.#entries.get(path)?.chars ?? 0;
    this.#entries.delete(path);
  }
}

/** What facts take in memory, roughly. */
function charsOf({ chatTemplate, namedTemplates, layers }: ModelFacts): number {
  const templates = [chatTemplate ?? '', ...namedTemplates.map(({ text }) => text)];
  return templates.reduce((sum, text) => sum + text.length, layers.length * CHARS_PER_LAYER);
}

/** The stamp of a file or an MLX folder now; null when none is there, or can be reached. Never throws. */
export function stampOf(path: string): FileStamp | null {
  const stat = statOrNull(path);
  if (stat?.isDirectory()) {
    const state = folderState(path);
    return state ? { sizeBytes: state.weightsBytes, modifiedMs: state.modifiedMs, inode: stat.ino } : null;
  }
  return stat ? { sizeBytes: stat.size, modifiedMs: Math.floor(stat.mtimeMs), inode: stat.ino } : null;
}

/** Whether two stamps are of one state. */
export function isSameState(a: FileStamp, b: FileStamp): boolean {
  return a.sizeBytes === b.sizeBytes && a.modifiedMs === b.modifiedMs && a.inode === b.inode;
}
