/**
 * A JSON schema as llama.cpp's grammar can take it: what it refuses, hangs on or takes for something else is rewritten
 * where the same can be said otherwise, else left out of the schema and kept in the description. Pure.
 *
 * Each rule was found by asking llama-server b10434; `test/repairs/schemas/engine-verdicts.test.ts` holds the probes.
 */
import { isObject, type JsonObject } from '#src/json.ts';
import { counts, patterns, wholeBounds } from './bounds.ts';
import { alternatives, conjunction } from './combine.ts';
import { references } from './references.ts';
import { choices, lists, objects, quotedReferences, types } from './shapes.ts';
import { ANY, type Rule, relaxed, under, type Walk, walkThrough } from './walk.ts';

/** A schema for the engine, and what was relaxed in it. */
export type RelaxedSchema = {
  /** The same value when nothing had to change. */
  readonly schema: unknown;
  /** `path: what`; empty when nothing was lost, even if the schema had to be written otherwise. */
  readonly relaxations: readonly string[];
};

/** In this order: what is combined first is looked at as a whole. */
const RULES: readonly Rule[] = [
  conjunction,
  alternatives,
  references,
  types,
  choices,
  quotedReferences,
  counts,
  wholeBounds,
  patterns,
  objects,
  lists,
];
/** Deeper schemas are cut off: any value. */
const DEPTH_MAX = 100;

/** Relaxes one schema. An object without properties stays closed at the root of a tool's arguments: it takes none. */
export function relaxSchema(schema: unknown, { isArguments }: { readonly isArguments: boolean }): RelaxedSchema {
  if (!isObject(schema) || Object.keys(schema).length === 0) return { schema, relaxations: [] };
  const walk = walkThrough(schema);
  let result = relaxNode(walk, schema, '', 0, isArguments);
  // A named schema may name others.
  const definitions: Record<string, unknown> = {};
  for (const [name, original] of walk.named) definitions[name] = relaxNode(walk, original, name, 1);
  if (walk.named.size > 0) {
    const known = isObject(result.$defs) ? result.$defs : {};
    result = { ...result, $defs: { ...known, ...definitions } };
  }
  return { schema: result, relaxations: walk.relaxations };
}

function relaxNode(walk: Walk, node: JsonObject, path: string, depth: number, isArguments = false): JsonObject {
  if (depth > DEPTH_MAX) {
    relaxed(walk, path, 'depth');
    return ANY;
  }
  let result = node;
  for (const rule of RULES) result = rule(walk, result, path);
  const isEmptyMap = isObject(result.properties) && Object.keys(result.properties).length === 0;
  if (isEmptyMap && !isArguments && result.additionalProperties !== false) {
    const { properties: _none, ...open } = result;
    result = open;
  }
  // What is left of a schema that said nothing else is a schema for anything.
  return Object.keys(result).length === 0 ? ANY : withParts(walk, result, path, depth + 1);
}

/** The schemas inside a schema. */
function withParts(walk: Walk, node: JsonObject, path: string, depth: number): JsonObject {
  let result = node;
  const put = (key: string, value: unknown) => {
    if (value !== node[key]) result = { ...result, [key]: value };
  };
  for (const key of ['properties', '$defs', 'definitions']) {
    const parts = node[key];
    if (isObject(parts))
      put(
        key,
        mapped(parts, (name, part) => relaxPart(walk, part, under(path, name), depth)),
      );
  }
  for (const key of ['anyOf', 'oneOf', 'prefixItems', 'items']) {
    const parts = node[key];
    const inner = key.endsWith('tems') ? `${path}[]` : path;
    if (Array.isArray(parts))
      put(
        key,
        listed(parts, (part) => relaxPart(walk, part, inner, depth)),
      );
    else if (key === 'items' && parts !== undefined) put(key, relaxPart(walk, parts, inner, depth));
  }
  const { additionalProperties: more } = node;
  if (isObject(more)) put('additionalProperties', relaxPart(walk, more, under(path, '*'), depth));
  return result;
}

/** `{}` and `true` are any value; what is no schema at all is taken for that, as the engine would refuse it. */
function relaxPart(walk: Walk, part: unknown, path: string, depth: number): JsonObject {
  if (!isObject(part)) {
    if (part !== true) relaxed(walk, path, 'schema');
    return ANY;
  }
  return Object.keys(part).length === 0 ? ANY : relaxNode(walk, part, path, depth);
}

function mapped(parts: JsonObject, change: (name: string, part: unknown) => unknown): JsonObject {
  const entries = Object.entries(parts).map(([name, part]) => [name, change(name, part)] as const);
  return entries.every(([name, part]) => part === parts[name]) ? parts : Object.fromEntries(entries);
}

function listed(parts: readonly unknown[], change: (part: unknown) => unknown): readonly unknown[] {
  const changed = parts.map(change);
  return changed.every((part, at) => part === parts[at]) ? parts : changed;
}
