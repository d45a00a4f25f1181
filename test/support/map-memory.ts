/** A memory of responses for tests: keeps all of them, and what it was told about each. */
import type { KeptResponse, ResponseMemory } from '#src/responses/memory.ts';

export type MapMemory = ResponseMemory & {
  readonly kept: Map<string, { readonly kept: KeptResponse; readonly isLasting: boolean }>;
};

export function mapMemory(): MapMemory {
  const kept: MapMemory['kept'] = new Map();
  return {
    kept,
    find: (id) => kept.get(id)?.kept ?? null,
    keep: (response, { isLasting }) => void kept.set(response.id, { kept: response, isLasting }),
    forget: (id) => kept.delete(id),
  };
}
