/** What came before a request: the answers it goes on with, and the items it refers to. */
import { invalid } from '#src/dialects/invalid.ts';
import { Fault } from '#src/faults.ts';
import { isGiven, isObject, type JsonObject } from '#src/json.ts';
import type { KeptResponse, ResponseMemory } from '#src/responses/memory.ts';

/** Beyond it no context would hold the conversation. */
const CHAIN_LENGTH_MAX = 10_000;

/** The answers before, the first one first. Throws the Fault that OpenAI's clients know for one that is not kept. */
export function chainBefore(previousId: string | null, memory: ResponseMemory): readonly KeptResponse[] {
  const chain: KeptResponse[] = [];
  for (let id = previousId; id !== null && chain.length < CHAIN_LENGTH_MAX; ) {
    const kept = memory.find(id);
    if (kept === null) throw unknownResponse(id, chain.length > 0);
    chain.push(kept);
    id = kept.previousId;
  }
  return chain.reverse();
}

/** The items of an answer: what was asked, then what was said. A call that was cut off was never made. */
export function itemsOf(kept: KeptResponse): readonly JsonObject[] {
  return [...kept.input, ...outputOf(kept).filter((item) => !isCutCall(item))];
}

function isCutCall({ type, status }: JsonObject): boolean {
  return status === 'incomplete' && (type === 'function_call' || type === 'custom_tool_call');
}

function outputOf({ response }: KeptResponse): readonly JsonObject[] {
  return Array.isArray(response.output) ? response.output.filter((item: unknown) => isObject(item)) : [];
}

/** The prefixes that ids of items have, by type. */
const PREFIXES: { readonly [type: string]: string } = {
  reasoning: 'rs',
  function_call: 'fc',
  function_call_output: 'fco',
  custom_tool_call: 'ctc',
  custom_tool_call_output: 'ctco',
};

/** The id of an item, which also tells to which answer it belongs. */
export function itemId(type: string, requestId: string, place: string): string {
  return `${PREFIXES[type] ?? 'msg'}_${requestId}_${place}`;
}

/** The id of an answer. */
export function responseId(requestId: string): string {
  return `resp_${requestId}`;
}

/**
 * Finds items by their ids, each once: in the conversation so far, then in what is kept. An answer is looked at once,
 * however many of its items are asked for: it may be as long as a body.
 */
export function finder(known: readonly JsonObject[], memory: ResponseMemory): (id: string, path: string) => JsonObject {
  const items = new Map<unknown, JsonObject>();
  const learn = (more: readonly JsonObject[]) => {
    for (const item of more) if (!items.has(item.id) && !isReference(item)) items.set(item.id, item);
  };
  learn(known);
  const looked = new Set<string>();
  const found = new Set<string>();
  return (id, path) => {
    // As OpenAI has it; else a few bytes each would multiply an item of megabytes.
    if (found.has(id)) throw invalid(path, `the item '${id}' is there already; send each item once`);
    found.add(id);
    const requestId = /^[a-z]+_(.+)_[a-z]?\d+$/.exec(id)?.[1];
    if (requestId !== undefined && !items.has(id) && !looked.has(requestId)) {
      looked.add(requestId);
      const kept = memory.find(responseId(requestId));
      if (kept !== null) learn(itemsOf(kept));
    }
    const item = items.get(id);
    if (item !== undefined) return item;
    const details = { path, param: 'input', code: null };
    throw new Fault('not-found', `Item with id '${id}' not found.`, {
      hint: 'Flow keeps items for a day, or as long as `store: true` asks; send the item itself.',
      details,
    });
  };
}

/** A reference may leave its type out; then it has nothing but an id. */
export function isReference({ type, role }: JsonObject): boolean {
  return type === 'item_reference' || (!isGiven(type) && !isGiven(role));
}

function unknownResponse(id: string, isOlder: boolean): Fault {
  const details = { param: 'previous_response_id', code: 'previous_response_not_found' };
  return new Fault('invalid-request', `Previous response with id '${id}' not found.`, {
    hint: isOlder
      ? 'The conversation goes back to it; send the conversation itself.'
      : 'Flow keeps answers for a day, or as long as `store: true` asks; send the conversation itself.',
    details,
  });
}
