/** Small mismatches between a value and its schema, mended where only one thing can be meant. Pure. */
import { isObject, type JsonObject } from '#src/json.ts';
import { pointedAt } from './references.ts';

const DEPTH_MAX = 50;

/**
 * The value as the schema wants it, as far as that is beyond doubt: a number written as text, a text written as
 * number, JSON written as text, one item in place of a list, a word of an `enum` in other letters, `null` for what may
 * be left out. What cannot be mended stays as it is.
 */
export function fitArguments(schema: unknown, value: unknown): unknown {
  return fit(isObject(schema) ? schema : {}, schema, value, 0);
}

function fit(root: JsonObject, written: unknown, value: unknown, depth: number): unknown {
  const schema = followed(root, written);
  if (!schema || depth > DEPTH_MAX) return value;
  const fitted = typed(schema, value);
  if (Array.isArray(fitted)) {
    const { items } = schema;
    return isObject(items) ? fitted.map((each) => fit(root, items, each, depth + 1)) : fitted;
  }
  return isObject(fitted) && isObject(schema.properties)
    ? fitObject(root, schema, schema.properties, fitted, depth)
    : fitted;
}

function fitObject(
  root: JsonObject,
  schema: JsonObject,
  properties: JsonObject,
  value: JsonObject,
  depth: number,
): unknown {
  const required: readonly unknown[] = Array.isArray(schema.required) ? schema.required : [];
  const entries = Object.entries(value).flatMap(([name, inner]): [string, unknown][] => {
    const part = Object.hasOwn(properties, name) ? followed(root, properties[name]) : null;
    if (!part) return [[name, inner]];
    if (inner === null && !required.includes(name) && typesOf(part).length > 0 && !typesOf(part).includes('null'))
      return [];
    return [[name, fit(root, part, inner, depth + 1)]];
  });
  return Object.fromEntries(entries);
}

function followed(root: JsonObject, schema: unknown): JsonObject | null {
  if (!isObject(schema)) return null;
  return typeof schema.$ref === 'string' ? pointedAt(root, schema.$ref) : schema;
}

function typesOf({ type }: JsonObject): readonly unknown[] {
  return Array.isArray(type) ? type : type === undefined ? [] : [type];
}

/** The value with the schema's type, when there is one type and one way. */
function typed(schema: JsonObject, value: unknown): unknown {
  const [type, ...others] = typesOf(schema).filter((name) => name !== 'null');
  if (others.length > 0) return value;
  if (typeof value === 'string') return fromText(schema, type, value);
  if (type === 'string' && typeof value === 'number') return String(value);
  if (type === 'array' && value !== null && value !== undefined && !Array.isArray(value)) return [value];
  return value;
}

function fromText(schema: JsonObject, type: unknown, text: string): unknown {
  const trimmed = text.trim();
  switch (type) {
    case 'integer':
      return /^-?\d{1,15}$/.test(trimmed) ? Number(trimmed) : text;
    case 'number':
      return /^-?\d{1,15}(?:\.\d{1,15})?(?:[eE][-+]?\d{1,2})?$/.test(trimmed) ? Number(trimmed) : text;
    case 'boolean':
      return /^(?:true|false)$/i.test(trimmed) ? trimmed.toLowerCase() === 'true' : text;
    case 'object':
    case 'array':
      return structured(type, text);
    default:
      return wordOf(schema, text);
  }
}

/** A list or an object that was written as text; one text where a list is wanted is its only item. */
function structured(type: 'object' | 'array', text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    if (type === 'array' ? Array.isArray(value) : isObject(value)) return value;
  } catch {
    // It is a text, not JSON.
  }
  return type === 'array' ? [text] : text;
}

function wordOf({ enum: words }: JsonObject, text: string): unknown {
  if (!Array.isArray(words) || words.includes(text)) return text;
  const alike = words.filter((word) => typeof word === 'string' && word.toLowerCase() === text.trim().toLowerCase());
  return alike.length === 1 ? alike[0] : text;
}
