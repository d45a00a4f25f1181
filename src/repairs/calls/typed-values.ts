/** Gives arguments the types of the tool's own schema, where what was written can be read as such in one way. Pure. */
import { isObject, type Json, type JsonObject } from '#src/json.ts';
import { objectOf, readValue } from './loose-values.ts';

const REFERENCES_MAX = 8;
const DEPTH_MAX = 32;
const INTEGER = /^[-+]?\d{1,16}(?:\.0+)?$/;
const NUMBER = /^[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?$/;

/** Arguments after typing. */
export type Typed = {
  /** The same object when nothing changed. */
  readonly args: JsonObject;
  readonly changed: boolean;
};

/**
 * Arguments with the types of the schema. A text where the schema wants a number, a boolean, an object or a list is
 * read as one if it is one; a number or boolean where it wants nothing but text becomes text. What the schema allows
 * as it is, what it does not know and what cannot be read otherwise stays.
 */
export function typedArguments(schema: Json | undefined, args: JsonObject): Typed {
  const typed = typedObject(args, schema, schema, 0);
  return { args: typed, changed: typed !== args };
}

/**
 * Arguments from a format that writes all values as text. Text stays text where the schema allows it, byte for byte.
 * Where the schema says nothing of a key, only what is plainly JSON is read as such: a list, an object, `true`,
 * `false`, `null`, or a number just as JSON would write it.
 */
export function typedTexts(schema: Json | undefined, texts: Iterable<readonly [string, string]>): JsonObject {
  const entries: [string, unknown][] = [];
  for (const [key, text] of texts) entries.push([key, typedText(propertyOf(schema, schema, key), schema, text)]);
  return objectOf(entries);
}

/** The keys that a schema requires. */
export function requiredKeys(schema: Json | undefined): readonly string[] {
  const resolved = resolve(schema, schema);
  return Array.isArray(resolved?.required) ? resolved.required.filter((key) => typeof key === 'string') : [];
}

/** Whether every required key is among these. */
export function hasRequired(schema: Json | undefined, entries: readonly (readonly [string, unknown])[]): boolean {
  return requiredKeys(schema).every((key) => entries.some(([name]) => name === key));
}

/** Whether arguments could be meant for this schema: all that is required is there, and nothing it does not know. */
export function fitsSchema(schema: Json | undefined, args: JsonObject): boolean {
  const known = resolve(schema, schema)?.properties;
  const isKnown = (key: string): boolean => isObject(known) && Object.hasOwn(known, key);
  return hasRequired(schema, Object.entries(args)) && Object.keys(args).every(isKnown);
}

/** The schema of one key; undefined when the schema does not say. */
function propertyOf(schema: unknown, root: unknown, key: string): unknown {
  const resolved = resolve(schema, root);
  const { properties, additionalProperties } = resolved ?? {};
  if (isObject(properties) && Object.hasOwn(properties, key)) return properties[key];
  return isObject(additionalProperties) ? additionalProperties : undefined;
}

function typedText(schema: unknown, root: unknown, text: string): unknown {
  const types = typesOf(schema, root, 0);
  const trimmed = text.trim();
  if (types.size === 0) return plainlyJson(trimmed, text);
  // Templates write a null as `null` whatever the type; a tool that allows it has no other way to be told.
  if (types.has('null') && trimmed === 'null') return null;
  if (types.has('string')) return text;
  const read = readAs(trimmed, types);
  return read === undefined ? text : typedValue(read, schema, root, 0);
}

/** What is JSON beyond doubt, else the text. */
function plainlyJson(trimmed: string, text: string): unknown {
  if (trimmed === 'true') return true;
  if (trimmed === 'false') return false;
  if (trimmed === 'null') return null;
  const number = Number(trimmed);
  if (trimmed !== '' && String(number) === trimmed && Number.isFinite(number)) return number;
  if (!/^[[{]/.test(trimmed)) return text;
  try {
    return JSON.parse(trimmed);
  } catch {
    return text;
  }
}

/** The text as one of these types; undefined when it is none of them. */
function readAs(text: string, types: ReadonlySet<string>): unknown {
  if (types.has('boolean') && /^true$/i.test(text)) return true;
  if (types.has('boolean') && /^false$/i.test(text)) return false;
  if ((types.has('integer') || types.has('number')) && INTEGER.test(text)) return wholeNumber(text);
  if (types.has('number') && NUMBER.test(text)) return finite(text);
  if (types.has('null') && (text === 'null' || text === 'None')) return null;
  if (!(types.has('object') || types.has('array'))) return undefined;
  const read = readValue(text);
  if (!read) return undefined;
  if (types.has('object') && isObject(read.value)) return read.value;
  return types.has('array') && Array.isArray(read.value) ? read.value : undefined;
}

function wholeNumber(text: string): number | undefined {
  const number = Number(text);
  return Number.isSafeInteger(number) ? number : undefined;
}

function finite(text: string): number | undefined {
  const number = Number(text);
  return Number.isFinite(number) ? number : undefined;
}

function typedValue(value: unknown, schema: unknown, root: unknown, depth: number): unknown {
  if (depth > DEPTH_MAX) return value;
  if (isObject(value)) return typedObject(value, branchFor(value, schema, root), root, depth);
  if (Array.isArray(value)) return typedList(value, schema, root, depth);
  const types = typesOf(schema, root, 0);
  if (types.size === 0) return value;
  if (typeof value === 'string') {
    if (types.has('string')) return value;
    const read = readAs(value.trim(), types);
    return read === undefined ? value : typedValue(read, schema, root, depth + 1);
  }
  const isPlain = typeof value === 'number' || typeof value === 'boolean';
  const wantsText = [...types].every((type) => type === 'string' || type === 'null');
  return isPlain && wantsText && types.has('string') ? String(value) : value;
}

function typedObject(value: JsonObject, schema: unknown, root: unknown, depth: number): JsonObject {
  let isChanged = false;
  const entries: [string, unknown][] = [];
  for (const [key, item] of Object.entries(value)) {
    const typed = typedValue(item, propertyOf(schema, root, key), root, depth + 1);
    if (typed !== item) isChanged = true;
    entries.push([key, typed]);
  }
  return isChanged ? objectOf(entries) : value;
}

function typedList(value: readonly unknown[], schema: unknown, root: unknown, depth: number): readonly unknown[] {
  const items = resolve(branchWith(schema, root, 'array'), root)?.items;
  if (!isObject(items)) return value;
  const typed = value.map((item) => typedValue(item, items, root, depth + 1));
  return typed.some((item, at) => item !== value[at]) ? typed : value;
}

/** Of several schemas for an object, the first whose required keys are all there. */
function branchFor(value: JsonObject, schema: unknown, root: unknown): unknown {
  const resolved = resolve(schema, root);
  const branches = resolved ? alternatives(resolved) : [];
  if (branches.length === 0) return schema;
  return branches.find((branch) => {
    const one = resolve(branch, root);
    const required = Array.isArray(one?.required) ? one.required : [];
    return typesOf(branch, root, 0).has('object') && required.every((key) => Object.hasOwn(value, String(key)));
  });
}

function branchWith(schema: unknown, root: unknown, type: string): unknown {
  const resolved = resolve(schema, root);
  const branches = resolved ? alternatives(resolved) : [];
  return branches.length === 0 ? schema : branches.find((branch) => typesOf(branch, root, 0).has(type));
}

function alternatives(schema: JsonObject): readonly unknown[] {
  const { anyOf, oneOf } = schema;
  return Array.isArray(anyOf) ? anyOf : Array.isArray(oneOf) ? oneOf : [];
}

/** The JSON types that a schema allows; empty = any. */
function typesOf(schema: unknown, root: unknown, depth: number): ReadonlySet<string> {
  const resolved = depth > REFERENCES_MAX ? null : resolve(schema, root);
  if (!resolved) return new Set();
  const { type, allOf, enum: choices } = resolved;
  const types = new Set<string>();
  const named = Array.isArray(type) ? type : type === undefined ? [] : [type];
  for (const name of named) if (typeof name === 'string') types.add(name);
  if (types.size === 0 && Array.isArray(choices)) for (const choice of choices) types.add(typeName(choice));
  if (types.size === 0 && 'const' in resolved) types.add(typeName(resolved.const));
  const branches = alternatives(resolved);
  if (types.size === 0 && branches.length > 0) {
    for (const branch of branches) {
      const inner = typesOf(branch, root, depth + 1);
      if (inner.size === 0) return inner;
      for (const name of inner) types.add(name);
    }
  }
  if (types.size === 0 && Array.isArray(allOf)) {
    for (const part of allOf) for (const name of typesOf(part, root, depth + 1)) types.add(name);
  }
  if (types.size === 0 && isObject(resolved.properties)) types.add('object');
  if (types.size === 0 && resolved.items !== undefined) types.add('array');
  if (types.size > 0 && resolved.nullable === true) types.add('null');
  return types;
}

function typeName(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  return typeof value;
}

/** The schema itself, after `$ref`s within the same document; null when it says nothing. */
function resolve(schema: unknown, root: unknown): JsonObject | null {
  let current: unknown = schema;
  for (let hops = 0; hops <= REFERENCES_MAX; hops += 1) {
    if (!isObject(current)) return null;
    const reference = current.$ref;
    if (typeof reference !== 'string') return current;
    current = pointedAt(reference, root);
  }
  return null;
}

function pointedAt(reference: string, root: unknown): unknown {
  if (!reference.startsWith('#')) return undefined;
  let place: unknown = root;
  for (const part of reference.split('/').slice(1)) {
    const key = part.replaceAll('~1', '/').replaceAll('~0', '~');
    place = isObject(place) && Object.hasOwn(place, key) ? place[key] : undefined;
  }
  return place;
}
