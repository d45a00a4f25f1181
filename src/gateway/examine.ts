/** Asks a silent engine whether it works. */
import { isObject, jsonOrNull } from '#src/json.ts';
import type { Lease } from '#src/scheduling/lease.ts';
import type { EngineClient } from '#src/transport/exchange.ts';
import { keyHeader } from './lend.ts';

/**
 * Whether the engine works on any answer, by its own word. Waits for as long as it says nothing: llama-server answers
 * this from the very loop that generates, so a loop that hangs does not answer. An engine without such a route has
 * shown by its refusal all that can be known.
 */
export async function isWorking(client: EngineClient, lease: Lease, signal: AbortSignal): Promise<boolean> {
  const headers = { ...keyHeader(lease) };
  const answer = await client.send(lease.baseUrl, { method: 'GET', path: '/slots', headers, body: null, signal });
  const slots = jsonOrNull(await answer.text());
  return !Array.isArray(slots) || slots.some((slot) => isObject(slot) && slot.is_processing === true);
}
