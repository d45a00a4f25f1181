/** How many Flows a request has come through: two that serve each other's models would pass it round for ever. */
import { Fault } from '#src/faults.ts';

/** Told to engines that may be another Flow. */
export const HOPS_HEADER = 'x-flow-hops';
/** Three Flows in a row are somebody's wish, if an odd one; in a circle of two, that is the second round. */
const HOPS_MAX = 2;

/** The Flows that a request came through before this one. Throws Fault('invalid-request') when there are too many. */
export function hopsOf(headers: Headers): number {
  const told = headers.get(HOPS_HEADER);
  const hops = told !== null && /^\d{1,4}$/.test(told) ? Number(told) : 0;
  if (hops <= HOPS_MAX) return hops;
  // Not a 5xx, nor 409: clients repeat those, and each repetition would go round again.
  throw new Fault('invalid-request', `This request has come through ${hops} Flows: they serve each other's models.`, {
    hint: 'Disconnect the model in one of them: flow external disconnect MODEL.',
  });
}
