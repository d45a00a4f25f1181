/** Tool calls out of JSON values, under all the names that models give their parts. Pure. */
import { isObject, type JsonObject } from '#src/json.ts';
import { readValue } from './loose-values.ts';
import type { Offered, OfferedTool } from './offered.ts';
import { ownJson, textsUnder } from './own-json.ts';
import type { WrittenCall } from './reading.ts';
import { requiredKeys } from './typed-values.ts';

const NAME_KEYS = ['name', 'tool_name', 'function_name', 'function', 'tool', 'recipient_name'];
const ARGUMENT_KEYS = ['arguments', 'parameters', 'args', 'input', 'tool_input', 'params'];

/** The calls that a text of one value makes, with their arguments as written there; null when it makes none. */
export function callsInText(text: string, offered: Offered): readonly WrittenCall[] | null {
  const read = readValue(text);
  const calls = read && callsInJson(read.value, offered);
  if (!calls) return null;
  const texts = textsUnder(ARGUMENT_KEYS, text);
  return calls.map((call, at) => withOwnJson(call, texts[at]));
}

/** The call with its arguments in the model's own JSON, if this text is that. */
export function withOwnJson(call: WrittenCall, text: string | null | undefined): WrittenCall {
  const json = ownJson(text, call.arguments);
  return json === undefined ? call : { ...call, json };
}

/** The calls of one object or of a list of them; null when any of it is not a call. */
function callsInJson(value: unknown, offered: Offered): readonly WrittenCall[] | null {
  const values = Array.isArray(value) ? value : [value];
  const calls: WrittenCall[] = [];
  for (const item of values) {
    const call = isObject(item) ? callInObject(item, offered) : null;
    if (!call) return null;
    calls.push(call);
  }
  return calls.length > 0 ? calls : null;
}

/** A call of the tool by this name; null when there is no such tool or the arguments are none. */
export function callOf(written: string, given: unknown, offered: Offered): WrittenCall | null {
  const tool = offered.find(written);
  const args = tool && argumentsOf(given, tool);
  if (!tool || !args) return null;
  return { name: tool.name, arguments: args, writtenName: tool.name === written ? null : written };
}

/** Whether the object says arguments, be they empty. */
export function hasArguments(item: JsonObject): boolean {
  return isObject(item.function) ? hasArguments(item.function) : givenArguments(item) !== undefined;
}

function callInObject(item: JsonObject, offered: Offered): WrittenCall | null {
  const inner = item.function;
  if (isObject(inner)) return callInObject(inner, offered);
  for (const key of NAME_KEYS) {
    const name = item[key];
    if (typeof name === 'string') return callOf(name, givenArguments(item), offered);
  }
  // Apertus: {"get_weather": {"city": "Paris"}}.
  const entries = Object.entries(item);
  const [only] = entries;
  return only && entries.length === 1 && isObject(only[1]) ? callOf(only[0], only[1], offered) : null;
}

function givenArguments(item: JsonObject): unknown {
  const key = ARGUMENT_KEYS.find((name) => item[name] !== undefined);
  return key === undefined ? undefined : item[key];
}

/** Arguments as an object; a text is read once, and none at all will do for a tool that wants none. */
function argumentsOf(given: unknown, tool: OfferedTool): JsonObject | null {
  if (isObject(given)) return given;
  if (typeof given === 'string' && given.trim() !== '') {
    const read = readValue(given);
    return read && isObject(read.value) ? read.value : null;
  }
  const isNone = given === undefined || given === null || given === '';
  return isNone && requiredKeys(tool.parameters).length === 0 ? {} : null;
}
