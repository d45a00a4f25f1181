/** Recovers answers on which the engine's own parser of tool calls gave up. */
import type { Fault } from '#src/faults.ts';

/** Whether the engine failed on what its model wrote, and not on what it was asked. */
export function isParserFault(fault: Fault): boolean {
  return fault.kind === 'engine-refused' && /failed to parse|does not match the expected/i.test(fault.message);
}
