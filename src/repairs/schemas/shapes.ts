/** Types, choices, objects and lists as llama.cpp reads them. */
import { isObject, type JsonObject } from '#src/json.ts';
import { mentionsReference } from './bounds.ts';
import { ANY, propertiesOf, type Rule, relaxed, without } from './walk.ts';

const TYPES = new Set(['string', 'number', 'integer', 'boolean', 'null', 'object', 'array']);
/** Words of other languages for the same. */
const ALIASES: Readonly<Record<string, string>> = {
  int: 'integer',
  long: 'integer',
  float: 'number',
  double: 'number',
  decimal: 'number',
  bool: 'boolean',
  str: 'string',
  text: 'string',
  list: 'array',
  dict: 'object',
  map: 'object',
};
/** Keywords whose values the walk goes into by itself. */
const WALKED = new Set([
  'properties',
  'items',
  'prefixItems',
  'additionalProperties',
  'anyOf',
  'oneOf',
  'allOf',
  '$defs',
  'definitions',
  '$ref',
]);

/** A type that JSON Schema does not know is refused, or taken for a rule of the engine's own grammar. */
export const types: Rule = (walk, node, path) => {
  const { type } = node;
  if (type === undefined || (typeof type === 'string' && TYPES.has(type))) return node;
  const list = Array.isArray(type) ? type : [type];
  const known = list.map(typeNamed).filter((name) => name !== null);
  if (Array.isArray(type) && known.length === type.length && known.every((name, at) => name === type[at])) {
    return known.length > 0 ? node : without(node, 'type');
  }
  if (known.length < list.length || known.length === 0) {
    relaxed(walk, path, 'type');
    return without(node, 'type');
  }
  return { ...node, type: Array.isArray(type) ? known : known[0] };
};

function typeNamed(type: unknown): string | null {
  if (typeof type !== 'string') return null;
  const name = type.toLowerCase();
  return TYPES.has(name) ? name : (ALIASES[name] ?? null);
}

/** An empty `enum` or `anyOf` makes an empty grammar; `format: null` is an exception inside the engine. */
export const choices: Rule = (walk, node, path) => {
  let result = node;
  const drop = (key: string) => {
    relaxed(walk, path, key);
    result = without(result, key);
  };
  if (node.format !== undefined && typeof node.format !== 'string') drop('format');
  if (node.enum !== undefined && (!Array.isArray(node.enum) || node.enum.length === 0)) drop('enum');
  for (const key of ['anyOf', 'oneOf']) {
    const branches = node[key];
    if (branches === undefined) continue;
    const possible = Array.isArray(branches) ? branches.filter((branch) => branch !== false) : [];
    if (possible.length === 0) drop(key);
    else if (Array.isArray(branches) && possible.length < branches.length) result = { ...result, [key]: possible };
  }
  return result;
};

/** A `$ref` in a `default`, in `not` or in an example is followed too, and refused when it leads nowhere. */
export const quotedReferences: Rule = (_walk, node) => {
  const quoting = Object.entries(node).filter(
    ([key, value]) => typeof value === 'object' && !WALKED.has(key) && mentionsReference(value),
  );
  return quoting.length === 0 ? node : without(node, ...quoting.map(([key]) => key));
};

/** What an object may hold, where the engine would let it hold less than the schema says, or refuse it. */
export const objects: Rule = (walk, node, path) => {
  let result = node;
  if (node.properties !== undefined && !isObject(node.properties)) result = without(result, 'properties');
  const properties = propertiesOf(result);
  const names = Object.keys(properties);
  const impossible = names.filter((name) => properties[name] === false);
  if (impossible.length > 0) result = { ...result, properties: without(properties, ...impossible) };
  if (names.includes('$ref')) {
    // A property of this name cannot be told from a reference.
    relaxed(walk, path, 'properties');
    result = without(result, 'properties', 'required', 'additionalProperties');
  }
  result = withAdditional(result);
  if (result.patternProperties !== undefined && result.additionalProperties !== true) {
    // Names by a pattern are not read, so that none could be written.
    if (result.properties !== undefined || result.additionalProperties === false) {
      relaxed(walk, path, 'patternProperties');
      result = { ...result, additionalProperties: true };
    }
  }
  if (isOpen(result) && names.some((name) => /[\]\\]/.test(name))) {
    relaxed(walk, path, 'properties');
    result = without(result, 'properties', 'required', 'additionalProperties');
  }
  return withRequired(result);
};

function withAdditional(node: JsonObject): JsonObject {
  const { additionalProperties: more } = node;
  if (more === undefined || typeof more === 'boolean') return node;
  if (!isObject(more)) return without(node, 'additionalProperties');
  return Object.keys(more).length === 0 ? { ...node, additionalProperties: true } : node;
}

function isOpen({ additionalProperties: more }: JsonObject): boolean {
  return more === true || isObject(more);
}

/** A name that is required and not described could not be written. */
function withRequired(node: JsonObject): JsonObject {
  const { required, properties } = node;
  if (!Array.isArray(required) || !isObject(properties)) return node;
  const missing = required.filter((name) => typeof name === 'string' && !Object.hasOwn(properties, name));
  if (missing.length === 0) return node;
  return { ...node, properties: { ...properties, ...Object.fromEntries(missing.map((name) => [name, ANY])) } };
}

/** Lists whose items are `true`, `false`, nothing at all or a mixture. */
export const lists: Rule = (walk, node, path) => {
  const { items, prefixItems } = node;
  if (items === undefined && prefixItems === undefined) return node;
  const hasPrefix = Array.isArray(prefixItems) && prefixItems.length > 0;
  if (hasPrefix && isObject(items)) {
    relaxed(walk, path, 'prefixItems');
    return without(node, 'items', 'prefixItems');
  }
  let result = prefixItems === undefined || hasPrefix ? node : without(node, 'prefixItems');
  if (items === true) result = hasPrefix ? without(result, 'items') : { ...result, items: ANY };
  else if (items !== undefined && (items === null || typeof items !== 'object' || isEmptyList(items))) {
    result = without(result, 'items');
  }
  return result;
};

function isEmptyList(items: unknown): boolean {
  return Array.isArray(items) && items.length === 0;
}
