/** Reads the facts of a GGUF file: bounded, without running anything, in a few milliseconds. */
import { closeSync, fstatSync, readSync } from 'node:fs';
import { basename } from 'node:path';
import { Fault } from '#src/faults.ts';
import type { ModelFacts } from '#src/models/facts.ts';
import { openRegular } from '#src/models/file-look.ts';
import { factsOf } from './facts.ts';
import { readHeader } from './header.ts';

/** Where bytes come from, at once. A remote source would answer with promises, and drive `readHeader` itself. */
export interface ByteSource {
  readonly size: number;
  /** The first `length` bytes, or all when there are fewer. */
  prefix(length: number): Uint8Array;
}

const FIRST_BYTES = 1 << 20;

/**
 * Reads a local file's facts. Throws only Fault('not-found') or Fault('unprocessable'), with a sentence that repeats
 * nothing of the file's content. Follows symbolic links, as model caches use them; refuses all but regular files.
 */
export function readGguf(path: string): ModelFacts {
  const descriptor = openRegular(path);
  try {
    return readGgufSource(fileSource(descriptor), basename(path));
  } catch (cause) {
    if (cause instanceof Fault) throw cause;
    throw new Fault('unprocessable', `${basename(path)} cannot be read.`, { cause });
  } finally {
    closeSync(descriptor);
  }
}

/** Reads the facts from any source whose bytes are at hand. */
export function readGgufSource(source: ByteSource, fileName: string): ModelFacts {
  for (let wanted = FIRST_BYTES; ; ) {
    const step = readHeader(source.prefix(Math.min(wanted, source.size)), source.size);
    if (step.kind === 'header') return factsOf(step.header, fileName);
    // Doubling keeps the work of starting over below the work of reading on; `readHeader` bounds the size.
    wanted = Math.max(step.bytes, wanted * 2);
  }
}

function fileSource(descriptor: number): ByteSource {
  const { size } = fstatSync(descriptor);
  let held = new Uint8Array(0);
  return {
    size,
    prefix(length) {
      if (length <= held.length) return held.subarray(0, length);
      const grown = new Uint8Array(length);
      grown.set(held);
      let filled = held.length;
      while (filled < length) {
        const got = readSync(descriptor, grown, filled, length - filled, filled);
        if (got === 0) break;
        filled += got;
      }
      held = grown.subarray(0, filled);
      if (filled < length) throw new Fault('unprocessable', 'The file became shorter while it was read.');
      return held;
    },
  };
}
