/** What stands where a model's name belongs. */
import { Fault } from '#src/faults.ts';
import type { JsonObject } from '#src/json.ts';

/**
 * Throws Fault('invalid-request') when `model` is there and no text: taken for absent, it would be answered by another
 * model than was meant.
 */
export function refuseOddModel({ model }: JsonObject): void {
  if (model === undefined || model === null || typeof model === 'string') return;
  throw new Fault('invalid-request', `model is of type ${typeof model}; a name is expected.`);
}
