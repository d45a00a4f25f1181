/** How busy Flow is, from the state of things: shown on the Monitor and in the status bar of every page. */
import type { FleetModel, FleetSnapshot } from '#src/scheduling/lease.ts';
import type { FiguresData } from '#views/monitor/figures.tsx';

/** How busy Flow is. */
export function figures(fleet: FleetSnapshot, open: number, tokensPerS: number, monotonicMs: number): FiguresData {
  const sinceMs = fleet.queue.map((entry) => entry.sinceMs);
  return {
    tokensPerS,
    active: Math.max(0, open - fleet.queue.length),
    waiting: fleet.queue.length,
    longestWaitS: sinceMs.length === 0 ? null : (monotonicMs - Math.min(...sinceMs)) / 1000,
    swaps: fleet.swaps,
    loaded: fleet.models.filter(({ state }) => state.phase === 'ready').length,
    heldBytes: fleet.models.map(heldBytes).reduce((sum, bytes) => sum + bytes, 0),
  };
}

/** What a model holds: measured when it was, else what the ledger keeps for it. */
export function heldBytes(model: FleetModel): number {
  return model.measuredBytes ?? model.reserved?.totalBytes ?? 0;
}
