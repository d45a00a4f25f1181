/** Adds up what an engine says it has taken, buffer by buffer. */
import type { LogSignal } from '#src/engines/engine.ts';

type Part = Extract<LogSignal, { kind: 'memory' }>['part'];

/**
 * The sums of one load. Processors with instructions of their own for weights (AMX, repacked ARM and x86 kernels) hold
 * them once more in another order. The mapped file they were read from stays resident until the system takes it back,
 * so both show in the log and in resident memory, but only one of them is needed.
 */
export class MemoryTally {
  readonly #bytes: Record<Part, number> = {
    weights: 0,
    'mapped-weights': 0,
    'repacked-weights': 0,
    'kv-cache': 0,
    compute: 0,
  };

  /** Takes one buffer in. */
  add(part: Part, bytes: number): void {
    this.#bytes[part] += bytes;
  }

  /** Weights that are held twice. */
  get copiedBytes(): number {
    return Math.min(this.#bytes['mapped-weights'], this.#bytes['repacked-weights']);
  }

  /** What is needed, by part. */
  get taken(): { readonly weightsBytes: number; readonly kvCacheBytes: number; readonly computeBytes: number } {
    const {
      weights,
      'mapped-weights': mapped,
      'repacked-weights': repacked,
      'kv-cache': kvCache,
      compute,
    } = this.#bytes;
    const weightsBytes = weights + mapped + repacked - this.copiedBytes;
    return { weightsBytes, kvCacheBytes: kvCache, computeBytes: compute };
  }

  /** Resident memory without what is held twice; null stays null. */
  without(residentBytes: number | null): number | null {
    return residentBytes === null ? null : Math.max(0, residentBytes - this.copiedBytes);
  }
}
