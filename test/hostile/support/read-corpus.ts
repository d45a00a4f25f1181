/** Reads headers in a process of its own, so that its peak memory is theirs: `bun read-corpus.ts FILE SEED COUNT`. */
import { Fault } from '#src/faults.ts';
import { readGgufSource } from '#src/gguf/read.ts';
import { mutants, PUBLISHED } from './gguf-corpus.ts';

const [path = '', seed = '1', count = '0'] = process.argv.slice(2);
const original = await Bun.file(path).bytes();
const HEADER_BYTES_MAX = 60_000;
const small = original.slice(0, 1 << 20);
const outcome = { read: 0, refused: 0, slowestMs: 0, wrong: '' };

const read = (what: string, bytes: Uint8Array, size = bytes.length): void => {
  const startedMs = performance.now();
  try {
    readGgufSource({ size, prefix: (length) => prefixOf(bytes, length) }, 'mutant.gguf');
    outcome.read += 1;
  } catch (cause) {
    if (!(cause instanceof Fault) || cause.kind !== 'unprocessable') outcome.wrong ||= `${what}: ${cause}`;
    outcome.refused += 1;
  }
  outcome.slowestMs = Math.max(outcome.slowestMs, performance.now() - startedMs);
};

/** Behind the header there is nothing here; a file would have weights there, which nobody reads. */
function prefixOf(bytes: Uint8Array, length: number): Uint8Array {
  if (length > bytes.length) throw new Fault('unprocessable', 'The header does not end where headers end.');
  return bytes.subarray(0, length);
}

// Once for the compiler.
read('warm-up', original);
outcome.slowestMs = 0;
const beforeBytes = process.memoryUsage().rss;
let peakBytes = beforeBytes;
let made = 0;
// The weights themselves are never looked at: the size says that they are there.
for (const mutant of mutants(small, HEADER_BYTES_MAX, Number(count), Number(seed))) {
  read(`mutant ${made}`, mutant, mutant.length < small.length ? mutant.length : original.length);
  made += 1;
  if (made % 50 !== 0) continue;
  peakBytes = Math.max(peakBytes, process.memoryUsage().rss);
  Bun.gc(true);
}
for (const [what, bytes] of PUBLISHED) {
  Bun.gc(true);
  read(what, bytes);
  peakBytes = Math.max(peakBytes, process.memoryUsage().rss);
}
process.stdout.write(JSON.stringify({ ...outcome, grownBytes: peakBytes - beforeBytes }));
