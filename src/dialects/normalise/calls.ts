/** Tool calls in history, in one form: a list, arguments as text that is JSON, ids that templates accept. */
import type { ChatMessage, ToolCall } from '#src/dialects/chat-request.ts';
import { isObject, jsonOrNull } from '#src/json.ts';

const INVALID = 'arguments of an earlier tool call that are no JSON object were wrapped';
const SHORT_ID = /^[A-Za-z0-9]{9}$/;
const SHORT_ID_LENGTH = 9;
const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** Fields of a message of before there were tools. */
type Legacy = ChatMessage & { readonly function_call?: unknown };

/** Calls with their arguments as text; no empty list of calls, and none under its old name. */
export function tidyCalls(message: Legacy, changes: Set<string>): ChatMessage {
  const { tool_calls: given, function_call: legacy, ...kept } = message;
  if (given && given.length > 0) {
    const tidied = given.map((call) => tidyCall(call, changes));
    const isSame = legacy === undefined && tidied.every((call, index) => call === given[index]);
    return isSame ? message : { ...kept, tool_calls: tidied };
  }
  if (isObject(legacy) && typeof legacy.name === 'string') {
    const called = { name: legacy.name, arguments: argumentsText(legacy.arguments, changes) };
    return { ...kept, tool_calls: [{ id: '', type: 'function', function: called }] };
  }
  return given === undefined && legacy === undefined ? message : kept;
}

/**
 * Gives an id to each call that has none, by its place among all calls: the same in the next turn. Results without an
 * id find their call by their order.
 */
export function nameCalls(messages: readonly ChatMessage[]): readonly ChatMessage[] {
  let count = 0;
  const named = messages.map((message) => {
    const calls = message.tool_calls;
    if (!calls) return message;
    const withIds = calls.map((call) => {
      count += 1;
      return typeof call.id === 'string' && call.id !== '' ? call : { ...call, id: `call_${count}` };
    });
    return withIds.every((call, index) => call === calls[index]) ? message : { ...message, tool_calls: withIds };
  });
  return named.every((message, index) => message === messages[index]) ? messages : named;
}

/**
 * Ids of nine letters or digits, for templates that refuse any other (Mistral's). An id that has the form stays; the
 * same id always gives the same one, so that calls and results keep finding each other and the prompt stays the same.
 */
export function shortenIds(messages: readonly ChatMessage[]): readonly ChatMessage[] {
  const shortened = messages.map((message) => {
    const { tool_calls: calls, tool_call_id: id } = message;
    if (id !== undefined) return shortId(id) === id ? message : { ...message, tool_call_id: shortId(id) };
    if (!calls || calls.every((call) => shortId(call.id) === call.id)) return message;
    return { ...message, tool_calls: calls.map((call) => ({ ...call, id: shortId(call.id) })) };
  });
  return shortened.every((message, index) => message === messages[index]) ? messages : shortened;
}

function shortId(id: string): string {
  if (typeof id !== 'string' || SHORT_ID.test(id)) return id;
  const hash = new Bun.CryptoHasher('sha256').update(id).digest();
  return [...hash.subarray(0, SHORT_ID_LENGTH)].map((byte) => DIGITS[byte % DIGITS.length]).join('');
}

function tidyCall(call: ToolCall, changes: Set<string>): ToolCall {
  if (!isObject(call.function)) return call;
  const json = argumentsText(call.function.arguments, changes);
  return json === call.function.arguments ? call : { ...call, function: { ...call.function, arguments: json } };
}

/**
 * Some clients keep the arguments as an object, as their model once gave them. What is no JSON object, because a call
 * was cut off, would fail in templates that print each argument, in this turn and in all later ones.
 */
function argumentsText(given: unknown, changes: Set<string>): string {
  if (isObject(given)) return JSON.stringify(given);
  const text = typeof given === 'string' ? given : JSON.stringify(given ?? '');
  if (given === null || given === undefined || text.trim() === '') return '{}';
  if (isObject(jsonOrNull(text))) return text;
  changes.add(INVALID);
  return JSON.stringify({ INVALID_JSON: text });
}
