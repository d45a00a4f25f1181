/** What every translated protocol says of an answer that broke off. */
import { Fault } from '#src/faults.ts';

/** The end that came without a finish: never taken for a good one. */
export function unfinished(): Fault {
  return new Fault('engine-died', 'The answer broke off: the engine ended it without saying that it was complete.');
}
