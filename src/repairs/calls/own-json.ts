/** The arguments of calls as the model wrote them: what is parsed and written anew loses digits. Pure. */
import type { JsonObject } from '#src/json.ts';
import { TopValues } from '../top-values.ts';
import { jsonEndAt } from './json-end.ts';
import { skipWhite } from './reading.ts';

const NESTED_MAX = 4;

/**
 * The texts under one of these keys, by the order of the keys: of the object, or of each object of the list, that a
 * JSON text is. Null where there is none to be seen.
 */
export function textsUnder(keys: readonly string[], text: string): readonly (string | null)[] {
  const start = skipWhite(text, 0);
  if (text[start] !== '[') return [textUnder(keys, text, 0)];
  const texts: (string | null)[] = [];
  for (let at = skipWhite(text, start + 1); text[at] === '{'; at = skipWhite(text, at)) {
    const { length } = jsonEndAt(text, at);
    if (length === null) return texts;
    texts.push(textUnder(keys, text.slice(at, at + length), 0));
    at = skipWhite(text, at + length);
    if (text[at] === ',') at += 1;
  }
  return texts;
}

/** The text, or the text in it when it is a JSON string, if it is JSON for just these arguments; else undefined. */
export function ownJson(text: string | null | undefined, args: JsonObject): string | undefined {
  if (!text) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    const own = typeof value === 'string' ? value : text;
    const read: unknown = typeof value === 'string' ? JSON.parse(value) : value;
    return JSON.stringify(read) === JSON.stringify(args) ? own.trim() : undefined;
  } catch {
    return undefined;
  }
}

function textUnder(keys: readonly string[], object: string, depth: number): string | null {
  const values = new TopValues((key, first) => keys.includes(key) || (key === 'function' && first === '{'));
  values.see(object);
  const found = new Map(values.take().map(({ key, start, end }) => [key, object.slice(start, end)]));
  const inner = found.get('function');
  if (inner !== undefined && depth < NESTED_MAX) return textUnder(keys, inner, depth + 1);
  for (const key of keys) {
    const text = found.get(key);
    if (text !== undefined) return text;
  }
  return null;
}
