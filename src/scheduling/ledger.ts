/**
 * The account of memory: what each model holds, from the decision to start it until its process is gone. The sum
 * exceeds the budget only when the budget shrinks under it.
 */
import { assert } from '#src/assert.ts';
import type { Footprint, ModelId } from '#src/models/model.ts';

/** Keeps the reservations. */
export class Ledger {
  readonly #entries = new Map<ModelId, Footprint>();
  #reservedBytes = 0;

  /** What all hold together. */
  get reservedBytes(): number {
    return this.#reservedBytes;
  }

  /** What one model holds; null when nothing. */
  of(modelId: ModelId): Footprint | null {
    return this.#entries.get(modelId) ?? null;
  }

  /** Takes memory for a model. Whoever calls has asked admission in the same turn of the event loop. */
  reserve(modelId: ModelId, footprint: Footprint, budgetBytes: number): void {
    assert(!this.#entries.has(modelId), `no reservation of ${modelId} before its own`);
    assert(this.#reservedBytes + footprint.totalBytes <= budgetBytes, 'reservations within the budget');
    this.#entries.set(modelId, footprint);
    this.#reservedBytes += footprint.totalBytes;
  }

  /** Gives back what a model held; harmless when it held nothing. */
  release(modelId: ModelId): void {
    const footprint = this.#entries.get(modelId);
    if (!footprint) return;
    this.#entries.delete(modelId);
    this.#reservedBytes -= footprint.totalBytes;
  }

  /** All reservations, in the order in which they were made. */
  entries(): readonly { readonly modelId: ModelId; readonly footprint: Footprint }[] {
    return [...this.#entries].map(([modelId, footprint]) => ({ modelId, footprint }));
  }
}
