/** The repairs of one answer, in order, as one stage. */
import type { RepairContext, Sink, Stage } from './stage.ts';

/** The chain for one answer; null when nothing in it could need mending, so that its bytes may pass unread. */
export function repairChain(_context: RepairContext, _sink: Sink): Stage | null {
  return null;
}
